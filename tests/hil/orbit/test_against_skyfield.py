"""The orbit against skyfield, which turns frames by the whole IAU theory where this house turns by sidereal time."""

from datetime import UTC, datetime

import numpy as np
import pytest
from skyfield.api import EarthSatellite, load, wgs84

from ccsds.time import unix_ns_from_tai
from hil.orbit.earth import geodetic
from hil.orbit.eclipse import shadow_spans
from hil.orbit.elements import Elements, raan_of_local_time_deg, satrec_of_tle, sun_synchronous_inclination_deg
from hil.orbit.named import NAMED_ORBITS, NAMED_SITES
from hil.orbit.satellite import Satellite

EPOCH_UNIX_S = unix_ns_from_tai(2_174_000_000 * 10**9) / 1e9
DAY_S = 86_400.0
# An orbit like that of the International Space Station, of 27 April 2019.
ISS = (
    "1 25544U 98067A   19117.18149566  .00001763  00000-0  35505-4 0  9998",
    "2 25544  51.6426 257.6290 0001734 189.3306 285.3404 15.52646519167321",
)


def satrec_named(name):
    orbit = NAMED_ORBITS[name]
    elements = Elements(
        altitude_km=orbit.altitude_km,
        inclination_deg=sun_synchronous_inclination_deg(orbit.altitude_km),
        raan_deg=raan_of_local_time_deg(orbit.local_time_h, EPOCH_UNIX_S),
    )
    return elements.satrec(EPOCH_UNIX_S)


CASES = [
    *(pytest.param(satrec_named(name), EPOCH_UNIX_S, id=name) for name in NAMED_ORBITS),
    # A day after its epoch.
    pytest.param(satrec_of_tle(*ISS), 1_556_430_000.0, id="iss"),
]


@pytest.fixture(scope="module")
def timescale():
    return load.timescale(builtin=True)


def skyfield_times(timescale, unix_s):
    """Give times of skyfield, in UTC."""
    unix_s = np.asarray(unix_s)
    midnight = datetime.fromtimestamp(unix_s[0] // DAY_S * DAY_S, UTC)
    return timescale.utc(midnight.year, midnight.month, midnight.day, 0, 0, unix_s - midnight.timestamp())


@pytest.mark.parametrize(("satrec", "epoch_unix_s"), CASES)
@pytest.mark.parametrize("site", list(NAMED_SITES.values()), ids=lambda site: site.name)
def test_passes_begin_and_end_within_a_second_and_elevation_is_within_a_hundredth_of_a_degree(
    timescale, satrec, epoch_unix_s, site
):
    satellite = Satellite(satrec, epoch_unix_s)
    other = EarthSatellite.from_satrec(satrec, timescale)
    place = wgs84.latlon(site.latitude_deg, site.longitude_deg, elevation_m=site.altitude_m)

    start, end = skyfield_times(timescale, [epoch_unix_s, epoch_unix_s + DAY_S])
    times, kinds = other.find_events(place, start, end, altitude_degrees=site.mask_deg)
    seconds = np.array([(each - start) * DAY_S for each in times])
    passes = site.passes(satellite, 0.0, DAY_S)
    found = {
        0: [each.start_s for each in passes if each.start_s > 0],
        2: [each.end_s for each in passes if each.end_s < DAY_S],
    }
    for kind, ours in found.items():
        assert ours == pytest.approx(seconds[np.array(kinds) == kind], abs=1.0)

    sampled = np.arange(0, DAY_S, 120.0)
    look = site.look(satellite, sampled)
    elevation, azimuth, distance, _, _, rate = (
        (other - place).at(skyfield_times(timescale, epoch_unix_s + sampled)).frame_latlon_and_rates(place)
    )
    assert np.abs(look.elevation_deg - elevation.degrees).max() < 0.01
    assert np.abs(look.range_km - distance.km).max() < 1.0
    assert np.abs(look.range_rate_km_s - rate.km_per_s).max() < 0.002
    # Straight up there is no azimuth: what counts is how far apart the two directions are.
    turn = np.mod(look.azimuth_deg - azimuth.degrees + 180, 360) - 180
    assert np.abs(turn * np.cos(np.radians(look.elevation_deg))).max() < 0.02


def test_an_eclipse_lasts_as_long_as_skyfield_sees_the_sun_behind_the_earth(timescale):
    # skyfield's own test of sunlight needs an ephemeris; its place of the satellite and our Sun do not.
    satellite = Satellite(satrec_named("sso_500"), EPOCH_UNIX_S)
    spans = shadow_spans(satellite, 0.0, DAY_S)
    assert 14 <= len(spans) <= 16
    for span in spans[1:-1]:
        assert 33 * 60 < span.duration_s < 37 * 60
        assert satellite.light(np.array([span.start_s - 0.01, span.end_s + 0.01])).tolist() == [1.0, 1.0]
        assert satellite.light(np.array([(span.start_s + span.end_s) / 2])).tolist() == [0.0]


@pytest.mark.parametrize(("satrec", "epoch_unix_s"), CASES)
def test_places_are_within_a_thousandth_of_a_degree_and_altitude_within_a_centimetre(timescale, satrec, epoch_unix_s):
    times_s = np.arange(0, DAY_S, 611.0)
    latitude, longitude, altitude_km = geodetic(Satellite(satrec, epoch_unix_s).fixed_km(times_s)[0])
    other = EarthSatellite.from_satrec(satrec, timescale).at(skyfield_times(timescale, epoch_unix_s + times_s))
    place = wgs84.geographic_position_of(other)
    turned = (longitude - place.longitude.degrees + 180) % 360 - 180
    assert latitude == pytest.approx(place.latitude.degrees, abs=1e-5)
    assert np.abs(turned).max() < 1e-3
    assert altitude_km == pytest.approx(place.elevation.km, abs=1e-5)
