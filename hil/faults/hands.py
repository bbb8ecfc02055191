"""What a fault of a scenario can lay hands on: both ends, the line between them, and the agenda of the run."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from hil.agenda import Agenda
from hil.channel.line import Line
from hil.ends.end import End
from hil.ends.spacecraft_end import SpacecraftEnd
from hil.ends.station_end import StationEnd

NS_PER_S = 1_000_000_000

# What a supervisor waits before it starts the flight program again, as the systemd unit in tools/ has it.
RESTART_NS = 2 * NS_PER_S


@dataclass(frozen=True, kw_only=True)
class Hands:
    """A world, as faults see it."""

    spacecraft: SpacecraftEnd
    station: StationEnd
    up: Line
    down: Line
    agenda: Agenda
    now_ns: Callable[[], int]
    collect: Callable[[], None]
    """Takes what both ends have to tell, before one of them is gone."""
    tell: Callable[[str], None]
    """Notes in one line what was struck."""
    note: Callable[[msgspec.Struct], None]
    """Notes an event."""

    def later(self, after_ns: int, act: Callable[[], None]) -> None:
        """Have something done after a time."""
        self.agenda.add(self.now_ns() + after_ns, act)

    def start(self, end: End) -> None:
        """Start an end that is off, as a supervisor does: again and again, if its store keeps it from starting.

        Without power nothing starts; who gives it back starts it then.
        """
        if end.is_on or not end.is_fed:
            return
        try:
            end.start(self.now_ns())
        except OSError as error:
            self.tell(f"the {end.name} does not start: {error}")
            self.later(RESTART_NS, lambda: self.start(end))
