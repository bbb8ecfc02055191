"""Dropouts: spans of time in which nothing arrives. A span may begin and end in the middle of a burst.

An octet is lost if any part of it falls into a span, by the time at which it passes the receiver. A span may be added
while octets are on their way: those that would arrive in it are lost.
"""

from bisect import insort
from dataclasses import dataclass, field

import msgspec

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst
from hil.channel.channel import Channel, Effect

# Spans known and not yet over. A schedule of a year of passes is some 5,000; a caller that adds them without end is a
# mistake, which this finds before memory does.
SPANS_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Dropout:
    """A span of time in which a line carries nothing.

    Raises:
        MisuseError: It begins before 0 or has no length.
    """

    start_ns: int
    duration_ns: int

    def __post_init__(self) -> None:
        """Refuse a span that is none."""
        if self.start_ns < 0 or self.duration_ns <= 0:
            raise MisuseError(
                "expected a dropout from 0 ns or later that lasts above 0 ns, "
                f"found one of {self.duration_ns} ns from {self.start_ns} ns on"
            )

    @property
    def end_ns(self) -> int:
        """When it is over."""
        return self.start_ns + self.duration_ns


class OctetsLost(msgspec.Struct, frozen=True, tag=True):
    """Octets of a line were lost in a dropout."""

    line: str
    count: int
    offset: int
    """Offset of the first octet lost."""
    start_ns: int
    """When the first octet lost would have begun to arrive."""
    end_ns: int
    """When the last octet lost would have arrived."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: a dropout took {self.count} octets from offset {self.offset} on, "
            f"from {self.start_ns / NS_PER_S:.3f} s to {self.end_ns / NS_PER_S:.3f} s"
        )


@dataclass(slots=True, order=True)
class _Span:
    start_ns: int
    end_ns: int
    count: int = field(default=0, compare=False)
    offset: int = field(default=0, compare=False)
    first_ns: int = field(default=0, compare=False)
    last_ns: int = field(default=0, compare=False)


class Dropouts(Effect):
    """Losses by time.

    Args:
        inner: The channel that it wraps.
        dropouts: What is known at the beginning; they may overlap.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, dropouts: tuple[Dropout, ...], line: str) -> None:
        super().__init__(inner)
        self._line = line
        self._spans: list[_Span] = []
        self._received_ns = 0
        # The longest that one octet takes, and so the longest that one can reach beyond the end of a span.
        self._octet_ns = 0
        self.octets_lost = 0
        for dropout in dropouts:
            self.drop(dropout)

    def drop(self, dropout: Dropout) -> None:
        """Let nothing arrive in a span of time.

        Raises:
            MisuseError: It begins before what has been received already, or there are more than `SPANS_MAX`.
        """
        if dropout.start_ns < self._received_ns:
            raise MisuseError(
                f"line {self._line}: expected a dropout from {self._received_ns} ns on, "
                f"found one from {dropout.start_ns} ns on"
            )
        if len(self._spans) >= SPANS_MAX:
            raise MisuseError(f"line {self._line}: expected at most {SPANS_MAX} dropouts that are not over")
        insort(self._spans, _Span(dropout.start_ns, dropout.end_ns))

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        self._octet_ns = max(self._octet_ns, burst.pace.duration_ns(1) + 1)
        self._inner.send(burst)

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = self._inner.receive(now_ns)
        self._received_ns = now_ns
        if not self._spans:
            return bursts
        kept = [part for burst in bursts for part in self._cut(burst)]
        self._forget(now_ns)
        return kept

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        for span in self._spans:
            self._tell(span)
        super().finish()

    def _cut(self, burst: Burst) -> list[Burst]:
        """Give what is left of a burst: its parts outside of all spans."""
        kept: list[Burst] = []
        start = 0
        for span in self._spans:
            if span.start_ns >= burst.end_ns or start == len(burst.data):
                break
            # The first octet that ends inside the span, and the first that begins after it.
            lost_from = max(burst.count_ended_by(span.start_ns), start)
            lost_to = max(burst.count_begun_before(span.end_ns), lost_from)
            if lost_to == lost_from:
                continue
            if lost_from > start:
                kept.append(burst.part(start, lost_from))
            self._note(span, burst.part(lost_from, lost_to))
            start = lost_to
        if start < len(burst.data):
            kept.append(burst.part(start, len(burst.data)))
        return kept

    def _note(self, span: _Span, lost: Burst) -> None:
        if span.count == 0:
            span.offset = lost.offset
            span.first_ns = lost.start_ns
        span.count += len(lost.data)
        span.last_ns = lost.end_ns
        self.octets_lost += len(lost.data)

    def _forget(self, now_ns: int) -> None:
        """Tell of the spans that can take no more: an octet that began in them has ended by now."""
        while self._spans and self._spans[0].end_ns + self._octet_ns <= now_ns:
            self._tell(self._spans.pop(0))

    def _tell(self, span: _Span) -> None:
        if span.count:
            lost = OctetsLost(
                line=self._line, count=span.count, offset=span.offset, start_ns=span.first_ns, end_ns=span.last_ns
            )
            self._events.append(self._event(lost))
            span.count = 0

    def _event(self, lost: OctetsLost) -> msgspec.Struct:
        """Give what to tell of octets lost."""
        return lost
