"""The archive: every frame, packet, event and command of a station in one SQLite file, and the station's identity.

There is one writer, which a lock beside the file makes sure of; `History` reads. Telemetry is committed in batches,
which outlast the station's death at once and the computer's within seconds, when the system writes them. A command,
what an operator does to an alarm, and a record of a file's transfer is synced, with all that came before it, before the
caller of `record` may let it be released; and with a command the sequence count that it used, so that a station started
anew never uses a sequence count twice. What telemetry the ground confirms to the spacecraft is synced too: the
confirmation is a command.

This file never reads a clock and draws nothing by chance: both come from the caller.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import msgspec

from ccsds.errors import MisuseError
from ground.alarms.events import AlarmChanged, DerivedComputed
from ground.archive.blocks import Report
from ground.archive.damage import DamagedError, is_damage, make_fresh, salvage, set_aside
from ground.archive.database import connect
from ground.archive.identity import Identity, identify, lock_beside, lock_path, seal_of
from ground.archive.log import Log
from ground.archive.retention import Rule, remove
from ground.archive.tail import Tail
from ground.archive.transfer_log import TransferLog
from ground.events import (
    FINAL,
    CommandIssued,
    CommandStaged,
    EventReported,
    FrameReceived,
    HousekeepingReceived,
    ReportReceived,
    Stage,
    StationEvent,
    StoreNoted,
    encode_json,
)
from ground.transfer_events import (
    TransferEvent,
    TransferFailed,
    TransferFinished,
    TransferProgressed,
    TransferStarted,
)
from mission.housekeeping import REPORT_TYPES

SEQUENCE_COUNTS = 1 << 14
EVENT_SERVICE = 5

DERIVED = "derived"
"""The name under which derived parameters are kept."""

# At this many rows a commit is due even between the caller's own regular ones: a flood of played back telemetry is
# bounded in memory, and what it costs to commit is far less than to insert.
BATCH_ROWS_MAX = 8_192

# What does not wait for a batch: it is told once, and whoever hands it over must hear whether it is kept.
_PRESSING = frozenset({CommandIssued, CommandStaged, AlarmChanged, TransferStarted, TransferFinished, TransferFailed})

STOPPED = "the station stopped before the answer came"
"""What is told of a command that had not ended when its station stopped."""

# Raw frames are kept for a look back of days, not for ever: at 1115 octets a million of them is 1.2 GB.
FRAMES_KEPT_MAX = 1_000_000

# A noisy link rejects thousands of frames an hour; the log of events keeps about a month of such.
EVENTS_KEPT_MAX = 1_000_000


class Archive:
    """The one writer of an archive; `open` makes it.

    Args:
        connection: To the file, whose schema is there.
        lock: Descriptor of the lock beside the file.
        identity: Who the station is.
        path: Of the file.
        is_synced: Whether what must be durable waits for the disk.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: int, identity: Identity, path: Path, *, is_synced: bool
    ) -> None:
        self._lock = lock
        self.identity = identity
        self._next_sequence_count = identity.next_sequence_count
        self._next_command_id = identity.next_command_id
        self.path = path
        self._is_synced = is_synced
        self._log: Log | None = None
        self._is_pressing = False
        # Whether what was committed must still be synced.
        self._is_sync_due = False
        self.is_adrift = False
        """Whether a damaged file was let go, and no fresh one is open yet: `begin_anew` is to be called again."""
        self._aside = path
        self._pending_rows = 0
        # Of the tables that keep only so many rows, the newest since the last commit.
        self._newest: dict[str, int] = {}
        self.before_commit: Callable[[], None] = lambda: None
        """Called before anything becomes durable, whoever wants it so: which telemetry was received must be before what
        it said. It raises nothing."""
        self.when_lost: Callable[[], None] = lambda: None
        """Called when what was recorded since the last commit is not kept, for whatever reason."""
        self.transfers = TransferLog(connection, self._execute_pressing, self.commit, self._roll_back)
        self._use(connection)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        draw_source_id: Callable[[], int],
        unix_ns: int,
        is_synced: bool = True,
    ) -> Self:
        """Open the archive at a path, or make it.

        Commands that had not ended when the station before stopped are closed as LOST: what they did is not known.

        Args:
            path: Of the SQLite file.
            draw_source_id: Gives a random number of 16 bits, for a file that is new or was restored.
            unix_ns: Now.
            is_synced: Whether a commit waits for the disk. A station in virtual time never loses the computer's power.

        Raises:
            DamagedError: It is an archive of ours, and damaged.
            MisuseError: Another station has it open, or it is no archive of this version.
            OSError: The file cannot be made.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only of ours a lock stays.
        is_ours = lock_path(path).exists()
        lock = lock_beside(path)
        try:
            connection = connect(path, is_synced=is_synced)
            try:
                identity, is_sealed = identify(connection, lock, draw_source_id)
                archive = cls(connection, lock, identity, path, is_synced=is_synced)
                archive._close_unfinished(unix_ns)
                archive.transfers.settle(unix_ns, is_sure=is_sealed)
                archive.commit()
            except BaseException:
                connection.close()
                raise
        except sqlite3.DatabaseError as error:
            os.close(lock)
            kind = DamagedError if is_ours and is_damage(error) else MisuseError
            if not is_ours:
                lock_path(path).unlink(missing_ok=True)
            raise kind(f"expected an archive of a station at {path}, found: {error}") from None
        except BaseException:
            os.close(lock)
            raise
        return archive

    def record(self, events: Iterable[StationEvent], unix_ns: int) -> None:
        """Keep events; those of commands and of a file's start and end, and all before them, are durable at return.

        Raises:
            NotSyncedError: All is kept, and may not outlast the computer.
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        if self._insert_all([(unix_ns, events)]) or self._pending_rows >= BATCH_ROWS_MAX:
            self.commit()

    def record_late(self, batches: Iterable[tuple[int, Iterable[StationEvent]]]) -> None:
        """Keep what could not be kept when it came, all of it or nothing; it is durable at return.

        Args:
            batches: Events, each batch after the time at which it came.

        Raises:
            NotSyncedError: All is kept, and may not outlast the computer.
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        self._insert_all(batches)
        self.commit()

    def commit(self) -> None:
        """Commit everything recorded so far, and sync it if anything in it must be durable.

        Raises:
            NotSyncedError: All is kept, and may not outlast the computer; the next commit tries again.
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        if self._connection.in_transaction or self._tail.waiting:
            self._commit_rows()
        if self._is_sync_due and self._log is not None:
            self._log.sync()
        self._is_sync_due = False

    def _commit_rows(self) -> None:
        self.before_commit()
        try:
            self._begin()
            self._tail.place()
            for table, newest in self._newest.items():
                kept_max = FRAMES_KEPT_MAX if table == "frames" else EVENTS_KEPT_MAX
                if newest > kept_max:
                    self._connection.execute(f"DELETE FROM {table} WHERE id <= ?", (newest - kept_max,))
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        self._is_sync_due |= self._is_pressing
        self._settle()

    def retain(self, rule: Rule, unix_ns: int) -> dict[str, int]:
        """Remove what a rule does not keep, and give how much that was of each kind. Commands are always kept.

        Raises:
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        self.commit()
        try:
            self._begin()
            removed = remove(self._connection, rule, unix_ns)
        except sqlite3.Error:
            self._roll_back()
            raise
        self.commit()
        self._tail.look_again()
        return removed

    def shrink(self) -> None:
        """Rewrite the file, so that it is as small as what it holds; it needs as much room again meanwhile.

        Raises:
            sqlite3.Error: The disk failed, or has no room.
        """
        self.commit()
        self._connection.execute("VACUUM")

    def begin_anew(self) -> Path:
        """Go on in a fresh file, and set the one that is damaged aside; the station is who it was.

        What it remembers of transfers, stores and alarms comes along as far as it can be read. The damaged file is let
        go once there is a fresh one to go over to. If that fails half way, the next call goes on from there.

        Returns:
            Where the damaged one is.

        Raises:
            MisuseError: Too many were set aside before.
            sqlite3.Error: The disk failed.
            OSError: The file cannot be moved, or another not be made.
        """
        fresh = Path(f"{self.path}.fresh")
        if not self.is_adrift:
            # With what it used of its counts so far; that is known beside the file.
            used = {"next_sequence_count": self._next_sequence_count, "next_command_id": self._next_command_id}
            identity = replace(self.identity, **used)
            make_fresh(fresh, identity, salvage(self._connection), is_synced=self._is_synced)
            self._settle()
            self._close_file()
            self.is_adrift = True
        if fresh.exists():
            self._aside = set_aside(self.path)
            fresh.rename(self.path)
        self._use(connect(self.path, is_synced=self._is_synced))
        self.is_adrift = self._is_sync_due = False
        self.when_lost()
        return self._aside

    def _use(self, connection: sqlite3.Connection) -> None:
        """Write to a file from now on."""
        self._connection = connection
        self._log = Log(connection, self.path) if self._is_synced else None
        self._tail = Tail(connection)
        self.transfers.connection = connection

    def close(self) -> None:
        """Commit what is left, seal the file and let it go.

        Raises:
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        try:
            self.commit()
            os.utime(self._lock)
            self._connection.execute("UPDATE identity SET seal = ?", (seal_of(self._lock),))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let the file go as a kill does: nothing since the last commit is kept, and it is not sealed."""
        self._close_file()
        os.close(self._lock)

    def _close_file(self) -> None:
        self._connection.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _insert_all(self, batches: Iterable[tuple[int, Iterable[StationEvent]]]) -> bool:
        """Insert events, and tell whether one of them does not wait for a batch."""
        is_due = False
        try:
            for unix_ns, events in batches:
                for event in events:
                    self._insert(event, unix_ns)
                    is_due |= type(event) in _PRESSING
        except sqlite3.Error:
            self._roll_back()
            raise
        return is_due

    def _insert(self, event: StationEvent, unix_ns: int) -> None:
        match event:
            case HousekeepingReceived():
                self._keep(event, *REPORT_TYPES[event.kind], unix_ns)
            case ReportReceived():
                self._keep(event, event.service, event.subtype, unix_ns)
            case FrameReceived():
                row = (unix_ns, event.virtual_channel, event.corrected, event.octets)
                statement = "INSERT INTO frames (unix_ns, virtual_channel, corrected, octets) VALUES (?,?,?,?)"
                self._newest["frames"] = self._execute(statement, row)
            case EventReported():
                if self._keep(event, EVENT_SERVICE, int(event.severity), unix_ns):
                    self._insert_event(event, unix_ns)
            case StoreNoted():
                row = (int(event.store), msgspec.json.encode(event).decode())
                self._execute("INSERT OR REPLACE INTO stores (store, noted) VALUES (?,?)", row)
            case DerivedComputed():
                self._keep(_as_report(event), 0, 0, unix_ns)
            case AlarmChanged():
                self._insert_alarm(event, unix_ns)
            case CommandIssued():
                self._insert_command(event, unix_ns)
            case CommandStaged():
                self._insert_stage(event.command_id, event.stage, event.attempt, event.text, unix_ns)
            case TransferEvent():
                self.transfers.note(event, unix_ns)
                # How far it is, is told each second; only the latest is worth its room.
                if not isinstance(event, TransferProgressed):
                    self._insert_event(event, unix_ns)
            case _:
                self._insert_event(event, unix_ns)

    def _keep(
        self, event: ReportReceived | HousekeepingReceived | EventReported, service: int, subtype: int, unix_ns: int
    ) -> bool:
        """Keep a report; False if it is here already and was played back once more."""
        if event.stored is not None:
            self._begin()
            if self._tail.has_stored(event.name, event.tai_ns, event.identity, event.stored):
                return False
        # How long ago it was made; None before the clocks are correlated.
        generated = None if event.generated_ns is None else unix_ns - event.time_ns + event.generated_ns
        # In the order of its fields: by their names it would take twice as long, fifty thousand times a second.
        report = Report(
            unix_ns,
            event.tai_ns,
            event.virtual_channel,
            service,
            subtype,
            event.name,
            "",
            event.identity,
            event.packet,
            generated,
            event.values,
        )
        self._tail.waiting.append(report)
        self._pending_rows += 1
        return True

    def stores(self) -> list[StoreNoted]:
        """Give what was last noted of the packet stores on board."""
        rows = self._connection.execute("SELECT noted FROM stores ORDER BY store").fetchall()
        return [msgspec.json.decode(noted, type=StoreNoted) for (noted,) in rows]

    def alarms(self, now_ns: int, unix_ns: int) -> list[AlarmChanged]:
        """Give what was last told of each alarm, in times of a station's clock that says ``now_ns`` at ``unix_ns``."""
        rows = self._connection.execute("SELECT unix_ns, told FROM alarms ORDER BY parameter").fetchall()
        told = []
        for told_unix_ns, text in rows:
            event = msgspec.json.decode(text, type=AlarmChanged)
            shift_ns = (told_unix_ns - unix_ns) - (event.time_ns - now_ns)
            until_ns = None if event.until_ns is None else event.until_ns + shift_ns
            told.append(msgspec.structs.replace(event, time_ns=event.time_ns + shift_ns, until_ns=until_ns))
        return told

    def _insert_alarm(self, event: AlarmChanged, unix_ns: int) -> None:
        row = (event.parameter, unix_ns, msgspec.json.encode(event).decode())
        self._execute("INSERT OR REPLACE INTO alarms (parameter, unix_ns, told) VALUES (?,?,?)", row)
        self._insert_event(event, unix_ns)
        # What an operator did is theirs to rely on.
        self._is_pressing |= bool(event.actor)

    def _insert_event(self, event: StationEvent, unix_ns: int) -> None:
        row = (unix_ns, type(event).__name__, str(event), encode_json(event).decode())
        statement = "INSERT INTO events (unix_ns, kind, text, content) VALUES (?,?,?,?)"
        self._newest["events"] = self._execute(statement, row)

    def _insert_command(self, event: CommandIssued, unix_ns: int) -> None:
        self._execute_pressing(
            "INSERT INTO commands (id, unix_ns, name, arguments, service, source_id, sequence_count, octets, stage,"
            " attempt, text) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                event.command_id,
                unix_ns,
                event.name,
                encode_json(event.arguments).decode(),
                event.service.name,
                event.source_id,
                event.sequence_count,
                event.octets,
                int(Stage.QUEUED),
                1,
                "",
            ),
        )
        self._next_sequence_count = (event.sequence_count + 1) % SEQUENCE_COUNTS
        self._next_command_id = event.command_id + 1
        self._execute_pressing(
            "UPDATE identity SET next_sequence_count = ?, next_command_id = ?",
            (self._next_sequence_count, self._next_command_id),
        )

    def _insert_stage(self, command_id: int, stage: Stage, attempt: int, text: str, unix_ns: int) -> None:
        # A command that could not be kept was taken back, and its number may be given again.
        self._execute_pressing(
            "INSERT INTO stages (command_id, unix_ns, stage, attempt, text) SELECT id, ?, ?, ?, ? FROM commands"
            " WHERE id = ?",
            (unix_ns, int(stage), attempt, text, command_id),
        )
        self._execute_pressing(
            "UPDATE commands SET stage = ?, attempt = ?, text = ? WHERE id = ?", (int(stage), attempt, text, command_id)
        )

    def _close_unfinished(self, unix_ns: int) -> None:
        places = ",".join("?" * len(FINAL))
        rows = self._connection.execute(
            f"SELECT id, attempt FROM commands WHERE stage NOT IN ({places})", [int(stage) for stage in FINAL]
        ).fetchall()
        for command_id, attempt in rows:
            self._insert_stage(command_id, Stage.LOST, attempt, STOPPED, unix_ns)
        self.commit()

    def _execute_pressing(self, statement: str, row: tuple[Any, ...]) -> None:
        self._execute(statement, row)
        self._is_pressing = True

    def _execute(self, statement: str, row: tuple[Any, ...]) -> int:
        """Change a table, and give the number of the row that was inserted, if one was."""
        self._begin()
        number = self._connection.execute(statement, row).lastrowid
        self._pending_rows += 1
        return number or 0

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _roll_back(self) -> None:
        self._settle()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._tail.look_again()
        finally:
            self.when_lost()

    def _settle(self) -> None:
        """Nothing waits any more."""
        self._pending_rows = 0
        self._is_pressing = False
        self._newest.clear()
        self._tail.settle()


def _as_report(event: DerivedComputed) -> ReportReceived:
    """Give derived parameters as a report, so that they are kept and plotted as those of the spacecraft."""
    return ReportReceived(
        time_ns=event.time_ns,
        tai_ns=event.tai_ns,
        virtual_channel=event.virtual_channel,
        apid=0,
        service=0,
        subtype=0,
        name=DERIVED,
        values=event.values,
        stored=event.stored,
        # Another one than that of the report which it was computed from: both may be played back.
        identity=DERIVED.encode() + event.identity,
        generated_ns=event.generated_ns,
    )
