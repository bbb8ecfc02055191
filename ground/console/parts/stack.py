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
from ground.events import Stage
from mission.definition import DICTIONARY

# What somebody can keep an eye on; more is a procedure.
STACK_MAX = 100


class StackPanel:
    """The stack of one browser.

    Args:
        screen: Whose.
        on_sent: Called with the number of each command that it sends.
    """

    def __init__(self, screen: Screen, on_sent: Callable[[int], None]) -> None:
        self._screen, self._on_sent = screen, on_sent
        self._stack: dict[str, Any] = screen.notes.setdefault(
            "stack", {"lines": [], "next": 0, "sent": {}, "runs": False}
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
        self._stack["runs"] = False
        self._text.set("\n".join(self._stack["lines"]))
        self._editor.set_visibility(True)

    def _keep(self) -> None:
        def act() -> list[str]:
            lines = [line.strip() for line in self._text.value.splitlines() if line.strip()]
            if len(lines) > STACK_MAX:
                raise MisuseError(f"expected at most {STACK_MAX} commands in a stack, found {len(lines)}")
            for number, line in enumerate(lines, start=1):
                try:
                    parse_line(line)
                except MisuseError as error:
                    raise MisuseError(f"line {number}: {error}") from None
            return lines

        lines = self._screen.attempt(self._said, act)
        if lines is not None:
            self._stack.update(lines=lines, next=0, sent={})
            self._editor.set_visibility(False)
            self._look()

    def _pick(self, key: str, act: str) -> None:
        place = int(key)
        if act == "remove":
            del self._stack["lines"][place]
            self._stack.update(next=min(self._stack["next"], place), sent={}, runs=False)
        else:
            self._stack["next"] = place
        self._look()

    def _toggle(self) -> None:
        self._stack["runs"] = not self._stack["runs"]
        if self._stack["next"] >= len(self._stack["lines"]):
            self._stack.update(next=0, sent={})
        self._look()

    def _step(self) -> None:
        place, lines = self._stack["next"], self._stack["lines"]
        if place >= len(lines):
            self._stack["runs"] = False
            return

        def act() -> int:
            name, arguments = parse_line(lines[place])
            return self._screen.console.operations.commanding.send(self._screen.person, name, arguments)

        command_id = self._screen.attempt(self._said, act)
        if command_id is None:
            self._stack["runs"] = False
            return
        self._stack["sent"][place] = command_id
        self._stack["next"] = place + 1
        self._on_sent(command_id)

    def _look(self) -> None:
        """Send what is due, and show how far it is."""
        lines, sent = self._stack["lines"], self._stack["sent"]
        if self._stack["runs"]:
            latest = self._screen.feed.orders.get(sent.get(self._stack["next"] - 1, 0))
            if latest is not None and latest.is_over and latest.stage is not Stage.COMPLETED:
                self._stack["runs"] = False
                self._said.tell(f"stopped: {latest.name} {STAGE_WORDS[latest.stage]}", "alarm")
            elif latest is None or latest.is_over:
                self._step()
        self._run.rename("Stop" if self._stack["runs"] else "Run")
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


def parse_line(line: str) -> tuple[str, dict[str, Any]]:
    """Read a command as it is typed: its name, and ``key=value`` for each argument.

    Raises:
        MisuseError: It is none.
    """
    try:
        name, *pairs = shlex.split(line)
    except ValueError as error:
        raise MisuseError(f"expected a command and key=value, found {line!r}: {error}") from None
    texts = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise MisuseError(f"expected arguments as key=value, found {pair!r}")
        texts[key] = text
    return name, DICTIONARY.command(name).arguments.parse(texts)
