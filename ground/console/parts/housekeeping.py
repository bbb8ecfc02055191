"""A word to who sees no values: housekeeping is off on board until it is turned on, and that can be done here."""

from nicegui import ui

from ground.console.parts.entry import Button
from ground.console.parts.markup import Markup
from ground.console.parts.said import Said
from ground.console.screen import Screen
from mission.definition import DICTIONARY

ENABLE = "housekeeping.enable"


class HousekeepingSwitch:
    """The word and the button; gone as soon as values come.

    Args:
        screen: Whose.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._box = ui.element("div").classes("stack padded")
        with self._box:
            Markup("dim").show("No housekeeping was heard yet. It is off on board until it is turned on.")
            with ui.element("div").classes("row"):
                Button("Turn housekeeping on", self._enable)
            self._said = Said()

    def look(self) -> None:
        """Show it, or not."""
        is_needed = not self._screen.feed.series.latest
        if self._box.visible is not is_needed:
            self._box.set_visibility(is_needed)

    def _enable(self) -> None:
        commanding = self._screen.console.operations.commanding
        structures = sorted(DICTIONARY.structures)
        command_id = self._screen.attempt(
            self._said, lambda: commanding.send(self._screen.person, ENABLE, {"structures": structures})
        )
        if command_id is not None:
            self._said.tell(f"command {command_id} is queued", "good")
