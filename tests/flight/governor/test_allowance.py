"""What one quantity lets jobs do: every row of the table, and every cell that is none."""

import pytest

from flight.governor.allowance import TABLE, Trigger, diagram, follow
from mission.governor import Allowance

RUN, THROTTLE, HOLD = Allowance.RUN, Allowance.THROTTLE, Allowance.HOLD
# A row a trigger: what follows from RUN, THROTTLE and HOLD.
ROWS = {
    Trigger.SPENT: (HOLD, HOLD, HOLD),
    Trigger.LOW: (THROTTLE, THROTTLE, HOLD),
    Trigger.SCARCE: (THROTTLE, THROTTLE, THROTTLE),
    Trigger.FAIR: (RUN, THROTTLE, THROTTLE),
    Trigger.AMPLE: (RUN, RUN, RUN),
    Trigger.BLIND: (HOLD, HOLD, HOLD),
    Trigger.DIM: (THROTTLE, THROTTLE, THROTTLE),
}


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("before", Allowance)
def test_every_cell_is_as_told(before, trigger):
    assert follow(before, trigger) is ROWS[trigger][before - 1]


def test_no_row_says_that_nothing_changes():
    assert all(before is not after for (before, _), after in TABLE.items())


def test_what_is_not_known_never_lets_jobs_do_more_than_throttled():
    for trigger in (Trigger.BLIND, Trigger.DIM):
        assert RUN not in {follow(before, trigger) for before in Allowance}


def test_the_drawing_has_every_transition():
    edges = {(before, after) for (before, _), after in TABLE.items()}
    assert diagram().count("-->") == len(edges) + 1
    for (_, trigger), _ in TABLE.items():
        assert trigger.value in diagram()
