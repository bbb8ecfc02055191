"""The contact timer: it counts contact time only."""

from hypothesis import given
from hypothesis import strategies as st

from ccsds.contact_timer import ContactTimer


def test_it_expires_after_its_duration_of_contact_and_then_stands():
    timer = ContactTimer()
    timer.contact(True, 0)
    timer.start(100, 20)
    assert timer.deadline() == 120
    assert not timer.expire(119)
    assert timer.expire(120)
    assert timer.deadline() is None
    assert not timer.expire(1_000)


def test_started_out_of_contact_it_begins_with_the_contact():
    timer = ContactTimer()
    timer.start(100, 0)
    assert timer.deadline() is None
    assert not timer.expire(1_000)
    timer.contact(True, 1_000)
    assert timer.deadline() == 1_100


def test_a_cancelled_timer_never_expires():
    timer = ContactTimer()
    timer.contact(True, 0)
    timer.start(100, 0)
    timer.cancel()
    timer.contact(False, 50)
    timer.contact(True, 60)
    assert not timer.expire(1_000)


def test_hearing_twice_that_the_link_is_up_or_down_changes_nothing():
    timer = ContactTimer()
    timer.contact(True, 0)
    timer.start(100, 0)
    timer.contact(True, 10)
    timer.contact(False, 20)
    timer.contact(False, 30)
    timer.contact(True, 40)
    timer.contact(True, 50)
    assert timer.deadline() == 120


@given(st.integers(1, 1_000), st.lists(st.integers(0, 100), max_size=20))
def test_it_runs_for_exactly_its_duration_summed_over_passes(duration_ns, spans):
    timer = ContactTimer()
    timer.start(duration_ns, 0)
    now_ns = counted_ns = 0
    for number, span_ns in enumerate(spans):
        is_up = number % 2 == 1
        timer.contact(is_up, now_ns)
        now_ns += span_ns
        if is_up:
            counted_ns += span_ns
            assert timer.expire(now_ns) == (counted_ns >= duration_ns)
            if counted_ns >= duration_ns:
                return
