"""What brings faults about: each comes once, when what it waits for is there; with the next worker if there is none."""

import pytest

from hil.agenda import Agenda
from hil.faults.triggers import Triggers
from hil.scenario.faults import FaultTable
from hil.streams import Streams

SECOND = 1_000_000_000


class Course:
    """Triggers of some faults, of which those that strike, and after what, are noted."""

    def __init__(self, *faults, passes_s=(), end_s=1_000):
        self.now_s = 0
        self.struck = []
        self.has_worker = True
        self._agenda = Agenda()
        self.triggers = Triggers(
            faults,
            self._agenda,
            lambda: self.now_s * SECOND,
            self._strike,
            Streams(1),
            [each * SECOND for each in passes_s],
            end_s * SECOND,
        )

    def _strike(self, number, fault, after):
        if self.has_worker:
            self.struck.append((number, after))
        return self.has_worker

    def go_to(self, now_s):
        self.now_s = now_s
        self._agenda.advance(now_s * SECOND)
        return self.struck


def kill(**trigger):
    return FaultTable(kind="kill_worker", **trigger)


def test_a_fault_that_finds_no_worker_comes_to_the_next_once_that_works_and_once_only():
    course = Course(kill(at_s=5))
    course.has_worker = False
    assert course.go_to(5) == []
    course.triggers.reach(10)
    assert course.go_to(6) == []
    course.has_worker = True
    assert course.go_to(7) == []
    course.triggers.reach(20)
    course.triggers.reach(30)
    assert course.go_to(8) == [(0, "after step 20")]


@pytest.mark.parametrize("trigger", [{"event": "booted"}, {"job_step": 3}, {"pass_number": 1}])
def test_so_does_one_of_each_other_trigger(trigger):
    course = Course(kill(**trigger), passes_s=[2])
    course.has_worker = False
    course.triggers.instant("booted")
    course.triggers.reach(3)
    assert course.go_to(2) == []
    course.has_worker = True
    course.triggers.reach(4)
    assert course.go_to(2) == [(0, "after step 4")]


def test_a_fault_that_waits_for_a_later_step_is_not_brought_about_by_an_earlier_one_of_the_next_worker():
    course = Course(kill(job_step=30))
    course.has_worker = False
    course.triggers.reach(30)
    course.has_worker = True
    course.triggers.reach(20)  # It goes on from a checkpoint.
    assert course.struck == []
    course.triggers.reach(30)
    assert course.struck == [(0, "after step 30")]


def test_a_fault_that_comes_again_waits_no_longer_than_it_is_to():
    course = Course(kill(job_step=3, until_s=10), kill(job_step=3))
    course.has_worker = False
    course.triggers.reach(3)
    course.has_worker = True
    course.go_to(11)
    course.triggers.reach(4)
    assert course.struck == [(1, "after step 4")]


def test_each_fault_that_found_no_worker_comes_in_its_turn():
    course = Course(kill(at_s=5), kill(at_s=4), kill(at_s=9))
    course.has_worker = False
    course.go_to(6)
    course.has_worker = True
    course.triggers.reach(1)
    assert course.struck == [(1, "after step 1"), (0, "after step 1")]
    assert course.go_to(9)[2:] == [(2, "at 9 s")]


def test_what_waits_for_an_event_comes_with_that_count_of_it():
    course = Course(kill(event="aos", count=2, offset_s=1.5), kill(event="los"), kill(event="aos"))
    course.triggers.instant("aos")
    assert course.go_to(1) == [(2, "at 0 s")]
    course.now_s = 4
    course.triggers.instant("aos")
    course.triggers.instant("aos")
    assert course.go_to(5) == [(2, "at 0 s")]
    assert course.go_to(6) == [(2, "at 0 s"), (0, "at 5.5 s")]


def test_what_waits_for_a_pass_that_does_not_come_never_comes():
    course = Course(kill(pass_number=2, offset_s=3), kill(pass_number=3), passes_s=[10, 20])
    assert course.go_to(22) == []
    assert course.go_to(1_000) == [(0, "at 23 s")]


def test_chance_ends_with_the_mission():
    course = Course(kill(per_hour=3_600, from_s=100), end_s=200)
    times_s = [float(after.split()[1]) for _, after in course.go_to(10_000)]
    assert 50 < len(times_s) < 150
    assert 100 < min(times_s) and max(times_s) < 200
