"""A tally: what an effect did, added up by spans of time, so that a bad line fills no log."""

from collections import Counter
from collections.abc import Callable

import msgspec

from hil.channel.burst import NS_PER_S

REPORT_NS = 10 * NS_PER_S
"""What was done is told once for each span of this length, by time of arrival."""


class Tally:
    """The counts of one effect.

    Args:
        event: What to tell; it takes ``line``, ``offset`` (of the first octet concerned), ``start_ns`` (of the span)
            and the counts by their names.
        line: The line's name in events.
        tell: Takes each event.
    """

    def __init__(self, event: Callable[..., msgspec.Struct], line: str, tell: Callable[[msgspec.Struct], None]) -> None:
        self._event = event
        self._line = line
        self._tell = tell
        self.totals: Counter[str] = Counter()
        """All counts since the beginning."""
        self._counts: Counter[str] = Counter()
        self._span = -1
        self._offset = 0

    def note(self, arrival_ns: int, offset: int, **counts: int) -> None:
        """Count what was done to an octet.

        Args:
            arrival_ns: When it has arrived, not before that of the call before.
            offset: Its offset.
            counts: What to add.
        """
        if arrival_ns // REPORT_NS != self._span or not self._counts:
            self.close()
            self._span = arrival_ns // REPORT_NS
            self._offset = offset
        self._counts.update(counts)
        self.totals.update(counts)

    def advance(self, now_ns: int) -> None:
        """Tell of a span that is over."""
        if self._counts and now_ns // REPORT_NS > self._span:
            self.close()

    def close(self) -> None:
        """Tell of the span, over or not."""
        if self._counts:
            self._tell(
                self._event(line=self._line, offset=self._offset, start_ns=self._span * REPORT_NS, **self._counts)
            )
            self._counts = Counter()


def in_span(start_ns: int) -> str:
    """Give the words for a span of time."""
    return f"in {REPORT_NS // NS_PER_S} s from {start_ns / NS_PER_S:.3f} s"
