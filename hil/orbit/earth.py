"""The Earth as a body that turns: its figure, its angle at a time, and where its magnetic poles are.

Frames: SGP4 gives TEME (true equator, mean equinox). Turned by Greenwich mean sidereal time it is fixed to the Earth;
polar motion (some 10 m on the ground) and UT1 less UTC (under 0.9 s by definition: 420 m) are left out.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

# WGS84 (NIMA TR8350.2, table 3.1).
EQUATOR_KM = 6378.137
FLATTENING = 1 / 298.257223563

# Turns of the Earth in inertial space: radians a second of UT1 (IERS Conventions 2010, table 1.2).
EARTH_RATE_RAD_S = 7.292115e-5

J2000_JD = 2451545.0
UNIX_EPOCH_JD = 2440587.5
DAY_S = 86_400.0

# The geomagnetic north pole of the centred dipole, degrees north and east (IGRF-13, epoch 2020.0). Over a year of
# flight it moves by less than 0.1 degree.
DIPOLE_LATITUDE_DEG, DIPOLE_LONGITUDE_DEG = 80.65, -72.68


def julian_days(unix_s: Floats) -> Floats:
    """Give Julian days since J2000 (UTC taken for UT1) for seconds since 1970."""
    return unix_s / DAY_S + (UNIX_EPOCH_JD - J2000_JD)


def sidereal_angle_rad(unix_s: Floats) -> Floats:
    """Give Greenwich mean sidereal time as an angle.

    Args:
        unix_s: Seconds since 1970, UTC taken for UT1.

    Source: the IAU-1982 expression, Vallado, Fundamentals of Astrodynamics, 4th edition, equation 3-47.
    """
    days = julian_days(unix_s)
    centuries = days / 36_525
    # The whole turns of the day are left out before they cost digits.
    seconds = 67_310.54841 + 8_640_184.812866 * centuries + 0.093104 * centuries**2 - 6.2e-6 * centuries**3
    return (2 * np.pi * ((seconds / DAY_S + np.mod(days, 1.0)) % 1.0)) % (2 * np.pi)


def to_earth_fixed(teme_km: Floats, unix_s: Floats) -> Floats:
    """Turn vectors from TEME into the frame of the Earth.

    Args:
        teme_km: (N, 3).
        unix_s: (N,).

    Source: Vallado, 3.7.
    """
    angle = sidereal_angle_rad(unix_s)
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y, z = teme_km[:, 0], teme_km[:, 1], teme_km[:, 2]
    return np.stack((cosine * x + sine * y, cosine * y - sine * x, z), axis=1)


def surface_km(latitude_deg: float, longitude_deg: float, altitude_m: float) -> Floats:
    """Give a place on WGS84 as a vector (3,) fixed to the Earth.

    Source: Vallado, equation 3-7.
    """
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    squared = FLATTENING * (2 - FLATTENING)
    radius_km = EQUATOR_KM / np.sqrt(1 - squared * np.sin(latitude) ** 2)
    altitude_km = altitude_m / 1_000
    across_km = (radius_km + altitude_km) * np.cos(latitude)
    up_km = (radius_km * (1 - squared) + altitude_km) * np.sin(latitude)
    return np.array((across_km * np.cos(longitude), across_km * np.sin(longitude), up_km))


def geodetic(fixed_km: Floats) -> tuple[Floats, Floats, Floats]:
    """Give latitude and longitude (-180 to 180) in degrees, and altitude in km, on WGS84, of vectors (N, 3).

    The altitude is exact to a millimetre up to 1,000 km.

    Source: Bowring, Transformation from spatial to geographical coordinates, Survey Review 23 (1976).
    """
    x, y, z = fixed_km[:, 0], fixed_km[:, 1], fixed_km[:, 2]
    across_km, pole_km = np.hypot(x, y), EQUATOR_KM * (1 - FLATTENING)
    squared = FLATTENING * (2 - FLATTENING)
    reduced = np.arctan2(z * EQUATOR_KM, across_km * pole_km)
    latitude = np.arctan2(
        z + squared / (1 - squared) * pole_km * np.sin(reduced) ** 3,
        across_km - squared * EQUATOR_KM * np.cos(reduced) ** 3,
    )
    height_km = across_km * np.cos(latitude) + z * np.sin(latitude)
    altitude_km = height_km - EQUATOR_KM * np.sqrt(1 - squared * np.sin(latitude) ** 2)
    return np.degrees(latitude), np.degrees(np.arctan2(y, x)), altitude_km


def geocentric_deg(fixed_km: Floats) -> tuple[Floats, Floats]:
    """Give geocentric latitude and longitude (-180 to 180) below vectors (N, 3) that are fixed to the Earth."""
    latitude = np.degrees(np.arctan2(fixed_km[:, 2], np.hypot(fixed_km[:, 0], fixed_km[:, 1])))
    return latitude, np.degrees(np.arctan2(fixed_km[:, 1], fixed_km[:, 0]))


def geomagnetic_latitude_deg(fixed_km: Floats) -> Floats:
    """Give latitude to the centred dipole for vectors (N, 3) that are fixed to the Earth."""
    latitude, longitude = np.radians(DIPOLE_LATITUDE_DEG), np.radians(DIPOLE_LONGITUDE_DEG)
    pole = np.array((np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)))
    return np.degrees(np.arcsin(fixed_km @ pole / np.linalg.norm(fixed_km, axis=1)))
