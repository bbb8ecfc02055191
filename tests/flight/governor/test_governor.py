"""The governor, the engine it governs, and a small spacecraft in orbit: what is promised of power, heat and time."""

import math
from dataclasses import replace as replaced

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flight.governor.config import GovernorConfig
from flight.governor.decision import GAUGES, Quantity
from flight.governor.governor import IDLE_PERIODS
from flight.governor.sources import sources
from flight.jobs.messages import Evaluate, Step
from flight.sensors import Readings
from mission.dictionary import Setting
from mission.governor import Allowance, Sensor
from mission.jobs import JobState, PauseCause
from mission.words.governor import SETTINGS
from tests.flight.governor.orbiter import LIGHT_S, LONG, ORBIT_S, GovernedBench, S

RUN, THROTTLE, HOLD = Allowance.RUN, Allowance.THROTTLE, Allowance.HOLD


@pytest.fixture
def bench(tmp_path):
    return GovernedBench(tmp_path)


class Table:
    """Sensors that say what they are told to say; everything else is as in good order."""

    def __init__(self, **readings):
        self.readings = readings
        self.error = None

    def read(self, now_ns):
        if self.error is not None:
            raise self.error
        return Readings(**{"taken_ns": now_ns, **self.readings})


def told(bench, name):
    """Give what was told under a name last."""
    return bench.heard(name)[-1]


# Power.


@pytest.mark.parametrize("is_averaging", [False, True])
def test_through_three_eclipses_the_reserve_is_there_at_each_sunrise_and_the_job_goes_on(bench, is_averaging):
    bench.orbiter.is_averaging = is_averaging
    bench.submit(LONG)
    bench.fly(3 * ORBIT_S + 600)
    assert len(bench.orbiter.sunrises) == 3
    assert all(0.49 <= charge <= 0.53 for charge in bench.orbiter.sunrises)
    assert bench.orbiter.lowest > 0.48
    # An orbit is a throttling, a hold and going on again: not more.
    assert len(bench.heard("allowance_changed")) <= 9
    assert bench.state is JobState.RUNNING
    # Compute had what the Sun left of two orbits and of the first charge, but for the last twentieth.
    had_j = bench.busy_total_ns / S * 200
    first_j = 0.8 * bench.orbiter.capacity_j - bench.orbiter.charge_j
    assert had_j == pytest.approx(3 * (300 * LIGHT_S - 75 * ORBIT_S) + first_j, rel=0.08)


def test_what_the_job_took_is_what_the_device_took_while_it_was_at_work(bench):
    bench.submit(LONG)
    bench.fly(3_000)
    taken_j = bench.engine.energy_j(1)
    assert taken_j == pytest.approx(bench.orbiter.drawn_j, rel=0.01)
    report = bench.engine.report(1)
    assert report["energy"] == taken_j
    assert report["energy_per_token"] == pytest.approx(taken_j / (bench.script.step * 100))


def test_the_energy_of_a_job_outlasts_its_worker_and_the_flight_software(bench):
    bench.submit(LONG)
    bench.fly(1_000)
    before_j = bench.engine.energy_j(1)
    bench.engine.lost("killed", bench.now_ns)
    assert bench.engine.energy_j(1) == bench.ledger.jobs[1].energy_j == before_j
    bench.boot()
    assert bench.engine.energy_j(1) == before_j


