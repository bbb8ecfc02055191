"""A stack of commands that are sent one after another: each once the one before has completed; what fails stops it."""

import shlex
from collections.abc import Callable
from typing import Any

from nicegui import ui

from ccsds.errors import MisuseError
from ground.console.figures import cut, esc
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.states import STAGE_WORDS, state
from ground.console.parts.table import Row, table
from ground.console.screen import Screen
from ground.server.stacks import STACK_MAX, read_stack


class StackPanel:
    """The stack of one browser.

    Args:
        screen: Whose.
        on_sent: Called with the number of each command that it sends.
    """

    def __init__(self, screen: Screen, on_sent: Callable[[int], None]) -> None:
        self._screen, self._on_sent = screen, on_sent
        self._stack: dict[str, Any] = screen.notes.setdefault(
            "stack", {"lines": [], "next": 0, "sent": {}, "run": None}
        )
        panel = Panel("Stack")
        panel.element.style("max-height: 45%")
        self._note = panel.note
        with panel.tools:
            self._run = Button("Run", self._toggle)
            Button("Step", self._step)
            Button("Edit", self._edit)
        with panel.body:
            self._rows = Markup(on_pick=self._pick)
            self._editor = ui.element("div").classes("padded stack")
            self._editor.set_visibility(False)
            with self._editor:
                self._text = Entry("Commands, one a line", kind="lines", hint="test.connection\njob.report job_id=1")
                self._text.style("min-height: 8rem")
                with ui.element("div").classes("row"):
                    Button("Keep", self._keep, kind="main")
                    Button("Leave", lambda: self._editor.set_visibility(False))
            self._said = Said()
        screen.watch(panel.element, self._look)

    def add(self, name: str, texts: dict[str, str]) -> None:
        """Put a command at the end."""
        if len(self._stack["lines"]) >= STACK_MAX:
            self._said.tell(f"expected at most {STACK_MAX} commands in a stack", "alarm")
            return
        line = " ".join([name, *(f"{key}={shlex.quote(text)}" for key, text in texts.items())])
        self._stack["lines"].append(line)
        self._look()

    def _edit(self) -> None:
        self._stop()
        if self._stack["run"] is not None:
            return
        self._text.set("\n".join(self._stack["lines"]))
        self._editor.set_visibility(True)

    def _keep(self) -> None:
        def act() -> list[str]:
            lines = [line.strip() for line in self._text.value.splitlines() if line.strip()]
            if len(lines) > STACK_MAX:
                raise MisuseError(f"expected at most {STACK_MAX} commands in a stack, found {len(lines)}")
            read_stack(lines)
            return lines

        lines = self._screen.attempt(self._said, act)
        if lines is not None:
            self._stack.update(lines=lines, next=0, sent={})
            self._editor.set_visibility(False)
            self._look()

    def _pick(self, key: str, act: str) -> None:
        place = int(key)
        self._stop()
        if self._stack["run"] is not None:
            return
        if act == "remove":
            del self._stack["lines"][place]
            self._stack.update(next=min(self._stack["next"], place), sent={})
        else:
            self._stack["next"] = place
        self._look()

    def _toggle(self) -> None:
        if self._stack["run"] is not None:
            self._stop()
        else:
            if self._stack["next"] >= len(self._stack["lines"]):
                self._stack.update(next=0, sent={})
            self._start(self._stack["lines"][self._stack["next"] :])
        self._look()

    def _step(self) -> None:
        place = self._stack["next"]
        if self._stack["run"] is None and place < len(self._stack["lines"]):
            self._start(self._stack["lines"][place : place + 1])
        self._look()

    def _start(self, lines: list[str]) -> None:
        """Have the station send them, from the place that is next."""
        stacks, person = self._screen.console.operations.stacks, self._screen.person
        stack_id = self._screen.attempt(self._said, lambda: stacks.start(person, lines))
        if stack_id is not None:
            self._stack["run"] = (stack_id, self._stack["next"])

    def _stop(self) -> None:
        """Have the station send no more of it; it runs on here if the station does not."""
        self._look()
        if self._stack["run"] is not None:
            stack_id, _ = self._stack["run"]
            stacks, person = self._screen.console.operations.stacks, self._screen.person
            self._screen.attempt(self._said, lambda: stacks.stop(person, stack_id))
            self._look()

    def _follow(self) -> None:
        """Take in how far the station is with it."""
        if self._stack["run"] is None:
            return
        (stack_id, first), sent = self._stack["run"], self._stack["sent"]
        try:
            told = self._screen.console.operations.stacks.get(stack_id)
        except MisuseError as error:  # The station remembers so many, and this one ended long ago.
            self._stack["run"] = None
            self._said.tell(str(error), "alarm")
            return
        for place, command_id in enumerate(told["sent"], start=first):
            if sent.get(place) != command_id:
                sent[place] = command_id
                self._on_sent(command_id)
        self._stack["next"] = first + len(told["sent"])
        if told["verdict"] != "RUNNING":
            self._stack["run"] = None
            if told["verdict"] == "STOPPED":
                self._said.tell(f"stopped: {told['reason']}", "alarm")

    def _look(self) -> None:
        """Show how far the station is with it."""
        self._follow()
        lines, sent = self._stack["lines"], self._stack["sent"]
        self._run.rename("Stop" if self._stack["run"] is not None else "Run")
        self._run.allow(bool(lines))
        self._note.show(f"{len(lines)} commands" if lines else "")
        rows = []
        for place, line in enumerate(lines):
            order = self._screen.feed.orders.get(sent.get(place, 0))
            said = state(order.stage.name, STAGE_WORDS[order.stage]) if order is not None else ""
            rows.append(
                Row(
                    (
                        str(place + 1),
                        f'<span class="mono">{esc(cut(line, 80))}</span>',
                        said,
                        '<button class="button small" data-act="remove">remove</button>',
                    ),
                    str(place),
                    "here" if place == self._stack["next"] else "",
                )
            )
        columns = (("", "time"), ("Command", "text"), ("", "name"), ("", ""))
        self._rows.show(table(columns, rows, "Commands that are to be sent one after another."))
