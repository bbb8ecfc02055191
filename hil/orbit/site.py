"""A ground station as a place: what of a satellite it sees, and when.

Straight lines: refraction, which lifts a satellite on the horizon by half a degree, is left out.
"""

from dataclasses import dataclass

import numpy as np

from ccsds.errors import MisuseError
from hil.orbit.earth import Floats, surface_km
from hil.orbit.satellite import Satellite
from hil.orbit.spans import Span, find_spans

# The lowest pass of a low orbit over a station takes longer than this from one horizon to the other, and what shows
# for less is found by its peak.
_STEP_S = 30.0

MASK_DEG_DEFAULT = 5.0
"""Lower down there are hills and noise; most stations have masks of 5 to 10 degrees."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """One station.

    Raises:
        MisuseError: Naming what was expected and what was found.
    """

    name: str
    latitude_deg: float
    """Geodetic."""
    longitude_deg: float
    """East."""
    altitude_m: float = 0.0
    """Above the ellipsoid of WGS84."""
    mask_deg: float = MASK_DEG_DEFAULT
    """Elevation above which it has contact."""

    def __post_init__(self) -> None:
        """Refuse what is no place."""
        for name, low, high in (
            ("latitude_deg", -90, 90),
            ("longitude_deg", -180, 360),
            ("altitude_m", -500, 9_000),
            ("mask_deg", 0, 89),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise MisuseError(f"{name}: expected {low} to {high}, found {value:g}")

    def look(self, satellite: Satellite, times_s: Floats) -> "Look":
        """Give how the satellite is seen from here.

        Source: range, elevation and azimuth, Vallado, algorithm 27 (RAZEL).
        """
        places_km, velocities_km_s = satellite.fixed_km(times_s)
        line_km = places_km - surface_km(self.latitude_deg, self.longitude_deg, self.altitude_m)
        latitude, longitude = np.radians(self.latitude_deg), np.radians(self.longitude_deg)
        sine, cosine = np.sin(latitude), np.cos(latitude)
        east = np.array((-np.sin(longitude), np.cos(longitude), 0.0))
        north = np.array((-sine * np.cos(longitude), -sine * np.sin(longitude), cosine))
        up = np.array((cosine * np.cos(longitude), cosine * np.sin(longitude), sine))
        range_km = np.linalg.norm(line_km, axis=1)
        return Look(
            range_km=range_km,
            range_rate_km_s=np.einsum("ij,ij->i", line_km, velocities_km_s) / range_km,
            elevation_deg=np.degrees(np.arcsin(np.clip(line_km @ up / range_km, -1, 1))),
            azimuth_deg=np.degrees(np.arctan2(line_km @ east, line_km @ north)) % 360,
        )

    def passes(self, satellite: Satellite, start_s: float, end_s: float) -> list[Span]:
        """Give when the satellite is above the mask; acquisition and loss of signal to within a millisecond."""

        def above(times_s: Floats) -> Floats:
            return self.look(satellite, times_s).elevation_deg - self.mask_deg

        return find_spans(above, start_s, end_s, _STEP_S)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a satellite is seen from a station; each (N,)."""

    range_km: Floats
    range_rate_km_s: Floats
    """Above zero when it goes away."""
    elevation_deg: Floats
    azimuth_deg: Floats
    """From north over east."""