def test_an_empty_battery_pauses_the_job_after_a_checkpoint_and_a_fuller_one_lets_it_go_on(bench):
    table = Table(battery_charge=0.9)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(100)
    assert bench.state is JobState.RUNNING
    table.readings["battery_charge"] = 0.2
    bench.fly(20)
    assert (bench.state, bench.ledger.jobs[1].cause) == (JobState.PAUSED, PauseCause.POWER)
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step
    assert told(bench, "allowance_changed") == {
        "before": "RUN", "after": "HOLD", "duty": 0, "cause": "POWER",
        "reason": "battery charge 20.0%, held until 35%",
    }  # fmt: skip
    table.readings["battery_charge"] = 0.34
    bench.fly(200)
    assert bench.state is JobState.PAUSED
    table.readings["battery_charge"] = 0.36
    bench.fly(30)
    assert bench.state is JobState.RUNNING
    assert (bench.governor.decision.allowance, told(bench, "allowance_changed")["duty"]) == (THROTTLE, 360)
    table.readings["battery_charge"] = 0.6
    bench.fly(70)
    assert bench.governor.decision.allowance is RUN


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    course=st.lists(st.tuples(st.floats(0, 1), st.floats(20, 110), st.integers(5, 200)), min_size=3, max_size=12),
)
def test_no_course_of_charge_and_heat_has_steps_granted_at_a_hold_level_and_it_always_goes_on(tmp_path_factory, course):
    bench = GovernedBench(tmp_path_factory.mktemp("course"))
    table = Table(battery_charge=1.0, device_c=20.0)
    bench.govern(table)
    bench.submit(LONG)
    for charge, device_c, seconds in course:
        table.readings.update(battery_charge=charge, device_c=device_c)
        bench.fly(20)
        granted = bench.script.step
        bench.fly(seconds)
        if charge <= 0.25 or device_c >= 90:
            assert bench.script.step == granted
            assert bench.state is JobState.PAUSED
            assert not bench.script.requests
    table.readings.update(battery_charge=1.0, device_c=20.0)
    bench.fly(120)
    assert bench.state is JobState.RUNNING
    assert bench.governor.decision.allowance is RUN


# Heat.


def test_a_hot_device_is_throttled_until_it_holds_its_temperature(bench):
    bench.orbiter.k_per_w = 0.34  # At full duty 20 + 0.34 * 215 = 93 degC: too much.
    bench.orbiter.light_w = 900.0
    bench.set(charge_reserve=0)
    bench.submit(LONG)
    bench.fly(3_000)
    assert bench.governor.decision.allowance is THROTTLE
    assert bench.governor.decision.cause is PauseCause.THERMAL
    assert 72 < bench.orbiter.device_c < 90
    assert JobState.PAUSED not in {values["after"] for values in bench.heard("job_changed")}
    assert len(bench.heard("allowance_changed")) <= 2


@pytest.mark.parametrize(
    ("reading", "quantity"), [("device_c", "device"), ("radiator_c", "radiator"), ("battery_c", "battery")]
)
def test_each_temperature_holds_jobs_at_its_level_and_lets_them_go_on_below_it(bench, reading, quantity):
    table = Table(**{reading: 20.0})
    bench.govern(table)
    bench.submit(LONG)
    hold_c = GovernorConfig().values[f"{quantity}_hold"]
    bench.fly(10)
    table.readings[reading] = float(hold_c)
    bench.fly(20)
    assert (bench.state, bench.ledger.jobs[1].cause) == (JobState.PAUSED, PauseCause.THERMAL)
    assert told(bench, "allowance_changed")["reason"] == (
        f"{quantity} at {hold_c}.0 degC, held until {hold_c - 8} degC"
    )
    table.readings[reading] = hold_c - 8.0
    bench.fly(80)
    assert (bench.state, bench.governor.decision.allowance) == (JobState.RUNNING, THROTTLE)


def test_of_power_and_heat_the_worse_holds_and_both_have_to_let_go(bench):
    table = Table(battery_charge=0.1, device_c=95.0)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(20)
    assert bench.governor.decision.cause is PauseCause.POWER
    table.readings["battery_charge"] = 0.9
    bench.fly(100)
    assert (bench.governor.decision.cause, bench.state) == (PauseCause.THERMAL, JobState.PAUSED)
    table.readings["device_c"] = 30.0
    bench.fly(100)
    assert bench.state is JobState.RUNNING


# Sensors that fail.


