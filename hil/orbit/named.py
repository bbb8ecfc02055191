"""Orbits and stations that have a name here, to be taken as they are or changed.

325 km is the altitude of Starcloud-1. Its inclination, its local time and its stations are not public: the inclination
of a Sun-synchronous orbit and a node at noon are assumptions, as are all stations.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hil.orbit.site import Site


@dataclass(frozen=True, kw_only=True)
class NamedOrbit:
    """A circular orbit whose plane follows the Sun."""

    altitude_km: float
    local_time_h: float
    """Local mean solar time at the ascending node."""


NAMED_ORBITS: Mapping[str, NamedOrbit] = {
    "starcloud_325": NamedOrbit(altitude_km=325.0, local_time_h=12.0),
    "sso_500": NamedOrbit(altitude_km=500.0, local_time_h=10.5),
    # The plane stands on the Sun's rays: hardly any eclipse for most of the year.
    "dawn_dusk_650": NamedOrbit(altitude_km=650.0, local_time_h=18.0),
}

NAMED_SITES: Mapping[str, Site] = {
    site.name: site
    for site in (
        Site(name="munich_48", latitude_deg=48.1, longitude_deg=11.6, altitude_m=520),
        Site(name="svalbard_78", latitude_deg=78.2, longitude_deg=15.4, altitude_m=450),
        Site(name="inuvik_68", latitude_deg=68.3, longitude_deg=-133.5, altitude_m=15),
        Site(name="punta_arenas_53", latitude_deg=-53.0, longitude_deg=-70.9, altitude_m=35),
        Site(name="singapore_1", latitude_deg=1.4, longitude_deg=103.8, altitude_m=15),
    )
}
