"""Alarms: what is out of limits or serious now, and what has to be looked at."""

from nicegui import ui

from ground.console import limits
from ground.console.figures import clock as time_of_day
from ground.console.figures import cut, esc, shown, span
from ground.console.log import Weight
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.states import weight
from ground.console.parts.table import Row, table
from ground.console.screen import Screen

NS_PER_S = 1_000_000_000

LINES_SHOWN_MAX = 60


def build(screen: Screen) -> None:
    """Build the page."""

    def look() -> None:
        out.show(_out(screen))
        lines = screen.feed.log.find("", frozenset({"spacecraft", "station"}), Weight.MEDIUM, LINES_SHOWN_MAX)
        rows = [
            Row((time_of_day(each.unix_ns), weight(each.weight), esc(each.origin), esc(each.name), esc(cut(each.text))))
            for each in lines
        ]
        columns = (("UTC", "time"), ("", "name"), ("From", "name dim"), ("Event", "name"), ("", "text"))
        serious.show(table(columns, rows, "nothing serious happened"))

    with ui.element("div").classes("page alarms"):
        panel = Panel("Out of limits")
        with panel.body:
            out = Markup()
        with Panel("Serious events").body:
            serious = Markup()
        screen.watch(panel.element, look)


def _out(screen: Screen) -> str:
    latest, unix_ns = screen.feed.series.latest, screen.unix_ns()
    rows = []
    for name in sorted(limits.out_of_limits(latest)):
        about, each = limits.declared(name), latest[name]
        assert about.warning is not None
        rows.append(
            Row(
                (
                    esc(name),
                    f'<span class="warn-text">{esc(shown(each.value))}</span>',
                    f'<span class="unit">{esc(about.unit)}</span>',
                    f"{about.warning[0]:g} to {about.warning[1]:g}",
                    f"{span((unix_ns - each.unix_ns) / NS_PER_S)} ago",
                    esc(about.description),
                )
            )
        )
    columns = (
        ("Parameter", "mono name"),
        ("Value", "num"),
        ("", "name"),
        ("Limits", "mono name"),
        ("Made", "num"),
        ("", "text dim"),
    )
    return table(columns, rows, "every value is within its limits")
