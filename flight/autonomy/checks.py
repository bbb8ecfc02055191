"""Checks: what a sample of a parameter comes to, and what becomes of a monitor's status.

A check is made once, from its definition, and then asked with each sample. The status of a monitor changes by
`STATUS_TABLE`. Neither knows where samples come from, or whom it is told.

Source: ECSS-E-ST-70-41C 6.12.3.
"""

import math
from collections import deque
from collections.abc import Callable
from enum import Enum

from flight.books.monitoring import Monitor
from mission.monitoring import CheckKind, CheckStatus

Check = Callable[[int | float, int], CheckStatus | None]
"""Takes a sample and ``now_ns``; gives None as long as there are too few samples."""


class Turn(Enum):
    """What a result does to a status."""

    STAY = "stay"
    """Results that spoke against it count no more."""
    COUNT = "count"
    """It changes once as many in a row say the same."""
    TURN = "turn"
    """It changes at once."""


_RESULTS = tuple(status for status in CheckStatus if status is not CheckStatus.UNCHECKED)

# Status and result -> what becomes of the status. No check results in "unchecked": only commands do.
STATUS_TABLE: dict[tuple[CheckStatus, CheckStatus], Turn] = {
    **{(status, result): Turn.COUNT for status in CheckStatus for result in _RESULTS},
    **{(status, status): Turn.STAY for status in _RESULTS},
    **{(status, CheckStatus.INVALID): Turn.TURN for status in CheckStatus if status is not CheckStatus.INVALID},
}


def make_check(monitor: Monitor) -> Check:
    """Give the check of a definition."""
    return _MAKERS[monitor.kind](monitor)


def _expected(monitor: Monitor) -> Check:
    mask, expected = monitor.mask, monitor.expected

    def check(value: int | float, now_ns: int) -> CheckStatus:
        return CheckStatus.WITHIN if int(value) & mask == expected else CheckStatus.UNEXPECTED

    return check


def _limit(monitor: Monitor) -> Check:
    low, high = monitor.low, monitor.high

    def check(value: int | float, now_ns: int) -> CheckStatus:
        if value < low:
            return CheckStatus.BELOW
        return CheckStatus.ABOVE if value > high else CheckStatus.WITHIN

    return check


def _delta(monitor: Monitor) -> Check:
    within = _limit(monitor)
    samples: deque[int | float] = deque(maxlen=monitor.deltas + 1)

    def check(value: int | float, now_ns: int) -> CheckStatus | None:
        samples.append(value)
        if len(samples) <= monitor.deltas:
            return None
        return within((samples[-1] - samples[0]) / monitor.deltas, now_ns)

    return check


def _stale(monitor: Monitor) -> Check:
    last: int | float = math.nan
    changed_ns = 0

    def check(value: int | float, now_ns: int) -> CheckStatus:
        nonlocal last, changed_ns
        if value != last:
            last, changed_ns = value, now_ns
        return CheckStatus.STALE if now_ns - changed_ns > monitor.stale_ns else CheckStatus.WITHIN

    return check


_MAKERS: dict[CheckKind, Callable[[Monitor], Check]] = {
    CheckKind.EXPECTED: _expected,
    CheckKind.LIMIT: _limit,
    CheckKind.DELTA: _delta,
    CheckKind.STALE: _stale,
}
