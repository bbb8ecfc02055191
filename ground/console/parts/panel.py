"""A titled part of a page."""

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element

from ground.console.parts.markup import Markup


class Panel:
    """A panel with a title, a note beside it, tools at the right, and a body that scrolls.

    Args:
        title: What is in it.
        classes: CSS classes of the panel.
        padded: Whether its body keeps a distance from the edge.
    """

    def __init__(self, title: str, classes: str = "", *, padded: bool = False) -> None:
        self.element = ui.element("section").classes(f"panel {classes}")
        self.element.props["aria-label"] = title
        with self.element:
            with ui.element("div").classes("title"):
                self._title = Markup("heading")
                self._title.show(f"<h2>{title}</h2>")
                self.note = Markup("note")
                self.tools: Element = ui.element("div").classes("tools")
            self.body: Element = ui.element("div").classes("body padded" if padded else "body")

    @contextmanager
    def foot(self) -> Iterator[None]:
        """Put what comes below the body."""
        with self.element, ui.element("div").classes("foot"):
            yield
