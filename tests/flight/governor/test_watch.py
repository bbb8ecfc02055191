"""Levels and watches: order by construction, no going to and fro, never more than the level allows, always back."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from flight.governor.allowance import Trigger
from flight.governor.watch import DUTY_STEP_PERMILLE, Levels, Watch
from mission.governor import Allowance

S = 1_000_000_000
DWELL_NS = 60 * S
LEVELS = Levels(0.25, 0.45, 0.10)
anything = st.floats(-100, 100, allow_nan=False)
levels = st.builds(Levels, anything, anything, st.floats(0.01, 50))


def see(watch, value, now_ns, of=LEVELS, dwell_ns=DWELL_NS):
    watch.see(of.place(value), 1_000 * of.share(value), dwell_ns, now_ns)
    return watch.allowance


@given(levels)
def test_levels_are_in_order_however_they_are_set(of):
    assert of.hold < of.resume <= of.scarce < of.free


@given(levels, st.lists(anything, min_size=2, max_size=2))
def test_more_is_never_a_worse_place_nor_a_smaller_share(of, values):
    order = [Trigger.SPENT, Trigger.LOW, Trigger.SCARCE, Trigger.FAIR, Trigger.AMPLE]
    low, high = sorted(values)
    assert order.index(of.place(low)) <= order.index(of.place(high))
    assert 0 <= of.share(low) <= of.share(high) <= 1


def test_down_and_up_again_each_at_its_own_level():
    watch = Watch()
    course = []
    for step in range(101):
        value = (100 - step) / 100
        course.append((watch.allowance, see(watch, value, step * 100 * S), value))
    for step in range(101):
        course.append((watch.allowance, see(watch, step / 100, (200 + step) * 100 * S), step / 100))
    changes = [(after.name, value) for before, after, value in course if before is not after]
    assert changes == [("RUN", 1.0), ("THROTTLE", 0.44), ("HOLD", 0.25), ("THROTTLE", 0.35), ("RUN", 0.55)]


walk = st.lists(st.floats(-0.004, 0.004), min_size=20, max_size=300)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 1.0), walk)
def test_a_slow_change_within_a_band_makes_no_more_than_the_transitions_of_a_settling(start, steps):
    """Whatever goes to and fro by less than the hysteresis changes the allowance at most twice."""
    watch, value, changes = Watch(), start, 0
    see(watch, value, 0)
    for number, step in enumerate(steps):
        value = min(max(value + step, start - LEVELS.hysteresis / 2), start + LEVELS.hysteresis / 2)
        before = watch.allowance
        changes += see(watch, value, (number + 1) * 1_000 * S) is not before
    assert changes <= 2


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 30)), min_size=5, max_size=200))
def test_however_wild_the_course_it_is_let_go_on_at_most_once_a_dwell_and_never_at_the_hold_level(course):
    watch, now_ns, eased_ns, changed_ns = Watch(), 0, [], None
    for value, elapsed_s in course:
        now_ns += elapsed_s * S
        before = watch.allowance
        after = see(watch, value, now_ns)
        if value <= LEVELS.hold:
            assert (after, watch.duty_permille) == (Allowance.HOLD, 0)
        if value < LEVELS.scarce:
            assert after is not Allowance.RUN
        if after < before:
            assert changed_ns is None or now_ns - changed_ns >= DWELL_NS
            eased_ns.append(now_ns)
        if after is not before:
            changed_ns = now_ns
    assert len(eased_ns) <= now_ns // DWELL_NS + 1


@given(st.sampled_from(Trigger), st.lists(st.sampled_from(Trigger), max_size=20))
def test_it_always_comes_back_once_there_is_enough(first, course):
    watch = Watch()
    for number, trigger in enumerate([first, *course]):
        watch.see(trigger, 500, DWELL_NS, number * S)
    now_ns = len(course) * S
    watch.see(Trigger.AMPLE, 1_000, DWELL_NS, now_ns + DWELL_NS)
    assert (watch.allowance, watch.duty_permille) == (Allowance.RUN, 1_000)


@given(st.lists(st.floats(0, 1_000), min_size=1, max_size=100))
def test_a_throttled_duty_is_above_none_and_never_more_than_was_wanted_by_more_than_a_step(wanted):
    watch = Watch()
    watch.see(Trigger.FAIR, 500, 0, 0)
    for number, duty in enumerate(wanted):
        watch.see(Trigger.FAIR, duty, 0, number)
        assert 1 <= watch.duty_permille <= max(duty, 1)
        assert watch.duty_permille > duty - 2 * DUTY_STEP_PERMILLE


def test_a_trembling_duty_stays():
    watch = Watch()
    duties = set()
    for number in range(100):
        watch.see(Trigger.FAIR, 500 + 4 * math.sin(number), 0, number)
        duties.add(watch.duty_permille)
    assert len(duties) <= 2
