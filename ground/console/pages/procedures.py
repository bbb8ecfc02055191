"""Procedures: plain Python files with steps, run from here with a live transcript."""

from nicegui import ui

from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.screen import Screen


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page procedures"):
        with Panel("Procedures", padded=True).body:
            Markup("dim").show("None.")
