"""A procedure as text, one step a line, and what it says: checked as a whole before any of it is believed.

    # Warm the payload before a pass.          a comment, to the end of the line
    priority 3                                 settings, before the first step: 0 to 7, higher goes first
    on_reboot continue                         or abort (the default)
    on_failure abort                           (the default) or continue

    send job.pause job_id=1                    a command of the dictionary; text with blanks in quotes
    wait 30s                                   ms, s, min, h
    wait_for battery_voltage >= 7.2 within 5min
    repeat 3                                   up to `end`; may be nested
      send test.connection
      wait 10s
    end

There is no jump and no call, so that every procedure ends. Whatever is wrong is told with its line and column.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from mission.dictionary import Command, Dictionary, Parameter
from mission.procedures import (
    EXECUTED_STEPS_MAX,
    NESTING_MAX,
    PRIORITY_MAX,
    REPEATS_MAX,
    STEPS_MAX,
    TEXT_OCTETS_MAX,
    WAIT_S_MAX,
    OnFailure,
    OnReboot,
)

_NS_PER_S = 1_000_000_000
_TOKEN = re.compile(r"""(?:[^\s"'#]|"[^"]*"|'[^']*')+|#.*|["']""")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|h)")
_UNITS_NS = {"ms": 1_000_000, "s": _NS_PER_S, "min": 60 * _NS_PER_S, "h": 3600 * _NS_PER_S}

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Send:
    """Give a command."""

    line: int
    command: Command
    arguments: Mapping[str, Any]
    data: bytes
    columns: Mapping[str, int]
    """Where each argument that was given stands in its line."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time go by."""

    line: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class WaitFor:
    """Wait until a parameter has a value; it fails if that takes too long."""

    line: int
    parameter: Parameter
    comparison: str
    value: Any
    timeout_ns: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Begin what is done so many times."""

    line: int
    count: int


@dataclass(frozen=True, slots=True)
class End:
    """End what is repeated."""

    line: int
    start: int
    """Position of its `Repeat`."""


Step = Send | Wait | WaitFor | Repeat | End


@dataclass(frozen=True, slots=True)
class Procedure:
    """What a text says."""

    priority: int
    on_reboot: OnReboot
    on_failure: OnFailure
    steps: tuple[Step, ...]


def read_procedure(text: bytes, dictionary: Dictionary) -> Procedure:
    """Read a procedure.

    Args:
        text: In UTF-8.
        dictionary: The commands and parameters it may name.

    Raises:
        MalformedError: Something in it is wrong; the message begins with the line and column of the first fault.
    """
    if len(text) > TEXT_OCTETS_MAX:
        raise MalformedError(f"line 1, column 1: expected at most {TEXT_OCTETS_MAX} octets, found {len(text)}")
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        column = error.start - (text.rfind(b"\n", 0, error.start) + 1) + 1
        raise MalformedError(f"line {line}, column {column}: expected UTF-8, found {error.reason}") from None
    reader = _Reader(dictionary)
    for number, line in enumerate(lines, 1):
        words = [_Word(match.group(), number, match.start() + 1) for match in _TOKEN.finditer(line.rstrip("\r"))]
        words = [word for word in words if not word.text.startswith("#")]
        if words:
            reader.read(words)
    return reader.finish(len(lines))


@dataclass(frozen=True, slots=True)
class _Word:
    """One word of a line, and where it stands."""

    text: str
    line: int
    column: int

    @property
    def plain(self) -> str:
        """The word without its quotes."""
        return re.sub(r"""(["'])(.*?)\1""", r"\2", self.text)

    def wrong(self, expected: str) -> MalformedError:
        return MalformedError(f"line {self.line}, column {self.column}: expected {expected}, found {self.text!r}")

    def after(self, expected: str) -> MalformedError:
        """Say that something is missing behind this word."""
        column = self.column + len(self.text)
        return MalformedError(f"line {self.line}, column {column}: expected {expected}, found the end of the line")

    def fault(self, reason: object) -> MalformedError:
        return MalformedError(f"line {self.line}, column {self.column}: {reason}")


@dataclass
class _Reader:
    """What was read so far."""

    dictionary: Dictionary
    settings: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    open: list[tuple[int, _Word]] = field(default_factory=list)
    """The repeats that have not ended: position, and word."""
    executed: list[int] = field(default_factory=lambda: [0])
    """Steps executed at each level of nesting."""

    def read(self, words: list[_Word]) -> None:
        first, *rest = words
        if first.text in _SETTINGS:
            self._set(first, rest)
            return
        handlers = {
            "send": self._send,
            "wait": self._wait,
            "wait_for": self._wait_for,
            "repeat": self._repeat,
            "end": self._end,
        }
        if first.text not in handlers:
            raise first.wrong(f"one of {', '.join([*handlers, *_SETTINGS])}")
        if len(self.steps) == STEPS_MAX:
            raise first.fault(f"expected at most {STEPS_MAX} steps, found one more")
        step = handlers[first.text](first, rest)
        self.steps.append(step)
        self.executed[-1] += 1
        if sum(self.executed) > EXECUTED_STEPS_MAX:
            raise first.fault(f"expected at most {EXECUTED_STEPS_MAX} steps in a run, found more")

    def finish(self, lines: int) -> Procedure:
        if self.open:
            _, word = self.open[-1]
            raise word.fault(f"expected an `end` for this repeat, found none up to line {lines}")
        if not self.steps:
            raise MalformedError(f"line {lines}, column 1: expected a step, found none")
        return Procedure(
            priority=self.settings.get("priority", 0),
            on_reboot=OnReboot(self.settings.get("on_reboot", OnReboot.ABORT)),
            on_failure=OnFailure(self.settings.get("on_failure", OnFailure.ABORT)),
            steps=tuple(self.steps),
        )

    def _set(self, first: _Word, rest: list[_Word]) -> None:
        allowed = _SETTINGS[first.text]
        if self.steps or first.text in self.settings:
            raise first.fault("expected each setting once, before the first step")
        (value,) = _exactly(first, rest, 1, " | ".join(allowed))
        if value.text not in allowed:
            raise value.wrong(" | ".join(allowed))
        self.settings[first.text] = allowed[value.text]

    def _send(self, first: _Word, rest: list[_Word]) -> Send:
        if not rest:
            raise first.after("the name of a command")
        name, *arguments = rest
        if name.text not in self.dictionary.commands:
            raise name.wrong("a command of the dictionary")
        command = self.dictionary.commands[name.text]
        found: dict[str, _Word] = {}
        values: dict[str, str] = {}
        for word in arguments:
            key, equals, value = word.plain.partition("=")
            if not equals or key in found:
                raise word.wrong("name=value, each name once")
            found[key], values[key] = word, value
        try:
            complete = command.arguments.parse(values)
            columns = {key: word.column for key, word in found.items()}
            return Send(first.line, command, complete, command.arguments.encode(complete), columns)
        except (MisuseError, ValueError) as error:
            # The message begins with the name of the argument, or names it in quotes.
            at = next((word for key, word in found.items() if _names(str(error), key)), name)
            raise at.fault(error) from None

    def _wait(self, first: _Word, rest: list[_Word]) -> Wait:
        (duration,) = _exactly(first, rest, 1, "a duration such as 30s")
        return Wait(first.line, _duration_ns(duration))

    def _wait_for(self, first: _Word, rest: list[_Word]) -> WaitFor:
        name, comparison, value, within, timeout = _exactly(first, rest, 5, "a condition such as loss < 2 within 30s")
        try:
            parameter = self.dictionary.parameter_of(name.text)
        except MisuseError:
            raise name.wrong("a parameter of the dictionary") from None
        if comparison.text not in COMPARISONS:
            raise comparison.wrong(f"one of {' '.join(COMPARISONS)}")
        try:
            limit = parameter.shape.type.parse(value.plain)
            COMPARISONS[comparison.text](limit, limit)
        except (ValueError, TypeError):
            raise value.wrong(f"a value of {name.text} that can be compared") from None
        if within.text != "within":
            raise within.wrong("within")
        return WaitFor(first.line, parameter, comparison.text, limit, _duration_ns(timeout))

    def _repeat(self, first: _Word, rest: list[_Word]) -> Repeat:
        (count,) = _exactly(first, rest, 1, "a number")
        if not count.text.isdecimal() or not 1 <= int(count.text) <= REPEATS_MAX:
            raise count.wrong(f"a number from 1 to {REPEATS_MAX}")
        if len(self.open) == NESTING_MAX:
            raise first.fault(f"expected at most {NESTING_MAX} repeats in each other, found one more")
        self.open.append((len(self.steps), first))
        self.executed.append(0)
        return Repeat(first.line, int(count.text))

    def _end(self, first: _Word, rest: list[_Word]) -> End:
        _exactly(first, rest, 0, "nothing")
        if not self.open:
            raise first.fault("expected a repeat before this end, found none")
        start, word = self.open.pop()
        if start == len(self.steps) - 1:
            raise word.fault("expected a step in this repeat, found none")
        repeat = self.steps[start]
        assert isinstance(repeat, Repeat)
        inner = self.executed.pop()
        self.executed[-1] += inner * repeat.count
        return End(first.line, start)


_SETTINGS: dict[str, dict[str, int]] = {
    "priority": {str(number): number for number in range(PRIORITY_MAX + 1)},
    "on_reboot": {each.name.lower(): each for each in OnReboot},
    "on_failure": {each.name.lower(): each for each in OnFailure},
}


def _exactly(first: _Word, rest: list[_Word], count: int, expected: str) -> list[_Word]:
    if len(rest) < count:
        raise (rest or [first])[-1].after(expected)
    if len(rest) > count:
        raise rest[count].wrong("the end of the line")
    return rest


def _duration_ns(word: _Word) -> int:
    match = _DURATION.fullmatch(word.text)
    if match is None:
        raise word.wrong("a duration such as 30s, 500ms, 5min or 2h")
    duration_ns = round(float(match[1]) * _UNITS_NS[match[2]])
    if not 0 < duration_ns <= WAIT_S_MAX * _NS_PER_S:
        raise word.wrong(f"a duration of up to {WAIT_S_MAX} s")
    return duration_ns


def _names(message: str, key: str) -> bool:
    return re.match(rf"{re.escape(key)}\b", message) is not None or f"field {key!r}" in message
