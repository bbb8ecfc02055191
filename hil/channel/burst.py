"""A burst: octets that follow each other on a line without a gap, and when each of them passes.

An octet's time is computed from the start of its run, never added up octet by octet, so that it does not drift and does
not depend on how the run was cut into bursts. A burst knows nothing of links or of what its octets mean.
"""

from dataclasses import dataclass

from ccsds.errors import MisuseError

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast octets follow each other on a line.

    Raises:
        MisuseError: A rate or a size is not above 0.
    """

    rate_bps: int
    """Bits a second on the line, start and stop bits included where there are any."""
    bits_per_octet: int = 8
    """Bits that one octet takes on the line: 8 on a radio, 10 on a UART at 8N1."""

    def __post_init__(self) -> None:
        """Refuse a line that never moves."""
        if self.rate_bps <= 0 or self.bits_per_octet <= 0:
            raise MisuseError(
                f"expected a rate and bits an octet above 0, found {self.rate_bps}, {self.bits_per_octet}"
            )

    def duration_ns(self, count: int) -> int:
        """Time that ``count`` octets in a row take, rounded down to a whole nanosecond."""
        return count * self.bits_per_octet * NS_PER_S // self.rate_bps

    def octets_within(self, duration_ns: int) -> int:
        """Give the number of octets that have passed wholly after a time; the inverse of `duration_ns`."""
        return ((duration_ns + 1) * self.rate_bps - 1) // (self.bits_per_octet * NS_PER_S)

    def octets_begun_within(self, duration_ns: int) -> int:
        """Give the number of octets that have begun before a time, the last of them perhaps not over."""
        return -(-duration_ns * self.rate_bps // (self.bits_per_octet * NS_PER_S))


@dataclass(frozen=True, slots=True)
class Burst:
    """Part of a run: a row of octets without a gap between them.

    Times are those of the place where the burst is: at the transmitter first, later where the octets arrive.
    """

    data: bytes
    offset: int
    """Octets sent on this line before the first of these, since it began."""
    run_start_ns: int
    """When the first octet of the run begins."""
    run_index: int
    """Octets of the run before the first of these."""
    pace: Pace

    @property
    def start_ns(self) -> int:
        """When the first octet begins."""
        return self.octet_start_ns(0)

    @property
    def end_ns(self) -> int:
        """When the last octet is over."""
        return self.octet_start_ns(len(self.data))

    def octet_start_ns(self, index: int) -> int:
        """When the octet at ``index`` begins, which is when the one before it ends."""
        return self.run_start_ns + self.pace.duration_ns(self.run_index + index)

    def count_ended_by(self, now_ns: int) -> int:
        """Give the number of octets of the burst that are over at a time."""
        ended = self.pace.octets_within(now_ns - self.run_start_ns) - self.run_index
        return min(max(ended, 0), len(self.data))

    def count_begun_before(self, moment_ns: int) -> int:
        """Give the number of octets of the burst that begin before a time."""
        begun = self.pace.octets_begun_within(moment_ns - self.run_start_ns) - self.run_index
        return min(max(begun, 0), len(self.data))

    def part(self, start: int, stop: int) -> "Burst":
        """Give the octets from ``start`` up to ``stop`` as a burst of their own, at the same times."""
        if (start, stop) == (0, len(self.data)):
            return self
        return Burst(self.data[start:stop], self.offset + start, self.run_start_ns, self.run_index + start, self.pace)

    def later(self, delay_ns: int) -> "Burst":
        """Give the same burst at a later time."""
        return Burst(self.data, self.offset, self.run_start_ns + delay_ns, self.run_index, self.pace)

    def altered(self, data: bytes) -> "Burst":
        """Give the same burst with other octets, as many as before."""
        return Burst(data, self.offset, self.run_start_ns, self.run_index, self.pace)
