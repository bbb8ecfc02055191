"""Spans of time in which a function of time is above zero: a grid finds them, bisection makes their ends sharp.

The function takes and gives arrays, so that all ends are sharpened at once. What rises above zero and falls again
between two points of the grid is found by its peak, if the grid is fine enough for the function to have one peak there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hil.orbit.earth import Floats

# A step of 60 s in 2^26 parts is a microsecond.
_HALVINGS = 26
# A third of a bracket goes with each turn: 60 s become 10 ms, over which a peak is flat.
_PEAK_TURNS = 22


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From when until when, in seconds of mission time."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


def find_spans(above: Callable[[Floats], Floats], start_s: float, end_s: float, step_s: float) -> list[Span]:
    """Find all spans in which a function is above zero.

    Args:
        above: The function, continuous, of mission time in s.
        start_s: From when on.
        end_s: Until when; a span that is cut by either limit ends there.
        step_s: Of the grid; no hole and no island with more than one peak is narrower.
    """
    times = np.linspace(start_s, end_s, max(2, int(np.ceil((end_s - start_s) / step_s)) + 1))
    values = above(times)
    times, values = _with_peaks(above, times, values)
    is_up = values > 0
    turns = np.flatnonzero(is_up[1:] != is_up[:-1])
    ends = _bisect(above, times[turns], times[turns + 1], is_up[turns + 1])
    edges = [*([start_s] if is_up[0] else []), *ends.tolist(), *([end_s] if is_up[-1] else [])]
    return [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if end > start]


def _with_peaks(above: Callable[[Floats], Floats], times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Put into the grid the peaks that lie between points below zero and may be above it."""
    inner = values[1:-1]
    at = 1 + np.flatnonzero((inner <= 0) & (inner >= values[:-2]) & (inner >= values[2:]))
    if not at.size:
        return times, values
    low, high = times[at - 1].copy(), times[at + 1].copy()
    for _ in range(_PEAK_TURNS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        is_right = above(left) < above(right)
        low, high = np.where(is_right, left, low), np.where(is_right, high, right)
    peaks = (low + high) / 2
    all_times = np.concatenate((times, peaks))
    order = np.argsort(all_times, kind="stable")
    return all_times[order], np.concatenate((values, above(peaks)))[order]


def _bisect(above: Callable[[Floats], Floats], low: Floats, high: Floats, is_rising: np.ndarray) -> Floats:
    if not low.size:
        return low
    low, high = low.copy(), high.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_after = (above(middle) > 0) == is_rising
        low, high = np.where(is_after, low, middle), np.where(is_after, middle, high)
    return (low + high) / 2
