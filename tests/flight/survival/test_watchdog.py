"""The watchdog: fed only while every essential part makes progress; one that does not is named and remembered."""

import pytest

from flight.disk import RealDisk
from flight.survival.watchdog import PATIENCE_NS, PULSE_NS, Part, Watchdog
from hil.tabletop.operator import Operator
from mission.boots import ResetReason


@pytest.fixture
def operator(tmp_path):
    return Operator(RealDisk(tmp_path), is_watched=True)


def test_a_spacecraft_that_turns_is_never_starving_however_little_it_has_to_do(operator):
    operator.spacecraft.contact(False, operator.now_ns)
    for _ in range(10_000):
        due_ns = operator.spacecraft.next_deadline()
        assert due_ns <= operator.now_ns + PULSE_NS
        operator.now_ns = max(operator.now_ns, due_ns)
        operator.spacecraft.advance(operator.now_ns)
        assert operator.spacecraft.starving(operator.now_ns) == ()


def test_a_core_that_does_not_turn_is_starving(operator):
    operator.spacecraft.contact(False, operator.now_ns)
    late_ns = operator.now_ns + PULSE_NS + PATIENCE_NS[Part.CORE]
    assert operator.spacecraft.starving(late_ns) == ()
    assert operator.spacecraft.starving(late_ns + 1) == (Part.CORE,)


def test_a_transmitter_that_takes_nothing_in_contact_is_starving_and_out_of_contact_it_is_not(operator):
    for _ in range(200):
        operator.now_ns += PULSE_NS
        operator.spacecraft.advance(operator.now_ns)
    assert operator.spacecraft.starving(operator.now_ns) == (Part.DOWNLINK,)
    operator.spacecraft.contact(False, operator.now_ns)
    assert operator.spacecraft.starving(operator.now_ns) == ()


@pytest.mark.parametrize("part", [Part.JOBS, Part.DOWNLINK])
def test_each_part_is_watched_by_its_own_deadline_and_patience(part):
    deadlines = dict.fromkeys((Part.JOBS, Part.DOWNLINK), lambda: None) | {part: lambda: 100}
    watchdog = Watchdog(deadlines, 0)
    late_ns = 100 + PATIENCE_NS[part]
    watchdog.advance(late_ns)
    assert watchdog.starving(late_ns) == ()
    assert watchdog.starving(late_ns + 1) == (part,)


def test_what_starved_is_told_and_the_next_start_knows_why(operator):
    operator.spacecraft.contact(False, operator.now_ns)
    operator.now_ns += PULSE_NS + PATIENCE_NS[Part.CORE] + 1
    assert operator.spacecraft.starving(operator.now_ns)
    operator.boot()
    assert operator.heard("reset")[-1]["reason"] is ResetReason.WATCHDOG


def test_what_starved_and_went_on_is_no_reason_for_a_later_reset(operator):
    operator.spacecraft.contact(False, operator.now_ns)
    operator.now_ns += PULSE_NS + PATIENCE_NS[Part.CORE] + 1
    assert operator.spacecraft.starving(operator.now_ns)
    operator.spacecraft.advance(operator.now_ns)
    assert not operator.spacecraft.starving(operator.now_ns)
    operator.spacecraft.contact(True, operator.now_ns)
    operator.hear()
    assert operator.heard("starving") == [{"parts": "core"}]
    operator.boot()
    assert operator.heard("reset")[-1]["reason"] is ResetReason.UNKNOWN
