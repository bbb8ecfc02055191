"""Where reports come to rest: blocks of them with columns of their numbers, and the rollups of those.

It is a part of the archive's writer and shares its transactions. A block is never changed. What comes late, or is
played back, makes another part of the chunk of on-board time that it belongs to; so everything is in its place by
on-board time, whatever the order in which it came.
"""

import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from ccsds.errors import MalformedError
from ground.archive.columns import columns_of, compress, decode_numbers, decompress, encode_numbers
from ground.archive.rollups import CHUNK_NS, roll_up
from ground.events import encode_values, encode_values_of_all

# What a look at one report reads: some hundred kilobytes, in a millisecond.
BLOCK_REPORTS_MAX = 4096

# Blocks whose identities are remembered while telemetry is played back: it comes in order, one block of a name at once.
BLOCKS_REMEMBERED_MAX = 32

# "None" among times: no report was made in the year 1677.
_NO_TIME_NS = -(1 << 63)


class Report(msgspec.Struct, frozen=True, gc=False):
    """One report, as the archive keeps it.

    Nothing in it leads back to it, so the collector of garbage need not look through the thousands that wait.
    """

    unix_ns: int
    """When it came."""
    tai_ns: int
    virtual_channel: int
    service: int
    subtype: int
    name: str
    content: str
    """Its values in JSON; empty until they are written down."""
    identity: bytes
    octets: bytes
    """The packet."""
    generated_unix_ns: int | None
    values: Mapping[str, Any]
    """At least those that are numbers."""


class _Reports(msgspec.Struct, array_like=True):
    """What of the reports of a block is not in its columns: one entry for each."""

    unix_ns: bytes
    generated_unix_ns: bytes
    virtual_channels: bytes
    services: bytes
    subtypes: bytes
    identities: list[bytes]
    contents: list[str]
    octets: list[bytes]


