"""The on-board clock: TAI as ``now_ns`` plus an offset that is kept in the ledger. It never touches ``now_ns``.

What on-board time is after a start, in this order:

1. The monotonic clock is the one that the ledger speaks of (the same ``clock_id``: only the process was restarted): the
   offset still holds, and so does its status.
2. The driver has a real-time clock, and it is not behind the last time that was ever given out: its estimate,
   ``ESTIMATED``. One that is behind has lost its battery.
3. Something was kept: on-board time goes on from the latest it can have been at the reset. It never goes back, and is
   late by as long as the power was off: ``UNSYNCHRONISED``, until the ground sets it.
4. Nothing was ever kept: the default of the configuration.

The time is made durable at bounded intervals for the third case.
"""

from dataclasses import dataclass

from flight.books.time import ClockKept
from flight.ledger import Ledger
from mission.time import TimeOrigin, TimeStatus
from mission.words.time import CLOCK_DRIFT, CLOCK_NOTE_PERIOD, TAI_NS_MAX

NS_PER_S = 1_000_000_000

# A reset that takes longer than this is a power cut, whose length nothing on board knows; the uncertainty after a
# start from the last known time counts this much for it, and the status says the rest.
RESET_NS_MAX = 60 * NS_PER_S


@dataclass(frozen=True, kw_only=True)
class ClockConfig:
    """What the driver knows of time when the flight software starts."""

    tai_offset_ns: int
    """TAI (nanoseconds since 1958) less ``now_ns``: the real-time clock's estimate, or else a default."""
    uncertainty_ns: int | None = None
    """How far that may be from the truth; None if it is only a default."""
    clock_id: str = ""
    """The same after a restart if, and only if, ``now_ns`` has gone on; empty if the driver cannot tell."""


class Clock:
    """On-board time.

    Args:
        config: What the driver knows.
        ledger: Where it is kept.
        now_ns: Of the start.
    """

    def __init__(self, config: ClockConfig, ledger: Ledger, now_ns: int) -> None:
        self._config = config
        self._ledger = ledger
        self._note_period_ns: int = CLOCK_NOTE_PERIOD.default * NS_PER_S
        self.drift_ppm: float = CLOCK_DRIFT.default
        """By how much the clock may be fast or slow."""
        self.before = ledger.clock
        """What was kept when it started; None if nothing was."""
        self.origin, self._started = self._start(now_ns)

    @property
    def status(self) -> TimeStatus:
        """How the time came about."""
        return TimeStatus(self._kept.status)

    def tai_ns(self, now_ns: int) -> int:
        """Give on-board time, in nanoseconds of TAI since 1958."""
        # A clock that runs out stands still: nothing may fail for that.
        return min(max(now_ns + self._kept.offset_ns, 0), TAI_NS_MAX)

    def uncertainty_ns(self, now_ns: int) -> int | None:
        """Give how far on-board time may be from the truth; None if that is not known."""
        return self._grown(self._kept, self.tai_ns(now_ns))

    def set(self, tai_ns: int, uncertainty_ns: int, now_ns: int) -> ClockKept:
        """Give the change that sets the time as it is now."""
        return self._keep(tai_ns - now_ns, TimeStatus.SYNCHRONISED, uncertainty_ns, now_ns)

    def note(self, now_ns: int) -> ClockKept:
        """Give the change that makes durable what is known now; the next is due a period later."""
        self._next_note_ns = now_ns + self._note_period_ns
        return self._keep(self._kept.offset_ns, self.status, self.uncertainty_ns(now_ns), now_ns)

    def note_every(self, period_ns: int, now_ns: int) -> None:
        """Make the time durable this often from now on."""
        self._note_period_ns = period_ns
        self._next_note_ns = now_ns + period_ns

    def next_deadline(self) -> int:
        """Give when the time is to be made durable again."""
        return self._next_note_ns

    @property
    def _kept(self) -> ClockKept:
        kept = self._ledger.clock
        return self._started if kept is None or kept is self.before else kept

    def _keep(self, offset_ns: int, status: TimeStatus, uncertainty_ns: int | None, now_ns: int) -> ClockKept:
        tai_ns = min(max(now_ns + offset_ns, 0), TAI_NS_MAX)
        return ClockKept(
            clock_id=self._config.clock_id,
            offset_ns=tai_ns - now_ns,
            status=status,
            tai_ns=tai_ns,
            until_tai_ns=tai_ns + max(self._next_note_ns - now_ns, 0),
            uncertainty_ns=uncertainty_ns,
        )

    def _start(self, now_ns: int) -> tuple[TimeOrigin, ClockKept]:
        config, before = self._config, self.before
        self._next_note_ns = now_ns + self._note_period_ns
        is_estimate = config.uncertainty_ns is not None
        if before is not None and before.clock_id == config.clock_id != "":
            uncertainty_ns = self._grown(before, now_ns + before.offset_ns)
            started = self._keep(before.offset_ns, TimeStatus(before.status), uncertainty_ns, now_ns)
            return TimeOrigin.CONTINUED, started
        if is_estimate and (before is None or now_ns + config.tai_offset_ns >= before.until_tai_ns):
            started = self._keep(config.tai_offset_ns, TimeStatus.ESTIMATED, config.uncertainty_ns, now_ns)
            return TimeOrigin.REAL_TIME_CLOCK, started
        if before is not None:
            known_ns = before.uncertainty_ns
            missed_ns = before.until_tai_ns - before.tai_ns + RESET_NS_MAX
            uncertainty_ns = None if known_ns is None else known_ns + missed_ns
            started = self._keep(before.until_tai_ns - now_ns, TimeStatus.UNSYNCHRONISED, uncertainty_ns, now_ns)
            return TimeOrigin.LAST_KNOWN, started
        return TimeOrigin.DEFAULT, self._keep(config.tai_offset_ns, TimeStatus.UNSYNCHRONISED, None, now_ns)

    def _grown(self, kept: ClockKept, tai_ns: int) -> int | None:
        """Give the uncertainty that has grown from what it was."""
        if kept.uncertainty_ns is None:
            return None
        return kept.uncertainty_ns + round(max(tai_ns - kept.tai_ns, 0) * self.drift_ppm / 1e6)
