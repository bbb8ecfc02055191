"""What an orbit is given by: a two-line element set, or elements that a person would say.

Source: SGP4 is that of Vallado and others, Revisiting Spacetrack Report #3 (AIAA 2006-6753), by the `sgp4` package,
with the constants of WGS72 as element sets are made with.
"""

from dataclasses import dataclass

import numpy as np
from sgp4.api import WGS72, Satrec

from ccsds.errors import MisuseError
from hil.orbit.earth import DAY_S, UNIX_EPOCH_JD
from hil.orbit.sun import mean_right_ascension_deg

# Radius and gravity of the Earth as SGP4 has them, WGS72.
SGP4_RADIUS_KM = 6378.135
SGP4_GRAVITY_KM3_S2 = 398600.8
SGP4_J2 = 1.082616e-3

# Below this the air brings a satellite down within a few turns.
PERIGEE_KM_MIN = 150.0
# Where low Earth orbit ends (IADC-02-01); the zones of radiation here are those of low orbits.
APOGEE_KM_MAX = 2_000.0

# The plane of a Sun-synchronous orbit turns once a tropical year.
_SUN_RATE_RAD_S = 2 * np.pi / (365.2421897 * DAY_S)
# SGP4 counts days from here.
_SGP4_EPOCH_JD = 2433281.5
_TLE_LENGTH = 69


@dataclass(frozen=True, kw_only=True)
class Elements:
    """Mean elements at an epoch, which is the start of the mission.

    Raises:
        MisuseError: Naming the element, what was expected and what was found.
    """

    altitude_km: float
    """Semi-major axis less the Earth's radius at the equator."""
    inclination_deg: float
    eccentricity: float = 0.0
    raan_deg: float = 0.0
    """Right ascension of the ascending node."""
    argument_deg: float = 0.0
    """Argument of perigee."""
    anomaly_deg: float = 0.0
    """Mean anomaly."""
    drag: float = 0.0
    """SGP4's B*, a reciprocal of Earth radii."""

    def __post_init__(self) -> None:
        """Refuse what is no low orbit."""
        if not 0 <= self.inclination_deg <= 180:
            raise MisuseError(f"inclination_deg: expected 0 to 180, found {self.inclination_deg:g}")
        if not 0 <= self.eccentricity < 1:
            raise MisuseError(f"eccentricity: expected 0 up to 1, found {self.eccentricity:g}")
        axis_km = SGP4_RADIUS_KM + self.altitude_km
        perigee_km = axis_km * (1 - self.eccentricity) - SGP4_RADIUS_KM
        apogee_km = axis_km * (1 + self.eccentricity) - SGP4_RADIUS_KM
        if not perigee_km >= PERIGEE_KM_MIN:
            raise MisuseError(f"altitude_km: expected a perigee of {PERIGEE_KM_MIN:g} km or more, found {perigee_km:g}")
        if not apogee_km <= APOGEE_KM_MAX:
            raise MisuseError(f"altitude_km: expected an apogee of {APOGEE_KM_MAX:g} km at most, found {apogee_km:g}")

    def satrec(self, epoch_unix_s: float) -> Satrec:
        """Give SGP4 of them.

        Args:
            epoch_unix_s: Seconds since 1970 at which they hold.
        """
        wanted_rad_min = 60 * np.sqrt(SGP4_GRAVITY_KM3_S2 / (SGP4_RADIUS_KM + self.altitude_km) ** 3)
        # SGP4 takes a mean motion after Kozai and makes Brouwer's of it, which the axis belongs to; the two differ by
        # a thousandth, so that a few turns find the one from the other.
        given_rad_min = wanted_rad_min
        satrec = self._with_motion(given_rad_min, epoch_unix_s)
        for _ in range(4):
            found_rad_min = 60 * np.sqrt(SGP4_GRAVITY_KM3_S2 / (SGP4_RADIUS_KM * satrec.a) ** 3)
            given_rad_min *= wanted_rad_min / found_rad_min
            satrec = self._with_motion(given_rad_min, epoch_unix_s)
        return satrec

    def _with_motion(self, motion_rad_min: float, epoch_unix_s: float) -> Satrec:
        satrec = Satrec()
        satrec.sgp4init(
            WGS72,
            "i",
            0,
            epoch_unix_s / DAY_S + UNIX_EPOCH_JD - _SGP4_EPOCH_JD,
            self.drag,
            0.0,
            0.0,
            self.eccentricity,
            float(np.radians(self.argument_deg)),
            float(np.radians(self.inclination_deg)),
            float(np.radians(self.anomaly_deg)),
            motion_rad_min,
            float(np.radians(self.raan_deg)),
        )
        return satrec


def sun_synchronous_inclination_deg(altitude_km: float, eccentricity: float = 0.0) -> float:
    """Give the inclination at which the plane of an orbit follows the Sun.

    Raises:
        MisuseError: There is none: the orbit is too high.

    Source: the secular rate of the node by J2, Vallado, equation 9-37.
    """
    axis_km = SGP4_RADIUS_KM + altitude_km
    motion_rad_s = np.sqrt(SGP4_GRAVITY_KM3_S2 / axis_km**3)
    parameter_km = axis_km * (1 - eccentricity**2)
    cosine = -_SUN_RATE_RAD_S / (1.5 * motion_rad_s * SGP4_J2 * (SGP4_RADIUS_KM / parameter_km) ** 2)
    if not -1 <= cosine:
        raise MisuseError(f"sun_synchronous: expected an altitude of at most about 5970 km, found {altitude_km:g}")
    return float(np.degrees(np.arccos(cosine)))


def raan_of_local_time_deg(local_time_h: float, epoch_unix_s: float) -> float:
    """Give the right ascension of a node that crosses the equator at a local mean solar time."""
    return float((mean_right_ascension_deg(epoch_unix_s) + (local_time_h - 12) * 15) % 360)


def satrec_of_tle(line1: str, line2: str) -> Satrec:
    """Read a two-line element set.

    Raises:
        MisuseError: Naming the line, what was expected and what was found.
    """
    for number, line in enumerate((line1, line2), start=1):
        if len(line) != _TLE_LENGTH or not line.isascii() or not line.startswith(f"{number} "):
            raise MisuseError(f"tle: expected line {number} of {_TLE_LENGTH} characters, found {line!r}")
        expected = _checksum(line)
        if line[-1] != expected:
            raise MisuseError(f"tle: line {number}: expected checksum {expected}, found {line[-1]!r}")
    if line1[2:7] != line2[2:7]:
        raise MisuseError(f"tle: expected both lines of one satellite, found {line1[2:7]} and {line2[2:7]}")
    try:
        return Satrec.twoline2rv(line1, line2, WGS72)
    except ValueError as error:
        raise MisuseError(f"tle: expected numbers in their columns, found {error}") from None


def _checksum(line: str) -> str:
    """Add the digits, and one for each minus sign, modulo ten."""
    return str(sum(int(each) if each.isdigit() else each == "-" for each in line[:-1]) % 10)
