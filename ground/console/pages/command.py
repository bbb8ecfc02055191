"""Commanding: the dictionary, a form for each command, stacks, and every command with all that became of it."""

from typing import Any

from nicegui import ui

from ccsds.cop1.fop import Service
from ground.console import clock
from ground.console.figures import clock as time_of_day
from ground.console.figures import cut, esc, shown, span
from ground.console.orders import Order
from ground.console.parts.entry import Button, Entry
from ground.console.parts.form import Form
from ground.console.parts.hazard import HazardGate
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.stack import StackPanel
from ground.console.parts.states import SHOWN_STAGES, STAGE_WORDS, stages, state
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen
from ground.events import Stage
from ground.schedule_request import scheduled
from mission.definition import DICTIONARY
from mission.dictionary import Hazard

ORDERS_SHOWN_MAX = 150

NS_PER_S = 1_000_000_000


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page command"):
        page = _CommandPage(screen)
        page.build()


class _CommandPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault(
            "command", {"name": "test.connection", "words": "", "order": None, "automatic": False}
        )
        self._form: Form | None = None

    def build(self) -> None:
        screen = self._screen
        words = Panel("Dictionary")
        with words.tools:
            search = Entry("Search commands", kind="search", hint="search  /", on_change=self._search)
            search.set(self._notes["words"])
        with words.body:
            self._list = Markup(on_pick=lambda key, _: self._choose(key))
        self._show_list()
        with ui.element("div").classes("stack"):
            self._chosen = ui.element("div").classes("stack grow")
            self._approvals = Markup(on_pick=self._decide)
            self._approval_said = Said()
            self._stack = StackPanel(screen, self._sent)
        with ui.element("div").classes("stack"):
            history = Panel("Commands", "grow")
            self._history_note = history.note
            with history.tools:
                self._automatic = Markup("chips", on_pick=lambda _, act: self._toggle_automatic())
            with history.body:
                self._history = Markup(on_pick=lambda key, _: self._open(key))
            self._details_panel = Panel("Details", padded=True)
            with self._details_panel.body:
                self._details = Markup(on_pick=self._act)
        self._choose(self._notes["name"])
        screen.watch(history.element, self._look)

    # The dictionary.

    def _search(self, words: str) -> None:
        self._notes["words"] = words
        self._show_list()

    def _show_list(self) -> None:
        words = self._notes["words"].lower().split()
        rows: list[Row] = []
        group = ""
        for name, command in sorted(DICTIONARY.commands.items()):
            said = f"{name} {command.description} {command.service},{command.subtype}".lower()
            if not all(word in said for word in words):
                continue
            if name.partition(".")[0] != group:
                group = name.partition(".")[0]
                rows.append(Row((f"{esc(group)}",), classes="group"))
            mark = "" if command.hazard is Hazard.NONE else ' <span class="state warn">hazardous</span>'
            here = "here" if name == self._notes["name"] else ""
            rows.append(Row((f'<span title="{esc(command.description)}">{esc(name)}</span>{mark}',), name, here))
        body = table((("", "mono"),), rows, "no command has these words")
        self._list.show(body.replace('<thead><tr><th class="mono"></th></tr></thead>', ""))

    def _choose(self, name: str, given: dict[str, str] | None = None) -> None:
        if name not in DICTIONARY.commands:
            return
        self._notes["name"] = name
        self._show_list()
        command = DICTIONARY.commands[name]
        self._chosen.clear()
        with self._chosen:
            panel = Panel(name, "grow", padded=True)
            panel.note.show(f"[{command.service},{command.subtype}], {esc(command.repeat.value)}")
            with panel.body, ui.element("div").classes("stack"):
                about = Markup("dim")
                about.show(esc(command.description))
                self._form = Form(command, given, self._check)
                self._wrong = Markup("said")
                if command.hazard is Hazard.NONE:
                    with ui.element("div").classes("row"):
                        self._send_button = Button("Send", self._send, kind="main")
                        Button("Add to stack", self._stack_it)
                        self._bypass = Entry(
                            "Service of COP-1", kind="choice", value="AD",
                            options=[("AD", "AD, in sequence"), ("BD", "BD, bypass")],
                        )  # fmt: skip
                        self._bypass.style("width: 11rem")
                    with ui.element("div").classes("row"):
                        self._when = Entry("When", hint="aos+90s or 2027-03-01T12:00:00Z")
                        self._when.classes("mono").style("flex: 1; min-width: 12rem")
                        Button("Schedule on board", self._schedule)
                else:
                    HazardGate(self._screen, command, self._values, self._sent)
                    with ui.element("div").classes("row"):
                        Button("Add to stack", self._stack_it)
                self._said = Said()
        self._check()

    def _values(self) -> dict[str, Any]:
        assert self._form is not None
        return self._form.values()

    def _check(self) -> None:
        if self._form is None:
            return
        wrong = self._form.check()
        self._wrong.show("" if wrong is None else esc(wrong))
        if DICTIONARY.commands[self._notes["name"]].hazard is Hazard.NONE:
            self._send_button.allow(wrong is None)

    def _send(self) -> None:
        console = self._screen.console
        command_id = self._screen.attempt(
            self._said,
            lambda: console.operations.commanding.send(
                self._screen.person, self._notes["name"], self._values(), service=Service[self._bypass.value]
            ),
        )
        if command_id is not None:
            self._sent(command_id)

    def _schedule(self) -> None:
        console, name = self._screen.console, self._notes["name"]

        def act() -> int:
            command = DICTIONARY.commands[name]
            arguments = scheduled(command, self._values(), self._when.value.strip())
            return console.operations.commanding.send(self._screen.person, "schedule.insert_relative", arguments)

        command_id = self._screen.attempt(self._said, act)
        if command_id is not None:
            self._sent(command_id)

    def _stack_it(self) -> None:
        assert self._form is not None
        name, texts = self._notes["name"], self._form.texts
        if self._screen.attempt(self._said, self._values) is not None:
            self._stack.add(name, texts)

    def _sent(self, command_id: int) -> None:
        self._notes["order"] = command_id
        self._screen.look()

    # What became of commands.

    def _toggle_automatic(self) -> None:
        self._notes["automatic"] = not self._notes["automatic"]
        self._screen.look()

    def _open(self, key: str) -> None:
        self._notes["order"] = int(key)
        self._screen.look()

    def _act(self, key: str, act: str) -> None:
        order = self._screen.feed.orders.get(self._notes["order"] or 0)
        if order is not None and act == "again":
            self._choose(order.name, {name: _typed(value) for name, value in order.arguments.items()})

    def _look(self) -> None:
        screen = self._screen
        with_automatic = self._notes["automatic"]
        orders = [each for each in screen.feed.orders if with_automatic or not each.is_automatic][:ORDERS_SHOWN_MAX]
        waiting = sum(not each.is_over for each in orders)
        self._history_note.show(f"{waiting} on their way" if waiting else "")
        chip = "chip here" if with_automatic else "chip"
        self._automatic.show(f'<button class="{chip}" data-act="automatic">with automatic</button>')
        rows = [
            Row(
                (
                    time_of_day(each.unix_ns),
                    esc(each.name),
                    f'<span class="dim">{esc(cut(_arguments(each), 90))}</span>',
                    stages(each.stage),
                    state(each.stage.name, STAGE_WORDS[each.stage]),
                ),
                str(each.command_id),
                "here" if each.command_id == self._notes["order"] else "",
            )
            for each in orders
        ]
        columns = (("UTC", "time"), ("Command", "name"), ("", "text"), ("", ""), ("Verified as", "name"))
        self._history.show(table(columns, rows, "no command was sent yet"))
        order = screen.feed.orders.get(self._notes["order"] or 0) or next(iter(orders), None)
        self._details.show(_details(order, screen.state()) if order is not None else '<p class="dim">none</p>')
        self._show_approvals()

    # Approvals.

    def _show_approvals(self) -> None:
        commanding = self._screen.console.operations.commanding
        waiting = [each for each in commanding.approvals() if each["verdict"] == "WAITING"]
        if not waiting:
            self._approvals.show("")
            return
        rows = "".join(
            f'<div class="hazard" data-key="{each["approval_id"]}"><span class="lead">{esc(each["asked_by"])} asks for'
            f" {esc(each['name'])} {esc(shown(each['arguments']))}</span>"
            f'<span class="row"><button class="button armed" data-act="approve">Approve</button>'
            f'<button class="button" data-act="refuse">Refuse</button>'
            f'<span class="dim">asked {span(each["asked_s_ago"])} ago</span></span></div>'
            for each in waiting
        )
        self._approvals.show(f'<div class="stack">{rows}</div>')

    def _decide(self, key: str, act: str) -> None:
        commanding, person = self._screen.console.operations.commanding, self._screen.person
        decide = {"approve": commanding.approve, "refuse": commanding.refuse}.get(act)
        if decide is not None:
            row = self._screen.attempt(self._approval_said, lambda: decide(person, int(key)))
            if row is not None and row["command_id"] is not None:
                self._sent(row["command_id"])


