"""Power and heat: energy adds up, temperatures are what formulas say, and slicing changes nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.time import unix_ns_from_tai
from hil.environment.activity import Activity
from hil.environment.battery import Battery
from hil.environment.environment import GRID_NS, Change, Environment
from hil.environment.heat import STEFAN_BOLTZMANN_W_M2_K4, ZERO_C_K, Heat
from hil.environment.sensors import EnvironmentSensors
from hil.environment.sunlight import SOLAR_CONSTANT_W_M2, Sunlight
from hil.orbit.earth import surface_km
from hil.orbit.eclipse import shadow_spans
from hil.orbit.elements import Elements, raan_of_local_time_deg, sun_synchronous_inclination_deg
from hil.orbit.satellite import Satellite
from hil.scenario.environment import (
    GRID_S,
    ArrayTable,
    BatteryTable,
    EnvironmentTable,
    LoadsTable,
    ThermalTable,
)

NS_PER_S = 1_000_000_000
DAY_S = 86_400
EPOCH_UNIX_S = unix_ns_from_tai(2_174_000_000 * NS_PER_S) / NS_PER_S


def satellite_at(local_time_h, altitude_km=500.0):
    elements = Elements(
        altitude_km=altitude_km,
        inclination_deg=sun_synchronous_inclination_deg(altitude_km),
        raan_deg=raan_of_local_time_deg(local_time_h, EPOCH_UNIX_S),
    )
    return Satellite(elements.satrec(EPOCH_UNIX_S), EPOCH_UNIX_S)


def environment_of(table=None, local_time_h=12.0, duration_s=DAY_S):
    activity = Activity()
    return Environment(table or EnvironmentTable(), satellite_at(local_time_h), activity, duration_s), activity


# The battery.


@given(st.lists(st.tuples(st.floats(0, 2_000), st.floats(0, 2_000), st.floats(0.1, 5_000)), max_size=30))
def test_what_comes_into_a_battery_goes_out_is_lost_is_shed_or_is_in_it(spans):
    battery = Battery(BatteryTable())
    start_j = battery.charge_j
    came_j = drawn_j = 0.0
    for source_w, load_w, duration_s in spans:
        heat_w = battery.run(source_w, load_w, duration_s)
        assert heat_w >= 0
        came_j += source_w * duration_s
        drawn_j += load_w * duration_s
        assert 0 <= battery.charge_j <= battery.capacity_j
    fed_j = drawn_j - battery.missing_j
    assert came_j + start_j == pytest.approx(fed_j + battery.lost_j + battery.shed_j + battery.charge_j, abs=1e-3)


@given(st.floats(0, 1_500), st.floats(0, 1_500), st.integers(1, 50))
def test_a_battery_is_exact_however_a_span_is_cut(source_w, load_w, pieces):
    whole, cut = Battery(BatteryTable()), Battery(BatteryTable())
    whole.run(source_w, load_w, 3_000)
    for _ in range(pieces):
        cut.run(source_w, load_w, 3_000 / pieces)
    for name in ("charge_j", "lost_j", "shed_j", "missing_j"):
        assert getattr(cut, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-3)


def test_a_kilowatt_through_an_eclipse_takes_what_the_note_says():
    battery = Battery(BatteryTable(capacity_wh=2_000, charge=1.0, discharge_efficiency=1.0))
    battery.run(0.0, 1_000.0, 36 * 60)
    assert 1 - battery.charge == pytest.approx(0.30, abs=0.001)


# Heat.


def test_two_sides_at_20_degrees_emit_770_and_take_137_watts_a_square_metre():
    table = ThermalTable(radiator_m2=1.0, start_c=20.0)
    heat = Heat(table)
    emitted = 2 * table.emissivity * STEFAN_BOLTZMANN_W_M2_K4 * (20 + ZERO_C_K) ** 4
    assert emitted == pytest.approx(770, abs=1)
    assert emitted - heat.radiated_w() == pytest.approx(137, abs=1)
    # 1.6 m2 for a kilowatt at 20 degrees, 0.87 at 60.
    assert 1_000 / heat.radiated_w() == pytest.approx(1.58, abs=0.02)
    assert 1_000 / Heat(ThermalTable(radiator_m2=1.0, start_c=60.0)).radiated_w() == pytest.approx(0.87, abs=0.01)


@pytest.mark.parametrize(("device_w", "bus_w"), [(0, 0), (2, 60), (700, 60), (2_000, 0)])
def test_a_constant_load_ends_in_the_equilibrium_of_the_formula(device_w, bus_w):
    table = ThermalTable()
    heat = Heat(table)
    heat.run(device_w, bus_w, 40 * DAY_S)
    area = table.radiator_sides * table.radiator_m2 * table.emissivity * STEFAN_BOLTZMANN_W_M2_K4
    radiator_k = ((device_w + bus_w) / area + table.sink_k**4) ** 0.25
    assert heat.radiator_k == pytest.approx(radiator_k, abs=1e-6)
    assert heat.device_k == pytest.approx(radiator_k + device_w / table.device_radiator_w_k, abs=1e-6)
    assert heat.bus_k == pytest.approx(radiator_k + bus_w / table.bus_radiator_w_k, abs=1e-6)


def test_a_device_on_a_radiator_that_does_not_move_warms_as_the_exponential_says():
    table = ThermalTable(radiator_j_k=1e9, start_c=20.0)
    heat = Heat(table)
    tau_s = table.device_j_k / table.device_radiator_w_k
    for number in range(1, 31):
        heat.run(500.0, 0.0, GRID_S)
        rise = 500 / table.device_radiator_w_k * -math.expm1(-number * GRID_S / tau_s)
        assert heat.device_c - 20 == pytest.approx(rise, abs=2e-3)


def test_a_radiator_alone_cools_as_the_law_integrated_by_hand_says():
    # Without a sink: 1/T^3 grows by 3 k / C each second.
    table = ThermalTable(sink_k=3.0, start_c=80.0, device_radiator_w_k=1e-9, bus_radiator_w_k=1e-9)
    heat = Heat(table)
    heat.run(0.0, 0.0, 3_600)
    k = table.radiator_sides * table.radiator_m2 * table.emissivity * STEFAN_BOLTZMANN_W_M2_K4
    expected_k = ((80 + ZERO_C_K) ** -3 + 3 * k / table.radiator_j_k * 3_600) ** (-1 / 3)
    assert heat.radiator_k == pytest.approx(expected_k, abs=1e-4)


def test_heat_that_came_is_stored_or_was_radiated():
    heat = Heat(ThermalTable())
    start_j, radiated_j, came_j = heat.stored_j, 0.0, 0.0
    chance = np.random.default_rng(1)
    for _ in range(2_000):
        device_w, bus_w = chance.uniform(0, 800), chance.uniform(0, 100)
        before_w = heat.radiated_w()
        heat.run(device_w, bus_w, 1.0)
        radiated_j += (before_w + heat.radiated_w()) / 2
        came_j += device_w + bus_w
    assert start_j + came_j == pytest.approx(heat.stored_j + radiated_j, abs=came_j * 1e-5)


def test_a_grid_step_is_as_good_as_a_thousand_small_ones():
    coarse, fine = Heat(ThermalTable()), Heat(ThermalTable())
    worst = 0.0
    for number in range(600):
        device_w = 700.0 if number % 60 < 30 else 2.0
        coarse.run(device_w, 60.0, GRID_S)
        for _ in range(20):
            fine.run(device_w, 60.0, GRID_S / 20)
        worst = max(worst, *(abs(getattr(coarse, name) - getattr(fine, name)) for name in ("device_k", "radiator_k")))
    assert worst < 1e-3


def test_steps_are_cut_where_a_part_is_fast():
    # A device of a hundredth of the heat would swing beyond all bounds in whole steps.
    heat = Heat(ThermalTable(device_j_k=20.0))
    heat.run(700.0, 60.0, DAY_S)
    assert heat.device_k - heat.radiator_k == pytest.approx(35, abs=1e-3)


# The Sun on the array.


def test_an_array_turned_to_the_sun_gives_all_of_it_out_of_the_shadow():
    satellite = satellite_at(12.0)
    table = ArrayTable()
    full_w = SOLAR_CONSTANT_W_M2 * table.area_m2 * table.efficiency
    sunlight = Sunlight(table, satellite)
    powers_w = [sunlight.power_w(step) for step in range(DAY_S // GRID_S)]
    assert max(powers_w) == full_w
    shadows = shadow_spans(satellite, 0, DAY_S)
    dark_s = sum(span.duration_s for span in shadows)
    for span in shadows:
        first, last = int(span.start_s // GRID_S), int(span.end_s // GRID_S)
        assert set(powers_w[first + 3 : last - 2]) == {0.0}
        assert set(powers_w[max(first - 9, 0) : first]) | set(powers_w[last + 1 : last + 9]) == {full_w}
    # By the day it is within a step for each edge of the 15 shadows.
    assert sum(powers_w) * GRID_S / full_w == pytest.approx(DAY_S - dark_s, abs=2 * 15 * GRID_S)


def test_an_array_that_looks_up_gives_a_cosine():
    satellite = satellite_at(12.0)
    up = Sunlight(ArrayTable(pointing="zenith"), satellite)
    powers_w = np.array([up.power_w(step) for step in range(DAY_S // GRID_S)])
    # In a noon orbit the mean of the cosine over the lit half is 2/pi, of a whole turn 1/pi; the Sun stands 20 degrees
    # off the plane in November at most.
    assert 0.8 / np.pi < powers_w.mean() / up.full_w < 1.02 / np.pi


# What the device does.


def test_activity_is_taken_by_shares():
    activity = Activity()
    activity.switch_on(2 * NS_PER_S)
    activity.work(3 * NS_PER_S, 5 * NS_PER_S)
    activity.work(5 * NS_PER_S, 6 * NS_PER_S)
    activity.work(8 * NS_PER_S, 14 * NS_PER_S)
    assert activity.take(10 * NS_PER_S) == (0.8, 0.5)
    activity.switch_off(12 * NS_PER_S)
    assert activity.take(20 * NS_PER_S) == (0.2, 0.2)
    assert activity.take(30 * NS_PER_S) == (0.0, 0.0)


def test_work_that_is_killed_before_it_began_was_none():
    activity = Activity()
    activity.switch_on(0)
    activity.work(0, 4 * NS_PER_S)
    activity.work(6 * NS_PER_S, 9 * NS_PER_S)
    activity.switch_off(3 * NS_PER_S)
    assert activity.take(10 * NS_PER_S) == (0.3, 0.3)


# All of it.


def run(environment, activity, duration_s, duty=1.0, slices=None):
    """Work on a duty of each minute; look at the times of ``slices``, or as late as is allowed."""
    changes = []
    activity.switch_on(0)
    for start_s in range(0, duration_s, 60):
        activity.work(start_s * NS_PER_S, round((start_s + 60 * duty) * NS_PER_S))
    for now_ns in slices or range(GRID_NS, duration_s * NS_PER_S + 1, GRID_NS):
        changes += [(environment.now.time_s, change) for change in environment.advance(now_ns)]
    return changes


def test_energy_adds_up_over_a_day():
    environment, activity = environment_of()
    start_j = environment.battery.charge_j
    run(environment, activity, DAY_S, duty=0.2)
    battery, energy = environment.battery, environment.energy
    assert energy.solar_j + start_j == pytest.approx(
        energy.load_j - battery.missing_j + battery.lost_j + battery.shed_j + battery.charge_j, abs=1.0
    )
    loads = LoadsTable()
    assert energy.device_j == pytest.approx(
        DAY_S * (loads.device_idle_w + 0.2 * (loads.device_busy_w - loads.device_idle_w)), rel=1e-9
    )
    assert energy.load_j == pytest.approx(energy.device_j + DAY_S * loads.bus_w, rel=1e-9)


def test_an_accelerator_at_full_duty_browns_out_and_at_a_quarter_it_does_not():
    environment, activity = environment_of()
    changes = run(environment, activity, DAY_S)
    assert Change.BROWN_OUT in [change for _, change in changes]
    environment, activity = environment_of()
    assert run(environment, activity, DAY_S, duty=0.25) == []
    assert min(sample.charge for sample in environment.samples) > 0.3


def test_an_accelerator_at_full_duty_overheats_on_a_small_radiator_and_not_on_a_large_one():
    power = {"battery": BatteryTable(capacity_wh=50_000)}
    environment, activity = environment_of(EnvironmentTable(**power))
    (at_s, change), *_ = run(environment, activity, 20_000)
    assert change is Change.DEVICE_TRIPPED
    assert 2_000 < at_s < 8_000
    environment, activity = environment_of(EnvironmentTable(**power, thermal=ThermalTable(radiator_m2=1.0)))
    assert run(environment, activity, 20_000) == []


def test_a_device_that_tripped_cools_and_returns():
    environment, activity = environment_of(EnvironmentTable(battery=BatteryTable(capacity_wh=50_000)))
    ((tripped_s, _),) = run(environment, activity, 8_000)
    activity.switch_off(8_000 * NS_PER_S)
    assert environment.next_deadline() == 8_000 * NS_PER_S + GRID_NS
    assert not environment.is_device_well
    assert environment.advance(20_000 * NS_PER_S) == [Change.DEVICE_COOLED]
    assert environment.is_device_well
    assert tripped_s < 8_000


def test_a_brown_out_ends_when_the_sun_has_filled_the_battery():
    # In an eclipse of 36 minutes the bus takes 36 Wh.
    table = EnvironmentTable(battery=BatteryTable(capacity_wh=30))
    environment, _ = environment_of(table)
    changes = []
    now_ns = 0
    while now_ns < DAY_S * NS_PER_S:
        # Nobody looks before it is due, and nothing happens before.
        now_ns = environment.next_deadline()
        found = environment.advance(now_ns)
        if found:
            assert environment.now.time_s == pytest.approx(now_ns / NS_PER_S)
        changes += [(environment.now.time_s, change) for change in found]
    kinds = [change for _, change in changes]
    assert kinds[:2] == [Change.BROWN_OUT, Change.POWER_BACK]
    dark, activity = environment_of(table)
    by_step = run(dark, Activity(), DAY_S)
    assert changes == by_step
    assert activity.is_on is False


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 1_000 * NS_PER_S), min_size=1, max_size=40))
def test_how_a_run_is_cut_changes_nothing(gaps):
    slices = [*np.cumsum(gaps).tolist(), 6_000 * NS_PER_S]
    slices = [each for each in slices if each <= 6_000 * NS_PER_S]
    whole, activity = environment_of()
    run(whole, activity, 6_000, duty=0.4)
    cut, activity = environment_of()
    run(cut, activity, 6_000, duty=0.4, slices=slices)
    assert cut.now == whole.now
    assert cut.samples == whole.samples


def test_samples_are_bounded_however_long_a_mission_is():
    environment, _ = environment_of(duration_s=30 * DAY_S)
    environment.advance(30 * DAY_S * NS_PER_S)
    assert 3_000 < len(environment.samples) < 5_500


# The sensors.


def test_the_sensors_know_the_eclipse_before_in_and_after_it():
    environment, _ = environment_of()
    shadows = shadow_spans(satellite_at(12.0), 0, DAY_S)
    sensors = EnvironmentSensors(environment, satellite_at(12.0), shadows)
    first, second, third = shadows[1:4]
    for at_s, eclipse_in_s, sunlight_in_s, eclipse_s, sunlight_s in (
        (first.start_s - 100, 100, 0, first.duration_s, first.start_s - shadows[0].end_s),
        (first.start_s + 50, 0, first.duration_s - 50, first.duration_s, second.start_s - first.end_s),
        (first.end_s + 1, second.start_s - first.end_s - 1, 0, second.duration_s, second.start_s - first.end_s),
        (second.end_s + 5, third.start_s - second.end_s - 5, 0, third.duration_s, third.start_s - second.end_s),
    ):
        sensors.now_ns = round(at_s * NS_PER_S)
        readings = sensors.read(sensors.now_ns + 7)
        assert readings.taken_ns == sensors.now_ns + 7
        assert readings.eclipse_in_s == pytest.approx(eclipse_in_s, abs=1e-6)
        assert readings.sunlight_in_s == pytest.approx(sunlight_in_s, abs=1e-6)
        assert readings.eclipse_s == pytest.approx(eclipse_s, abs=1e-6)
        assert readings.sunlight_s == pytest.approx(sunlight_s, abs=1e-6)
        place_km = surface_km(readings.latitude_deg, readings.longitude_deg, 1_000 * readings.altitude_km)
        assert place_km == pytest.approx(satellite_at(12.0).fixed_km(np.array([at_s]))[0][0], abs=1e-5)


def test_the_sensors_read_what_the_environment_is():
    environment, activity = environment_of()
    run(environment, activity, 600)
    readings = EnvironmentSensors(environment, satellite_at(12.0), []).read(0)
    now = environment.now
    assert (readings.battery_charge, readings.device_c, readings.radiator_c) == (
        now.charge,
        now.device_c,
        now.radiator_c,
    )
    assert readings.device_w == 700
    assert readings.bus_load_w == 760
    assert readings.battery_capacity_j == 500 * 3_600
    assert readings.eclipse_in_s is None
