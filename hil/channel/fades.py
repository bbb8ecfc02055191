"""Fades: bursts of octets that never arrive, as a link of two states loses them (Gilbert and Elliott).

The line is good for a while, then bad for a while; both lengths are distributed geometrically, and in the bad state
every octet is lost. Which octets that are is decided by their offset in the stream alone: each fade has its own random
block, drawn in order, so neither the cutting of calls nor what else is drawn changes it.

A frame is lost as soon as a fade touches it, so short fades cost as many frames as there are fades.
`FadeConfig.of_frames` says it in frames, which is what a link is judged by.
"""

import math
from dataclasses import dataclass
from typing import Self

import msgspec

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst
from hil.channel.channel import Channel, Effect
from hil.streams import Streams

# Fades are told once for each span of this length, so that a bad line fills no log.
REPORT_NS = 10 * NS_PER_S


@dataclass(frozen=True, kw_only=True)
class FadeConfig:
    """How often a line fades, and for how long.

    Raises:
        MisuseError: A mean is not above 0.
    """

    good_octets: float
    """Mean octets between two fades."""
    bad_octets: float
    """Mean octets of a fade; each takes at least one."""

    def __post_init__(self) -> None:
        """Refuse a line that never is in one of the two states."""
        if self.good_octets <= 0 or self.bad_octets < 1:
            raise MisuseError(
                "expected above 0 octets between fades and fades of 1 octet or more, "
                f"found {self.good_octets} and {self.bad_octets}"
            )

    @classmethod
    def of_frames(cls, *, loss: float, burst_frames: float, frame_octets: int) -> Self:
        """Give the fades that cost a share of frames of one length, sent without a pause.

        A fade of b octets touches 1 + b / F frames of F octets in the mean, wherever it begins.

        Args:
            loss: The share of frames lost, above 0 and below 1.
            burst_frames: Frames that a fade costs in the mean, 1 or more; so many in a row, but for those that two
                fades cost.
            frame_octets: Length of a frame on the line.

        Raises:
            MisuseError: No fades can be so.
        """
        if not 0 < loss < 1 or burst_frames < 1:
            raise MisuseError(
                f"expected a loss above 0 and below 1 and bursts of 1 or more, found {loss}, {burst_frames}"
            )
        bad_octets = max((burst_frames - 1) * frame_octets, 1.0)
        cycle_octets = burst_frames * frame_octets / loss
        return cls(good_octets=cycle_octets - bad_octets, bad_octets=bad_octets)


class OctetsFaded(msgspec.Struct, frozen=True, tag=True):
    """Octets of a line were lost in fades."""

    line: str
    fades: int
    """Fades that began to strike from ``start_ns`` on, within `REPORT_NS`."""
    count: int
    """Octets lost."""
    offset: int
    """Offset of the first of them."""
    start_ns: int
    """Start of the span of time."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: {self.fades} fades took {self.count} octets from offset {self.offset} on, "
            f"in {REPORT_NS // NS_PER_S} s from {self.start_ns / NS_PER_S:.3f} s"
        )


class Fades(Effect):
    """Losses by offset, in bursts.

    Args:
        inner: The channel that it wraps.
        config: How often and how long, or None for a line that never fades.
        streams: Where its draws come from; it uses the stream ``fades``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: FadeConfig | None, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._config = config
        self._streams = streams
        self._line = line
        self.octets_lost = 0
        self.fades = 0
        """Fades that took something."""
        self._drawn = 0
        # The fade that strikes next, or now: offsets from its first octet up to the one after its last.
        self._start = 0
        self._end = 0
        self._has_struck = False
        self._span = 0
        self._span_fades = 0
        self._span_octets = 0
        self._span_offset = 0
        self._draw()

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = self._inner.receive(now_ns)
        if self._config is not None:
            bursts = [part for burst in bursts for part in self._cut(burst)]
            if now_ns // REPORT_NS > self._span:
                self._close_span()
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._close_span()
        super().finish()

    def _cut(self, burst: Burst) -> list[Burst]:
        """Give what is left of a burst: its parts outside of all fades."""
        length = len(burst.data)
        if burst.offset + length <= self._start:
            return [burst]
        kept: list[Burst] = []
        start = 0
        while start < length:
            while self._end <= burst.offset + start:
                self._draw()
            lost_from = min(max(self._start - burst.offset, start), length)
            lost_to = min(self._end - burst.offset, length)
            if lost_from > start:
                kept.append(burst.part(start, lost_from))
            if lost_to > lost_from:
                self._note(burst.part(lost_from, lost_to))
            start = max(lost_to, lost_from)
        return kept

    def _draw(self) -> None:
        """Draw the next fade."""
        if self._config is None:
            return
        chance = self._streams.block("fades", self._drawn)
        self._drawn += 1
        good, bad = chance.random(2)
        self._start = self._end + _geometric(good, self._config.good_octets)
        self._end = self._start + _geometric(bad, self._config.bad_octets)
        self._has_struck = False

    def _note(self, lost: Burst) -> None:
        span = lost.end_ns // REPORT_NS
        if span != self._span or self._span_octets == 0:
            self._close_span()
            self._span = span
            self._span_offset = lost.offset
        self._span_fades += not self._has_struck
        self.fades += not self._has_struck
        self._has_struck = True
        self._span_octets += len(lost.data)
        self.octets_lost += len(lost.data)

    def _close_span(self) -> None:
        if self._span_octets:
            self._events.append(
                OctetsFaded(
                    line=self._line,
                    fades=self._span_fades,
                    count=self._span_octets,
                    offset=self._span_offset,
                    start_ns=self._span * REPORT_NS,
                )
            )
        self._span_fades = 0
        self._span_octets = 0


def _geometric(uniform: float, mean: float) -> int:
    """Give a length of 1 or more, distributed geometrically, from a number drawn from [0, 1)."""
    return 1 if mean <= 1 else 1 + int(math.log1p(-uniform) / math.log1p(-1 / mean))
