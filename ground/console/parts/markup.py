"""A block of HTML that a page renders anew and the browser patches in place; rows in it can be picked.

Whoever makes the HTML escapes what goes into it (`ground.console.figures.esc`).
"""

from collections.abc import Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments

Pick = Callable[[str, str], None]
"""Takes the key of what was picked, and what is to be done with it, either of which may be empty."""


class Markup(Element, component="markup.js"):
    """The block.

    Args:
        classes: CSS classes.
        on_pick: Called for a click, or Enter, on what has ``data-key`` or ``data-act``.
    """

    def __init__(self, classes: str = "", on_pick: Pick | None = None) -> None:
        super().__init__()
        self._props["content"] = ""
        self.classes(classes)
        if on_pick is not None:
            self.on("pick", lambda event: _tell(on_pick, event))

    def show(self, content: str) -> None:
        """Show this from now on; nothing is sent if it is what is shown."""
        if content != self._props["content"]:
            self._props["content"] = content
            self.update()


def _tell(on_pick: Pick, event: GenericEventArguments) -> None:
    said = event.args if isinstance(event.args, dict) else {}
    on_pick(str(said.get("key", "")), str(said.get("act", "")))
