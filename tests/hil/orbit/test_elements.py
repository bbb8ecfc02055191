"""Elements and element sets: what they mean, and what is refused with one line."""

import numpy as np
import pytest

from ccsds.errors import MisuseError
from hil.orbit.elements import Elements, raan_of_local_time_deg, satrec_of_tle, sun_synchronous_inclination_deg
from hil.orbit.named import NAMED_ORBITS
from hil.orbit.satellite import Satellite
from hil.orbit.site import Site
from hil.orbit.sun import sun_km
from hil.orbit.zones import Zone, zone_spans

EPOCH_UNIX_S = 1_795_000_000.0
LINE_1 = "1 25544U 98067A   19117.18149566  .00001763  00000-0  35505-4 0  9998"
LINE_2 = "2 25544  51.6426 257.6290 0001734 189.3306 285.3404 15.52646519167321"


@pytest.mark.parametrize("altitude_km", [325.0, 500.0, 650.0, 1_200.0])
def test_a_circular_orbit_stays_at_its_altitude(altitude_km):
    satellite = Satellite(Elements(altitude_km=altitude_km, inclination_deg=97.0).satrec(EPOCH_UNIX_S), EPOCH_UNIX_S)
    assert satellite.altitude_km == pytest.approx(altitude_km, abs=1e-6)
    places_km, _ = satellite.teme_km(np.arange(0.0, 86_400.0, 10.0))
    heights_km = np.linalg.norm(places_km, axis=1) - 6378.135
    # The flattening of the Earth moves it up and down by some kilometres within a turn.
    assert np.abs(heights_km - altitude_km).max() < 15
    assert np.mean(heights_km) == pytest.approx(altitude_km, abs=6)


@pytest.mark.parametrize("name", NAMED_ORBITS)
def test_the_plane_of_a_sun_synchronous_orbit_keeps_its_local_time_for_a_season(name):
    orbit = NAMED_ORBITS[name]
    elements = Elements(
        altitude_km=orbit.altitude_km,
        inclination_deg=sun_synchronous_inclination_deg(orbit.altitude_km),
        raan_deg=raan_of_local_time_deg(orbit.local_time_h, EPOCH_UNIX_S),
    )
    satellite = Satellite(elements.satrec(EPOCH_UNIX_S), EPOCH_UNIX_S)
    for day in (0, 45, 90):
        times_s = day * 86_400 + np.arange(0.0, satellite.period_s, 1.0)
        places_km, _ = satellite.teme_km(times_s)
        node = np.flatnonzero((places_km[:-1, 2] < 0) & (places_km[1:, 2] >= 0))
        sun = sun_km(satellite.unix_s(times_s))
        ascension_deg = np.degrees(np.arctan2(places_km[node, 1], places_km[node, 0]))[0]
        sun_deg = np.degrees(np.arctan2(sun[node, 1], sun[node, 0]))[0]
        hours = (12 + (ascension_deg - sun_deg) / 15) % 24
        # The true Sun is a quarter of an hour from the mean one at most.
        assert abs((hours - orbit.local_time_h + 12) % 24 - 12) < 0.35


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"altitude_km": 100.0, "inclination_deg": 50.0}, "expected a perigee of 150 km or more, found 100"),
        ({"altitude_km": 500.0, "inclination_deg": 50.0, "eccentricity": 0.1}, "perigee of 150 km"),
        (
            {"altitude_km": 1_900.0, "inclination_deg": 5.0, "eccentricity": 0.1},
            "apogee of 2000 km at most",
        ),
        ({"altitude_km": 500.0, "inclination_deg": 190.0}, "inclination_deg: expected 0 to 180, found 190"),
        ({"altitude_km": 500.0, "inclination_deg": 5.0, "eccentricity": -0.1}, "eccentricity: expected 0 up to 1"),
        ({"altitude_km": float("nan"), "inclination_deg": 5.0}, "altitude_km: expected"),
    ],
)
def test_elements_of_no_low_orbit_are_refused(values, message):
    with pytest.raises(MisuseError, match=message):
        Elements(**values)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((LINE_1[:-1] + "2", LINE_2), "tle: line 1: expected checksum 8, found '2'"),
        ((LINE_1, LINE_2[:-3]), "tle: expected line 2 of 69 characters, found '2 25544"),
        ((LINE_2, LINE_1), "tle: expected line 1 of 69 characters"),
        ((LINE_1, LINE_2.replace("25544", "25545")[:-1] + "2"), "tle: expected both lines of one satellite, found"),
        ((LINE_1, LINE_2.replace("51.6426", "5x.6426")[:-1] + "7"), "tle: "),
    ],
)
def test_a_damaged_element_set_is_refused(lines, message):
    with pytest.raises(MisuseError, match=message):
        satrec_of_tle(*lines)


def test_every_single_wrong_digit_of_an_element_set_is_refused():
    for number, line in enumerate((LINE_1, LINE_2)):
        for position, character in enumerate(line):
            if not character.isdigit():
                continue
            lines = [LINE_1, LINE_2]
            lines[number] = line[:position] + str((int(character) + 1) % 10) + line[position + 1 :]
            with pytest.raises(MisuseError):
                satrec_of_tle(*lines)


def test_a_satellite_that_comes_down_is_told_with_the_time():
    sinking = Elements(altitude_km=160.0, inclination_deg=50.0, drag=0.05)
    with pytest.raises(MisuseError, match=r"expected an orbit that lasts, found at \d+ s: "):
        Satellite(sinking.satrec(EPOCH_UNIX_S), EPOCH_UNIX_S).teme_km(np.arange(0.0, 30 * 86_400.0, 600.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"latitude_deg": 91.0}, "latitude_deg: expected -90 to 90, found 91"),
        ({"longitude_deg": -181.0}, "longitude_deg: expected -180 to 360, found -181"),
        ({"mask_deg": 90.0}, "mask_deg: expected 0 to 89, found 90"),
        ({"altitude_m": 1e5}, "altitude_m: expected -500 to 9000, found 100000"),
    ],
)
def test_a_station_that_is_no_place_is_refused(values, message):
    with pytest.raises(MisuseError, match=message):
        Site(**{"name": "x", "latitude_deg": 0.0, "longitude_deg": 0.0, **values})


def test_the_anomaly_and_the_caps_are_where_they_are_known_to_be():
    elements = Elements(altitude_km=500.0, inclination_deg=97.4)
    satellite = Satellite(elements.satrec(EPOCH_UNIX_S), EPOCH_UNIX_S)
    spans = zone_spans(satellite, 0.0, 10 * 86_400.0)
    share = {zone: sum(span.duration_s for span in found) / (10 * 86_400) for zone, found in spans.items()}
    assert 0.04 < share[Zone.ANOMALY] < 0.05
    assert 0.28 < share[Zone.POLAR] < 0.36
    flat = Satellite(Elements(altitude_km=500.0, inclination_deg=3.0).satrec(EPOCH_UNIX_S), EPOCH_UNIX_S)
    assert zone_spans(flat, 0.0, 86_400.0)[Zone.POLAR] == []
