"""Rate: the transmitter's end of a line, which lets octets out at the line's pace, start and stop bits included.

It is the outermost part of a line and the only one that is given octets without times: it gives them theirs. Octets
handed over while the line is busy follow the run without a gap; a line that was idle begins a new run.
"""

import msgspec

from ccsds.errors import MisuseError
from hil.channel.burst import Burst, Pace
from hil.channel.channel import Channel

# A transmitter pulls its next frame when the line is free, so one frame waits at most. A caller that pushes without
# looking is a mistake; a mebioctet is far above any frame and far below what memory would notice.
WAITING_OCTETS_MAX = 1 << 20


class Rate:
    """The pacing of one direction.

    Args:
        inner: The channel that carries the octets.
        pace: The rate of the line.
    """

    def __init__(self, inner: Channel, pace: Pace) -> None:
        self._inner = inner
        self.pace = pace
        self.octets_sent = 0
        self.run_start_ns = 0
        """When the run that is leaving, or left last, began."""
        self._run_octets = 0
        self.free_at_ns = 0
        """When the last octet handed over will have left; 0 if there was none."""

    def send(self, data: bytes, now_ns: int) -> None:
        """Let octets out, at once or after those that are still leaving.

        Raises:
            MisuseError: More than `WAITING_OCTETS_MAX` would wait for the line.
        """
        if not data:
            return
        free_at_ns = self.free_at_ns
        waiting_octets = self.pace.octets_within(max(free_at_ns - now_ns, 0)) + len(data)
        if waiting_octets > WAITING_OCTETS_MAX:
            raise MisuseError(
                f"expected at most {WAITING_OCTETS_MAX} octets waiting for the line, found {waiting_octets}"
            )
        if now_ns > free_at_ns or self._run_octets == 0:
            self.run_start_ns = now_ns
            self._run_octets = 0
        self._inner.send(Burst(data, self.octets_sent, self.run_start_ns, self._run_octets, self.pace))
        self._run_octets += len(data)
        self.free_at_ns = self.run_start_ns + self.pace.duration_ns(self._run_octets)
        self.octets_sent += len(data)

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        return self._inner.receive(now_ns)

    def next_deadline(self) -> int | None:
        """See `hil.channel.channel.Channel.next_deadline`."""
        return self._inner.next_deadline()

    def take_events(self) -> list[msgspec.Struct]:
        """See `hil.channel.channel.Channel.take_events`."""
        return self._inner.take_events()

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._inner.finish()