@pytest.mark.parametrize("bad", [None, math.nan, 7.0, -1.0, "full"])
@pytest.mark.parametrize(
    ("policy", "allowance"), [(Allowance.HOLD, HOLD), (Allowance.THROTTLE, THROTTLE), (Allowance.RUN, RUN)]
)
def test_a_charge_that_is_not_known_any_more_counts_as_the_operator_says_and_is_told(bench, bad, policy, allowance):
    bench.set(sensor_lost_allowance=policy)
    table = Table(battery_charge=0.9)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(10)
    table.readings["battery_charge"] = bad
    bench.fly(30)
    assert bench.governor.decision.allowance is allowance
    assert [values["sensor"] for values in bench.heard("sensor_lost")] == ["BATTERY_CHARGE"]
    if allowance is not RUN:
        assert "battery charge is not known: " in told(bench, "allowance_changed")["reason"]
    table.readings["battery_charge"] = 0.9
    bench.fly(100)
    assert (bench.state, bench.governor.decision.allowance) == (JobState.RUNNING, RUN)
    assert [values["sensor"] for values in bench.heard("sensor_found")] == ["BATTERY_CHARGE"]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("driver"), ValueError()])
def test_sensors_that_fail_hold_the_job_and_raise_nothing(bench, error):
    table = Table(battery_charge=0.9, device_c=30.0)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(10)
    table.error = error
    bench.fly(30)
    assert bench.state is JobState.PAUSED
    assert {values["sensor"] for values in bench.heard("sensor_lost")} == {"BATTERY_CHARGE", "DEVICE_TEMPERATURE"}
    assert all("cannot be read" in values["reason"] for values in bench.heard("sensor_lost"))
    table.error = None
    bench.fly(100)
    assert bench.state is JobState.RUNNING


@pytest.mark.parametrize(("age_s", "why"), [(30, "30 s old"), (-5, "from the future")])
def test_stale_readings_are_none(bench, age_s, why):
    class Stale(Table):
        def read(self, now_ns):
            return replaced(super().read(now_ns), taken_ns=now_ns - age_s * S)

    table = Table(battery_charge=0.9)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(10)
    bench.governor.panel._sensors = Stale(battery_charge=0.9)
    bench.fly(30)
    assert bench.state is JobState.PAUSED
    assert why in told(bench, "sensor_lost")["reason"]


def test_a_sensor_that_is_expected_and_was_never_there_holds_jobs(bench):
    bench.set(sensors_expected=1 << Sensor.BATTERY_CHARGE)
    bench.govern(Table(device_c=20.0))
    bench.submit(LONG)
    bench.fly(100)
    assert (bench.state, bench.governor.decision.cause) == (JobState.PAUSED, PauseCause.POWER)
    assert bench.heard("sensor_lost") == [{"sensor": "BATTERY_CHARGE", "reason": "expected, and never there"}]


def test_a_board_without_sensors_is_not_held_back(bench):
    bench.govern(Table())
    bench.submit(LONG)
    bench.fly(100)
    assert (bench.state, bench.governor.decision.allowance) == (JobState.RUNNING, RUN)
    assert bench.heard("allowance_changed") == bench.heard("sensor_lost") == []


def test_a_forecast_that_loses_a_sensor_throttles_and_leaves_the_hold_to_the_charge(bench):
    bench.submit(LONG)
    bench.fly(500)
    bench.orbiter.override = {"solar_w": None}
    bench.fly(30)
    assert bench.governor.decision.allowance is THROTTLE
    assert bench.governor.decision.reason == "forecast is not known: no value for 10 s"
    assert bench.state is JobState.RUNNING


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(
    st.sampled_from([each for each in Readings.__slots__ if each != "taken_ns"]),
    st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=3)),
), min_size=1, max_size=8))  # fmt: skip
def test_nothing_that_sensors_say_raises(tmp_path_factory, course):
    bench = GovernedBench(tmp_path_factory.mktemp("fuzz"))
    bench.submit(LONG)
    parameters = sources(bench.governor, bench.engine)
    for said in course:
        bench.orbiter.override = said
        bench.fly(15)
        values = {name: source(bench.now_ns) for name, source in parameters.items()}
        assert isinstance(values["duty"], int)


# Deadlines.


def due(in_s, steps=1_000):
    return replace(LONG, steps=steps, deadline=in_s * S)


