"""Reading an archive: commands with their stages, packets, events, transfers and frames, newest first.

It never writes. What is read in order of on-board time is in `ground.archive.reports` and `ground.archive.samples`. It
can read while a station writes (SQLite's write-ahead log), and after it has stopped.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from ccsds.errors import MisuseError
from ground.archive.blocks import Report
from ground.archive.reports import TIME_MAX_NS, TIME_MIN_NS, Reports
from ground.archive.samples import Samples
from ground.archive.schema import SCHEMA_VERSION
from ground.events import Stage


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One stage that a command came to."""

    unix_ns: int
    stage: Stage
    attempt: int
    text: str


@dataclass(frozen=True, kw_only=True)
class CommandRecord:
    """One command and all that is known about it."""

    command_id: int
    unix_ns: int
    name: str
    arguments: dict[str, Any]
    service: str
    source_id: int
    sequence_count: int
    octets: bytes
    stage: Stage
    attempt: int
    text: str
    stages: tuple[StageRecord, ...]


@dataclass(frozen=True, kw_only=True)
class PacketRecord:
    """One telemetry report with its decoded values."""

    unix_ns: int
    tai_ns: int
    virtual_channel: int
    service: int
    subtype: int
    name: str
    values: dict[str, Any]
    octets: bytes
    """The packet itself; empty in archives from before packets were kept."""
    generated_unix_ns: int | None
    """When it was made on board, by the station's clock, if the clocks were correlated."""


@dataclass(frozen=True, kw_only=True)
class EventRecord:
    """One event of the station or the spacecraft."""

    unix_ns: int
    kind: str
    text: str
    content: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FrameRecord:
    """One TM frame as it came, after correction."""

    unix_ns: int
    virtual_channel: int
    corrected: int
    octets: bytes


@dataclass(frozen=True, kw_only=True)
class TransferRecord:
    """One file that is on its way, or was."""

    transaction: str
    direction: str
    source_name: str
    destination_name: str
    size_octets: int | None
    done_octets: int
    outcome: str
    """Name of a `ground.archive.transfer_log.Outcome`."""
    condition: str
    text: str
    """Why it failed."""
    started_unix_ns: int
    ended_unix_ns: int | None


class History:
    """The reader of an archive; `open` makes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reports = Reports(connection)
        self.samples = Samples(connection)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open the archive at a path for reading.

        Raises:
            MisuseError: There is none, or it is of another version.
        """
        path = Path(path)
        if not path.is_file():
            raise MisuseError(f"expected an archive of a station at {path}, found no file")
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError as error:
            connection.close()
            raise MisuseError(f"expected an archive of a station at {path}, found: {error}") from None
        if version != SCHEMA_VERSION:
            connection.close()
            raise MisuseError(f"expected an archive of version {SCHEMA_VERSION} at {path}, found version {version}")
        return cls(connection)

    def commands(self, limit: int = 20) -> list[CommandRecord]:
        """Give the latest commands with their stages."""
        rows = self._connection.execute(
            "SELECT id, unix_ns, name, arguments, service, source_id, sequence_count, octets, stage, attempt, text"
            " FROM commands ORDER BY id DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [self._command(row) for row in rows]

    def command(self, command_id: int) -> CommandRecord | None:
        """Give one command with its stages, if there is one of that number."""
        row = self._connection.execute(
            "SELECT id, unix_ns, name, arguments, service, source_id, sequence_count, octets, stage, attempt, text"
            " FROM commands WHERE id = ?",
            (command_id,),
        ).fetchone()
        return None if row is None else self._command(row)

    def packets(self, name: str | None = None, limit: int = 100) -> list[PacketRecord]:
        """Give the latest reports by on-board time, of one name or of all.

        Raises:
            MalformedError: The archive is damaged.
        """
        return [packet_record(each) for each in self.reports.latest(limit, name=name)]

    def events(
        self, limit: int = 100, *, kind: str | None = None, start_ns: int = TIME_MIN_NS, end_ns: int = TIME_MAX_NS
    ) -> list[EventRecord]:
        """Give the latest events, of one kind or of all, that were told between two times of the station's clock."""
        chosen, values = ("", ()) if kind is None else (" AND kind = ?", (kind,))
        rows = self._connection.execute(
            f"SELECT unix_ns, kind, text, content FROM events WHERE unix_ns >= ? AND unix_ns < ?{chosen}"
            " ORDER BY id DESC LIMIT ?",
            (start_ns, end_ns, *values, limit),
        ).fetchall()
        return [
            EventRecord(unix_ns=row[0], kind=row[1], text=row[2], content=msgspec.json.decode(row[3])) for row in rows
        ]

    def transfers(self, limit: int = 20) -> list[TransferRecord]:
        """Give the latest transfers."""
        rows = self._connection.execute(
            "SELECT name, direction, source_name, destination_name, size_octets, done_octets, outcome, condition, text,"
            " started_unix_ns, ended_unix_ns FROM transfers ORDER BY started_unix_ns DESC, id DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [
            TransferRecord(
                transaction=row[0],
                direction=row[1],
                source_name=row[2],
                destination_name=row[3],
                size_octets=row[4],
                done_octets=row[5],
                outcome=row[6],
                condition=row[7],
                text=row[8],
                started_unix_ns=row[9],
                ended_unix_ns=row[10],
            )
            for row in rows
        ]

    def frames(self, limit: int = 100) -> list[FrameRecord]:
        """Give the latest frames."""
        rows = self._connection.execute(
            "SELECT unix_ns, virtual_channel, corrected, octets FROM frames ORDER BY id DESC LIMIT ?", (limit,)
        ).fetchall()
        return [FrameRecord(unix_ns=row[0], virtual_channel=row[1], corrected=row[2], octets=row[3]) for row in rows]

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def _command(self, row: tuple[Any, ...]) -> CommandRecord:
        stages = self._connection.execute(
            "SELECT unix_ns, stage, attempt, text FROM stages WHERE command_id = ? ORDER BY id", (row[0],)
        ).fetchall()
        return CommandRecord(
            command_id=row[0],
            unix_ns=row[1],
            name=row[2],
            arguments=msgspec.json.decode(row[3]),
            service=row[4],
            source_id=row[5],
            sequence_count=row[6],
            octets=row[7],
            stage=Stage(row[8]),
            attempt=row[9],
            text=row[10],
            stages=tuple(
                StageRecord(unix_ns=each[0], stage=Stage(each[1]), attempt=each[2], text=each[3]) for each in stages
            ),
        )


def packet_record(report: Report) -> PacketRecord:
    """Give a report with its values decoded."""
    return PacketRecord(
        unix_ns=report.unix_ns,
        tai_ns=report.tai_ns,
        virtual_channel=report.virtual_channel,
        service=report.service,
        subtype=report.subtype,
        name=report.name,
        values=msgspec.json.decode(report.content),
        octets=report.octets,
        generated_unix_ns=report.generated_unix_ns,
    )
