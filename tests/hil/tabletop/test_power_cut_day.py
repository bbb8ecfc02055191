"""Power is cut at disk operations of a short day, one after the other: the day ends as an undisturbed one.

A slice of them; `make campaign ONLY=autonomy` takes every one (`tools/bench/cut_day.py`).
"""

import pytest

from hil.tabletop.cut_day import DAY, RELEASES_S, CutDay, differences
from mission.jobs import JobState
from mission.modes import Mode
from mission.schedule import Fate


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    day = CutDay(tmp_path_factory.mktemp("undisturbed"), 0)
    day.run(None)
    return day


def test_a_day_that_nobody_disturbs_does_what_is_planned(undisturbed):
    outcome = undisturbed.outcome()
    names = {"mine", "first", "second", "reacted", *(f"due-{number}" for number in range(len(RELEASES_S)))}
    assert undisturbed.directories() == {f"files/{name}" for name in names}
    assert undisturbed.operator.spacecraft._ledger.schedule.counts == {Fate.EXECUTED: len(RELEASES_S)}
    assert outcome["monitors"] == ([1, 3], [1, 3])
    assert (outcome["mode"], outcome["job"][0]) == (Mode.COMPUTE, JobState.DONE)
    assert outcome["procedures"] == (["daily"], [], 1)
    assert outcome["slots"] and outcome["confirmed"] == 1
    assert (undisturbed.cuts, undisturbed.untold()) == (0, 0)
    assert (outcome["up"], outcome["down"]) == (True, True)
    assert undisturbed.ground.finished == ["came-up", "came-down"]
    # Each request is followed: every one of them leaves something behind that is looked for.
    trail = undisturbed.trail
    silent = {
        DAY[number][0] for number in range(1, len(DAY)) if trail[number] == trail[number - 1] and _is_command(number)
    }
    assert silent == {
        "schedule.shift_all",
        "procedure.start",
        "time.adjust",
        "directory.make",
        "scrub.start",
        "file.send",
    }
    assert undisturbed.disk.operations > 3 * len(DAY)


def _is_command(number):
    return isinstance(DAY[number], tuple)


# One in so many.
STRIDE = 36


@pytest.mark.parametrize("first", (1, 13, 25))
def test_power_may_be_cut_at_disk_operations_of_a_day(undisturbed, tmp_path, first):
    for operation in range(first, undisturbed.disk.operations - 3, STRIDE):
        folder = tmp_path / str(operation)
        folder.mkdir()
        day = CutDay(folder, operation)
        day.run(operation)
        assert day.cuts == 1, operation
        assert differences(day, undisturbed) == [], operation