def test_a_job_without_a_deadline_keeps_to_the_wanted_duty_and_one_with_gets_what_it_needs(bench):
    bench.set(wanted_duty=200)
    bench.govern(Table(battery_charge=1.0))
    bench.submit(due(0))
    bench.fly(500)
    assert bench.busy_total_ns / bench.now_ns == pytest.approx(0.2, rel=0.1)
    hurried = GovernedBench(bench.disk.root / "hurried", wanted_duty=200)
    hurried.govern(Table(battery_charge=1.0))
    hurried.submit(due(2_000))
    hurried.fly(3_000, until=lambda bench: bench.state is JobState.DONE)
    assert hurried.state is JobState.DONE
    assert 1_500 < hurried.now_ns / S <= 2_000
    assert hurried.heard("deadline_missed") == []
    assert hurried.heard("job_report")[-1]["late"] == 0


def test_a_job_that_cannot_be_in_time_is_told_early_and_in_its_report(bench):
    bench.govern(Table(battery_charge=1.0))
    bench.submit(due(600))
    bench.fly(60)
    assert told(bench, "deadline_missed") == {
        "job_id": 1,
        "late": pytest.approx(400, abs=30),
        "reason": "nothing holds jobs back",
    }
    assert bench.engine.report(1)["late"] == pytest.approx(400, abs=30)
    bench.fly(2_000, until=lambda bench: bench.state is JobState.DONE)
    assert len(bench.heard("deadline_missed")) == 1
    assert told(bench, "job_report")["late"] == pytest.approx(bench.now_ns / S - 600, abs=15)
    assert told(bench, "job_report")["deadline"] == 600 * S


def test_the_forecast_tells_of_a_deadline_that_power_will_not_let_be_met_while_it_still_runs(bench):
    bench.submit(due(ORBIT_S, steps=4_600))
    bench.fly(200)
    assert bench.governor.decision.allowance is RUN
    late = told(bench, "deadline_missed")
    # The light until the eclipse, and what the battery has beyond the reserve, are short of 4,600 s of compute.
    assert late["late"] > 500
    bench.fly(ORBIT_S)
    assert bench.orbiter.sunrises[0] > 0.48  # The reserve is not given for a deadline.


def test_a_deadline_that_is_moved_within_reach_by_better_power_is_told_as_met(bench):
    table = Table(battery_charge=0.2)
    bench.govern(table)
    bench.submit(due(1_500))
    bench.fly(10)
    table.readings["battery_charge"] = 0.9
    bench.fly(200)
    table.readings["battery_charge"] = 0.36
    bench.fly(60)
    assert bench.heard("deadline_missed")
    table.readings["battery_charge"] = 0.9
    bench.fly(100)
    assert bench.heard("deadline_met") == [{"job_id": 1}]
    assert len(bench.heard("deadline_missed")) == 1


# The device's limit.


class Limiter:
    def __init__(self, error=None):
        self.limits = []
        self.error = error

    def limit(self, watts):
        if self.error is not None:
            raise self.error
        self.limits.append(watts)


def test_the_power_of_the_device_is_limited_while_throttled_if_an_operator_wants_it(bench):
    bench.power_limit = Limiter()
    table = Table(battery_charge=0.9)
    bench.govern(table)
    bench.submit(LONG)
    bench.fly(10)
    table.readings["battery_charge"] = 0.4
    bench.fly(10)
    assert bench.power_limit.limits == []
    bench.set(throttled_power=80)
    bench.fly(20)
    table.readings["battery_charge"] = 0.9
    bench.fly(100)
    assert bench.power_limit.limits == [80, None]


@pytest.mark.parametrize(("charge", "limits"), [(0.9, [80, None]), (0.4, [80, 80])])
def test_a_limit_of_the_life_before_is_set_anew_after_a_reset(bench, charge, limits):
    bench.power_limit = Limiter()
    bench.set(throttled_power=80)
    bench.govern(Table(battery_charge=0.4))
    bench.submit(LONG)
    bench.fly(10)
    assert bench.power_limit.limits == limits[:1]
    bench.govern(Table(battery_charge=charge))
    bench.fly(10)
    assert bench.power_limit.limits == limits


def test_a_device_that_takes_no_limit_is_told_once_and_not_asked_again(bench):
    bench.power_limit = Limiter(PermissionError(1, "Operation not permitted"))
    bench.set(throttled_power=80)
    bench.govern(Table(battery_charge=0.4))
    bench.submit(LONG)
    bench.fly(100)
    assert len(bench.heard("power_limit_refused")) == 1
    assert bench.state is JobState.RUNNING


