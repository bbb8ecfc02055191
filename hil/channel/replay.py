"""Replay: a line does again to each octet what a capture says was done to it, by offset.

Lost octets are lost, bits that were inverted are inverted, and what came from nowhere comes again; octets beyond the
capture pass as they are. When octets arrive is not its affair: rate, delay and jitter are the line's.
"""

from bisect import bisect_left, bisect_right

import msgspec

from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.tally import Tally, in_span
from hil.channel.truth import Truth


class OctetsReplayed(msgspec.Struct, frozen=True, tag=True):
    """A line did what a capture says."""

    line: str
    offset: int
    """Offset of the first octet concerned."""
    start_ns: int
    """Start of the span of time."""
    lost: int = 0
    altered: int = 0
    inserted: int = 0

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: as captured, {self.lost} octets were lost, {self.altered} altered, {self.inserted} put in "
            f"from offset {self.offset} on, {in_span(self.start_ns)}"
        )


class Replay(Effect):
    """What was done before.

    Args:
        inner: The channel that it wraps.
        truth: What became of the octets.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, truth: Truth, line: str) -> None:
        super().__init__(inner)
        self._truth = truth
        self._lost_stops = [stop for _, stop in truth.lost]
        self._edits = sorted(truth.altered.keys() | truth.inserted.keys())
        self._tally = Tally(OctetsReplayed, line, self._add_event)

    @property
    def octets_lost(self) -> int:
        """Octets lost as captured."""
        return self._tally.totals["lost"]

    @property
    def octets_inserted(self) -> int:
        """Octets put in as captured."""
        return self._tally.totals["inserted"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [part for burst in self._inner.receive(now_ns) for part in self._redo(burst)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _redo(self, burst: Burst) -> list[Burst]:
        redone: list[Burst] = []
        end = burst.offset + len(burst.data)
        offset = burst.offset
        while offset < end:
            lost = bisect_right(self._lost_stops, offset)
            lost_from, lost_to = self._truth.lost[lost] if lost < len(self._truth.lost) else (end, end)
            if lost_from > offset:
                redone += self._edit(burst.part(offset - burst.offset, min(lost_from, end) - burst.offset))
                offset = min(lost_from, end)
                continue
            for each in range(offset, min(lost_to, end)):
                self._tally.note(burst.octet_start_ns(each - burst.offset + 1), each, lost=1)
                redone += self._inserted(burst.part(each - burst.offset, each - burst.offset + 1))
            offset = min(lost_to, end)
        return redone

    def _edit(self, burst: Burst) -> list[Burst]:
        """Give octets that arrived, with the bits inverted and the octets put in."""
        edited: list[Burst] = []
        start = 0
        first, last = (bisect_left(self._edits, each) for each in (burst.offset, burst.offset + len(burst.data)))
        for offset in self._edits[first:last]:
            index = offset - burst.offset
            if index > start:
                edited.append(burst.part(start, index))
            start = index + 1
            octet = burst.part(index, start)
            mask = self._truth.altered.get(offset, 0)
            if mask:
                self._tally.note(octet.end_ns, offset, altered=1)
            edited.append(octet.altered(bytes([octet.data[0] ^ mask])))
            edited += self._inserted(octet)
        if start < len(burst.data):
            edited.append(burst.part(start, len(burst.data)))
        return edited

    def _inserted(self, octet: Burst) -> list[Burst]:
        """Give what came after an octet."""
        data = self._truth.inserted.get(octet.offset, b"")
        if data:
            self._tally.note(octet.end_ns, octet.offset, inserted=len(data))
        return [octet.altered(data[index : index + 1]) for index in range(len(data))]
