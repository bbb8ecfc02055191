"""The Sun: its direction against two independent sources, and its shadow against what geometry says."""

from calendar import timegm

import numpy as np
import pytest

from hil.orbit.earth import EQUATOR_KM
from hil.orbit.sun import ASTRONOMICAL_UNIT_KM, SUN_RADIUS_KM, light_share, sun_km

# UTC days since 1970, apparent right ascension and declination in degrees, distance in au. Made with ERFA 2.0.1
# (pyerfa 2.0.1.5): epv00 for the Earth, ab for aberration, pnm06a for precession and nutation.
ERFA = (
    (18262.0, 280.88885, -23.05882, 0.983293),
    (18399.4, 54.64882, 19.47191, 1.011430),
    (18536.8, 188.32361, -3.59121, 1.000925),
    (18674.2, 329.91596, -12.26021, 0.987947),
    (18811.6, 102.90666, 22.90689, 1.016714),
    (18949.0, 233.53027, -19.21987, 0.988545),
    (19086.4, 13.44105, 5.75427, 1.000078),
    (19223.8, 149.00739, 12.58427, 1.012008),
    (19361.2, 284.71189, -22.74898, 0.983296),
    (19498.6, 58.12163, 20.21097, 1.012068),
    (19636.0, 191.48111, -4.93174, 0.999981),
    (19773.4, 333.26665, -11.03532, 0.988635),
    (19910.8, 106.48839, 22.57313, 1.016718),
    (20048.2, 237.15622, -20.01333, 0.987840),
    (20185.6, 16.61636, 7.06729, 1.001075),
    (20323.0, 152.22113, 11.42311, 1.011293),
    (20460.4, 288.52509, -22.34591, 0.983346),
    (20597.8, 61.61604, 20.87730, 1.012688),
    (20735.2, 194.66362, -6.26291, 0.999026),
    (20872.6, 336.58837, -9.77360, 0.989370),
    (21010.0, 110.04856, 22.15805, 1.016630),
    (21147.4, 240.82679, -20.73261, 0.987221),
    (21284.8, 19.81067, 8.35793, 1.002041),
    (21422.2, 155.40682, 10.22654, 1.010529),
)

# Apparent longitude 0, 90, 180 and 270 degrees: equinoxes and solstices, as the US Naval Observatory publishes them.
SEASONS = (
    ((2024, 3, 20, 3, 6), 0), ((2024, 6, 20, 20, 51), 90), ((2024, 9, 22, 12, 44), 180), ((2024, 12, 21, 9, 20), 270),
    ((2026, 3, 20, 14, 46), 0), ((2026, 6, 21, 8, 25), 90), ((2026, 9, 23, 0, 5), 180), ((2026, 12, 21, 20, 50), 270),
)  # fmt: skip


def test_its_direction_is_that_of_a_full_theory_within_a_fiftieth_of_a_degree_over_nine_years():
    days, right_ascension, declination, distance = np.array(ERFA).T
    found_km = sun_km(days * 86_400)
    right_ascension, declination = np.radians(right_ascension), np.radians(declination)
    expected = np.stack(
        (np.cos(declination) * np.cos(right_ascension), np.cos(declination) * np.sin(right_ascension),
         np.sin(declination)), axis=1,
    )  # fmt: skip
    lengths = np.linalg.norm(found_km, axis=1)
    apart_deg = np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", found_km / lengths[:, None], expected), -1, 1)))
    assert apart_deg.max() < 0.02
    assert np.abs(lengths / ASTRONOMICAL_UNIT_KM - distance).max() < 2e-4


@pytest.mark.parametrize(("date", "longitude_deg"), SEASONS)
def test_the_seasons_begin_when_the_almanac_says(date, longitude_deg):
    x, y, z = sun_km(np.array([float(timegm((*date, 0)))]))[0]
    obliquity = np.radians(23.4365)
    found_deg = np.degrees(np.arctan2(y * np.cos(obliquity) + z * np.sin(obliquity), x))
    assert abs((found_deg - longitude_deg + 180) % 360 - 180) < 0.02


def shares(offsets_km, behind_km=EQUATOR_KM + 500):
    """Give the light of satellites behind the Earth, so far off the axis of its shadow."""
    sun = np.array([[ASTRONOMICAL_UNIT_KM, 0.0, 0.0]])
    places = np.array([[-behind_km, offset_km, 0.0] for offset_km in offsets_km])
    return light_share(places, np.repeat(sun, len(places), axis=0))


def test_the_shadow_is_two_cones():
    # The umbra narrows and the penumbra widens by the Sun's disc, as triangles say.
    behind_km = 2 * EQUATOR_KM
    narrow = EQUATOR_KM / np.cos(np.arcsin((SUN_RADIUS_KM - EQUATOR_KM) / ASTRONOMICAL_UNIT_KM))
    umbra_km = narrow - behind_km * np.tan(np.arcsin((SUN_RADIUS_KM - EQUATOR_KM) / ASTRONOMICAL_UNIT_KM))
    wide = EQUATOR_KM / np.cos(np.arcsin((SUN_RADIUS_KM + EQUATOR_KM) / ASTRONOMICAL_UNIT_KM))
    penumbra_km = wide + behind_km * np.tan(np.arcsin((SUN_RADIUS_KM + EQUATOR_KM) / ASTRONOMICAL_UNIT_KM))
    assert shares([0.0, umbra_km - 0.5, umbra_km + 0.5], behind_km).tolist() == pytest.approx([0, 0, 0], abs=1e-3)
    assert shares([umbra_km - 0.5], behind_km)[0] == 0 < shares([umbra_km + 0.5], behind_km)[0]
    assert shares([penumbra_km - 0.5], behind_km)[0] < 1 == shares([penumbra_km + 0.5], behind_km)[0]


def test_light_falls_through_the_penumbra_without_a_step():
    light = shares(np.linspace(EQUATOR_KM - 200, EQUATOR_KM + 200, 4001))
    assert light[0] == 0
    assert light[-1] == 1
    assert np.all(np.diff(light) >= 0)
    assert np.diff(light).max() < 0.01


def test_nothing_is_hidden_on_the_side_of_the_sun():
    assert shares([0.0], -EQUATOR_KM - 500)[0] == 1
