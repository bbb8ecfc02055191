"""Reading numbers of an archive by name and on-board time: each sample, the last one before a time, or a plot of many.

A plot keeps the lowest and the highest of what falls into each of its points; it reads rollups where its points are
wide enough for them, and the samples themselves at its two edges and in the tail, so that nothing outside of its times
is in it and nothing inside is left out. It never writes.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from ground.archive.columns import decode_numbers
from ground.archive.reports import TIME_MIN_NS, snapshot
from ground.archive.rollups import CHUNK_NS, LEVELS_NS

# What is read one by one is held in memory as 16 octets each; beyond this, a plot is what is wanted.
SAMPLES_MAX = 20_000_000

# A wall of screens has fewer columns of pixels.
POINTS_MAX = 10_000


@dataclass(frozen=True, kw_only=True)
class SampleSeries:
    """Samples in order of their time."""

    times_ns: np.ndarray
    """On-board TAI, int64."""
    numbers: np.ndarray
    """float64, or int64 if all are whole."""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What samples come to in spans of equal width; spans without any are left out."""

    width_ns: int
    """Of a span, or 0 if each sample stands for itself."""
    times_ns: np.ndarray
    """Where each span begins, int64."""
    count: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    mean: np.ndarray


class Samples:
    """The reader of numbers.

    Args:
        connection: To the archive.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def names(self) -> list[str]:
        """Give all names of numbers, each with the report it is in: ``governor.battery_charge``."""
        with snapshot(self._connection):
            rows = self._connection.execute(
                "SELECT series.name, fields.name FROM fields JOIN series ON series.id = fields.series"
            ).fetchall()
            tail = self._connection.execute("SELECT name, numbers FROM packets GROUP BY name").fetchall()
        rows += [(report, name) for report, numbers in tail for name in msgspec.msgpack.decode(numbers)]
        return sorted({f"{report}.{name}" for report, name in rows})

    def between(self, name: str, start_ns: int, end_ns: int) -> SampleSeries:
        """Give all samples between two times.

        Args:
            name: Of a field in any report, or in one: ``governor.battery_charge``.
            start_ns: Of on-board TAI, inclusive.
            end_ns: Of on-board TAI, exclusive.

        Raises:
            MisuseError: They are too many.
            MalformedError: A column is damaged.
        """
        with snapshot(self._connection):
            return self._samples(name, start_ns, end_ns)

    def at(self, name: str, time_ns: int) -> tuple[int, int | float] | None:
        """Give the last sample at or before a time, and its time.

        Raises:
            MalformedError: A column is damaged.
        """
        with snapshot(self._connection):
            found = [_last(self._tail(name, TIME_MIN_NS, time_ns + 1))]
            for field, _ in self._fields(name):
                chunk = time_ns // CHUNK_NS + 1
                while (chunk := self._chunk_before(field, chunk)) is not None:
                    # Of the chunk of that time itself, all may be later.
                    bounds = (max(chunk * CHUNK_NS, TIME_MIN_NS), min((chunk + 1) * CHUNK_NS, time_ns + 1))
                    last = _last(_in_order(list(self._at_rest(name, *bounds))))
                    if last is not None:
                        found.append(last)
                        break
        return max((each for each in found if each is not None), key=lambda each: each[0], default=None)

    def plot(self, name: str, start_ns: int, end_ns: int, points: int = 1_000) -> Plot:
        """Give so many points between two times, or fewer, or one more at either edge; each with its extremes.

        Raises:
            MisuseError: There is no time between them, or too many points or samples are asked for.
            MalformedError: A column is damaged.
        """
        if not start_ns < end_ns:
            raise MisuseError(f"plot: expected a start before the end, found {start_ns} and {end_ns}")
        if not 0 < points <= POINTS_MAX:
            raise MisuseError(f"plot: expected 1 to {POINTS_MAX} points, found {points}")
        width_ns = -(-(end_ns - start_ns) // points)
        level = max((index for index, each in enumerate(LEVELS_NS) if each <= width_ns), default=None)
        with snapshot(self._connection):
            if level is None:
                rows = _rows_of(self._samples(name, start_ns, end_ns))
                return _plain(rows) if len(rows) <= points else _reduced(rows, start_ns, width_ns)
            span_ns = LEVELS_NS[level]
            first, last = -(-start_ns // span_ns), end_ns // span_ns
            parts = [
                _rows_of(self._samples(name, start_ns, first * span_ns)),
                *self._rollups(name, level, first, last),
                _rows_of(self._tail(name, first * span_ns, last * span_ns)),
                _rows_of(self._samples(name, last * span_ns, end_ns)),
            ]
        # So that each rollup falls into one point.
        return _reduced(np.concatenate(parts), first * span_ns, -(-width_ns // span_ns) * span_ns)

    def _samples(self, name: str, start_ns: int, end_ns: int) -> SampleSeries:
        return _in_order([*self._at_rest(name, start_ns, end_ns), self._tail(name, start_ns, end_ns)])

    def _at_rest(self, name: str, start_ns: int, end_ns: int) -> Iterator[SampleSeries]:
        """Give the samples that are in blocks."""
        where = (
            " FROM blocks JOIN columns ON columns.field = ? AND columns.chunk = blocks.chunk"
            " AND columns.part = blocks.part WHERE blocks.series = ? AND blocks.chunk BETWEEN ? AND ?"
            " AND first_ns < ? AND last_ns >= ?"
        )
        for field, series in self._fields(name):
            row = (field, series, start_ns // CHUNK_NS, (end_ns - 1) // CHUNK_NS, end_ns, start_ns)
            (count,) = self._connection.execute(f"SELECT coalesce(sum(count), 0) {where}", row).fetchone()
            if count > SAMPLES_MAX:
                raise MisuseError(f"{name}: expected at most {SAMPLES_MAX} samples at once, found {count}; plot them")
            for times, numbers in self._connection.execute(f"SELECT times, columns.numbers {where}", row):
                times_ns = decode_numbers(times)
                first, last = np.searchsorted(times_ns, (start_ns, end_ns)).tolist()
                yield SampleSeries(times_ns=times_ns[first:last], numbers=decode_numbers(numbers)[first:last])

    def _tail(self, name: str, start_ns: int, end_ns: int) -> SampleSeries:
        """Give the samples that are in the tail."""
        report, _, field = name.rpartition(".")
        chosen, values = (" AND name = ?", (report,)) if report else ("", ())
        rows = self._connection.execute(
            f"SELECT tai_ns, numbers FROM packets WHERE tai_ns >= ? AND tai_ns < ?{chosen}",
            (start_ns, end_ns, *values),
        )
        pairs = [(time_ns, msgspec.msgpack.decode(numbers).get(field)) for time_ns, numbers in rows]
        pairs = [(time_ns, number) for time_ns, number in pairs if number is not None]
        return SampleSeries(
            times_ns=np.array([time_ns for time_ns, _ in pairs], dtype=np.int64),
            numbers=_numbers([number for _, number in pairs]),
        )

    def _rollups(self, name: str, level: int, first: int, last: int) -> Iterator[np.ndarray]:
        for field, _ in self._fields(name):
            found = self._connection.execute(
                f"SELECT bucket * {LEVELS_NS[level]}, count, minimum, maximum, total FROM rollups"
                " WHERE field = ? AND level = ? AND bucket >= ? AND bucket < ?",
                (field, level, first, last),
            ).fetchall()
            yield np.array(found, dtype=_ROW)

    def _fields(self, name: str) -> list[tuple[int, int]]:
        report, _, field = name.rpartition(".")
        chosen, values = (" AND series.name = ?", (report,)) if report else ("", ())
        return self._connection.execute(
            "SELECT fields.id, fields.series FROM fields JOIN series ON series.id = fields.series"
            f" WHERE fields.name = ?{chosen}",
            (field, *values),
        ).fetchall()

    def _chunk_before(self, field: int, chunk: int) -> int | None:
        (found,) = self._connection.execute(
            "SELECT max(chunk) FROM columns WHERE field = ? AND chunk < ?", (field, chunk)
        ).fetchone()
        return found


_ROW = np.dtype(
    [
        ("time_ns", np.int64),
        ("count", np.int64),
        ("minimum", np.float64),
        ("maximum", np.float64),
        ("total", np.float64),
    ]
)
"""What samples in a span come to."""


def _numbers(numbers: list[Any]) -> np.ndarray:
    if all(isinstance(each, int) for each in numbers):
        try:
            return np.array(numbers, dtype=np.int64)
        except OverflowError:
            pass
    return np.array(numbers, dtype=np.float64)


def _in_order(parts: list[SampleSeries]) -> SampleSeries:
    """Put samples together, without those that are no number."""
    parts = [each for each in parts if len(each.times_ns)]
    if not parts:
        return SampleSeries(times_ns=np.array([], dtype=np.int64), numbers=np.array([], dtype=np.float64))
    times_ns = np.concatenate([each.times_ns for each in parts])
    numbers = np.concatenate([each.numbers for each in parts])
    order = np.argsort(times_ns, kind="stable")
    times_ns, numbers = times_ns[order], numbers[order]
    if numbers.dtype == np.float64:
        there = ~np.isnan(numbers)
        times_ns, numbers = times_ns[there], numbers[there]
    return SampleSeries(times_ns=times_ns, numbers=numbers)


def _last(samples: SampleSeries) -> tuple[int, int | float] | None:
    samples = _in_order([samples])
    return (samples.times_ns[-1].item(), samples.numbers[-1].item()) if len(samples.times_ns) else None


def _rows_of(samples: SampleSeries) -> np.ndarray:
    numbers = samples.numbers.astype(np.float64)
    finite = np.isfinite(numbers)
    rows = np.empty(int(finite.sum()), dtype=_ROW)
    rows["time_ns"] = samples.times_ns[finite]
    rows["count"] = 1
    rows["minimum"] = rows["maximum"] = rows["total"] = numbers[finite]
    return rows


def _plain(rows: np.ndarray) -> Plot:
    return Plot(
        width_ns=0,
        times_ns=rows["time_ns"],
        count=rows["count"],
        minimum=rows["minimum"],
        maximum=rows["maximum"],
        mean=rows["total"],
    )


def _reduced(rows: np.ndarray, start_ns: int, width_ns: int) -> Plot:
    """Put spans and samples together into wider spans."""
    if not len(rows):
        return replace(_plain(rows), width_ns=width_ns)
    rows = rows[np.argsort(rows["time_ns"], kind="stable")]
    spans = (rows["time_ns"] - start_ns) // width_ns
    starts = np.flatnonzero(np.diff(spans, prepend=spans[0] - 1))
    count = np.add.reduceat(rows["count"], starts)
    return Plot(
        width_ns=width_ns,
        times_ns=start_ns + spans[starts] * width_ns,
        count=count,
        minimum=np.minimum.reduceat(rows["minimum"], starts),
        maximum=np.maximum.reduceat(rows["maximum"], starts),
        mean=np.add.reduceat(rows["total"], starts) / count,
    )
