"""Reading the reports of an archive in the order of on-board time, from its blocks and its tail. It never writes."""

import heapq
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter

from ground.archive.blocks import Report, decode_reports
from ground.archive.rollups import CHUNK_NS

TIME_MIN_NS, TIME_MAX_NS = -(1 << 63), (1 << 63) - 1

_COLUMNS = "unix_ns, tai_ns, virtual_channel, service, subtype, name, content, identity, octets, generated_unix_ns"
_BLOCK = (
    "SELECT blocks.id, first_ns, last_ns, series.name FROM blocks JOIN series ON series.id = blocks.series"
    " WHERE blocks.id <= ? AND chunk = ? AND first_ns < ? AND last_ns >= ?"
)


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read as of one moment: the writer may move reports from the tail into blocks meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")


class Reports:
    """The reader of reports.

    Args:
        connection: To the archive.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def names(self) -> list[str]:
        """Give the names of all reports that are here."""
        rows = self._connection.execute("SELECT name FROM series UNION SELECT DISTINCT name FROM packets ORDER BY 1")
        return [name for (name,) in rows]

    def between(
        self, start_ns: int = TIME_MIN_NS, end_ns: int = TIME_MAX_NS, name: str | None = None
    ) -> Iterator[Report]:
        """Give reports oldest first, as of the moment of the first one.

        Args:
            start_ns: Of on-board TAI, inclusive.
            end_ns: Of on-board TAI, exclusive.
            name: Of those wanted, or None for all.

        Raises:
            MalformedError: A block is damaged.
        """
        chosen, values = ("", ()) if name is None else (" AND name = ?", (name,))
        with snapshot(self._connection):
            (last_block,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM blocks").fetchone()
            tail = self._connection.execute(
                f"SELECT {_COLUMNS} FROM packets WHERE tai_ns >= ? AND tai_ns < ?{chosen} ORDER BY tai_ns, id",
                (start_ns, end_ns, *values),
            ).fetchall()
        at_rest = self._at_rest(start_ns, end_ns, name, last_block)
        yield from heapq.merge(at_rest, (Report(*row, values={}) for row in tail), key=attrgetter("tai_ns"))

    def latest(self, limit: int, before_ns: int = TIME_MAX_NS, name: str | None = None) -> list[Report]:
        """Give the newest reports before a time, newest first.

        Raises:
            MalformedError: A block is damaged.
        """
        chosen, values = ("", ()) if name is None else (" AND name = ?", (name,))
        with snapshot(self._connection):
            rows = self._connection.execute(
                f"SELECT {_COLUMNS} FROM packets WHERE tai_ns < ?{chosen} ORDER BY tai_ns DESC, id DESC LIMIT ?",
                (before_ns, *values, limit),
            )
            found = [Report(*row, values={}) for row in rows]
            chunk = before_ns // CHUNK_NS + 1
            while limit > 0 and (chunk := self._chunk_before(chunk, name)) is not None:
                blocks = self._blocks(chunk, TIME_MIN_NS, before_ns, name, TIME_MAX_NS)
                for block, _, last_ns, series in sorted(blocks, key=lambda each: (-each[2], -each[0])):
                    if len(found) >= limit and last_ns < found[limit - 1].tai_ns:
                        break
                    found += reversed(self._load(block, series, TIME_MIN_NS, before_ns, limit))
                    found.sort(key=lambda each: -each.tai_ns)
                if len(found) >= limit and found[limit - 1].tai_ns >= chunk * CHUNK_NS:
                    break
        return found[:limit]

    def _at_rest(self, start_ns: int, end_ns: int, name: str | None, last_block: int) -> Iterator[Report]:
        """Give the reports in blocks, each block read when its first one is due."""
        chunk = start_ns // CHUNK_NS - 1
        while (chunk := self._chunk_after(chunk, name)) is not None and chunk * CHUNK_NS < end_ns:
            waiting = sorted(self._blocks(chunk, start_ns, end_ns, name, last_block), key=lambda each: each[1::-1])
            heap: list[tuple[int, int, int, Report]] = []
            while waiting or heap:
                while waiting and (not heap or waiting[0][1] <= heap[0][0]):
                    block, _, _, series = waiting.pop(0)
                    for index, report in enumerate(self._load(block, series, start_ns, end_ns)):
                        heapq.heappush(heap, (report.tai_ns, block, index, report))
                if heap:
                    yield heapq.heappop(heap)[-1]

    def _blocks(
        self, chunk: int, start_ns: int, end_ns: int, name: str | None, last_block: int
    ) -> list[tuple[int, int, int, str]]:
        chosen, values = ("", ()) if name is None else (" AND series.name = ?", (name,))
        row = (last_block, chunk, end_ns, start_ns, *values)
        return self._connection.execute(_BLOCK + chosen, row).fetchall()

    def _load(self, block: int, name: str, start_ns: int, end_ns: int, last: int | None = None) -> list[Report]:
        row = self._connection.execute("SELECT times, reports FROM blocks WHERE id = ?", (block,)).fetchone()
        # What a rule of retention has removed meanwhile is not there any more.
        if row is None:
            return []
        times, reports = row
        return decode_reports(name, times, reports, start_ns, end_ns, last)

    def _chunk_after(self, chunk: int, name: str | None) -> int | None:
        return self._next_chunk("min", ">", chunk, name)

    def _chunk_before(self, chunk: int, name: str | None) -> int | None:
        return self._next_chunk("max", "<", chunk, name)

    def _next_chunk(self, which: str, side: str, chunk: int, name: str | None) -> int | None:
        chosen, values = ("", ()) if name is None else (" AND series = (SELECT id FROM series WHERE name = ?)", (name,))
        (found,) = self._connection.execute(
            f"SELECT {which}(chunk) FROM blocks WHERE chunk {side} ?{chosen}", (chunk, *values)
        ).fetchone()
        return found