# How it works.


def test_it_looks_once_in_each_period_at_all_its_phases_and_seldom_while_no_job_is_at_work(bench):
    table = Table(battery_charge=0.9)
    bench.govern(table)
    looks = []
    table.read = lambda now_ns: looks.append(now_ns) or Readings(taken_ns=now_ns, battery_charge=0.9)
    bench.submit(LONG)
    bench.fly(20)
    begin_ns = bench.governor._looks._begin_ns
    looks.clear()
    bench.fly(400)
    periods, phases = zip(*(divmod((at_ns - begin_ns) / S, 2) for at_ns in looks), strict=True)
    assert list(periods) == list(range(int(periods[0]), int(periods[0]) + len(periods)))
    for tenth in range(10):
        share = sum(tenth / 5 <= phase < (tenth + 1) / 5 for phase in phases) / len(phases)
        assert share == pytest.approx(0.1, abs=0.02)
    bench.engine.lost("killed", bench.now_ns)
    at_ns = bench.governor.next_deadline()
    bench.governor.advance(at_ns)
    assert at_ns + 2 * IDLE_PERIODS * S <= bench.governor.next_deadline() <= at_ns + 4 * IDLE_PERIODS * S


def test_a_worker_that_begins_is_looked_at_at_once(bench):
    bench.govern(Table(battery_charge=0.9))
    bench.fly(100)
    bench.submit(LONG)
    assert bench.engine.running is not None
    assert bench.governor.next_deadline() == 0
    bench.turn()
    assert bench.now_ns < bench.governor.next_deadline() <= bench.now_ns + 4 * S


@pytest.mark.parametrize("period_ms", [2_000, 1_000, 500])
@pytest.mark.parametrize("duty", [500, 250, 100])
def test_no_duty_cycle_that_goes_with_the_period_misleads_it_about_what_compute_draws(tmp_path, period_ms, duty):
    """The worker is busy for a quarter of a second at a time: its cycles are of 0.5, 1 and 2.5 s."""
    bench = GovernedBench(tmp_path, wanted_duty=duty, sensor_period=period_ms, charge_reserve=0)
    bench.step_ns = S // 4
    bench.restart(grant_ns=S // 4)
    bench.submit(LONG)
    bench.fly(1_500)
    assert bench.busy_total_ns / bench.now_ns == pytest.approx(duty / 1_000, rel=0.03)
    assert bench.engine.energy_j(1) == pytest.approx(bench.orbiter.drawn_j, rel=0.05)


def test_every_quantity_is_known_by_its_sensors_and_every_setting_is_one():
    assert set(GAUGES) == set(Quantity)
    assert all(isinstance(each, Setting) for each in SETTINGS)
    assert set(GovernorConfig().values) == {each.name for each in SETTINGS}


def test_what_is_done_is_the_same_however_it_is_governed(bench, tmp_path_factory):
    """The order of work, pauses and their checkpoints left out."""
    job = replace(LONG, steps=400, overrides="training.evaluation_interval = 70")

    def order(log):
        asked, step = [], 0
        for request in log:
            match request:
                case Step(count):
                    asked += [("step", step + number) for number in range(count)]
                    step += count
                case Evaluate():
                    asked.append(("evaluate", step))
        return asked

    free = GovernedBench(tmp_path_factory.mktemp("free"))
    free.govern(Table())
    free.submit(job)
    free.fly(1_000)
    table = Table(battery_charge=0.9, device_c=30.0)
    bench.govern(table)
    bench.submit(job)
    for charge, device_c in [(0.4, 30), (0.2, 30), (0.5, 30), (0.9, 85), (0.9, 95), (0.9, 70), (0.1, 99), (1, 20)]:
        table.readings.update(battery_charge=charge, device_c=float(device_c))
        bench.fly(100)
    bench.fly(1_000)
    assert (bench.state, free.state) == (JobState.DONE, JobState.DONE)
    assert len(bench.heard("allowance_changed")) >= 6
    assert order(bench.script.log) == order(free.script.log)
