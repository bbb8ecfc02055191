"""Radiation: strikes come as often as they should, where they should, and from the seed alone."""

import numpy as np
import pytest

from hil.environment.radiation import TIME_SHARES, UPSET_SHARES, Effect, particles, zone_at
from hil.faults.flip import Spread
from hil.orbit.elements import Elements, sun_synchronous_inclination_deg
from hil.orbit.satellite import Satellite
from hil.orbit.spans import Span
from hil.orbit.zones import Zone, zone_spans
from hil.scenario.environment import RadiationTable
from hil.streams import Streams

DAY_S = 86_400
EPOCH_UNIX_S = 1_795_000_000.0


@pytest.fixture(scope="module")
def zones():
    elements = Elements(altitude_km=500.0, inclination_deg=sun_synchronous_inclination_deg(500.0))
    return zone_spans(Satellite(elements.satrec(EPOCH_UNIX_S), EPOCH_UNIX_S), 0.0, 30 * DAY_S)


def test_the_orbit_spends_its_time_where_the_factors_take_it_from(zones):
    for zone, spans in zones.items():
        share = sum(span.duration_s for span in spans) / (30 * DAY_S)
        assert share == pytest.approx(TIME_SHARES[zone], rel=0.02)


def test_upsets_share_out_as_they_were_counted_and_are_as_many_as_the_rate_says(zones):
    table = RadiationTable(stress=20.0, latch_ups_per_day=0, interrupts_per_day=0)
    found = particles(table, zones, 30 * DAY_S, Streams(5))
    expected = 80 * (8 << 30) * 1e-11 * 20 * 30
    assert len(found) == pytest.approx(expected, abs=4 * expected**0.5)
    for zone, share in UPSET_SHARES.items():
        counted = sum(each.zone is zone for each in found) / len(found)
        assert counted == pytest.approx(share, abs=4 * (share * (1 - share) / len(found)) ** 0.5 + 0.01)
    single = sum(each.flip.spread is Spread.BIT for each in found) / len(found)
    assert single == pytest.approx(0.986, abs=0.01)


def test_the_gaps_between_strikes_are_exponential_where_the_rate_does_not_change():
    table = RadiationTable(stress=200.0, latch_ups_per_day=0, interrupts_per_day=0)
    times_s = np.array([each.time_ns / 1e9 for each in particles(table, {}, 5 * DAY_S, Streams(2))])
    gaps = np.diff(times_s)
    # Mean and deviation of an exponential law are equal.
    assert np.std(gaps) / np.mean(gaps) == pytest.approx(1.0, abs=0.06)


def test_equal_seeds_give_equal_particles_and_one_kind_does_not_shift_another(zones):
    table = RadiationTable(stress=10.0)
    one = particles(table, zones, 5 * DAY_S, Streams(1))
    assert one == particles(table, zones, 5 * DAY_S, Streams(1))
    assert one != particles(table, zones, 5 * DAY_S, Streams(2))
    more = particles(RadiationTable(stress=10.0, latch_ups_per_day=5.0), zones, 5 * DAY_S, Streams(1))
    for effect in (Effect.UPSET, Effect.INTERRUPT):
        assert [each for each in one if each.effect is effect] == [each for each in more if each.effect is effect]


def test_a_longer_mission_begins_like_a_shorter_one(zones):
    short, long = (particles(RadiationTable(stress=10.0), zones, days * DAY_S, Streams(3)) for days in (3, 9))
    assert [each.time_ns for each in long[: len(short)]] == pytest.approx([each.time_ns for each in short], abs=1_000)


def test_latch_ups_that_are_wanted_come_beside_those_by_chance():
    table = RadiationTable(latch_ups_per_day=0, interrupts_per_day=0, upsets_per_bit_day=0, latch_ups_at_s=[7.5, 3.0])
    found = particles(table, {Zone.ANOMALY: [Span(2, 5)]}, 10.0, Streams(1))
    assert [(each.time_ns, each.effect, each.zone) for each in found] == [
        (3_000_000_000, Effect.LATCH_UP, Zone.ANOMALY),
        (7_500_000_000, Effect.LATCH_UP, Zone.ELSEWHERE),
    ]


def test_the_anomaly_counts_where_it_meets_a_cap():
    both = {Zone.ANOMALY: [Span(0, 10)], Zone.POLAR: [Span(5, 20)]}
    assert [zone_at(both, time_s) for time_s in (1, 7, 15, 25)] == [
        Zone.ANOMALY, Zone.ANOMALY, Zone.POLAR, Zone.ELSEWHERE,
    ]  # fmt: skip


def test_without_a_rate_nothing_strikes(zones):
    assert particles(RadiationTable(stress=0.0), zones, 30 * DAY_S, Streams(1)) == []


def test_stress_lasts_as_long_as_is_said(zones):
    table = RadiationTable(stress=1_000.0, stress_from_s=3_600, stress_until_s=7_200, latch_ups_per_day=0)
    times_s = np.array([each.time_ns / 1e9 for each in particles(table, zones, DAY_S, Streams(1))])
    stormy = (3_600 <= times_s) & (times_s < 7_200)
    # The hour has its share of zones, so between the least and the most of their factors.
    a_quiet_day = 80 * (8 << 30) * 1e-11 + 1 / 30
    assert 0.2 * 1_000 * a_quiet_day / 24 < stormy.sum() < 12 * 1_000 * a_quiet_day / 24
    assert (~stormy).sum() < 30


def test_store_and_software_are_struck_by_their_size(zones):
    table = RadiationTable(memory_gib=10, store_gib=40, software_gib=20, stress=300.0, latch_ups_per_day=0)
    found = particles(table, zones, 5 * DAY_S, Streams(1))
    a_gib = (8 << 30) * 1e-11 * 300 * 5
    for effect, gib in ((Effect.UPSET, 10), (Effect.STORE_UPSET, 40), (Effect.SOFTWARE_UPSET, 20)):
        counted = sum(each.effect is effect for each in found)
        assert counted == pytest.approx(gib * a_gib, abs=4 * (gib * a_gib) ** 0.5 + 0.05 * gib * a_gib)
    by_default = particles(RadiationTable(stress=300.0), zones, 5 * DAY_S, Streams(1))
    assert not {Effect.STORE_UPSET, Effect.SOFTWARE_UPSET} & {each.effect for each in by_default}
