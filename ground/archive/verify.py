"""Whether an archive is sound, and what of the spacecraft's telemetry it does not have. It never writes.

Soundness: the pages of the file as SQLite checks them, each block and column by its checksum and its length, and each
rollup against the numbers it was made of. Completeness: gaps in the counters of frames, and numbers of stored packets
that never came. It can look while a station writes; what is removed or added meanwhile is no fault.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from ccsds.cfdp.intervals import IntervalSet
from ccsds.errors import MalformedError, MisuseError
from ccsds.time import unix_ns_from_tai
from ground.access.audit import verify as verify_audit
from ground.archive.blocks import decode_reports
from ground.archive.columns import decode_numbers
from ground.archive.reports import TIME_MAX_NS, TIME_MIN_NS
from ground.archive.rollups import CHUNK_NS, LEVELS_NS
from ground.archive.schema import SCHEMA_VERSION
from ground.events import StoreNoted

# What a person reads of a file that is wrong everywhere.
FAULTS_TOLD_MAX = 100
GAPS_TOLD_MAX = 1_000

_CHUNK_LEVEL = LEVELS_NS.index(CHUNK_NS)
_VC_COUNTS = 1 << 8
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is not as it was written."""

    file: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that never came."""

    of: str
    """Of what: a virtual channel, or a packet store."""
    first: str
    """Where it begins: a time, or a number."""
    count: int

    def __str__(self) -> str:
        return f"{self.of}: {self.count} missing from {self.first}"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was looked at, and what was found."""

    faults: list[Fault]
    gaps: list[Gap]
    blocks: int
    reports: int
    """In blocks."""
    waiting: int
    """Reports that wait in rows for a block."""
    frames: int
    acts: int
    """Records of the audit beside the archive."""


def verify(path: Path) -> Findings:
    """Look at all of an archive, and at the audit beside it.

    Raises:
        MisuseError: There is no file.
    """
    if not path.is_file():
        raise MisuseError(f"expected an archive of a station at {path}, found no file")
    faults: list[Fault] = []
    gaps: list[Gap] = []
    counts = {"blocks": 0, "reports": 0, "waiting": 0, "frames": 0}
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        _verify(connection, path, faults, gaps, counts)
    except sqlite3.DatabaseError as error:
        faults.append(Fault(file=str(path), place="file", reason=str(error)))
    finally:
        connection.close()
    acts, audit = 0, path.with_name(path.name + ".audit")
    if audit.is_file():
        try:
            acts = verify_audit(audit)
        except MalformedError as error:
            faults.append(Fault(file=str(audit), place="audit", reason=str(error)))
    return Findings(faults=faults[:FAULTS_TOLD_MAX], gaps=gaps[:GAPS_TOLD_MAX], acts=acts, **counts)


def _verify(
    connection: sqlite3.Connection, path: Path, faults: list[Fault], gaps: list[Gap], counts: dict[str, int]
) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        reason = f"expected version {SCHEMA_VERSION}, found {version}"
        faults.append(Fault(file=str(path), place="version", reason=reason))
        return
    for (text,) in connection.execute(f"PRAGMA integrity_check({FAULTS_TOLD_MAX})").fetchall():
        if text != "ok":
            faults.append(Fault(file=str(path), place="pages", reason=text))
    (counts["waiting"],) = connection.execute("SELECT count(*) FROM packets").fetchone()
    for place, reason in _block_faults(connection, counts):
        faults.append(Fault(file=str(path), place=place, reason=reason))
    for place, reason in _rollup_faults(connection):
        faults.append(Fault(file=str(path), place=place, reason=reason))
    gaps += _frame_gaps(connection, counts)
    gaps += _store_gaps(connection)


