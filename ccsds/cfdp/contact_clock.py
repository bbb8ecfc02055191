"""The clock that CFDP's timers count by: it goes on in contact and stands still out of it. It never reads a clock.

A hundred transactions have hundreds of timers. In place of freezing each of them (`ccsds.contact_timer`), they all
count in contact time, which this turns to and from the time of the caller.
"""

from ccsds.errors import MisuseError


class ContactClock:
    """Counts the nanoseconds in contact. It begins out of contact, at 0."""

    def __init__(self) -> None:
        self._counted_ns = 0
        self._since_ns: int | None = None

    @property
    def is_up(self) -> bool:
        """Whether there is contact."""
        return self._since_ns is not None

    def contact(self, up: bool, now_ns: int) -> None:
        """Take notice that contact begins or ends."""
        self._counted_ns = self.count(now_ns)
        self._since_ns = now_ns if up else None

    def count(self, now_ns: int) -> int:
        """Give the nanoseconds in contact so far; a time before contact began counts as then."""
        if self._since_ns is None or now_ns < self._since_ns:
            return self._counted_ns
        return self._counted_ns + now_ns - self._since_ns

    def when(self, count_ns: int) -> int | None:
        """Give the caller's time at which the count is reached if contact lasts, None out of contact."""
        if self._since_ns is None:
            return None
        return self._since_ns + max(0, count_ns - self._counted_ns)


class RepeatTimer:
    """A timer that rings again and again, each time later than before, and counts how often.

    Args:
        interval_ns: Until it rings first.
        interval_max_ns: The interval doubles up to this.
        limit: It has rung too often after more than this.

    Raises:
        MisuseError: An interval is not positive, or the longest is the shorter one.
    """

    __slots__ = ("_interval_max_ns", "_interval_ns", "_next_ns", "count", "deadline_ns", "limit")

    def __init__(self, interval_ns: int, interval_max_ns: int, limit: int) -> None:
        if not 0 < interval_ns <= interval_max_ns:
            raise MisuseError(f"timer: expected 0 < {interval_ns} <= {interval_max_ns} ns")
        self._interval_ns = interval_ns
        self._interval_max_ns = interval_max_ns
        self._next_ns = interval_ns
        self.limit = limit
        self.count = 0
        """How often it has rung since it was started."""
        self.deadline_ns: int | None = None
        """When it rings next, None if it is stopped."""

    def start(self, time_ns: int, interval_ns: int | None = None) -> None:
        """Start it from the beginning, with another first interval if one is given."""
        if interval_ns is not None:
            self._interval_ns = max(1, min(interval_ns, self._interval_max_ns))
        self._next_ns = self._interval_ns
        self.count = 0
        self.deadline_ns = time_ns + self._next_ns

    def quicken(self) -> None:
        """Let the intervals begin from the shortest again, without touching the count."""
        self._next_ns = self._interval_ns

    def restart(self, time_ns: int) -> None:
        """Let the present interval begin anew, if it runs."""
        if self.deadline_ns is not None:
            self.deadline_ns = time_ns + self._next_ns

    def stop(self) -> None:
        """Stop it."""
        self.deadline_ns = None

    def ring(self, time_ns: int) -> bool:
        """Tell whether it rings; if it does, the next interval begins."""
        if self.deadline_ns is None or time_ns < self.deadline_ns:
            return False
        self.count += 1
        self._next_ns = min(2 * self._next_ns, self._interval_max_ns)
        self.deadline_ns = time_ns + self._next_ns
        return True


class RoundTrip:
    """How long the way there and back takes, as measured; one for each far end.

    Args:
        first_ns: What is believed until it is measured.
    """

    __slots__ = ("_is_measured", "value_ns")

    def __init__(self, first_ns: int) -> None:
        self.value_ns = first_ns
        self._is_measured = False

    def sample(self, measured_ns: int) -> None:
        """Take a measurement; the mean moves an eighth of the way, as TCP's does (RFC 6298)."""
        if measured_ns < 0:
            return
        self.value_ns = (7 * self.value_ns + measured_ns) // 8 if self._is_measured else measured_ns
        self._is_measured = True
