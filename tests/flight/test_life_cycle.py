"""The life cycle of a job: every pair of state and trigger, in the table or refused."""

import itertools
from pathlib import Path

import pytest

from ccsds.errors import MisuseError
from flight.jobs.life_cycle import TABLE, Action, Trigger, diagram, follow
from mission.jobs import ENDED_STATES, JobState

PAIRS = list(itertools.product(JobState, Trigger))


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_a_pair_is_followed_as_the_table_says_or_refused_with_what_was_expected(state, trigger):
    if (state, trigger) in TABLE:
        assert follow(state, trigger) == TABLE[state, trigger]
    else:
        with pytest.raises(MisuseError, match=f"cannot {trigger.value} a job that is {state.name}"):
            follow(state, trigger)


def test_a_job_that_has_ended_never_moves_again_but_for_one_that_failed_and_is_told_to():
    moves = {(state, trigger) for state, trigger in TABLE if state in ENDED_STATES}
    assert moves == {(JobState.FAILED, Trigger.RESUME), (JobState.FAILED, Trigger.CANCEL)}


def test_every_state_can_be_reached_and_left_towards_an_end():
    reached = {JobState.QUEUED}
    while more := {after for (state, _), (_, after) in TABLE.items() if state in reached} - reached:
        reached |= more
    assert reached == set(JobState) - {JobState.NONE}
    for state in reached - ENDED_STATES:
        assert any(known is state and after in ENDED_STATES for (known, _), (_, after) in TABLE.items())


def test_whoever_holds_the_worker_lets_it_go_at_the_end():
    for (state, _), (action, after) in TABLE.items():
        if after in ENDED_STATES and state in (JobState.STARTING, JobState.RUNNING):
            assert action is Action.RELEASE


def test_the_diagram_shows_every_transition():
    assert diagram().count("-->") == 1 + len(TABLE) + len(ENDED_STATES)


def test_the_diagram_in_the_architecture_page_is_this_table():
    page = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text()
    assert diagram() in page
