"""Jitter: some octets take longer than others, and none overtakes. It alters no octet and loses none.

Octets that are held together, `JitterConfig.hold_octets` by their offset, are late by one time, drawn evenly from 0 to
`JitterConfig.span_ns`. Held octets that would overtake those before wait for them, so on a line without pauses, times
up to the span bunch the octets and the mean is above half the span; with pauses longer than the span it is half of it.
"""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.in_order import InOrder
from hil.streams import Streams

# Holds whose times are drawn together.
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class JitterConfig:
    """How much the delay varies.

    Raises:
        MisuseError: The span or the hold is not above 0.
    """

    span_ns: int
    """The greatest additional delay."""
    hold_octets: int = 64
    """Octets that are late together. The default, an assumption, is about what an adapter or a driver hands on."""

    def __post_init__(self) -> None:
        """Refuse what delays nothing."""
        if self.span_ns <= 0 or self.hold_octets <= 0:
            raise MisuseError(
                f"expected jitter above 0 ns of above 0 octets together, found {self.span_ns} and {self.hold_octets}"
            )


class Jitter(Effect):
    """Additional delay by offset.

    Args:
        inner: The channel that it wraps.
        config: How much.
        streams: Where its draws come from; it uses the stream ``jitter``.
    """

    def __init__(self, inner: Channel, config: JitterConfig, streams: Streams) -> None:
        super().__init__(inner)
        self._config = config
        self._streams = streams
        self._order = InOrder()
        self._batch = -1
        self._late_ns: list[int] = []

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        held = self._config.hold_octets
        start = 0
        while start < len(burst.data):
            hold, index = divmod(burst.offset + start, held)
            stop = min(start + held - index, len(burst.data))
            self._inner.send(self._order.later(burst.part(start, stop), hold, self._late(hold)))
            start = stop

    def _late(self, hold: int) -> int:
        batch, index = divmod(hold, _BATCH)
        if batch != self._batch:
            self._batch = batch
            draws = self._streams.block("jitter", batch).integers(0, self._config.span_ns, _BATCH, endpoint=True)
            self._late_ns = draws.tolist()
        return self._late_ns[index]
