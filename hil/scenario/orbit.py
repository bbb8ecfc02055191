"""Where the spacecraft flies, and over which stations: then passes, light time, and light and shadow come of it."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from ccsds.errors import MisuseError
from ccsds.time import unix_ns_from_tai
from hil.orbit.elements import Elements, raan_of_local_time_deg, satrec_of_tle, sun_synchronous_inclination_deg
from hil.orbit.named import NAMED_ORBITS, NAMED_SITES
from hil.orbit.outlook import Outlook
from hil.orbit.satellite import Satellite
from hil.orbit.site import MASK_DEG_DEFAULT, Site
from hil.scenario.table import Label, Table

NS_PER_S = 1_000_000_000
DAY_S = 86_400

# An element set is off by kilometres after days, and says nothing after two months.
TLE_AGE_DAYS_MAX = 60
# A year is half a million turns of the grid that passes are looked for on.
DURATION_S_MAX = 366 * DAY_S
# As many as a network for small satellites has.
SITES_MAX = 64

_WAYS = ("name", "tle", "altitude_km")


class OrbitTable(Table, frozen=True, kw_only=True):
    """The orbit: one that has a name, a two-line element set, or elements at the beginning of the mission."""

    name: str | None = None
    """One of `hil.orbit.named`."""
    tle: Annotated[list[str], Meta(min_length=2, max_length=2)] | None = None
    """Both lines."""
    altitude_km: float | None = None
    """Semi-major axis less the Earth's radius at the equator."""
    inclination_deg: float | None = None
    sun_synchronous: bool = False
    """Then the inclination follows from the altitude."""
    eccentricity: float = 0.0
    raan_deg: float | None = None
    """Right ascension of the ascending node; or `local_time_h`."""
    local_time_h: Annotated[float, Meta(ge=0, lt=24)] | None = None
    """Local mean solar time at the ascending node."""
    argument_deg: float = 0.0
    """Argument of perigee."""
    anomaly_deg: float = 0.0
    """Mean anomaly: where it begins."""
    drag: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """SGP4's B*; none by default, so that a day repeats."""

    def satellite(self, tai_s: float) -> Satellite:
        """Give who flies there.

        Args:
            tai_s: Seconds of TAI since 1958 at mission time zero.

        Raises:
            MisuseError: Naming the key, what was expected and what was found.
        """
        chosen = [way for way in _WAYS if getattr(self, way) is not None]
        if len(chosen) != 1:
            found = " and ".join(chosen) or "none"
            raise MisuseError(f"orbit: expected one of {', '.join(_WAYS)}, found {found}")
        epoch_unix_s = unix_ns_from_tai(round(tai_s * NS_PER_S)) / NS_PER_S
        try:
            if self.tle is not None:
                return self._satellite_of_tle(self.tle, epoch_unix_s)
            return Satellite(self._elements(epoch_unix_s).satrec(epoch_unix_s), epoch_unix_s)
        except MisuseError as error:
            raise MisuseError(f"orbit.{error}") from None

    def _satellite_of_tle(self, tle: list[str], epoch_unix_s: float) -> Satellite:
        self._refuse("tle", "inclination_deg", "raan_deg", "local_time_h")
        satrec = satrec_of_tle(*tle)
        days = (satrec.jdsatepoch + satrec.jdsatepochF - 2440587.5) - epoch_unix_s / DAY_S
        if not abs(days) <= TLE_AGE_DAYS_MAX:
            raise MisuseError(
                f"tle: expected an epoch within {TLE_AGE_DAYS_MAX} days of spacecraft.tai_s, found {days:+.0f} days"
            )
        return Satellite(satrec, epoch_unix_s)

    def _elements(self, epoch_unix_s: float) -> Elements:
        altitude_km, inclination_deg, local_time_h = self.altitude_km, self.inclination_deg, self.local_time_h
        is_synchronous = self.sun_synchronous
        if self.name is not None:
            self._refuse("name", "inclination_deg", "raan_deg")
            if self.name not in NAMED_ORBITS:
                raise MisuseError(f"name: expected one of {', '.join(NAMED_ORBITS)}, found {self.name!r}")
            named = NAMED_ORBITS[self.name]
            altitude_km, is_synchronous = named.altitude_km, True
            local_time_h = named.local_time_h if local_time_h is None else local_time_h
        assert altitude_km is not None
        if is_synchronous == (inclination_deg is not None):
            raise MisuseError("inclination_deg: expected either it or `sun_synchronous = true`")
        if self.raan_deg is not None and local_time_h is not None:
            raise MisuseError("raan_deg: expected either it or `local_time_h`")
        raan_deg = self.raan_deg or 0.0
        if local_time_h is not None:
            raan_deg = raan_of_local_time_deg(local_time_h, epoch_unix_s)
        if inclination_deg is None:
            inclination_deg = sun_synchronous_inclination_deg(altitude_km, self.eccentricity)
        return Elements(
            altitude_km=altitude_km,
            inclination_deg=inclination_deg,
            eccentricity=self.eccentricity,
            raan_deg=raan_deg,
            argument_deg=self.argument_deg,
            anomaly_deg=self.anomaly_deg,
            drag=self.drag,
        )

    def _refuse(self, way: str, *keys: str) -> None:
        for key in keys:
            if getattr(self, key) is not None:
                raise MisuseError(f"{key}: expected none beside `{way}`")


