"""Breaks: a UART's line is held at 0 for longer than a character, by a reset, a short or a loose contact.

Octets that are hit by a break are lost, and in place of the first of them comes one 0x00, which is how a POSIX terminal
reads a break unless told otherwise (termios: neither IGNBRK, BRKINT nor PARMRK). A break that meets no octet reads as
nothing here; a real receiver gives a 0x00 for it too. Breaks come at times drawn from the seed (`hil.channel.spells`).
"""

from dataclasses import dataclass

import msgspec

from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.spells import Spells, check_spells
from hil.channel.tally import Tally, in_span
from hil.streams import Streams


@dataclass(frozen=True, kw_only=True)
class BreakConfig:
    """How often the line breaks, and for how long.

    Raises:
        MisuseError: A time is out of range.
    """

    every_ns: float
    """Mean time from the end of one break to the beginning of the next."""
    length_ns: float
    """Mean length of a break."""
    reads_null: bool = True
    """Whether a 0x00 comes in place of the first octet hit."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_spells(self.every_ns, self.length_ns, "breaks")


class LineBroken(msgspec.Struct, frozen=True, tag=True):
    """Breaks hit octets of a line."""

    line: str
    offset: int
    """Offset of the first octet hit."""
    start_ns: int
    """Start of the span of time."""
    breaks: int = 0
    """Breaks that began to hit octets."""
    lost: int = 0
    """Octets lost."""
    nulls: int = 0
    """Octets that came as 0x00."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: {self.breaks} breaks took {self.lost} octets and made {self.nulls} a 0x00 from offset "
            f"{self.offset} on, {in_span(self.start_ns)}"
        )


class Breaks(Effect):
    """Breaks by time.

    Args:
        inner: The channel that it wraps.
        config: How often and how long.
        streams: Where its draws come from; it uses the stream ``breaks``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: BreakConfig, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._config = config
        self._spells = Spells(streams, "breaks", config.every_ns, config.length_ns)
        self._tally = Tally(LineBroken, line, self._add_event)
        self._struck = -1

    @property
    def octets_lost(self) -> int:
        """Octets lost in breaks."""
        return self._tally.totals["lost"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [part for burst in self._inner.receive(now_ns) for part in self._break(burst)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _break(self, burst: Burst) -> list[Burst]:
        kept: list[Burst] = []
        start = 0
        for number, start_ns, end_ns in self._spells.between(burst.start_ns, burst.end_ns):
            hit_from = max(burst.count_ended_by(start_ns), start)
            hit_to = max(burst.count_begun_before(end_ns), hit_from)
            if hit_to == hit_from:
                continue
            if hit_from > start:
                kept.append(burst.part(start, hit_from))
            start = hit_to
            first = burst.part(hit_from, hit_from + 1)
            is_new = number != self._struck
            self._struck = number
            makes_null = is_new and self._config.reads_null
            if makes_null:
                kept.append(first.altered(b"\0"))
            self._tally.note(
                first.end_ns, first.offset, breaks=int(is_new), lost=int(not makes_null), nulls=int(makes_null)
            )
            for index in range(hit_from + 1, hit_to):
                self._tally.note(burst.octet_start_ns(index + 1), burst.offset + index, lost=1)
        if start < len(burst.data):
            kept.append(burst.part(start, len(burst.data)))
        return kept
