"""The forecast against an orbit that is gone through second by second."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.governor.deadline import Work
from flight.governor.forecast import Outlook, Stretch, forecast

KNOWN = {
    "charge_j": 3e5, "capacity_j": 4e5, "reserve_j": 2e5, "solar_w": 300.0, "held_w": 60.0, "base_w": 75.0,
    "compute_w": 200.0,
    "light_s": 3000.0, "eclipse_s": 2160.0, "orbit_light_s": 3540.0, "orbit_eclipse_s": 2160.0,
}  # fmt: skip


def outlook(**known):
    return Outlook(**{**KNOWN, **known})


def gone_through(of, plan):
    """Give charge at sunset and sunrise, and the lowest on the way, second by second; the battery takes no more than
    it holds."""
    charge, lowest, sunset = of.charge_j, of.charge_j, of.charge_j
    for span_s, income_w, duty in (
        (of.light_s, of.solar_w, plan.light.duty), (of.eclipse_s, 0.0, plan.eclipse.duty),
    ):  # fmt: skip
        for _ in range(round(span_s)):
            base_w = of.base_w if duty else of.held_w
            charge = min(charge + income_w - base_w - of.compute_w * duty, of.capacity_j)
            lowest = min(lowest, charge)
        sunset = charge if income_w else sunset
    return sunset, charge, lowest


def outlooks_of(light_s, eclipse_s, reserve_j):
    return st.builds(
        outlook,
        charge_j=st.floats(0, 4e5),
        reserve_j=reserve_j,
        solar_w=st.floats(0, 600),
        base_w=st.floats(60, 150),
        compute_w=st.floats(10, 700),
        light_s=light_s.map(float),
        eclipse_s=eclipse_s.map(float),
    )


outlooks = outlooks_of(st.integers(0, 3540), st.integers(1, 2160), st.floats(0, 3.9e5))
# The reserve can be held through the eclipse by a full battery, and neither light nor eclipse is nearly over.
fair_outlooks = outlooks_of(
    st.one_of(st.just(0), st.integers(61, 3540)), st.integers(601, 2160), st.floats(0, 4e5 - 150 * 2160)
)


@settings(max_examples=150, deadline=None)
@given(outlooks)
def test_no_plan_takes_more_than_leaves_the_reserve_at_sunrise(of):
    plan = forecast(of)
    _, sunrise, _ = gone_through(of, plan)
    held = replace(plan, light=Stretch(of.light_s, 0.0, 0.0), eclipse=Stretch(of.eclipse_s, 0.0, 0.0))
    _, without, _ = gone_through(of, held)
    assert sunrise >= min(of.reserve_j, without) - 1e-3 * of.capacity_j
    assert 0 <= plan.light.duty <= 1
    assert 0 <= plan.eclipse.duty <= 1
    if sunrise > 0:
        assert plan.sunrise_j == pytest.approx(sunrise, abs=1e-3 * of.capacity_j)


@settings(max_examples=150, deadline=None)
@given(fair_outlooks)
def test_a_plan_takes_all_that_may_be_taken(of):
    """Where compute does not run all the time nothing is left above the reserve but what a worker would take idle."""
    plan = forecast(of)
    if plan.eclipse.duty < 1:
        ready_j = (of.base_w - of.held_w) * of.eclipse_s
        assert plan.sunrise_j <= of.reserve_j + ready_j + 1e-6 * of.capacity_j


def test_light_comes_first_and_what_it_cannot_spend_goes_into_the_eclipse():
    poor = forecast(outlook(charge_j=2.1e5))
    assert 0 < poor.light.duty < 1
    assert poor.eclipse.duty == pytest.approx(0)
    rich = forecast(outlook(charge_j=4e5))
    assert rich.light.duty == 1
    assert 0 < rich.eclipse.duty < 1
    assert rich.budget_j == pytest.approx(200 * (3000 + 2160 * rich.eclipse.duty))


def test_a_full_battery_in_the_light_lets_the_surplus_be_spent_even_if_the_reserve_cannot_be_held():
    plan = forecast(outlook(charge_j=4e5, reserve_j=4e5, solar_w=200.0))
    assert plan.light.duty * 200 == pytest.approx(200 - 75)
    assert plan.eclipse.duty == 0
    assert plan.sunrise_j < 4e5


def test_a_rest_of_energy_is_not_burnt_in_the_last_seconds():
    plan = forecast(outlook(charge_j=2.1e5, light_s=0.0, eclipse_s=30.0))
    assert plan.duty_permille == pytest.approx((2.1e5 - 75 * 30 - 2e5) / (200 * 600) * 1e3)


def test_a_deadline_in_the_eclipse_has_what_there_is_spent_before_it():
    dark = outlook(light_s=0.0, charge_j=3.8e5)
    relaxed = forecast(dark)
    pressed = forecast(dark, deadline_in_s=1080.0)
    assert pressed.eclipse.duty == pytest.approx(2 * relaxed.eclipse.duty)
    assert pressed.budget_j == pytest.approx(relaxed.budget_j) == pytest.approx(1.8e4)
    assert pressed.sunrise_j == pytest.approx(2e5)
    assert forecast(dark, deadline_in_s=-5.0) == relaxed


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_not_whole_is_said_so(name):
    assert outlook().is_whole
    assert not outlook(**{name: math.nan}).is_whole


@settings(max_examples=100, deadline=None)
@given(outlooks, st.floats(0, 20_000))
def test_when_so_much_busy_time_is_had(of, busy_s):
    plan = forecast(of)
    done_s = plan.busy_after_s(busy_s)
    had_s, now_s = 0.0, 0.0
    for span_s, duty in (
        (of.light_s, plan.light.duty), (of.eclipse_s, plan.eclipse.duty), (math.inf, plan.orbit_duty),
    ):  # fmt: skip
        span_s = min(span_s, max(done_s - now_s, 0.0)) if math.isfinite(done_s) else span_s
        if math.isfinite(span_s):
            had_s, now_s = had_s + span_s * duty, now_s + span_s
    assert had_s == pytest.approx(busy_s, abs=1e-6 + 1e-9 * done_s) if math.isfinite(done_s) else had_s < busy_s


def test_an_orbit_that_is_not_known_yet_goes_on_as_until_sunrise():
    plan = forecast(outlook(orbit_light_s=0.0))
    assert plan.orbit_duty == pytest.approx(plan.budget_j / (200 * 5160))


@pytest.mark.parametrize(
    ("busy_s", "deadline_in_s", "needed"),
    [(100, 200, 500), (100, math.inf, 0), (math.nan, 200, 0), (100, 0, math.inf), (300, 200, 1500)],
)
def test_the_pace_that_a_deadline_needs(busy_s, deadline_in_s, needed):
    assert Work(job_id=1, busy_s=busy_s, deadline_in_s=deadline_in_s).needed_permille == needed


def test_how_late_a_job_will_be():
    work = Work(job_id=1, busy_s=100.0, deadline_in_s=150.0)
    assert work.late_s(1_000, None) == 0
    assert work.late_s(500, None) == 50
    assert work.late_s(0, None) == 0
    assert Work(job_id=1, busy_s=100.0, deadline_in_s=60.0).late_s(0, None) == 40
    held = forecast(outlook(light_s=0.0, charge_j=2e5, eclipse_s=1000.0))
    assert held.eclipse.duty == 0
    assert work.late_s(1_000, held) == pytest.approx(1000 + 100 / held.orbit_duty - 150)
    assert math.isnan(Work(job_id=1, busy_s=1.0, deadline_in_s=math.inf).late_s(0, None))
