"""Whether every essential part of the flight software makes progress; the watchdog is fed only while each does.

Progress is that a part's own deadline moves on: one that stays in the past for longer than the part's patience means
that the part asks for something which nobody does. A flight process that hangs as a whole, in a store that does not
answer or a loop without end, never comes here, and is not fed either.

It feeds nothing itself: whoever has the device (`ports.watchdog`) asks `starving` first.
"""

from collections.abc import Callable, Mapping
from enum import Enum

NS_PER_S = 1_000_000_000

# A watchdog needs a sign of life from a spacecraft that has nothing else to do for hours.
PULSE_NS = 5 * NS_PER_S


class Part(Enum):
    """A part without which the spacecraft cannot be commanded, or does not do its work."""

    CORE = "core"
    """The turn of the whole: what is due is done."""
    JOBS = "jobs"
    """The engine looks after its worker, and takes it for hung when it is."""
    DOWNLINK = "downlink"
    """In contact, frames leave."""


PATIENCE_NS: Mapping[Part, int] = {
    # A turn of the whole takes milliseconds; a compaction of the journal or a slow store may take seconds.
    Part.CORE: 30 * NS_PER_S,
    Part.JOBS: 60 * NS_PER_S,
    # A far end that does not read holds a line up for as long as it likes; a transmitter that hangs does so for ever.
    Part.DOWNLINK: 600 * NS_PER_S,
}
"""How long the deadline of a part may be past before the part counts as stuck."""


class Watchdog:
    """Watches the parts.

    Args:
        deadlines: Gives when each part has something to do next, None if it has nothing.
        now_ns: When it starts.
    """

    def __init__(self, deadlines: Mapping[Part, Callable[[], int | None]], now_ns: int) -> None:
        self._deadlines = deadlines
        self._started_ns = now_ns
        self._pulse_ns = now_ns + PULSE_NS

    def advance(self, now_ns: int) -> None:
        """Take note of a turn of the whole."""
        self._pulse_ns = now_ns + PULSE_NS

    def next_deadline(self) -> int:
        """Give the time by which a turn of the whole is due, if only to be seen."""
        return self._pulse_ns

    def starving(self, now_ns: int) -> tuple[Part, ...]:
        """Give the parts that make no progress: none, if the watchdog is to be fed."""
        return tuple(part for part in Part if self._is_stuck(part, now_ns))

    def _is_stuck(self, part: Part, now_ns: int) -> bool:
        due_ns = self._pulse_ns if part is Part.CORE else self._deadlines[part]()
        # Deadlines that were past when it started ask for what is to be done first of all.
        return due_ns is not None and now_ns > max(due_ns, self._started_ns) + PATIENCE_NS[part]
