"""One browser that is open: who sits there, what it shows, and the beat at which what it shows is looked at again."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nicegui import ui
from nicegui.element import Element

from ccsds.errors import StarloopError
from ground.access.principal import Principal
from ground.console import clock
from ground.console.feed import Feed
from ground.console.limits import Limits
from ground.console.parts.said import Said
from ground.console.replay import Replay
from mission.modes import Mode

if TYPE_CHECKING:
    from ground.console.console import Console

# Four a second: all that an eye can use, below the bound of five.
BEAT_S = 0.25

PLOT_TEXT_SHARE = 0.85
"""Text of plots, of that around them."""


@dataclass
class Screen:
    """The browser's side of the console."""

    console: "Console"
    person: Principal
    notes: dict[str, Any] = field(default_factory=dict)
    """What was chosen on a page, kept while other pages are looked at."""
    replay: Replay | None = None
    """What is shown in place of what is, if anything."""
    plot_text_px: int = 11
    """Size of the text in plots; a wall has larger text than a laptop."""
    _looked_ns: int = 0
    _watched: list[tuple[Element, Callable[[], None]]] = field(default_factory=list)

    @property
    def feed(self) -> Feed:
        """What is shown: what is, or what is replayed."""
        return self.console.feed if self.replay is None else self.replay.feed

    def state(self) -> dict[str, Any]:
        """Give all that is known of the station and the spacecraft at the time that is shown."""
        known = self.console.state()
        if self.replay is None:
            return known
        return {**known, "jobs": self.replay.feed.jobs.snapshot(), "link": self.replay.link.name, "commands": []}

    def limits(self) -> Limits:
        """Give what is expected of values now; of what is replayed, by the rules of now."""
        mode = self.feed.series.latest.get("mode")
        in_mode = mode.value if mode is not None and isinstance(mode.value, Mode) else None
        return Limits(self.console.operations.alarming.rules(), in_mode)

    def unix_ns(self) -> int:
        """Give the Unix time that is shown."""
        return clock.unix_ns() if self.replay is None else self.replay.unix_ns

    def now_ns(self) -> int:
        """Give the station's own time."""
        return clock.now_ns()

    def start(self) -> None:
        """Begin to beat; to be called once, where the page's frame is made."""
        ui.timer(BEAT_S, self.look)
        ui.timer(0, self._measure, once=True)

    def watch(self, element: Element, look: Callable[[], None]) -> None:
        """Have something looked at on each beat, from now on until its element is gone."""
        self._watched.append((element, look))
        look()

    def look(self) -> None:
        """Look at everything that is shown."""
        now_ns = clock.now_ns()
        if self.replay is not None and self._looked_ns:
            self.replay.advance(now_ns - self._looked_ns)
        self._looked_ns = now_ns
        self._watched = [each for each in self._watched if not each[0].is_deleted]
        for _, look in list(self._watched):
            look()

    async def _measure(self) -> None:
        """Ask how large text is on this screen: plots are drawn with numbers, not with a style sheet."""
        with contextlib.suppress(TimeoutError):
            text_px = await ui.run_javascript("parseFloat(getComputedStyle(document.documentElement).fontSize)")
            self.plot_text_px = round(PLOT_TEXT_SHARE * float(text_px))

    def attempt(self, said: Said, act: Callable[[], Any]) -> Any:
        """Do what the person asks for, and say why if it is not done.

        Returns:
            What it gives, or None if it was not done.
        """
        if self.replay is not None:
            said.tell("A replay is shown. Leave it to command the spacecraft.", "alarm")
            return None
        try:
            found = act()
        except (StarloopError, OSError, sqlite3.Error) as error:
            said.tell(str(error), "alarm")
            return None
        said.hush()
        return found
