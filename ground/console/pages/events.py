"""Events of the spacecraft and of the station, with filters, and all that is known of one."""

from typing import Any

from nicegui import ui

from ground.console.figures import clock as time_of_day
from ground.console.figures import cut, date_clock, esc, shown
from ground.console.log import Weight
from ground.console.parts.entry import Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.states import weight
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen

LINES_SHOWN_MAX = 200

ORIGINS = frozenset({"spacecraft", "station"})
_WEIGHTS = ((Weight.INFORMATIVE, "all"), (Weight.LOW, "low"), (Weight.MEDIUM, "medium"), (Weight.HIGH, "high"))


def build(screen: Screen) -> None:
    """Build the page."""
    notes: dict[str, Any] = screen.notes.setdefault(
        "events", {"words": "", "origins": ORIGINS, "weight": Weight.INFORMATIVE, "line": None}
    )

    def look() -> None:
        log = screen.feed.log
        chips.show(_chips(notes))
        lines = log.find(notes["words"], notes["origins"], notes["weight"], LINES_SHOWN_MAX)
        rows = [
            Row(
                (
                    time_of_day(line.unix_ns),
                    weight(line.weight),
                    esc(line.origin),
                    esc(line.name),
                    esc(cut(line.text)) + (' <span class="faint">stored</span>' if line.is_stored else ""),
                ),
                str(line.number),
                "here" if line.number == notes["line"] else "",
            )
            for line in lines
        ]
        columns = (("UTC", "time"), ("", "name"), ("From", "name dim"), ("Event", "name"), ("", "text"))
        table_of_lines.show(table(columns, rows, "no event is like this"))
        line = log.line(notes["line"]) if notes["line"] else None
        if line is None:
            details.show('<p class="dim">Choose a line to see all of it.</p>')
            return
        pairs = [
            ("time", date_clock(line.unix_ns)),
            ("from", line.origin + (", played back" if line.is_stored else "")),
            ("severity", weight(line.weight)),
            *((name, esc(shown(value))) for name, value in line.values.items()),
        ]
        details.show(f"<p>{esc(line.text)}</p><br>{facts(pairs)}")

    def search(words: str) -> None:
        notes["words"] = words
        look()

    def choose(_: str, act: str) -> None:
        if act in ORIGINS:
            chosen = notes["origins"] ^ {act}
            notes["origins"] = chosen or ORIGINS
        elif act:
            notes["weight"] = Weight[act]
        look()

    def open_line(key: str, _: str) -> None:
        notes["line"] = int(key)
        look()

    with ui.element("div").classes("page events"):
        panel = Panel("Events")
        with panel.tools:
            chips = Markup("chips", on_pick=choose)
            search_entry = Entry("Search events", kind="search", hint="search  /", on_change=search)
            search_entry.set(notes["words"])
        with panel.body:
            table_of_lines = Markup(on_pick=open_line)
        side = Panel("Event", padded=True)
        with side.body:
            details = Markup()
        screen.watch(panel.element, look)


def _chips(notes: dict[str, Any]) -> str:
    origins = "".join(
        f'<button class="chip {"here" if each in notes["origins"] else ""}" data-act="{each}">{each}</button>'
        for each in sorted(ORIGINS)
    )
    weights = "".join(
        f'<button class="chip {"here" if each is notes["weight"] else ""}" data-act="{each.name}">{text}</button>'
        for each, text in _WEIGHTS
    )
    return origins + weights
