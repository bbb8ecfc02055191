"""The latest values of every parameter and what they were before, as plots need them. It asks for nothing.

Numbers only; the archive has the rest, and what is older. A plot of many points keeps the lowest and the highest of
each bucket, so that no peak is lost, and a silence longer than a parameter's reports are apart is a gap.
"""

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

NS_PER_S = 1_000_000_000

# Parameters beyond are not plotted: a mission declares some hundreds, and structures can be made in flight.
PARAMETERS_MAX = 2_048

# An hour of one sample a second, at 16 octets each; a thousand parameters are 60 MB.
SAMPLES_MAX = 3_600

# So many are let go at once when it is full, so that letting go costs nothing.
_SAMPLES_DROPPED = SAMPLES_MAX // 8

# A parameter that has not come for so many of its periods is stale, and its line in a plot is broken.
PERIODS_MISSED = 3


@dataclass(slots=True)
class Latest:
    """The latest value of one parameter."""

    value: Any
    unix_ns: int
    tai_ns: int
    structure: str
    period_ns: int | None

    def is_stale(self, now_unix_ns: int) -> bool:
        """Tell whether it should have come again by now."""
        return self.period_ns is not None and now_unix_ns - self.unix_ns > PERIODS_MISSED * self.period_ns + NS_PER_S


@dataclass(slots=True)
class _Samples:
    times_s: array = field(default_factory=lambda: array("d"))
    values: array = field(default_factory=lambda: array("d"))
    has_numbers: bool = False
    """Whether there ever was a value: not-a-number stands for none yet."""


class Series:
    """All parameters that were heard of."""

    def __init__(self) -> None:
        self.latest: dict[str, Latest] = {}
        self.revision = 0
        """Goes up whenever anything was noted."""
        self._samples: dict[str, _Samples] = {}

    def note(
        self, structure: str, values: Mapping[str, Any], unix_ns: int, tai_ns: int, period_ns: int | None = None
    ) -> None:
        """Take in the values of one report, at the time when they were made."""
        self.revision += 1
        for name, value in values.items():
            known = self.latest.get(name)
            if known is None and len(self.latest) >= PARAMETERS_MAX:
                continue
            if known is None or tai_ns >= known.tai_ns:
                self.latest[name] = Latest(value, unix_ns, tai_ns, structure, period_ns)
            if isinstance(value, int | float) and not isinstance(value, bool):
                self._add(name, unix_ns / NS_PER_S, float(value))

    @property
    def names(self) -> list[str]:
        """Parameters with numbers to plot, in order."""
        return sorted(name for name, samples in self._samples.items() if samples.has_numbers)

    def points(self, name: str, from_s: float, to_s: float, *, buckets: int = 600) -> list[tuple[float, float | None]]:
        """Give a parameter over a span of Unix time, down-sampled; a point of None breaks the line.

        Args:
            name: Of the parameter.
            from_s: The first time.
            to_s: The last.
            buckets: At most about twice so many points come back.
        """
        samples = self._samples.get(name)
        if samples is None:
            return []
        first, end = bisect_left(samples.times_s, from_s), bisect_right(samples.times_s, to_s)
        times, values = samples.times_s[first:end], samples.values[first:end]
        latest = self.latest[name]
        gap_s = math.inf if latest.period_ns is None else PERIODS_MISSED * latest.period_ns / NS_PER_S + 1.0
        return thin(list(zip(times, values, strict=True)), gap_s, buckets)

    def _add(self, name: str, time_s: float, value: float) -> None:
        samples = self._samples.setdefault(name, _Samples())
        samples.has_numbers = samples.has_numbers or math.isfinite(value)
        if samples.times_s and time_s < samples.times_s[-1]:
            # Stored telemetry comes late, and takes its place.
            place = bisect_right(samples.times_s, time_s)
            if place and samples.times_s[place - 1] == time_s and samples.values[place - 1] == value:
                return
            samples.times_s.insert(place, time_s)
            samples.values.insert(place, value)
        else:
            samples.times_s.append(time_s)
            samples.values.append(value)
        if len(samples.times_s) > SAMPLES_MAX:
            del samples.times_s[:_SAMPLES_DROPPED]
            del samples.values[:_SAMPLES_DROPPED]


def thin(points: list[tuple[float, float]], gap_s: float, buckets: int) -> list[tuple[float, float | None]]:
    """Keep the lowest and the highest point of each bucket of time, in order, and break the line at each gap."""
    if not points:
        return []
    width_s = max((points[-1][0] - points[0][0]) / buckets, 1e-9)
    found: list[tuple[float, float | None]] = []
    start = 0
    previous_s: float | None = None
    while start < len(points):
        bucket = int((points[start][0] - points[0][0]) / width_s)
        end = start
        while (
            end < len(points)
            and int((points[end][0] - points[0][0]) / width_s) == bucket
            and (end == start or points[end][0] - points[end - 1][0] <= gap_s)
        ):
            end += 1
        if previous_s is not None and points[start][0] - previous_s > gap_s:
            found.append(((previous_s + points[start][0]) / 2, None))
        inside = [each for each in points[start:end] if math.isfinite(each[1])]
        if inside and len(inside) <= 2:
            found.extend(inside)
        elif inside:
            found.extend(sorted({min(inside, key=_value), max(inside, key=_value)}))
        else:
            found.append((points[start][0], None))
        previous_s = points[end - 1][0]
        start = end
    return found


def _value(point: tuple[float, float]) -> float:
    return point[1]


def as_number(value: Any) -> float | None:
    """Give a value as a number of a plot, if it is one."""
    if isinstance(value, IntEnum | int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    return None
