"""Contact plans: when there is contact, and when that changes."""

import pytest

from ccsds.errors import MisuseError
from hil.link.contact_plan import ContactPlan, Pass
from hil.scenario.link import PassTable

NS_PER_S = 1_000_000_000


def changes(plan, until_ns):
    found, now_ns = [], 0
    while (now_ns := plan.next_change_ns(now_ns) or until_ns) < until_ns:
        found.append((now_ns, plan.is_up(now_ns)))
    return found


def test_without_passes_there_is_contact_all_the_time():
    plan = ContactPlan()
    assert plan.is_up(0)
    assert plan.is_up(10**18)
    assert plan.next_change_ns(0) is None


def test_a_pass_has_contact_from_its_first_nanosecond_up_to_its_last():
    plan = ContactPlan([Pass(10, 20)])
    assert [plan.is_up(now_ns) for now_ns in (0, 9, 10, 19, 20, 99)] == [False, False, True, True, False, False]
    assert changes(plan, 100) == [(10, True), (20, False)]


def test_passes_may_come_in_any_order_and_those_that_touch_are_one():
    plan = ContactPlan([Pass(50, 60), Pass(10, 20), Pass(20, 30), Pass(25, 28)])
    assert changes(plan, 100) == [(10, True), (30, False), (50, True), (60, False)]


def test_a_pass_that_comes_again_is_listed_once():
    plan = ContactPlan.of_tables(
        [PassTable(at_s=5, duration_s=2.5, every_s=100, count=3), PassTable(at_s=50, duration_s=1)]
    )
    starts = [each.start_ns / NS_PER_S for each in plan.passes]
    assert starts == [5, 50, 105, 205]
    assert all(each.end_ns - each.start_ns in (NS_PER_S, 5 * NS_PER_S // 2) for each in plan.passes)


def test_a_pass_without_length_is_refused():
    with pytest.raises(MisuseError, match="expected a pass that ends after it began, found 7 to 7 ns"):
        Pass(7, 7)
