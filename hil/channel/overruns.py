"""Overruns: a UART's receiver holds a few octets, and its processor sometimes comes too late to take them.

While the processor is busy elsewhere, which it is at times drawn from the seed (`hil.channel.spells`), the first octets
to arrive fill the FIFO and those after them are lost, as in a 16550 (what is in the FIFO is kept). That the octets in
it are handed over late is left out.
"""

from dataclasses import dataclass

import msgspec

from ccsds.errors import MisuseError
from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.spells import Spells, check_spells
from hil.channel.tally import Tally, in_span
from hil.streams import Streams


@dataclass(frozen=True, kw_only=True)
class FifoConfig:
    """What a receiver holds, and when nobody empties it.

    Raises:
        MisuseError: A size or a time is out of range.
    """

    octets: int = 16
    """Octets that it holds; 16 in a 16550."""
    stall_every_ns: float
    """Mean time from the end of one stall of the processor to the beginning of the next."""
    stall_ns: float
    """Mean length of a stall."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.octets < 1:
            raise MisuseError(f"expected a FIFO of 1 octet or more, found {self.octets}")
        check_spells(self.stall_every_ns, self.stall_ns, "stalls")


class OctetsOverrun(msgspec.Struct, frozen=True, tag=True):
    """A receiver's FIFO overran."""

    line: str
    offset: int
    """Offset of the first octet lost."""
    start_ns: int
    """Start of the span of time."""
    overruns: int = 0
    """Stalls that cost something."""
    lost: int = 0
    """Octets lost."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: {self.overruns} overruns took {self.lost} octets from offset {self.offset} on, "
            f"{in_span(self.start_ns)}"
        )


class Overruns(Effect):
    """Losses of a full FIFO.

    Args:
        inner: The channel that it wraps.
        config: How much it holds, and when it is not emptied.
        streams: Where its draws come from; it uses the stream ``overruns``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: FifoConfig, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._octets = config.octets
        self._spells = Spells(streams, "overruns", config.stall_every_ns, config.stall_ns)
        self._tally = Tally(OctetsOverrun, line, self._add_event)
        self._stall = -1
        self._held = 0
        self._has_cost = False

    @property
    def octets_lost(self) -> int:
        """Octets lost in overruns."""
        return self._tally.totals["lost"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [part for burst in self._inner.receive(now_ns) for part in self._hold(burst)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _hold(self, burst: Burst) -> list[Burst]:
        kept: list[Burst] = []
        start = 0
        # An octet fills the FIFO when it is over.
        for number, start_ns, end_ns in self._spells.between(burst.start_ns, burst.end_ns + 1):
            first = max(burst.count_ended_by(start_ns - 1), start)
            last = max(burst.count_ended_by(end_ns - 1), first)
            if number != self._stall:
                self._stall = number
                self._held = 0
                self._has_cost = False
            room = min(self._octets - self._held, last - first)
            self._held += room
            lost_from = first + room
            if lost_from == last:
                continue
            if lost_from > start:
                kept.append(burst.part(start, lost_from))
            start = last
            for index in range(lost_from, last):
                self._tally.note(
                    burst.octet_start_ns(index + 1), burst.offset + index, overruns=int(not self._has_cost), lost=1
                )
                self._has_cost = True
        if start < len(burst.data):
            kept.append(burst.part(start, len(burst.data)))
        return kept
