"""Whatever is done to a spacecraft, each due command acts once or is reported skipped: never twice, never lost.

A state machine inserts, moves, deletes and disables, lets time go on, sets the clock, reboots, and cuts power in the
middle of whatever the store is doing. Its own account is kept apart from all of that.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from flight.services.schedule import key_of
from mission.channels import Apid
from mission.dictionary import Repeat
from mission.schedule import Anchor, Fate, Late

SECOND = 1_000_000_000
EPOCH = 10**18
SOURCE = 9
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
