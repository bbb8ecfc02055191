"""Power is cut at each single disk operation of a short day, one after the other: the day ends as an undisturbed one.

What a day has: a schedule, a setting, monitors, a mode, an inhibit, directories, stored telemetry, a scrub. The command
that a cut falls into is sent again with the same octets, as a station does; the rest follows as planned.
"""

import pytest

from ccsds.pus.telecommand import Telecommand
from hil.disk import PowerCut, SimulatedDisk
from hil.operator import SOURCE_ID, Operator
from hil.streams import Streams
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.modes import Mode
from mission.monitoring import CheckKind
from mission.schedule import Fate

TAI_NS = 10**18
SECOND = 1_000_000_000
RELEASES_S = (40, 90, 91)


def packet(command, sequence_count, arguments, source_id=SOURCE_ID):
    declared = DICTIONARY.command(command)
    data = declared.arguments.encode(declared.arguments.complete(arguments))
    return Telecommand(Apid.CORE, sequence_count, declared.service, declared.subtype, source_id, data=data).encode()


ACTIVITIES = [
    {
        "release_time": TAI_NS + due_s * SECOND,
        "request": packet("directory.make", number, {"name": f"due-{number}"}, 99),
    }
    for number, due_s in enumerate(RELEASES_S)
]
MONITORS = [
    {"monitor": number, "parameter": 20, "kind": CheckKind.LIMIT, "low": 0, "high": 9, "interval": 5_000}
    for number in (1, 2, 3)
]
DAY = (
    ("schedule.enable", {}),
    ("schedule.insert", {"activities": ACTIVITIES}),
    ("parameter.set", {"values": {"job_progress_period": 2_000}}),
    60,
    ("monitoring.add", {"monitors": MONITORS}),
    ("monitoring.enable_monitors", {"monitors": [1, 3]}),
    ("monitoring.delete", {"monitors": [2]}),
    ("mode.enter", {"mode": "SAFE"}),
    ("directory.make", {"name": "mine"}),
    ("mode.enter", {"mode": "NOMINAL"}),
    ("scrub.start", {}),
    60,
    ("storage.disable", {"stores": ["housekeeping"]}),
    ("event.disable", {"events": ["booted"]}),
    30,
)


class Day:
    """One day, on one disk."""

    def __init__(self, folder, seed):
        self.disk = SimulatedDisk(folder / "store", Streams(seed))
        self.unknown = 0
        self.cuts = 0

    def run(self, cut_at: int | None) -> None:
        if cut_at is not None:
            self.disk.cut_at(cut_at)
        self.operator: Operator | None = None
        for number, step in enumerate(DAY):
            self._do(number, step)

    def _do(self, number, step):
        while True:
            try:
                if self.operator is None:
                    self.operator = Operator(self.disk, clock_id="bench")
                elif self.is_off:
                    self.operator.boot()
                self.is_off = False
                if isinstance(step, int):
                    self.operator.run(step)
                    return
                name, arguments = step
                failure = self.operator.send(packet(name, number, arguments))
            except PowerCut:
                self.cuts += 1
                self.disk.power_on()
                self.is_off = True
                continue
            if failure is FailureCode.OUTCOME_UNKNOWN and self.cuts:
                self.unknown += 1
            else:
                assert failure is None, (name, failure)
            return

    def outcome(self):
        """What the day has come to."""
        assert self.operator is not None
        ledger = self.operator.spacecraft._ledger
        counts = ledger.schedule.counts
        return {
            "settings": dict(ledger.settings),
            "monitors": sorted(ledger.monitoring.monitors),
            "mode": self.operator.mode,
            "directories": set(self.disk.list_directories("files")),
            "schedule": counts,
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    day = Day(tmp_path_factory.mktemp("undisturbed"), 0)
    day.run(None)
    return day.disk.operations, day.outcome()


def test_a_day_that_nobody_disturbs_does_what_is_planned(undisturbed):
    operations, outcome = undisturbed
    assert operations > 60
    assert outcome["directories"] == {"files/mine", "files/due-0", "files/due-1", "files/due-2"}
    assert outcome["schedule"] == {Fate.EXECUTED: 3}
    assert (outcome["monitors"], outcome["mode"]) == ([1, 3], Mode.NOMINAL)


# One in so many operations; `make campaign ONLY=autonomy` takes every one.
STRIDE = 3


@pytest.mark.parametrize("first", range(STRIDE))
def test_power_may_be_cut_at_each_disk_operation_of_a_day(undisturbed, tmp_path, first):
    operations, expected = undisturbed
    for operation in range(1 + first, operations + 1, STRIDE):
        folder = tmp_path / str(operation)
        folder.mkdir()
        day = Day(folder, operation)
        day.run(operation)
        assert day.cuts == 1, operation
        require_same(day, expected, operation)


def require_same(day, expected, operation):
    """Everything is as without the cut; what the cut fell into acted once, or is reported as unknown or skipped."""
    outcome = day.outcome()
    for name in ("settings", "monitors", "mode"):
        assert outcome[name] == expected[name], (operation, name)
    fates = outcome["schedule"]
    assert sum(fates.values()) == len(RELEASES_S), (operation, fates)
    missing = expected["directories"] - outcome["directories"]
    assert outcome["directories"] <= expected["directories"], operation
    # A directory that is missing was not acknowledged: its command was cut into, and so told.
    told = day.unknown + sum(count for fate, count in fates.items() if fate is not Fate.EXECUTED)
    assert len(missing) <= told <= 1, (operation, missing, fates)
