"""Passes: a time line of contacts, expected and had; what is planned in each, and what each brought."""

from typing import Any

from nicegui import ui

from ground.console.contacts import Contact
from ground.console.figures import NOTHING, date_clock, esc, number, octets, span
from ground.console.figures import clock as time_of_day
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.strip import Strip
from ground.console.parts.table import Row, table
from ground.console.screen import Screen

NS_PER_S = 1_000_000_000

SPANS = (("1 h", 1), ("6 h", 6), ("24 h", 24), ("72 h", 72))
"""Hours shown ahead; half as many are shown of the past."""

PASSES_SHOWN_MAX = 60


def build(screen: Screen) -> None:
    """Build the page."""
    notes: dict[str, Any] = screen.notes.setdefault("passes", {"hours": 6})

    def look() -> None:
        unix_ns = screen.unix_ns()
        hour_ns = 3600 * NS_PER_S
        from_ns, to_ns = unix_ns - notes["hours"] * hour_ns // 2, unix_ns + notes["hours"] * hour_ns
        contacts = list(screen.feed.contacts)
        expected = screen.console.plan.between(from_ns, to_ns)
        strip.show(Strip(from_ns, to_ns, unix_ns).draw(expected, contacts))
        chips.show(
            "".join(
                f'<button class="chip {"here" if hours == notes["hours"] else ""}" data-act="{hours}">{text}</button>'
                for text, hours in SPANS
            )
        )
        planned.show(_planned(screen, unix_ns))
        had.show(_had(contacts, screen, unix_ns))

    def choose(_: str, act: str) -> None:
        notes["hours"] = int(act)
        look()

    with ui.element("div").classes("page passes"):
        panel = Panel("Contacts", padded=True)
        with panel.tools:
            chips = Markup("chips", on_pick=choose)
        with panel.body:
            strip = Markup()
        with Panel("Expected").body:
            planned = Markup()
        with Panel("Had, and what each brought").body:
            had = Markup()
        screen.watch(panel.element, look)


def _planned(screen: Screen, unix_ns: int) -> str:
    waiting = [each for each in screen.feed.orders if not each.is_over and each.stage == 0]
    files = [each for each in screen.feed.transfers if not each.is_over]
    rows = []
    coming = [each for each in screen.console.plan.passes if each.end_unix_ns > unix_ns][:PASSES_SHOWN_MAX]
    for place, each in enumerate(coming):
        plan = [esc(item) for item in each.plan]
        if place == 0:
            plan += [f"{len(waiting)} commands wait"] * bool(waiting) + [f"{len(files)} files are under way"] * bool(
                files
            )
        is_on = each.begin_unix_ns <= unix_ns
        when = (
            f'<span class="state busy">LOS in {span((each.end_unix_ns - unix_ns) / NS_PER_S)}</span>'
            if is_on
            else (f"in {span((each.begin_unix_ns - unix_ns) / NS_PER_S)}")
        )
        rows.append(
            Row(
                (
                    date_clock(each.begin_unix_ns),
                    esc(each.station),
                    span((each.end_unix_ns - each.begin_unix_ns) / NS_PER_S),
                    NOTHING if each.elevation_deg is None else f"{each.elevation_deg:.0f}°",
                    when,
                    "; ".join(plan) or '<span class="faint">nothing planned</span>',
                ),
                classes="here" if is_on else "",
            )
        )
    columns = (
        ("AOS, UTC", "time"),
        ("Station", "name"),
        ("Length", "num"),
        ("Max.", "num"),
        ("", "name"),
        ("Plan", "text"),
    )
    empty = "No pass plan. Start the station with one (ground serve --passes FILE) to see what comes."
    return table(columns, rows, empty)


def _had(contacts: list[Contact], screen: Screen, unix_ns: int) -> str:
    rows = []
    for each in contacts[:PASSES_SHOWN_MAX]:
        end_ns = each.end_unix_ns or unix_ns
        middle = (each.begin_unix_ns + end_ns) // 2
        at = screen.console.plan.current(middle)
        failed = f' <span class="warn-text">{each.commands_failed} failed</span>' if each.commands_failed else ""
        lost = f'<span class="warn-text">{number(each.frames_missed)}</span>' if each.frames_missed else "0"
        rows.append(
            Row(
                (
                    date_clock(each.begin_unix_ns),
                    time_of_day(each.end_unix_ns) if each.end_unix_ns else '<span class="state good">goes on</span>',
                    NOTHING if at is None else esc(at.station),
                    span((end_ns - each.begin_unix_ns) / NS_PER_S),
                    number(each.frames),
                    lost,
                    octets(each.octets),
                    number(each.reports),
                    number(each.stored),
                    f"{each.commands_completed}{failed}",
                    number(each.files),
                ),
                classes="here" if each.end_unix_ns is None else "",
            )
        )
    columns = (
        ("AOS, UTC", "time"), ("LOS", "time"), ("Station", "name"), ("Length", "num"), ("Frames", "num"),
        ("Lost", "num"), ("Data", "num"), ("Reports", "num"), ("Stored", "num"), ("Commands", "num"), ("Files", "num"),
    )  # fmt: skip
    return table(columns, rows, "The spacecraft was not heard yet.")