def _arguments(order: Order) -> str:
    return " ".join(f"{name}={shown(value)}" for name, value in order.arguments.items())


def _typed(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple) and not any(isinstance(each, dict) for each in value):
        return ",".join(map(_typed, value))
    return getattr(value, "name", str(value))


def _details(order: Order, snapshot: dict[str, Any]) -> str:
    """Give one command with each stage: those that it has come to, and how long the next is waited for."""
    steps = []
    for step in order.steps:
        late = "" if step is order.steps[0] else f"+{(step.unix_ns - order.unix_ns) / NS_PER_S:.2f} s"
        tries = f", try {step.attempt}" if step.attempt > 1 else ""
        steps.append(
            f'<li><span class="mono">{time_of_day(step.unix_ns)}</span>{state(step.stage.name)}'
            f'<span>{esc(STAGE_WORDS[step.stage])}{tries} <span class="dim mono">{late}</span>'
            f" {esc(step.text)}</span></li>"
        )
    if not order.is_over:
        open_ones = [stage for stage in SHOWN_STAGES if stage > order.stage and order.reached(stage) is None]
        steps += [
            f'<li class="open"><span></span><span class="state idle">{stage.name}</span><span>not yet</span></li>'
            for stage in open_ones
        ]
    due = _due(order, snapshot)
    pairs = [
        ("command", f"{order.command_id} {esc(order.name)}"),
        ("arguments", esc(_arguments(order)) or "none"),
        ("sequence", f"{order.sequence_count}, {esc(order.service)}, {len(order.octets)} octets"),
    ]
    again = '<button class="button small" data-act="again">Fill the form with it</button>'
    return (
        f'<div class="stack">{facts(pairs)}<ol class="steps">{"".join(steps)}</ol>'
        f"{f'<p class=dim>{due}</p>' if due else ''}<div>{again}</div></div>"
    )


def _due(order: Order, snapshot: dict[str, Any]) -> str:
    """Say until when the next answer is waited for, and what happens then."""
    if order.is_over:
        return ""
    known = next((each for each in snapshot["commands"] if each["command_id"] == order.command_id), {})
    due_ns, left_ns = known.get("deadline_ns"), known.get("remaining_ns")
    tries = known.get("tries_left")
    after = "it is sent again" if tries is None or tries > 1 else "it is given up as LOST"
    if due_ns is not None:
        due_s = max(due_ns - clock.now_ns(), 0) / NS_PER_S
        return f"The next report is due in {due_s:.0f} s; then {after}."
    if left_ns is not None:
        left = f"{left_ns / NS_PER_S:.0f} s"
        return f"Out of contact its time stands still: {left} are left after acquisition; then {after}."
    if order.stage is Stage.QUEUED:
        return "It leaves when the spacecraft is heard and COP-1 is up."
    return "COP-1 answers for its frame and sends it again until it is acknowledged."
