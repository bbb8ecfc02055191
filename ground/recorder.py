"""The archive of a station in service, and what becomes of what it cannot keep.

A file that turns out to be damaged is set aside, and a fresh one begun. While the disk is full, what becomes of
commands, alarms and transfers waits here, and is kept once there is room. Telemetry does not wait: the spacecraft has
it until the ground confirms it, and the station, told by `Archive.when_lost`, confirms none that was lost.
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
from ground.archive.retention import Rule
from ground.events import ArchiveFailed, ArchiveRegained, CommandStaged, StationEvent, StoreNoted
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
        self._has_recorded = False
        self._caught_up = 0
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
            self._mending(lambda archive: archive.record(events, time.time_ns()))
        except sqlite3.Error as error:
            told_once: list[StationEvent] = [each for each in events if isinstance(each, _TOLD_ONCE)]
            # What the tables themselves refuse would be refused for ever.
            if told_once and (isinstance(error, sqlite3.OperationalError) or is_damage(error)):
                self._waiting.append((time.time_ns(), told_once))
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
            self._tell_kept(ArchiveRegained(time_ns=time.monotonic_ns(), waited=self._caught_up))

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
        is_new = str(error) != self.trouble
        self.trouble, self._has_recorded = str(error), False
        if is_new:
            self._caught_up = 0
            self._tell_kept(ArchiveFailed(time_ns=time.monotonic_ns(), reason=str(error)))

    def _tell_kept(self, event: ArchiveFailed | ArchiveRegained) -> None:
        """Tell an event of the archive's own, and keep it once there is room."""
        self._waiting.append((time.time_ns(), [event]))
        self._tell(event)

    def _opened(self) -> Archive:
        return Archive.open(self._path, draw_source_id=self._draw_source_id, unix_ns=time.time_ns())

    def _catch_up(self) -> None:
        """Make durable what waits.

        Raises:
            sqlite3.Error: The disk failed.
        """
        if not self._waiting:
            return

        def write(archive: Archive) -> None:
            for unix_ns, events in self._waiting:
                archive.record(events, unix_ns)
            archive.commit()

        self._mending(write)
        self._has_recorded = True
        self._caught_up += sum(len(events) for _, events in self._waiting)
        self._waiting.clear()

    def _mending(self, write: Callable[[Archive], Any]) -> Any:
        """Write, and once more if the archive turned out to be damaged and a fresh one was begun.

        Raises:
            sqlite3.Error: The disk failed.
        """
        try:
            return write(self.archive)
        except sqlite3.Error as error:
            if not self._mend(error):
                raise
            return write(self.archive)

    def _mend(self, error: sqlite3.Error) -> bool:
        """Go on with a fresh archive if an error says that this one is damaged; False if it cannot be."""
        if not is_damage(error):
            return False
        try:
            aside = self.archive.begin_anew(time.time_ns())
        except (sqlite3.Error, OSError, MisuseError) as again:
            self._say(f"archive damaged: {error}; no fresh one could be begun: {again}")
            return False
        text = f"damaged: {error}; set aside as {aside.name}, a fresh one is begun"
        self._tell_kept(ArchiveFailed(time_ns=time.monotonic_ns(), reason=text))
        return True
