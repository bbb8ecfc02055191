"""A word to who misses values: housekeeping is off on board until it is turned on, and that can be done here.

Time reports, which tell how the clock on board stands, are turned on with it.
"""

from nicegui import ui

from ground.console.parts.entry import Button
from ground.console.parts.markup import Markup
from ground.console.parts.said import Said
from ground.console.screen import Screen
from mission.definition import DICTIONARY

ENABLE = "housekeeping.enable"
TIME_REPORTS = "time.report_rate"

# The on-board time of every 16th frame: some seconds apart on a slow link, and no burden on a fast one.
TIME_REPORT_EXPONENT = 4

_NAMES = {each.name: number for number, each in sorted(DICTIONARY.structures.items())}


class HousekeepingSwitch:
    """The word and the button; gone as soon as values of every declared report come, or when it was asked for.

    Args:
        screen: Whose.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._box = ui.element("div").classes("stack padded")
        with self._box:
            self._words = Markup("dim")
            with ui.element("div").classes("row"):
                Button("Turn housekeeping on", self._enable)
            self._said = Said()

    def look(self) -> None:
        """Show it, or not."""
        missing = self._missing()
        is_needed = bool(missing) and ENABLE not in self._screen.notes and self._screen.replay is None
        if self._box.visible is not is_needed:
            self._box.set_visibility(is_needed)
        if is_needed and len(missing) == len(_NAMES):
            self._words.show("No housekeeping was heard yet. It is off on board until it is turned on.")
        elif is_needed:
            self._words.show(f"Off on board, or not heard yet: {', '.join(missing)}.")

    def _missing(self) -> list[str]:
        heard = {each.structure for each in self._screen.feed.series.latest.values()}
        return [name for name in _NAMES if name not in heard]

    def _enable(self) -> None:
        commanding, person = self._screen.console.operations.commanding, self._screen.person
        missing = sorted(_NAMES[name] for name in self._missing())
        time_is_known = self._screen.state()["onboard_time"]["offset_ns"] is not None

        def act() -> int:
            command_id = commanding.send(person, ENABLE, {"structures": missing})
            if not time_is_known:
                commanding.send(person, TIME_REPORTS, {"exponent": TIME_REPORT_EXPONENT})
            return command_id

        if self._screen.attempt(self._said, act) is not None:
            # The slowest report comes after its period; until then nothing more is to be done.
            self._screen.notes[ENABLE] = True
            self._screen.look()
