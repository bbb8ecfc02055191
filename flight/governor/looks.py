"""When the sensors are looked at: once in each period, at another phase of it each time.

Of a device that is busy in a rhythm, looks at even times could see one phase only. These fill the period evenly, so
that a look can stand for its whole period, whatever the rhythm.
"""

# Multiples of the golden ratio, whole parts left out, fill the unit interval evenly: here in millionths.
_GOLDEN_MILLIONTHS = 618_034
_MILLION = 1_000_000


class Looks:
    """The times of the looks. The first is at once."""

    def __init__(self) -> None:
        self.due_ns = 0
        """When the next one is due."""
        self._begin_ns: int | None = None
        self._period_ns = 0
        self._period = 0
        """The number of the period of the last look, from the first one on."""

    def take(self, period_ns: int, now_ns: int) -> int:
        """Take note of a look, and give how long a time it stands for, in nanoseconds.

        Args:
            period_ns: Of the looks after it.
            now_ns: When it is; it may be late.
        """
        before_ns, before = self._period_ns, self._period
        if self._begin_ns is None:
            self._begin(period_ns, now_ns)
            return 0
        self._period = (now_ns - self._begin_ns) // self._period_ns
        stood_for_ns = (self._period - before) * before_ns
        if period_ns != self._period_ns:
            self._begin(period_ns, now_ns)
        else:
            self._await()
        return stood_for_ns

    def _begin(self, period_ns: int, now_ns: int) -> None:
        self._begin_ns, self._period_ns, self._period = now_ns, period_ns, 0
        self._await()

    def _await(self) -> None:
        assert self._begin_ns is not None
        number = self._period + 1
        phase_ns = self._period_ns * (number * _GOLDEN_MILLIONTHS % _MILLION) // _MILLION
        self.due_ns = self._begin_ns + number * self._period_ns + phase_ns
