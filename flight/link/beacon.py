"""The beacon: out of contact and in SAFE a line of plain text leaves at a period, which needs no decoder to read."""

from collections.abc import Callable

from flight.beat import next_beat
from mission.beacon import encode_beacon
from mission.modes import Mode

NS_PER_S = 1_000_000_000


class Beacon:
    """The beacon of one spacecraft.

    Args:
        call_sign: What it begins with.
        period_ns: Between two; 0 for none.
        tell: Gives what follows the call sign, as of ``now_ns``.
        now_ns: When it starts.
    """

    def __init__(self, call_sign: str, period_ns: int, tell: Callable[[int], str], now_ns: int) -> None:
        self._call_sign = call_sign
        self._period_ns = period_ns
        self._tell = tell
        self._due_ns = _due_ns(now_ns, period_ns)
        self._is_waiting = False

    def set_period(self, period_ns: int, now_ns: int) -> None:
        """Set the time between two; 0 for none."""
        self._period_ns = period_ns
        self._due_ns = _due_ns(now_ns, period_ns)

    def advance(self, *, is_wanted: bool, now_ns: int) -> None:
        """Let one wait for the transmitter if it is due; one that finds none leaves nothing behind.

        Args:
            is_wanted: Whether the spacecraft is out of contact or in SAFE.
            now_ns: Now.
        """
        if not is_wanted or not self._period_ns:
            self._is_waiting = False
            self._due_ns = max(self._due_ns, _due_ns(now_ns, self._period_ns))
        elif now_ns >= self._due_ns:
            self._is_waiting = True
            self._due_ns = _due_ns(now_ns, self._period_ns)

    def next_deadline(self, *, is_wanted: bool) -> int | None:
        """Give when one is due."""
        return self._due_ns if is_wanted and self._period_ns else None

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the line that waits, if one does."""
        if not self._is_waiting:
            return None
        self._is_waiting = False
        return encode_beacon(f"{self._call_sign} {self._tell(now_ns)}")


def _due_ns(now_ns: int, period_ns: int) -> int:
    return next_beat(now_ns, period_ns) if period_ns else now_ns


def describe(mode: Mode, boot_count: int, reset_reason: str, job: str, uptime_ns: int) -> str:
    """Say how the spacecraft is, in words that fit a line: ``SAFE BOOT 12 UP 3D04H05M RST WATCHDOG JOB 3 STEP 400``."""
    minutes = uptime_ns // (60 * NS_PER_S)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    return f"{mode.name} BOOT {boot_count} UP {days}D{hours:02}H{minutes:02}M RST {reset_reason} {job}"
