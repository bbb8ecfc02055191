"""The archive of a station in service, and what becomes of what it cannot keep.

A file that turns out to be damaged is set aside, and a fresh one begun. While the disk is full, what becomes of
commands, alarms and transfers waits here, and is kept once there is room. Telemetry does not wait: the spacecraft has
it until the ground confirms it, and the station, told by `when_lost`, confirms none that was lost. What it wanted to
confirm before it was told is not kept, and so does not leave.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ground.alarms.events import AlarmChanged
from ground.archive.archive import Archive
from ground.archive.damage import DamagedError, is_damage, set_aside
from ground.archive.log import NotSyncedError
from ground.archive.retention import Rule
from ground.events import ArchiveFailed, ArchiveRegained, CommandIssued, CommandStaged, StationEvent, StoreNoted
from ground.transfer_events import TransferFailed, TransferFinished, TransferStarted

# Batches of what is told once that wait for room: hours of a station at work, and a few megabytes.
WAITING_MAX = 10_000

_TOLD_ONCE = CommandStaged | AlarmChanged | TransferStarted | TransferFinished | TransferFailed


class Recorder:
    """Keeps what a station says; `open` it first.

    Args:
        path: Of the archive.
        draw_source_id: Gives a random number of 16 bits.
        say: Takes lines for the operator.
        tell: Takes the events that the archive failed, each reason once, and that it can be written again.
    """

    archive: Archive

    def __init__(
        self,
        path: Path,
        draw_source_id: Callable[[], int],
        say: Callable[[str], None],
        tell: Callable[[ArchiveFailed | ArchiveRegained], None],
    ) -> None:
        self._path = path
        self._draw_source_id = draw_source_id
        self._say = say
        self._tell = tell
        self.trouble = ""
        """Why the archive cannot be written, while it cannot."""
        self.when_lost: Callable[[], None] = lambda: None
        """Called when what was recorded and not yet committed is not kept; what is told before that is as of before."""
        self._lost_ns = 0
        self._has_recorded = False
        self._caught_up = 0
        self._dropped = 0
        self._waiting: deque[tuple[int, list[StationEvent]]] = deque(maxlen=WAITING_MAX)

    def open(self) -> None:
        """Open the archive; one that is damaged is set aside, and a fresh one made.

        Raises:
            MisuseError: It is no archive of ours, or another station has it.
        """
        try:
            self.archive = self._opened()
        except DamagedError as error:
            aside = set_aside(self._path)
            self._say(f"archive damaged: {error}; set aside as {aside.name}, a fresh one is begun")
            self.archive = self._opened()
        self.archive.when_lost = self._lose

    def keep(self, events: list[StationEvent]) -> str | None:
        """Keep events, and give why they cannot be kept now if so."""
        try:
            self.record(events)
        except sqlite3.Error as error:
            self.fail(error)
            return str(error)
        self._has_recorded = True
        return None

    def record(self, events: list[StationEvent]) -> None:
        """Keep events after those that wait; if that fails, what is told once of them waits too.

        Raises:
            sqlite3.Error: The disk failed.
        """
        try:
            self._catch_up()
            self._mending(lambda archive: archive.record(self._still_true(events), time.time_ns()))
        except NotSyncedError:  # All of it is there.
            raise
        except sqlite3.Error as error:
            told_once: list[StationEvent] = [each for each in events if isinstance(each, _TOLD_ONCE)]
            # What the tables themselves refuse would be refused for ever.
            if told_once and (isinstance(error, sqlite3.OperationalError) or is_damage(error)):
                self._wait_with(told_once)
            raise

    def commit(self) -> None:
        """Make durable what was recorded; what fails is told."""
        try:
            self._catch_up()
            self._mending(lambda archive: archive.commit())
        except sqlite3.Error as error:
            self.fail(error)
            return
        if self.trouble and self._has_recorded:
            self.trouble = ""
            event = ArchiveRegained(time_ns=time.monotonic_ns(), waited=self._caught_up, dropped=self._dropped)
            self._caught_up = self._dropped = 0
            self._tell_kept(event)

    def close(self) -> None:
        """Keep what waits, and let the archive go; what fails is said."""
        try:
            self._catch_up()
        except sqlite3.Error as error:
            self._say(f"archive: what waited is lost (events: {self._count_waiting()}): {error}")
        try:
            self.archive.close()
        except sqlite3.Error as error:
            self._say(f"archive: not closed in order: {error}")

    def retain(self, rule: Rule) -> dict[str, int]:
        """Remove what a rule does not keep; if the archive turns out to be damaged, a fresh one is begun.

        Raises:
            sqlite3.Error: The disk failed.
        """
        return self._mending(lambda archive: archive.retain(rule, time.time_ns()))

    def stores(self) -> list[StoreNoted]:
        """Give what was last noted of the packet stores on board; nothing if that cannot be read."""
        try:
            return self.archive.stores()
        except sqlite3.Error:
            return []

    def fail(self, error: Exception) -> None:
        """Take note that the archive cannot be written, and tell why if that is new."""
        if not self.trouble:
            self._caught_up = 0
        is_new = str(error) != self.trouble
        self.trouble, self._has_recorded = str(error), False
        if is_new:
            self._tell_kept(ArchiveFailed(time_ns=time.monotonic_ns(), reason=str(error)))

    def _tell_kept(self, event: ArchiveFailed | ArchiveRegained) -> None:
        """Tell an event of the archive's own, and keep it once there is room."""
        self._wait_with([event])
        self._tell(event)

    def _wait_with(self, events: list[StationEvent]) -> None:
        """Have events wait; the oldest make room for them."""
        if len(self._waiting) == WAITING_MAX:
            self._dropped += len(self._waiting[0][1])
        self._waiting.append((time.time_ns(), events))

    def _count_waiting(self) -> int:
        return sum(len(events) for _, events in self._waiting)

    def _opened(self) -> Archive:
        return Archive.open(self._path, draw_source_id=self._draw_source_id, unix_ns=time.time_ns())

    def _lose(self) -> None:
        self._lost_ns = time.monotonic_ns()
        self.when_lost()

    def _still_true(self, events: list[StationEvent]) -> list[StationEvent]:
        """Leave out what was noted of the stores on board before something was lost.

        Raises:
            sqlite3.OperationalError: A command among them says the same to the spacecraft.
        """
        before = [each for each in events if each.time_ns <= self._lost_ns]
        if any(isinstance(each, CommandIssued) and each.is_automatic for each in before):
            self._lose()  # Nor is kept what came with it.
            raise sqlite3.OperationalError("what was to be confirmed was lost")
        return [each for each in events if not (isinstance(each, StoreNoted) and each.time_ns <= self._lost_ns)]

    def _catch_up(self) -> None:
        """Make durable what waits.

        Raises:
            sqlite3.Error: The disk failed.
        """
        if not self._waiting:
            return
        try:
            self._mending(lambda archive: archive.record_late(self._waiting))
        except NotSyncedError:  # It is there, and the archive tells with the next commit whether it will last.
            pass
        self._has_recorded = True
        self._caught_up += self._count_waiting()
        self._waiting.clear()

    def _mending(self, write: Callable[[Archive], Any]) -> Any:
        """Write, and once more if the archive turned out to be damaged and a fresh one was begun.

        Raises:
            sqlite3.Error: The disk failed.
        """
        try:
            return write(self.archive)
        except sqlite3.Error as error:
            if not is_damage(error) and not self.archive.is_adrift:
                raise
            self._begin_anew(error)
            return write(self.archive)

    def _begin_anew(self, damage: sqlite3.Error) -> None:
        """Go on with a fresh archive.

        Raises:
            sqlite3.OperationalError: There can be none now.
        """
        try:
            aside = self.archive.begin_anew()
        except (sqlite3.Error, OSError, MisuseError) as error:
            raise sqlite3.OperationalError(f"damaged, and no fresh one could be begun: {error}") from damage
        text = f"damaged: {damage}; set aside as {aside.name}, a fresh one is begun"
        self._tell_kept(ArchiveFailed(time_ns=time.monotonic_ns(), reason=text))