def _block_faults(connection: sqlite3.Connection, counts: dict[str, int]) -> Iterator[tuple[str, str]]:
    rows = connection.execute(
        "SELECT blocks.id, series.name, series, chunk, part, count, CAST(times AS BLOB), CAST(reports AS BLOB)"
        " FROM blocks JOIN series ON series.id = blocks.series ORDER BY chunk, blocks.id"
    )
    for number, name, series, chunk, part, count, times, reports in rows:
        counts["blocks"] += 1
        counts["reports"] += count
        place = f"block {number}, {name} of the hour from {_shown(chunk * CHUNK_NS)}"
        try:
            found = len(decode_reports(name, times, reports, TIME_MIN_NS, TIME_MAX_NS))
            if found != count:
                yield place, f"expected {count} reports, found {found}"
        except MalformedError as error:
            yield place, str(error)
        columns = connection.execute(
            "SELECT fields.name, CAST(numbers AS BLOB) FROM columns JOIN fields ON fields.id = columns.field"
            " WHERE series = ? AND chunk = ? AND part = ?",
            (series, chunk, part),
        )
        for field, numbers in columns.fetchall():
            try:
                found = len(decode_numbers(numbers))
                if found != count:
                    yield f"{place}, column {field}", f"expected {count} numbers, found {found}"
            except MalformedError as error:
                yield f"{place}, column {field}", str(error)


def _rollup_faults(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Compare the rollups of each chunk that still has its columns with those."""
    fields = connection.execute(
        "SELECT fields.id, series.name || '.' || fields.name FROM fields JOIN series ON series.id = fields.series"
    )
    for field, name in fields.fetchall():
        found: dict[int, list[float]] = {}
        for chunk, numbers in connection.execute(
            "SELECT chunk, CAST(numbers AS BLOB) FROM columns WHERE field = ?", (field,)
        ):
            try:
                column = decode_numbers(numbers).astype(np.float64)
            except MalformedError:
                continue  # It is told with its block.
            column = column[np.isfinite(column)]
            if not len(column):
                continue
            known = found.setdefault(chunk, [0, np.inf, -np.inf])
            known[0] += len(column)
            known[1] = min(known[1], float(column.min()))
            known[2] = max(known[2], float(column.max()))
        rollups = connection.execute(
            "SELECT bucket, count, minimum, maximum FROM rollups WHERE field = ? AND level = ?", (field, _CHUNK_LEVEL)
        )
        kept = {bucket: [count, lowest, highest] for bucket, count, lowest, highest in rollups}
        for chunk, expected in found.items():
            if kept.get(chunk) != expected:
                place = f"rollup of {name} in the hour from {_shown(chunk * CHUNK_NS)}"
                yield place, f"expected count, lowest and highest {expected}, found {kept.get(chunk)}"


def _frame_gaps(connection: sqlite3.Connection, counts: dict[str, int]) -> list[Gap]:
    """Find where the frame counters of virtual channels jump; whole turns of them cannot be seen."""
    last: dict[int, int] = {}
    gaps = []
    rows = connection.execute("SELECT unix_ns, virtual_channel, substr(octets, 4, 1) FROM frames ORDER BY id")
    for unix_ns, channel, octet in rows:
        counts["frames"] += 1
        if not octet:
            continue
        before, last[channel] = last.get(channel), octet[0]
        missing = 0 if before is None else (octet[0] - before - 1) % _VC_COUNTS
        # The same frame once more is no gap.
        if missing and missing != _VC_COUNTS - 1:
            gaps.append(Gap(of=f"frames of virtual channel {channel}", first=_utc(unix_ns), count=missing))
    return gaps


def _store_gaps(connection: sqlite3.Connection) -> list[Gap]:
    """Find numbers of stored packets that never came, by what was last noted of each store."""
    gaps = []
    for (text,) in connection.execute("SELECT noted FROM stores ORDER BY store").fetchall():
        noted = msgspec.json.decode(text, type=StoreNoted)
        here = IntervalSet(noted.here)
        for first, end in here.gaps(0, noted.confirmed):
            gaps.append(Gap(of=f"packets of store {noted.store.name}", first=str(first), count=end - first))
    return gaps


def _shown(tai_ns: int) -> str:
    return _utc(unix_ns_from_tai(tai_ns))


def _utc(unix_ns: int) -> str:
    try:
        return datetime.fromtimestamp(unix_ns // _NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{unix_ns} ns"
