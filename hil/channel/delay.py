"""Delay: the time between leaving and arriving, fixed or following the range. It alters no octet and loses none.

A delay that follows the time of sending is looked up for each `BLOCK_OCTETS` of a run, counted from its beginning, so
neither the cutting of calls nor what else is on the line changes it. Octets arrive in the order in which they left.
"""

from collections.abc import Callable

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.in_order import InOrder

# Octets that share one delay. At 7.5 km/s, about the greatest range rate from low orbit, light time changes by 25 ns in
# a millisecond, so that the last octet of a block is off by 4096 x 25e-6, a tenth of the time that one octet takes.
BLOCK_OCTETS = 4096


class Delay(Effect):
    """The light time of a line.

    Args:
        inner: The channel that it wraps.
        delay_ns: How much later everything arrives, 0 or above; or what gives that for a time of sending.

    Raises:
        MisuseError: The delay is negative.
    """

    def __init__(self, inner: Channel, delay_ns: int | Callable[[int], int]) -> None:
        super().__init__(inner)
        if isinstance(delay_ns, int):
            _checked(delay_ns)
        self.delay_ns = delay_ns
        self._order = InOrder()

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        if isinstance(self.delay_ns, int):
            self._inner.send(burst.later(self.delay_ns))
            return
        start = 0
        while start < len(burst.data):
            block, index = divmod(burst.run_index + start, BLOCK_OCTETS)
            stop = min(start + BLOCK_OCTETS - index, len(burst.data))
            sent_ns = burst.run_start_ns + burst.pace.duration_ns(block * BLOCK_OCTETS)
            self._inner.send(self._order.later(burst.part(start, stop), block, _checked(self.delay_ns(sent_ns))))
            start = stop

    def at(self, sent_ns: int) -> int:
        """Give the delay of an octet that leaves at a time."""
        return self.delay_ns if isinstance(self.delay_ns, int) else _checked(self.delay_ns(sent_ns))


def _checked(delay_ns: int) -> int:
    if delay_ns < 0:
        raise MisuseError(f"expected a delay of 0 ns or more, found {delay_ns}")
    return delay_ns
