"""From values to places on a drawing: round ticks, and mission time told in the unit that suits its length."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# About so many ticks are on an axis.
TICKS = 7

_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)


@dataclass(frozen=True)
class Scale:
    """A range of values on a range of pixels.

    Args:
        low: Value at ``start``.
        high: Value at ``end``, above ``low``.
        start: First pixel.
        end: Last pixel.
        is_log: Whether equal ratios are equal lengths; then values are above 0.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Give the place of a value; those outside are put at the nearer end."""
        value = min(max(value, self.low), self.high)
        if self.is_log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def value_ticks(low: float, high: float) -> list[float]:
    """Give round values in a range."""
    raw = (high - low) / (TICKS - 2)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(high_s: float) -> tuple[list[float], Callable[[float], str]]:
    """Give round times from 0 on, and what to call a time."""
    step_s = next(
        (step for step in _TIME_STEPS_S if high_s / step <= TICKS + 1), math.ceil(high_s / TICKS / 86_400) * 86_400
    )
    return [number * step_s for number in range(int(high_s // step_s) + 1)], lambda seconds: clock(seconds, step_s)


def clock(seconds: float, step_s: float | None = None) -> str:
    """Call a time as a clock of the mission does: ``42 s``, ``4:05``, ``3:20 h``, ``2 d 6 h``.

    Args:
        seconds: The time.
        step_s: Between two that stand beside each other; if there are none, the time's own length decides.
    """
    if step_s is None:
        step_s = 1 if seconds < 120 else 30
    whole = round(seconds)
    if step_s >= 43_200:
        return f"{whole // 86_400} d" + (f" {whole % 86_400 // 3_600} h" if whole % 86_400 else "")
    if step_s >= 1_800 or seconds >= 3 * 3_600:
        return f"{whole // 3_600}:{whole % 3_600 // 60:02} h"
    return f"{whole // 60}:{whole % 60:02}" if step_s >= 30 else f"{whole:g} s"


def shown(value: float) -> str:
    """Write a tick's value without needless digits."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"