class Blocks:
    """The writer of blocks.

    Args:
        connection: To the archive, in a transaction whenever `add` is called.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._series: dict[str, int] = {}
        self._fields: dict[tuple[int, str], int] = {}
        self._identities: OrderedDict[int, tuple[np.ndarray, list[bytes]]] = OrderedDict()

    def add(self, reports: Iterable[Report]) -> None:
        """Put reports to rest."""
        groups: defaultdict[tuple[str, int], list[Report]] = defaultdict(list)
        for report in reports:
            groups[report.name, report.tai_ns // CHUNK_NS].append(report)
        for (name, chunk), group in groups.items():
            group.sort(key=attrgetter("tai_ns"))
            for start in range(0, len(group), BLOCK_REPORTS_MAX):
                self._insert(self._series_of(name), chunk, group[start : start + BLOCK_REPORTS_MAX])

    def count(self, name: str, tai_ns: int, identity: bytes) -> int:
        """Tell how many reports of a name, time and identity are in blocks."""
        rows = self._connection.execute(
            "SELECT id FROM blocks WHERE series = (SELECT id FROM series WHERE name = ?) AND chunk = ?"
            " AND first_ns <= ? AND last_ns >= ?",
            (name, tai_ns // CHUNK_NS, tai_ns, tai_ns),
        )
        found = 0
        for (block,) in rows.fetchall():
            times_ns, identities = self._identities_of(block)
            first, last = np.searchsorted(times_ns, (tai_ns, tai_ns + 1)).tolist()
            found += identities[first:last].count(identity)
        return found

    def forget(self) -> None:
        """Forget what was remembered of the tables: they were rolled back, or are others now."""
        self._series.clear()
        self._fields.clear()
        self._identities.clear()

    def _insert(self, series: int, chunk: int, group: Sequence[Report]) -> None:
        (part,) = self._connection.execute(
            "SELECT coalesce(max(part) + 1, 0) FROM blocks WHERE series = ? AND chunk = ?", (series, chunk)
        ).fetchone()
        times_ns = np.array([each.tai_ns for each in group], dtype=np.int64)
        self._connection.execute(
            "INSERT INTO blocks (series, chunk, part, count, first_ns, last_ns, times, reports)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (
                series,
                chunk,
                part,
                len(group),
                group[0].tai_ns,
                group[-1].tai_ns,
                encode_numbers(times_ns),
                encode_reports(group),
            ),
        )
        columns = {
            self._field_of(series, name): numbers
            for name, numbers in columns_of([each.values for each in group]).items()
        }
        self._connection.executemany(
            "INSERT INTO columns (field, chunk, part, numbers) VALUES (?,?,?,?)",
            [(field, chunk, part, encode_numbers(numbers)) for field, numbers in columns.items()],
        )
        self._connection.executemany(
            "INSERT INTO rollups VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET count = count + excluded.count,"
            " minimum = min(minimum, excluded.minimum), maximum = max(maximum, excluded.maximum),"
            " total = total + excluded.total",
            roll_up(times_ns, columns),
        )

    def _series_of(self, name: str) -> int:
        if name not in self._series:
            self._connection.execute("INSERT OR IGNORE INTO series (name) VALUES (?)", (name,))
            (found,) = self._connection.execute("SELECT id FROM series WHERE name = ?", (name,)).fetchone()
            self._series[name] = found
        return self._series[name]

    def _field_of(self, series: int, name: str) -> int:
        key = (series, name)
        if key not in self._fields:
            self._connection.execute("INSERT OR IGNORE INTO fields (series, name) VALUES (?,?)", key)
            (found,) = self._connection.execute("SELECT id FROM fields WHERE series = ? AND name = ?", key).fetchone()
            self._fields[key] = found
        return self._fields[key]

    def _identities_of(self, block: int) -> tuple[np.ndarray, list[bytes]]:
        if block not in self._identities:
            times, packed = self._connection.execute(
                "SELECT times, reports FROM blocks WHERE id = ?", (block,)
            ).fetchone()
            self._identities[block] = (decode_numbers(times), _unpack(packed).identities)
            if len(self._identities) > BLOCKS_REMEMBERED_MAX:
                self._identities.popitem(last=False)
        self._identities.move_to_end(block)
        return self._identities[block]


def encode_reports(group: Sequence[Report]) -> bytes:
    """Give the reports of a block as octets, without their times and names."""
    generated = [_NO_TIME_NS if each.generated_unix_ns is None else each.generated_unix_ns for each in group]
    packed = _Reports(
        unix_ns=encode_numbers(np.array([each.unix_ns for each in group], dtype=np.int64)),
        generated_unix_ns=encode_numbers(np.array(generated, dtype=np.int64)),
        virtual_channels=bytes(each.virtual_channel for each in group),
        services=bytes(each.service for each in group),
        subtypes=bytes(each.subtype for each in group),
        identities=[each.identity for each in group],
        contents=_contents(group),
        octets=[each.octets for each in group],
    )
    return compress(msgspec.msgpack.encode(packed))


def content_of(report: Report) -> str:
    """Give the values of a report in JSON."""
    return report.content or encode_values(report.values).decode()


def _contents(group: Sequence[Report]) -> list[str]:
    # A flood has not been written down before, and is told faster together.
    if not any(each.content for each in group):
        return encode_values_of_all([each.values for each in group])
    return [content_of(each) for each in group]


def decode_reports(
    name: str, times: bytes, reports: bytes, start_ns: int, end_ns: int, last: int | None = None
) -> list[Report]:
    """Give the reports of a block between two times, in order of their time; of their values only the JSON.

    Args:
        name: Of the series.
        times: As the block has them.
        reports: As the block has them.
        start_ns: Inclusive.
        end_ns: Exclusive.
        last: How many of them at most, the last ones; None for all.

    Raises:
        MalformedError: It is damaged.
    """
    times_ns = decode_numbers(times)
    packed = _unpack(reports)
    unix_ns = decode_numbers(packed.unix_ns)
    generated = decode_numbers(packed.generated_unix_ns)
    entries = (packed.virtual_channels, packed.services, packed.subtypes, packed.identities, packed.contents)
    lengths = {len(each) for each in (times_ns, unix_ns, generated, packed.octets, *entries)}
    if len(lengths) != 1:
        raise MalformedError(f"expected as many entries of each kind in a block, found {sorted(lengths)}")
    begin, end = np.searchsorted(times_ns, (start_ns, end_ns)).tolist()
    chosen = slice(begin if last is None else max(begin, end - last), end)
    return [
        Report(
            unix_ns=came_ns,
            tai_ns=tai_ns,
            virtual_channel=virtual_channel,
            service=service,
            subtype=subtype,
            name=name,
            content=content,
            identity=identity,
            octets=octets,
            generated_unix_ns=None if made_ns == _NO_TIME_NS else made_ns,
            values={},
        )
        for came_ns, tai_ns, virtual_channel, service, subtype, content, identity, octets, made_ns in zip(
            unix_ns[chosen].tolist(),
            times_ns[chosen].tolist(),
            packed.virtual_channels[chosen],
            packed.services[chosen],
            packed.subtypes[chosen],
            packed.contents[chosen],
            packed.identities[chosen],
            packed.octets[chosen],
            generated[chosen].tolist(),
            strict=True,
        )
    ]


def _unpack(octets: bytes) -> _Reports:
    try:
        return msgspec.msgpack.decode(decompress(octets), type=_Reports)
    except msgspec.MsgspecError as error:
        raise MalformedError(f"expected the reports of a block, found: {error}") from None
