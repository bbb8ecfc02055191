"""Alarms: what stands and who knows of it, what is put away, what is stale, and what serious things happened."""

from typing import Any

from nicegui import ui

from ground.alarms.life_cycle import AlarmState
from ground.console.figures import NOTHING, cut, esc, number, span
from ground.console.figures import clock as time_of_day
from ground.console.limits import Limits
from ground.console.log import Weight
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.states import weight
from ground.console.parts.table import Row, table
from ground.console.screen import Screen

NS_PER_S = 1_000_000_000

LINES_SHOWN_MAX = 60

_SHELVES = (("900", "a quarter of an hour"), ("3600", "an hour"), ("28800", "a shift"), ("86400", "a day"))
"""For how long an alarm may be put away from here, in seconds; the API takes any time."""

_CLASS_OF_LEVEL = {"WARNING": "warn", "CRITICAL": "alarm"}


def build(screen: Screen) -> None:
    """Build the page."""

    def look() -> None:
        alarming = screen.console.operations.alarming
        known = alarming.all()
        new = sum(each["state"] == AlarmState.UNACKNOWLEDGED.name for each in known)
        standing_note.show(f"{new} that nobody has acknowledged" if new else "")
        standing.show(_standing(known, screen.limits(), screen.unix_ns()))
        stale.show(_stale(alarming.reports()))
        rules.show(_trouble(screen.state()))
        lines = screen.feed.log.find("", frozenset({"spacecraft", "station"}), Weight.MEDIUM, LINES_SHOWN_MAX)
        rows = [
            Row((time_of_day(each.unix_ns), weight(each.weight), esc(each.origin), esc(each.name), esc(cut(each.text))))
            for each in lines
        ]
        columns = (("UTC", "time"), ("", "name"), ("From", "name dim"), ("Event", "name"), ("", "text"))
        serious.show(table(columns, rows, "Nothing serious happened."))

    def act(parameter: str, wish: str) -> None:
        alarming, person = screen.console.operations.alarming, screen.person
        match wish:
            case "acknowledge":
                screen.attempt(said, lambda: alarming.acknowledge(person, parameter))
            case "shelve":
                screen.attempt(said, lambda: alarming.shelve(person, parameter, float(for_s.value)))
            case "unshelve":
                screen.attempt(said, lambda: alarming.unshelve(person, parameter))
        screen.look()

    def reload() -> None:
        screen.attempt(said, lambda: screen.console.operations.alarming.reload(screen.person))

    with ui.element("div").classes("page alarms"):
        panel = Panel("Alarms", "span-2")
        standing_note = panel.note
        with panel.tools:
            Markup("dim").show("shelve for")
            for_s = Entry("For how long an alarm is shelved", kind="choice", value="3600", options=_SHELVES)
            Button("Read the rules again", reload)
        with panel.body:
            rules = Markup()
            said = Said()
            standing = Markup(on_pick=act)
        with Panel("Serious events").body:
            serious = Markup()
        with Panel("Freshness of reports").body:
            stale = Markup()
        screen.watch(panel.element, look)


def _standing(known: list[dict[str, Any]], limits: Limits, unix_ns: int) -> str:
    rows = []
    for each in known:
        about = limits.declared(each["parameter"])
        level = _CLASS_OF_LEVEL.get(each["level"], "idle")
        is_shelved = each["state"] == AlarmState.SHELVED.name
        is_new = each["state"] in (AlarmState.UNACKNOWLEDGED.name, AlarmState.RETURNED.name)
        buttons = ['<button class="button small" data-act="acknowledge">acknowledge</button>'] if is_new else []
        wish = "unshelve" if is_shelved else "shelve"
        buttons.append(f'<button class="button small" data-act="{wish}">{wish}</button>')
        since_ns, until_ns = each["since_unix_ns"], each["until_unix_ns"]
        until = "" if until_ns is None else f", {span((until_ns - unix_ns) / NS_PER_S)} more"
        by = f" by {esc(each['actor'])}" if each["actor"] else ""
        rows.append(
            Row(
                (
                    NOTHING if since_ns is None else time_of_day(since_ns),
                    f'<span class="state {level}">{esc(each["level"].lower())}</span>',
                    esc(each["parameter"]),
                    number(each["value"]),
                    f'<span class="unit">{esc(about.unit)}</span>',
                    f"{esc(AlarmState[each['state']].value)}{by}{until}",
                    esc(about.description),
                    " ".join(buttons),
                ),
                each["parameter"],
                "stale" if is_shelved else "",
            )
        )
    columns = (
        ("Since, UTC", "time"), ("Level", "name"), ("Parameter", "mono name"), ("Value", "num"), ("", "name"),
        ("State", "name"), ("", "text dim"), ("", "name"),
    )  # fmt: skip
    return table(columns, rows, "Every value is within its limits, and nothing is put away.")


def _stale(reports: dict[str, dict[str, Any]]) -> str:
    ordered = sorted(reports.items(), key=lambda pair: (not pair[1]["is_stale"], pair[0]))
    rows = [
        Row(
            (
                esc(name),
                f"{span(each['age_s'])} ago",
                f'<span class="state {"warn" if each["is_stale"] else "good"}">'
                f"{'stale' if each['is_stale'] else 'fresh'}</span>",
            )
        )
        for name, each in ordered
    ]
    return table((("Report", "mono text"), ("Came", "num"), ("", "name")), rows, "No report has come regularly yet.")


def _trouble(state: dict[str, Any]) -> str:
    trouble = state["rules_trouble"]
    return f'<p class="said alarm">{esc(trouble)}; the rules before are in force</p>' if trouble else ""