class SiteTable(Table, frozen=True, kw_only=True):
    """A ground station as a place: one that has a name in `hil.orbit.named`, or a latitude and a longitude."""

    name: Label
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    """East."""
    altitude_m: float | None = None
    mask_deg: float | None = None
    """Elevation above which it has contact."""

    def site(self) -> Site:
        """Give the place.

        Raises:
            MisuseError: Naming the key, what was expected and what was found.
        """
        has_place = self.latitude_deg is not None and self.longitude_deg is not None
        if not has_place and (self.latitude_deg is not None or self.longitude_deg is not None):
            raise MisuseError("latitude_deg: expected both it and `longitude_deg`, or neither")
        named = None if has_place else NAMED_SITES.get(self.name)
        if not has_place and named is None:
            raise MisuseError(
                f"name: expected one of {', '.join(NAMED_SITES)}, or a latitude and a longitude, found {self.name!r}"
            )
        given = {
            key: value
            for key in ("latitude_deg", "longitude_deg", "altitude_m", "mask_deg")
            if (value := getattr(self, key)) is not None
        }
        if named is None:
            return Site(name=self.name, **given)
        known = {"latitude_deg": named.latitude_deg, "longitude_deg": named.longitude_deg}
        return Site(name=self.name, **known, **{"altitude_m": named.altitude_m, "mask_deg": MASK_DEG_DEFAULT, **given})


def outlook_of(orbit: OrbitTable, sites: Sequence[SiteTable], tai_s: float, duration_s: float) -> Outlook:
    """Give what lies ahead of a mission.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    if duration_s > DURATION_S_MAX:
        raise MisuseError(f"duration_s: expected at most {DURATION_S_MAX} with an orbit, found {duration_s:g}")
    if not 1 <= len(sites) <= SITES_MAX:
        raise MisuseError(f"stations: expected 1 to {SITES_MAX} with an orbit, found {len(sites)}")
    places: list[Site] = []
    for number, table in enumerate(sites):
        try:
            places.append(table.site())
        except MisuseError as error:
            raise MisuseError(f"stations[{number}].{error}") from None
        if table.name in [each.name for each in places[:-1]]:
            raise MisuseError(f"stations[{number}].name: expected each name once, found {table.name!r} again")
    outlook = Outlook(orbit.satellite(tai_s), places, duration_s)
    try:
        contacts = outlook.contacts
    except MisuseError as error:
        raise MisuseError(f"orbit: {error}") from None
    if not contacts:
        raise MisuseError(f"stations: expected a pass over one of them within {duration_s:g} s, found none")
    return outlook
