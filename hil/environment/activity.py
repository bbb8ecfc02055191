"""What the compute device did: when it was on, and when it worked, until somebody has reckoned with it.

Work is noted when it begins, with its end; what is killed before ends then.
"""

from collections import deque


class Activity:
    """One device. Spans are noted in order of time, and taken in order of time."""

    def __init__(self) -> None:
        self._on_since_ns: int | None = None
        self._on: deque[tuple[int, int]] = deque()
        self._busy: deque[tuple[int, int]] = deque()
        self._taken_ns = 0

    @property
    def is_on(self) -> bool:
        """Whether it is on now."""
        return self._on_since_ns is not None

    def switch_on(self, now_ns: int) -> None:
        """Note that it is on from now on."""
        if self._on_since_ns is None:
            self._on_since_ns = now_ns

    def switch_off(self, now_ns: int) -> None:
        """Note that it is off from now on, whatever it was at."""
        if self._on_since_ns is not None:
            self._on.append((self._on_since_ns, now_ns))
            self._on_since_ns = None
        while self._busy and self._busy[-1][1] > now_ns:
            start_ns, _ = self._busy.pop()
            if start_ns < now_ns:
                self._busy.append((start_ns, now_ns))
                break

    def work(self, start_ns: int, end_ns: int) -> None:
        """Note that it is at work in a span, which begins no earlier than the last one ended."""
        if self._busy and self._busy[-1][1] >= start_ns:
            start_ns, _ = self._busy.pop()
        if end_ns > start_ns:
            self._busy.append((start_ns, end_ns))

    def take(self, until_ns: int) -> tuple[float, float]:
        """Give the shares of the time since the last call in which it was on, and at work; forget what was before."""
        span_ns = until_ns - self._taken_ns
        on_ns = self._take(self._on, until_ns)
        if self._on_since_ns is not None and self._on_since_ns < until_ns:
            on_ns += until_ns - max(self._on_since_ns, self._taken_ns)
        busy_ns = self._take(self._busy, until_ns)
        self._taken_ns = until_ns
        return on_ns / span_ns, busy_ns / span_ns

    def _take(self, spans: deque[tuple[int, int]], until_ns: int) -> int:
        """Give how much of the time since the last call spans cover, and forget those that are over."""
        covered_ns = 0
        while spans and spans[0][1] <= until_ns:
            start_ns, end_ns = spans.popleft()
            covered_ns += max(end_ns - max(start_ns, self._taken_ns), 0)
        if spans and spans[0][0] < until_ns:
            covered_ns += until_ns - max(spans[0][0], self._taken_ns)
        return covered_ns


class SharedDevice:
    """What several workers have one device do: it is on while any of them is, and is never more than busy.

    Args:
        parts: What each of them does.
    """

    def __init__(self, *parts: Activity) -> None:
        self._parts = parts

    @property
    def is_on(self) -> bool:
        """Whether it is on now."""
        return any(part.is_on for part in self._parts)

    def take(self, until_ns: int) -> tuple[float, float]:
        """See `Activity.take`. Spans of different workers are taken as if none lay beside another."""
        taken = [part.take(until_ns) for part in self._parts]
        return min(sum(on for on, _ in taken), 1.0), min(sum(busy for _, busy in taken), 1.0)
