"""The interval set, held against a plain set of offsets."""

from hypothesis import given
from hypothesis import strategies as st

from ccsds.cfdp.intervals import IntervalSet

OFFSETS = st.integers(0, 40)


@given(st.lists(st.tuples(st.booleans(), OFFSETS, OFFSETS), max_size=30), OFFSETS, OFFSETS)
def test_it_is_a_set_of_offsets(changes, start, end):
    intervals, offsets = IntervalSet(), set()
    for is_added, low, high in changes:
        (intervals.add if is_added else intervals.remove)(low, high)
        (offsets.update if is_added else offsets.difference_update)(range(low, high))
    assert {offset for low, high in intervals for offset in range(low, high)} == offsets
    ends = [edge for interval in intervals for edge in interval]
    assert ends == sorted(set(ends))
    assert intervals.octets == len(offsets)
    assert intervals.end == max(offsets, default=-1) + 1
    assert IntervalSet(intervals).copy().first() == intervals.first()
    window = set(range(start, end))
    assert {o for low, high in intervals.gaps(start, end) for o in range(low, high)} == window - offsets
    assert {o for low, high in intervals.within(start, end) for o in range(low, high)} == window & offsets
    assert intervals.has(start, end) is (window <= offsets)
    assert intervals.meets(start, end) is bool(window & offsets)


def test_gaps_can_be_limited():
    assert IntervalSet([(1, 2), (3, 4), (5, 6)]).gaps(0, 9, 2) == [(0, 1), (2, 3)]
