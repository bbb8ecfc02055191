"""How a hazardous command is let go: a person alone types its name to arm it; else a second person agrees."""

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from ground.console.figures import esc
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.said import Said
from ground.console.screen import Screen
from mission.dictionary import Command

Arguments = Callable[[], Mapping[str, Any]]


class HazardGate:
    """The steps before a hazardous command, and the button that sends it.

    Args:
        screen: Whose.
        command: Which command.
        arguments: Gives what it is to be sent with, when it is sent; raises what is wrong with them.
        on_sent: Called with the number that the command goes by.
    """

    def __init__(self, screen: Screen, command: Command, arguments: Arguments, on_sent: Callable[[int], None]) -> None:
        self._screen, self._command, self._arguments, self._on_sent = screen, command, arguments, on_sent
        self._commanding = screen.console.operations.commanding
        self._shown: str | None = None
        self._box = ui.element("div").classes("hazard")
        with self._box:
            lead = Markup("lead")
            lead.show(f"{esc(command.name)} {esc(command.hazard.value)}")
            self._steps = ui.element("div").classes("row")
            self._said = Said()
        screen.watch(self._box, self._look)

    def _look(self) -> None:
        """Show the step that it has come to."""
        if self._commanding.needs_two:
            step = "ask"
        else:
            armed = self._commanding.armed()
            if self._command.name not in armed:
                step = "arm"
            else:
                left_s = armed[self._command.name]
                step = "arming" if left_s is None else "armed"
                if left_s is not None and step == self._shown:
                    self._left.show(f"armed, {max(left_s, 0):.0f} s left")
        if step == self._shown:
            return
        self._shown = step
        self._steps.clear()
        with self._steps:
            match step:
                case "ask":
                    note = Markup("dim")
                    note.show("It needs a second person's approval.")
                    Button("Ask for approval", self._ask, kind="danger")
                case "arm":
                    note = Markup("dim")
                    note.show("Type its name to arm it.")
                    self._typed = Entry(
                        "Name of the command, to arm it", hint=self._command.name, on_done=lambda _: self._arm()
                    )
                    self._typed.classes("mono").style("width: 14rem")
                    Button("Arm", self._arm, kind="danger")
                case "arming":
                    note = Markup("dim")
                    note.show("Arming: the spacecraft has not answered yet.")
                case "armed":
                    self._left = Markup("mono")
                    Button(f"Send {self._command.name}", self._send, kind="armed")

    def _arm(self) -> None:
        self._screen.attempt(
            self._said,
            lambda: self._commanding.arm(self._screen.person, self._command.name, self._typed.value.strip()),
        )

    def _send(self) -> None:
        command_id = self._screen.attempt(
            self._said,
            lambda: self._commanding.send(self._screen.person, self._command.name, self._arguments()),
        )
        if command_id is not None:
            self._on_sent(command_id)

    def _ask(self) -> None:
        asked = self._screen.attempt(
            self._said, lambda: self._commanding.ask(self._screen.person, self._command.name, self._arguments())
        )
        if asked is not None:
            self._said.tell(f"Approval {asked['approval_id']} waits for a second person.", "good")
