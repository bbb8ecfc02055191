"""The plan of a job: the same work, however it is portioned and wherever it was interrupted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from flight.jobs.messages import Evaluate, Finish, Sample, Save, Step
from flight.jobs.plan import Intervals, Plan

INTERVALS = Intervals(steps=25, evaluation=10, checkpoint=4)


def course(plan, grants):
    """Give what is done at which step, steps written out one by one."""
    done, grants = [], iter(grants)
    while (request := plan.next(next(grants, 3))) is not None:
        if not isinstance(request, Step):
            done.append((plan.step, type(request).__name__))
    return done


def test_work_is_done_at_its_steps_and_the_end_has_its_own():
    assert course(Plan(INTERVALS), []) == [
        (4, "Save"), (8, "Save"), (10, "Evaluate"), (12, "Save"), (16, "Save"), (20, "Evaluate"), (20, "Save"),
        (24, "Save"), (25, "Evaluate"), (25, "Sample"), (25, "Finish"),
    ]  # fmt: skip


@given(grants=st.lists(st.integers(1, 30), max_size=30))
def test_how_many_steps_are_granted_at_once_changes_nothing(grants):
    assert course(Plan(INTERVALS), grants) == course(Plan(INTERVALS), [1] * 25)


@given(start=st.sampled_from([4, 8, 12, 16, 20, 24]))
def test_a_job_that_goes_on_from_a_checkpoint_does_what_was_left(start):
    whole = course(Plan(INTERVALS), [])
    # At one step the checkpoint comes last, so all else there was done before it.
    assert course(Plan(INTERVALS, start), []) == [(step, work) for step, work in whole if step > start]


def test_a_job_that_stood_at_its_last_step_only_ends():
    plan = Plan(INTERVALS, 25)
    assert [type(plan.next(5)) for _ in range(3)] == [Evaluate, Sample, Finish]
    assert plan.next(5) is None


def test_without_a_grant_only_what_is_due_is_given():
    plan = Plan(INTERVALS)
    assert plan.next(0) is None
    assert plan.next(10) == Step(4)
    assert isinstance(plan.next(0), Save)
    assert plan.next(0) is None


@pytest.mark.parametrize("name", ["steps", "evaluation", "checkpoint"])
def test_an_interval_that_never_comes_is_refused(name):
    with pytest.raises(MisuseError, match=f"{name}: expected 1 step or more, found 0"):
        Intervals(**{"steps": 1, "evaluation": 1, "checkpoint": 1, name: 0})
