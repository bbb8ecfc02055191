"""A set of octet offsets, kept as sorted intervals: what has arrived, what is confirmed, what is asked for.

Intervals are half open, ``(start, end)``, never empty, never touching. Growing at the end, as a file that arrives in
order does, costs a comparison.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class IntervalSet:
    """A set of offsets.

    Args:
        intervals: What is in it at first.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in intervals:
            self.add(start, end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._starts, self._ends, strict=True)

    def __len__(self) -> int:
        """Count the intervals."""
        return len(self._starts)

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)})"

    @property
    def end(self) -> int:
        """One past the highest offset, 0 if there is none."""
        return self._ends[-1] if self._ends else 0

    @property
    def octets(self) -> int:
        """How many offsets are in it."""
        return sum(self._ends) - sum(self._starts)

    def add(self, start: int, end: int) -> None:
        """Put ``start`` to ``end`` (not included) into it."""
        if start >= end:
            return
        starts, ends = self._starts, self._ends
        if not ends or start > ends[-1]:
            starts.append(start)
            ends.append(end)
            return
        # Everything from `first` to before `last` touches the new interval.
        first = bisect_left(ends, start)
        last = bisect_right(starts, end)
        if first < last:
            start = min(start, starts[first])
            end = max(end, ends[last - 1])
        starts[first:last] = [start]
        ends[first:last] = [end]

    def remove(self, start: int, end: int) -> None:
        """Take ``start`` to ``end`` (not included) out of it."""
        if start >= end:
            return
        starts, ends = self._starts, self._ends
        first = bisect_right(ends, start)
        last = bisect_left(starts, end)
        if first >= last:
            return
        left = [(starts[first], start)] if starts[first] < start else []
        right = [(end, ends[last - 1])] if ends[last - 1] > end else []
        starts[first:last] = [interval[0] for interval in left + right]
        ends[first:last] = [interval[1] for interval in left + right]

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """Give the parts of it between ``start`` and ``end``, in order."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end)
        return [(max(start, self._starts[at]), min(end, self._ends[at])) for at in range(first, last)]

    def gaps(self, start: int, end: int, count_max: int | None = None) -> list[tuple[int, int]]:
        """Give what is not in it between ``start`` and ``end``, in order, ``count_max`` gaps at most."""
        found: list[tuple[int, int]] = []
        at = bisect_right(self._ends, start)
        while start < end and (count_max is None or len(found) < count_max):
            if at == len(self._starts) or self._starts[at] >= end:
                found.append((start, end))
                break
            if self._starts[at] > start:
                found.append((start, self._starts[at]))
            start = self._ends[at]
            at += 1
        return found

    def has(self, start: int, end: int) -> bool:
        """Tell whether all of ``start`` to ``end`` is in it."""
        if start >= end:
            return True
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and self._ends[at] >= end

    def meets(self, start: int, end: int) -> bool:
        """Tell whether any of ``start`` to ``end`` is in it."""
        at = bisect_right(self._ends, start)
        return at < len(self._starts) and self._starts[at] < end and start < end

    def first(self) -> tuple[int, int] | None:
        """Give the lowest interval."""
        return (self._starts[0], self._ends[0]) if self._starts else None

    def copy(self) -> "IntervalSet":
        """Give another set with the same offsets."""
        other = IntervalSet()
        other._starts, other._ends = self._starts.copy(), self._ends.copy()
        return other

    def clear(self) -> None:
        """Take everything out of it."""
        self._starts.clear()
        self._ends.clear()
