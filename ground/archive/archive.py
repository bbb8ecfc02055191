"""The archive: every frame, packet, event and command of a station in one SQLite file, and the station's identity.

There is one writer, which a lock beside the file makes sure of; `History` reads. Commits are full-synced.
Telemetry is committed in batches; a command is durable, and with it the sequence count that it used, before the caller
of `record` may let it be released, so that a station started anew never uses a sequence count twice.

A source identifier is kept only where it is sure that no sequence count of it was used that the file does not know: the
file was closed in order, and is sealed with the time at which the system last changed the lock file, which no copy and
no restored backup brings along. A file that is new, restored, or whose station was killed takes a new identifier; the
spacecraft then knows its commands from those of before. This file never reads a clock and draws nothing by chance: both
come from the caller.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from ccsds.errors import MisuseError
from ground.archive import transfer_log
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
    StoredAt,
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

SCHEMA_VERSION = 4
SEQUENCE_COUNTS = 1 << 14
EVENT_SERVICE = 5

# A commit waits for the disk once; at this many rows it is due even between the caller's own regular commits.
BATCH_ROWS_MAX = 512

# What does not wait for a batch.
_PRESSING = CommandIssued | CommandStaged | TransferStarted | TransferFinished | TransferFailed

# Of 65535 identifiers a station uses a few in its life, so that one draw in a thousand fails at most.
DRAWS_MAX = 1_000

STOPPED = "the station stopped before the answer came"
"""What is told of a command that had not ended when its station stopped."""

# Raw frames are kept for a look back of days, not for ever: at 1115 octets a million of them is 1.2 GB.
FRAMES_KEPT_MAX = 1_000_000

# A noisy link rejects thousands of frames an hour; the log of events keeps about a month of such.
EVENTS_KEPT_MAX = 1_000_000

_SCHEMA = """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1), source_id INTEGER NOT NULL, next_sequence_count INTEGER NOT NULL,
    next_command_id INTEGER NOT NULL, seal TEXT NOT NULL
);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, virtual_channel INTEGER NOT NULL, corrected INTEGER NOT NULL,
    octets BLOB NOT NULL
);
CREATE TABLE packets (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, tai_ns INTEGER NOT NULL, virtual_channel INTEGER NOT NULL,
    service INTEGER NOT NULL, subtype INTEGER NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX packets_by_name ON packets (name, tai_ns);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, content TEXT NOT NULL
);
CREATE TABLE commands (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
    service TEXT NOT NULL, source_id INTEGER NOT NULL, sequence_count INTEGER NOT NULL, octets BLOB NOT NULL,
    stage INTEGER NOT NULL, attempt INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE TABLE stages (
    id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL, unix_ns INTEGER NOT NULL, stage INTEGER NOT NULL,
    attempt INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX stages_by_command ON stages (command_id, id);
"""

_STORES_SCHEMA = """
ALTER TABLE packets ADD COLUMN identity BLOB NOT NULL DEFAULT x'';
ALTER TABLE packets ADD COLUMN store INTEGER;
ALTER TABLE packets ADD COLUMN sequence INTEGER;
CREATE INDEX packets_by_identity ON packets (identity);
CREATE TABLE stores (store INTEGER PRIMARY KEY, noted TEXT NOT NULL);
"""

# What brings an archive from each version to the next; version 0 is an empty file.
_TIME_SCHEMA = "ALTER TABLE packets ADD COLUMN generated_unix_ns INTEGER;"

_STEPS = {0: _SCHEMA, 1: transfer_log.SCHEMA, 2: _STORES_SCHEMA, 3: _TIME_SCHEMA}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the station is to the spacecraft."""

    source_id: int
    """In every telecommand of this station (16 bits)."""
    next_sequence_count: int
    """Of its next telecommand (14 bits)."""
    next_command_id: int
    """The number its next command goes by at the ground."""


class Archive:
    """The one writer of an archive; `open` makes it.

    Args:
        connection: To the file, whose schema is there.
        lock: Descriptor of the lock beside the file.
        identity: Who the station is.
    """

    def __init__(self, connection: sqlite3.Connection, lock: int, identity: Identity) -> None:
        self._connection = connection
        self._lock = lock
        self.identity = identity
        self._pending_rows = 0
        self.before_commit: Callable[[], None] = lambda: None
        """Called before anything becomes durable, whoever wants it so: which telemetry was received must be before what
        it said. It raises nothing."""
        self.transfers = TransferLog(connection, self._execute, self.commit, self._roll_back)

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
            MisuseError: Another station has it open, or it is no archive of this version.
            OSError: The file cannot be made.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
        try:
            connection = _connect(path, is_synced=is_synced)
            try:
                identity, is_sealed = _identify(connection, lock, draw_source_id)
                archive = cls(connection, lock, identity)
                archive._close_unfinished(unix_ns)
                archive.transfers.settle(unix_ns, is_sure=is_sealed)
                archive.commit()
            except BaseException:
                connection.close()
                raise
        except sqlite3.DatabaseError as error:
            os.close(lock)
            raise MisuseError(f"expected an archive of a station at {path}, found: {error}") from None
        except BaseException:
            os.close(lock)
            raise
        return archive

    def record(self, events: Iterable[StationEvent], unix_ns: int) -> None:
        """Keep events; those of commands and of a file's start and end, and all before them, are durable at return.

        Raises:
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        is_due = False
        try:
            for event in events:
                self._insert(event, unix_ns)
                is_due |= isinstance(event, _PRESSING)
            if is_due or self._pending_rows >= BATCH_ROWS_MAX:
                self.commit()
        except sqlite3.Error:
            self._roll_back()
            raise

    def commit(self) -> None:
        """Make everything recorded so far durable.

        Raises:
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        if not self._connection.in_transaction:
            return
        self.before_commit()
        try:
            for table, kept_max in (("frames", FRAMES_KEPT_MAX), ("events", EVENTS_KEPT_MAX)):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (kept_max,)
                )
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            self._roll_back()
            raise
        self._pending_rows = 0

    def close(self) -> None:
        """Commit what is left, seal the file and let it go.

        Raises:
            sqlite3.Error: The disk failed; nothing since the last commit is kept.
        """
        try:
            self.commit()
            os.utime(self._lock)
            self._connection.execute("UPDATE identity SET seal = ?", (_seal(self._lock),))
        finally:
            self._connection.close()
            os.close(self._lock)

    def abandon(self) -> None:
        """Let the file go as a kill does: nothing since the last commit is kept, and it is not sealed."""
        self._connection.close()
        os.close(self._lock)

    def _insert(self, event: StationEvent, unix_ns: int) -> None:
        match event:
            case FrameReceived():
                row = (unix_ns, event.virtual_channel, event.corrected, event.octets)
                self._execute("INSERT INTO frames (unix_ns, virtual_channel, corrected, octets) VALUES (?,?,?,?)", row)
            case ReportReceived():
                self._insert_packet(event, event.service, event.subtype, unix_ns)
            case HousekeepingReceived():
                self._insert_packet(event, *REPORT_TYPES[event.kind], unix_ns)
            case EventReported():
                if self._insert_packet(event, EVENT_SERVICE, int(event.severity), unix_ns):
                    self._insert_event(event, unix_ns)
            case StoreNoted():
                row = (int(event.store), msgspec.json.encode(event).decode())
                self._execute("INSERT OR REPLACE INTO stores (store, noted) VALUES (?,?)", row)
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

    def _insert_packet(
        self, event: ReportReceived | HousekeepingReceived | EventReported, service: int, subtype: int, unix_ns: int
    ) -> bool:
        """Keep a report; False if it is here already and was played back once more."""
        at = event.stored
        if at is not None and self._has_stored(at, event.identity):
            return False
        self._execute(
            "INSERT INTO packets (unix_ns, tai_ns, virtual_channel, service, subtype, name, content, identity, store,"
            " sequence, generated_unix_ns) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                unix_ns,
                event.tai_ns,
                event.virtual_channel,
                service,
                subtype,
                event.name,
                encode_json(event.values).decode(),
                event.identity,
                None if at is None else int(at.store),
                None if at is None else at.sequence,
                # How long ago it was made; None before the clocks are correlated.
                None if event.generated_ns is None else unix_ns - event.time_ns + event.generated_ns,
            ),
        )
        return True

    def _has_stored(self, at: StoredAt, identity: bytes) -> bool:
        """Tell whether a stored packet is here: it was played back before, or came live, which is noted with it then.

        Each that came live stands for one stored packet, so that two that say the same are two.
        """
        place = (int(at.store), at.sequence)
        rows = self._connection.execute("SELECT id, store, sequence FROM packets WHERE identity = ?", (identity,))
        found = [(number, (store, sequence)) for number, store, sequence in rows]
        if any(where == place for _, where in found):
            return True
        unplaced = [number for number, where in found if where == (None, None)]
        if unplaced:
            self._execute("UPDATE packets SET store = ?, sequence = ? WHERE id = ?", (*place, unplaced[0]))
        return bool(unplaced)

    def stores(self) -> list[StoreNoted]:
        """Give what was last noted of the packet stores on board."""
        rows = self._connection.execute("SELECT noted FROM stores ORDER BY store").fetchall()
        return [msgspec.json.decode(noted, type=StoreNoted) for (noted,) in rows]

    def _insert_event(self, event: StationEvent, unix_ns: int) -> None:
        row = (unix_ns, type(event).__name__, str(event), encode_json(event).decode())
        self._execute("INSERT INTO events (unix_ns, kind, text, content) VALUES (?,?,?,?)", row)

    def _insert_command(self, event: CommandIssued, unix_ns: int) -> None:
        self._execute(
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
        self._execute(
            "UPDATE identity SET next_sequence_count = ?, next_command_id = ?",
            ((event.sequence_count + 1) % SEQUENCE_COUNTS, event.command_id + 1),
        )

    def _insert_stage(self, command_id: int, stage: Stage, attempt: int, text: str, unix_ns: int) -> None:
        self._execute(
            "INSERT INTO stages (command_id, unix_ns, stage, attempt, text) VALUES (?,?,?,?,?)",
            (command_id, unix_ns, int(stage), attempt, text),
        )
        self._execute(
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

    def _execute(self, statement: str, row: tuple[Any, ...]) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute(statement, row)
        self._pending_rows += 1

    def _roll_back(self) -> None:
        self._pending_rows = 0
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _lock(path: Path) -> int:
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MisuseError(f"expected an archive of our own at {path}, found another station using it") from None
    return descriptor


def _connect(path: Path, *, is_synced: bool) -> sqlite3.Connection:
    # Transactions are begun and ended by hand, hence no isolation level.
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if is_synced else 'OFF'}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not 0 <= version <= SCHEMA_VERSION or (version == 0 and tables):
            raise MisuseError(f"expected an archive of version {SCHEMA_VERSION} at {path}, found version {version}")
        for step in range(version, SCHEMA_VERSION):
            connection.executescript(f"BEGIN IMMEDIATE; {_STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _identify(connection: sqlite3.Connection, lock: int, draw_source_id: Callable[[], int]) -> tuple[Identity, bool]:
    """Give who the station is, and whether that is who it was: nothing was sent that this file does not know."""
    row = connection.execute("SELECT source_id, next_sequence_count, next_command_id, seal FROM identity").fetchone()
    is_sealed = False
    if row is not None and row[3] == _seal(lock):
        is_sealed = True
        identity = Identity(source_id=row[0], next_sequence_count=row[1], next_command_id=row[2])
    else:
        used = {
            each
            for (each,) in connection.execute("SELECT source_id FROM commands UNION SELECT source_id FROM identity")
        }
        next_command_id = row[2] if row is not None else 1
        identity = Identity(
            source_id=_draw(draw_source_id, used), next_sequence_count=0, next_command_id=next_command_id
        )
    # Open, it has no seal; it gets one when it is closed in order.
    connection.execute(
        "INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, '')",
        (identity.source_id, identity.next_sequence_count, identity.next_command_id),
    )
    return identity, is_sealed


def _draw(draw_source_id: Callable[[], int], used: set[int]) -> int:
    for _ in range(DRAWS_MAX):
        source_id = draw_source_id()
        if not 0 <= source_id < 1 << 16:
            raise MisuseError(f"expected a source identifier of 16 bits, found {source_id}")
        if source_id not in used:
            return source_id
    raise MisuseError(f"expected a source identifier never used before, found none in {DRAWS_MAX} draws")


def _seal(lock: int) -> str:
    """Give the time of the last change of the lock file, which only the system sets."""
    return str(os.fstat(lock).st_ctime_ns)
