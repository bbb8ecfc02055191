"""Stacks: commands that the station sends one after another, each once the one before has completed.

What fails stops it. A stack is read whole before anything of it is sent. It belongs to the station: it goes on if who
started it looks no longer. What is hazardous in it needs its arming, as anywhere; where two have to agree, a stack with
such a command is refused as a whole: it is asked for by itself. Who started a stack and may not command any more stops
it so.
"""

import asyncio
import shlex
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MisuseError, StarloopError
from ground.access.guard import Guard
from ground.access.principal import HazardError, Principal, Role
from ground.events import FINAL, CommandStaged, Stage, StationEvent
from ground.server.commanding import Commanding
from mission.definition import DICTIONARY

# What somebody can keep an eye on; more is a procedure.
STACK_MAX = 100

# Stacks at once, and those that are remembered.
RUNNING_MAX = 8
STACKS_MAX = 100


@dataclass(kw_only=True)
class Stack:
    """One stack."""

    stack_id: int
    by: Principal
    lines: tuple[str, ...]
    sent: list[int] = field(default_factory=list)
    """Numbers of the commands that were sent, in order."""
    verdict: str = "RUNNING"
    """Or ``DONE``, or ``STOPPED``."""
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """Give it in plain values."""
        return {
            "stack_id": self.stack_id,
            "started_by": self.by.name,
            "lines": list(self.lines),
            "sent": list(self.sent),
            "verdict": self.verdict,
            "reason": self.reason,
        }


class Stacks:
    """The stacks of one station.

    Args:
        commanding: Sends.
        guard: Knows who may still command.
        note_action: Keeps what somebody does.
    """

    def __init__(
        self, commanding: Commanding, guard: Guard, note_action: Callable[[Principal, str, Mapping[str, Any]], None]
    ) -> None:
        self._commanding = commanding
        self._guard = guard
        self._note_action = note_action
        self._stacks: dict[int, Stack] = {}
        self._next_id = 1

    def start(self, by: Principal, lines: Sequence[str]) -> int:
        """Send commands one after another, and give the number of their stack.

        Args:
            by: Who asks.
            lines: Commands as they are typed: a name, and ``key=value`` for each argument.

        Raises:
            DeniedError: Who asks may not.
            HazardError: A line needs a second person here, and nothing was sent.
            MisuseError: A line is no command, and nothing was sent; or too many stacks are under way.
        """
        by.require(Role.COMMANDER, "stack")
        if not 1 <= len(lines) <= STACK_MAX:
            raise MisuseError(f"stack: expected 1 to {STACK_MAX} commands, found {len(lines)}")
        for number, (name, arguments) in enumerate(read_stack(lines), start=1):
            try:
                self._commanding.check_one_is_enough(name, arguments)
            except HazardError as error:
                raise HazardError(f"line {number}: {error}") from None
        if sum(each.verdict == "RUNNING" for each in self._stacks.values()) >= RUNNING_MAX:
            raise MisuseError(f"stack: expected fewer than {RUNNING_MAX} at once, found as many")
        self._note_action(by, "run stack", {"lines": list(lines)})
        stack = Stack(stack_id=self._next_id, by=by, lines=tuple(lines))
        self._next_id += 1
        self._stacks[stack.stack_id] = stack
        over = [each.stack_id for each in self._stacks.values() if each.verdict != "RUNNING"]
        for old in over[:-STACKS_MAX]:
            del self._stacks[old]
        self._send_next(stack)
        return stack.stack_id

    def stop(self, by: Principal, stack_id: int) -> None:
        """Send nothing more of a stack; the command that is under way goes on.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is none of that number under way.
        """
        by.require(Role.COMMANDER, "stack")
        stack = self._stacks.get(stack_id)
        if stack is None or stack.verdict != "RUNNING":
            raise MisuseError(f"expected the number of a stack that is under way, found {stack_id}")
        self._note_action(by, "stop stack", {"stack_id": stack_id})
        stack.verdict, stack.reason = "STOPPED", f"by {by.name}"

    def get(self, stack_id: int) -> dict[str, Any]:
        """Give one stack.

        Raises:
            MisuseError: There is none of that number.
        """
        if stack_id not in self._stacks:
            raise MisuseError(f"unknown stack number {stack_id}")
        return self._stacks[stack_id].row()

    def all(self) -> list[dict[str, Any]]:
        """Give the stacks that are remembered, newest first."""
        return [each.row() for each in reversed(self._stacks.values())]

    def observe(self, event: StationEvent) -> None:
        """Take note of how a command ended."""
        if not isinstance(event, CommandStaged) or event.stage not in FINAL:
            return
        for stack in self._stacks.values():
            if stack.verdict == "RUNNING" and stack.sent[-1:] == [event.command_id]:
                if event.stage is Stage.COMPLETED:
                    # Not at once: who is told of this event must not hear of the next command before.
                    asyncio.get_running_loop().call_soon(self._send_next, stack)
                else:
                    name, _ = parse_line(stack.lines[len(stack.sent) - 1])
                    text = f": {event.text}" if event.text else ""
                    self._end(stack, f"{name} {event.stage.name.lower()}{text}")

    def _send_next(self, stack: Stack) -> None:
        if stack.verdict != "RUNNING":
            return
        place = len(stack.sent)
        if place == len(stack.lines):
            stack.verdict = "DONE"
            return
        if not self._guard.is_as_before(stack.by):
            self._end(stack, f"expected {stack.by.name} to be {stack.by.role.name.lower()} still, found another role")
            return
        try:
            name, arguments = parse_line(stack.lines[place])
            stack.sent.append(self._commanding.send(stack.by, name, arguments))
        except (StarloopError, OSError, sqlite3.Error) as error:
            self._end(stack, str(error))

    def _end(self, stack: Stack, reason: str) -> None:
        stack.verdict, stack.reason = "STOPPED", reason


def read_stack(lines: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Read commands, each with its arguments.

    Raises:
        MisuseError: A line is none; with its number.
    """
    read = []
    for number, line in enumerate(lines, start=1):
        try:
            read.append(parse_line(line))
        except MisuseError as error:
            raise MisuseError(f"line {number}: {error}") from None
    return read


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
