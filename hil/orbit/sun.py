"""Where the Sun is, and how much of it a satellite sees.

Source: direction, The Astronomical Almanac, section C, low-precision formulas for the Sun (0.01 degree, 1950 to 2050);
shadow, Montenbruck and Gill, Satellite Orbits, 3.4.2: two discs on the satellite's sky, which is umbra and penumbra of
a cone. The Earth is taken for a sphere and its air for nothing, which shifts entries and exits by some seconds.
"""

import numpy as np

from hil.orbit.earth import EQUATOR_KM, Floats, julian_days

# Montenbruck and Gill, table A.2 and 2.3.
SUN_RADIUS_KM = 696_000.0
ASTRONOMICAL_UNIT_KM = 149_597_870.7


def sun_km(unix_s: Floats) -> Floats:
    """Give the Sun's place (N, 3) from the Earth, to the mean equator and equinox of date."""
    days = julian_days(unix_s)
    mean_longitude_deg = 280.460 + 0.9856474 * days
    anomaly = np.radians(357.528 + 0.9856003 * days)
    longitude = np.radians(mean_longitude_deg + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.radians(23.439 - 0.0000004 * days)
    distance_km = ASTRONOMICAL_UNIT_KM * (1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly))
    direction = np.stack(
        (np.cos(longitude), np.cos(obliquity) * np.sin(longitude), np.sin(obliquity) * np.sin(longitude)), axis=1
    )
    return direction * distance_km[:, None]


def mean_right_ascension_deg(unix_s: float) -> float:
    """Give the right ascension of the mean Sun, from which local mean solar time is reckoned."""
    return float((280.460 + 0.9856474 * julian_days(np.array([unix_s]))[0]) % 360.0)


def discs_rad(satellite_km: Floats, sun: Floats) -> tuple[Floats, Floats, Floats]:
    """Give, on a satellite's sky, the radii of the Sun and of the Earth, and how far apart their centres are.

    Args:
        satellite_km: (N, 3) from the Earth's centre.
        sun: (N, 3) from the Earth's centre, in the same frame, km.
    """
    to_sun = sun - satellite_km
    sun_distance = np.linalg.norm(to_sun, axis=1)
    earth_distance = np.linalg.norm(satellite_km, axis=1)
    cosine = -np.einsum("ij,ij->i", satellite_km, to_sun) / (sun_distance * earth_distance)
    return (
        np.arcsin(SUN_RADIUS_KM / sun_distance),
        np.arcsin(np.minimum(EQUATOR_KM / earth_distance, 1.0)),
        np.arccos(np.clip(cosine, -1.0, 1.0)),
    )


def light_share(satellite_km: Floats, sun: Floats) -> Floats:
    """Give the share of the Sun's disc that is seen: 1 in light, 0 in the umbra, between them in the penumbra.

    Source: Montenbruck and Gill, equations 3.87 to 3.94.
    """
    a, b, c = discs_rad(satellite_km, sun)
    share = np.where(c >= a + b, 1.0, 0.0)
    is_partial = (c < a + b) & (c > b - a)
    a, b, c = a[is_partial], b[is_partial], c[is_partial]
    x = (c**2 + a**2 - b**2) / (2 * c)
    y = np.sqrt(np.maximum(a**2 - x**2, 0.0))
    covered = a**2 * np.arccos(np.clip(x / a, -1, 1)) + b**2 * np.arccos(np.clip((c - x) / b, -1, 1)) - c * y
    share[is_partial] = 1 - covered / (np.pi * a**2)
    return share
