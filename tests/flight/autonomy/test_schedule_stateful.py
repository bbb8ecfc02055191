"""Whatever is done to a spacecraft, each due command acts once or is reported skipped: never twice, never lost.

A state machine inserts, moves, deletes and disables, by time, by passes, by orbit events and by groups, lets time go
on, lets passes come and go, sets the clock, reboots, and cuts power in the middle of whatever the store is doing. Its
own account is kept apart from all of that. A second one does the same to a whole spacecraft, whose clock is set by
command.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ccsds.pus.telecommand import Telecommand
from flight.services.schedule import key_of
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from hil.tabletop.operator import Operator
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Repeat
from mission.modes import Mode
from mission.schedule import Anchor, Fate, Late, Switch

SECOND = 1_000_000_000
EPOCH = 10**18
SOURCE = 9
EVENTS = (7, 8)
GROUPS = (1, 2)
SKIPS = (Fate.SKIPPED_LATE, Fate.SKIPPED_DISABLED)


class PowerCutError(BaseException):
    """Power goes; no ``except Exception`` holds it."""


class VolatileDisk:
    """A disk in memory whose power goes at an operation: what was not synced is gone, or a part of it is."""

    def __init__(self):
        self.files = {}
        self.synced = {}
        self.operations_left = None
        self.torn_octets = 0

    def power_on(self):
        """Forget what was not synced, but for the first octets of an append that was under way."""
        for path, content in self.files.items():
            known = self.synced.get(path)
            if known is not None and content.startswith(known):
                self.synced[path] = content[: len(known) + self.torn_octets]
        self.files = dict(self.synced)
        self.operations_left = None

    def append(self, path, data):
        self._operate(lambda: self.files.update({path: self.files.get(path, b"") + data}))

    def fsync(self, path):
        if path and path not in self.files:
            raise FileNotFoundError(path)
        self._operate(lambda: self.synced.update({path: self.files[path]} if path else {}))

    def rename(self, old, new):
        def move():
            self.files[new] = self.files.pop(old)
            self.synced[new] = self.synced.pop(old, b"")

        self._operate(move)

    def remove(self, path):
        self._operate(lambda: (self.files.pop(path), self.synced.pop(path, None)))

    def read(self, path, offset_octets=0, length_octets=None):
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path][offset_octets:][:length_octets]

    def list(self, prefix=""):
        return sorted(self.files)

    def _operate(self, act):
        """Do something, unless power goes before it is done."""
        if self.operations_left is not None:
            if self.operations_left == 0:
                act()  # Done, but whoever asked for it never hears of it.
                raise PowerCutError
            self.operations_left -= 1
        act()


class ScheduledSpacecraft(RuleBasedStateMachine):
    """A schedule, and an account of what has become of everything in it."""

    make_board = None  # Given by the test, from its fixture.

    @initialize()
    def boot(self):
        self.disk = VolatileDisk()
        self.done = []
        self.kinds = {}
        self.deleted = set()
        self.skipped_events = []
        self.cuts = 0
        self.board = type(self).make_board(self.disk, done=self.done)
        assert self.board.send("schedule.enable") == ""
        groups = [{"group": number, "status": Switch.ENABLED} for number in GROUPS]
        assert self.board.send("schedule.create_groups", groups=groups) == ""

    @rule(
        kind=st.sampled_from([each.value for each in Repeat]),
        anchor=st.sampled_from([Anchor.AOS, Anchor.LOS, Anchor.EVENT]),
        offset_s=st.integers(-20, 20),
        event=st.sampled_from(EVENTS),
        group=st.sampled_from([0, *GROUPS]),
        late=st.sampled_from(Late),
    )
    def insert_anchored(self, kind, anchor, offset_s, event, group, late):
        number = len(self.kinds) + 1
        if number > 200:
            return
        row = {
            "anchor": anchor,
            "offset": 1_000 * (offset_s if anchor is Anchor.EVENT else abs(offset_s)),
            "orbit_event": event if anchor is Anchor.EVENT else 0,
            "group": group,
            "late": late,
            "limit": 30 if late is Late.RUN else 0,
            "request": self.board.packet(f"act.{kind}", number, number=number),
        }
        if self.board.send("schedule.insert_relative", activities=[row]) == "":
            self.kinds[number] = kind

    @rule(event=st.sampled_from(EVENTS), after_s=st.integers(1, 200))
    def an_orbit_event_is_told(self, event, after_s):
        times = [{"orbit_event": event, "time": self.board.tai_ns + after_s * SECOND}]
        self.board.send("schedule.set_orbit_events", events=times)

    @rule(is_up=st.booleans())
    def a_pass_comes_or_goes(self, is_up):
        self.board.autonomy.contact(is_up, self.board.now_ns)
        self.note(self.board.run_to(self.board.now_ns))

    @rule(group=st.sampled_from(GROUPS), is_on=st.booleans())
    def switch_group(self, group, is_on):
        name = "schedule.enable_groups" if is_on else "schedule.disable_groups"
        assert self.board.send(name, groups=[group]) == ""

    @rule(
        kind=st.sampled_from([each.value for each in Repeat]),
        after_s=st.integers(1, 100),
        late=st.sampled_from(Late),
        count=st.integers(1, 4),
    )
    def insert(self, kind, after_s, late, count):
        first = len(self.kinds) + 1
        if first + count > 200:
            return
        rows = [
            {
                "anchor": Anchor.ABSOLUTE,
                "release_time": self.board.tai_ns + (after_s + number % 3) * SECOND,
                "late": late,
                "limit": 30 if late is Late.RUN else 0,
                "request": self.board.packet(f"act.{kind}", number, number=number),
            }
            for number in range(first, first + count)
        ]
        self.kinds.update({number: kind for number in range(first, first + count)})
        assert self.board.send("schedule.insert_relative", activities=rows) == ""

    @rule(seconds=st.integers(0, 60))
    def time_goes_on(self, seconds):
        self.note(self.board.run_to(self.board.now_ns + seconds * SECOND))

    @rule(seconds=st.integers(-80, 80))
    def the_clock_is_set(self, seconds):
        self.board.offset_ns += seconds * SECOND
        self.note(self.board.run_to(self.board.now_ns))

    @rule(down_s=st.integers(0, 40))
    def reboot(self, down_s):
        tai_ns = self.board.tai_ns + down_s * SECOND
        self.disk.power_on()
        sent = self.board.sent
        self.board = type(self).make_board(self.disk, offset_ns=tai_ns, now_ns=0, done=self.done)
        self.board.sent = sent
        self.note(self.board.run_to(0))

    @rule(operations=st.integers(0, 6), torn=st.integers(0, 40), seconds=st.integers(1, 60))
    def power_goes_while_time_goes_on(self, operations, torn, seconds):
        self.disk.operations_left, self.disk.torn_octets = operations, torn
        try:
            self.time_goes_on(seconds)
        except PowerCutError:
            self.cuts += 1
            self.note(self.board.take_events())
        self.reboot(0)

    @rule(is_on=st.booleans())
    def switch(self, is_on):
        assert self.board.send("schedule.enable" if is_on else "schedule.disable") == ""

    @rule(milliseconds=st.integers(-20_000, 60_000))
    def shift(self, milliseconds):
        self.board.send("schedule.shift_all", shift=milliseconds)

    @rule(data=st.data())
    def delete(self, data):
        waiting = sorted(self.waiting)
        if waiting:
            number = data.draw(st.sampled_from(waiting))
            row = {"source_id": SOURCE, "sequence_count": number}
            assert self.board.send("schedule.delete", requests=[row]) == ""
            self.deleted.add(number)

    @rule()
    def the_journal_is_rewritten(self):
        self.board.ledger._compact()

    @property
    def waiting(self):
        return {key & 0xFFFF for key in self.board.ledger.schedule.activities}

    def note(self, events):
        for name, values in events:
            if name == "activities_skipped":
                self.skipped_events += [key & 0xFFFF for key in values["requests"]]

    @invariant()
    def each_is_waiting_or_deleted_or_has_come_to_one_end(self):
        fates = [(key & 0xFFFF, fate) for key, fate, _ in self.board.ledger.schedule.fates]
        ended = [number for number, _ in fates]
        assert len(ended) == len(set(ended))
        assert sorted([*ended, *self.waiting, *self.deleted]) == sorted(self.kinds)
        assert all(key_of(SOURCE, Apid.CORE, number) for number in ended)
        toggled = {number for number, is_on in self.board.ledger.housekeeping.items() if is_on}
        touched = set(self.board.ledger.housekeeping)
        assert toggled == touched  # Twice is off again.
        for number, fate in fates:
            acted = [each for _, each in self.done].count(number) + (number in touched)
            match self.kinds[number], fate:
                case _, Fate.SKIPPED_LATE | Fate.SKIPPED_DISABLED:
                    assert acted == 0
                case "store", _:
                    assert (acted, fate) == (1, Fate.EXECUTED)
                case "once", Fate.EXECUTED:
                    assert acted == 1
                case "once", _:
                    assert fate is Fate.OUTCOME_UNKNOWN
                    assert acted <= 1
                    assert self.cuts
                case "idempotent", _:
                    assert fate is Fate.EXECUTED
                    assert acted >= 1
                    assert acted <= 1 + self.cuts
        # An event can be lost with power, its record cannot; and nothing is told that is not so.
        assert set(self.skipped_events) <= {number for number, fate in fates if fate in SKIPS}
        assert len(self.skipped_events) == len(set(self.skipped_events))


@pytest.mark.timeout(300)
def test_each_due_command_acts_once_or_is_reported_skipped_whatever_happens(make_board):
    machine = type("Machine", (ScheduledSpacecraft,), {"make_board": staticmethod(make_board)})
    case = machine.TestCase
    case.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
    case().runTest()


class ScheduledByTheClock(RuleBasedStateMachine):
    """A whole spacecraft, whose activities make directories; its clock is set and adjusted by command."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.disk = SimulatedDisk(Path(self.folder.name) / "store", Streams(1))
        self.operator = Operator(self.disk, clock_id="bench")
        self.inserted = 0
        self.cuts = 0
        assert self.operator.command("schedule.enable") is None

    def teardown(self):
        self.folder.cleanup()

    @property
    def tai_ns(self):
        return self.operator.spacecraft._clock.tai_ns(self.operator.now_ns)

    @rule(after_s=st.integers(1, 60), late=st.sampled_from(Late))
    def insert(self, after_s, late):
        number = self.inserted + 1
        name = DICTIONARY.command("directory.make")
        data = name.arguments.encode({"name": f"due-{number}"})
        packet = Telecommand(Apid.CORE, number, name.service, name.subtype, SOURCE, data=data).encode()
        row = {
            "anchor": Anchor.ABSOLUTE,
            "release_time": self.tai_ns + after_s * SECOND,
            "late": late,
            "limit": 30 if late is Late.RUN else 0,
            "request": packet,
        }
        assert self.operator.command("schedule.insert_relative", activities=[row]) is None
        self.inserted = number

    @rule(seconds=st.integers(1, 60))
    def time_goes_on(self, seconds):
        self.operator.run(seconds)

    @rule(seconds=st.integers(-80, 80))
    def the_clock_is_adjusted(self, seconds):
        assert self.operator.command("time.adjust", offset=seconds * SECOND) is None

    @rule(seconds=st.integers(-80, 80))
    def the_clock_is_set(self, seconds):
        assert self.operator.command("time.set", tai=self.tai_ns + seconds * SECOND) is None

    @rule(is_known=st.booleans())
    def reboot(self, is_known):
        self.operator.config = replace(self.operator.config, clock_id="bench" if is_known else "")
        self.operator.boot()

    @rule(operations=st.integers(1, 12), seconds=st.integers(1, 60))
    def power_goes_while_time_goes_on(self, operations, seconds):
        self.disk.cut_at(self.disk.operations + operations)
        try:
            self.operator.run(seconds)
        except PowerCut:
            self.cuts += 1
            self.disk.power_on()
            self.operator.boot()
            return
        self.disk._cut_at = None

    @invariant()
    def each_waits_or_has_come_to_one_end(self):
        book = self.operator.spacecraft._ledger.schedule
        ended = {key & 0xFFFF: fate for key, fate, _ in book.fates}
        waiting = {key & 0xFFFF for key in book.activities}
        assert book.counts.total() == len(ended)
        assert sorted([*ended, *waiting]) == list(range(1, self.inserted + 1))
        made = {int(each.removeprefix("files/due-")) for each in self.disk.list_directories("files")}
        for number, fate in ended.items():
            match fate:
                case Fate.EXECUTED:
                    assert number in made
                case Fate.SKIPPED_LATE:
                    assert number not in made
                case Fate.REFUSED:
                    # Reset too often, it is in SAFE, where no directories are made.
                    assert self.operator.spacecraft.mode is Mode.SAFE
                    assert number not in made
                case _:
                    # A directory that is there already would be refused: it never is.
                    assert (fate, bool(self.cuts)) == (Fate.OUTCOME_UNKNOWN, True)


@pytest.mark.timeout(300)
def test_by_its_own_clock_set_and_adjusted_each_activity_acts_once_or_is_reported_skipped():
    case = ScheduledByTheClock.TestCase
    case.settings = settings(max_examples=8, stateful_step_count=12, deadline=None)
    case().runTest()
