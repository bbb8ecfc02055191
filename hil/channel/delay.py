"""Delay: a fixed time between leaving and arriving. It alters no octet and loses none."""

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect


class Delay(Effect):
    """The light time of a line.

    Args:
        inner: The channel that it wraps.
        delay_ns: How much later everything arrives, 0 or above.

    Raises:
        MisuseError: The delay is negative.
    """

    def __init__(self, inner: Channel, delay_ns: int) -> None:
        super().__init__(inner)
        if delay_ns < 0:
            raise MisuseError(f"expected a delay of 0 ns or more, found {delay_ns}")
        self.delay_ns = delay_ns

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        self._inner.send(burst.later(self.delay_ns))
