"""Where everything on board puts what it has to say: reports, event reports, answers to telecommands.

It encodes by the dictionary and keeps what was said until `take`, since the one who speaks does not know what time it
is on board or what the link is doing. It never drops anything; the queue behind it is bounded (`flight.link.downlink`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from flight.books.commands import Answer
from mission.dictionary import Dictionary, EventDefinition, Structure
from mission.housekeeping import REPORT_TYPES, StructureKind

# What the text fields of event reports and of failed ST[01] reports hold (`mission.words`, `ccsds.pus.verification`).
REASON_OCTETS_MAX = 200


class Priority(IntEnum):
    """What leaves first when the link is free."""

    ANSWER = 0
    EVENT = 1
    REPORT = 2
    HOUSEKEEPING = 3


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing to be said to the ground."""

    answer: Answer
    """Its message type and source data."""
    priority: Priority
    destination_id: int
    """The source id of the station that asked, 0 for all."""
    name: str
    values: Mapping[str, Any]
    """What it says, in a form that JSON can hold."""
    text: str = ""


class Reporter:
    """Collects what is to be said.

    Args:
        dictionary: The words there are.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._statements: list[Statement] = []
        self._listeners: list[Callable[[EventDefinition, Mapping[str, Any]], None]] = []

    def listen(self, listener: Callable[[EventDefinition, Mapping[str, Any]], None]) -> None:
        """Have each event told to someone on board too, whatever becomes of its report."""
        self._listeners.append(listener)

    def report(self, name: str, values: Mapping[str, Any], destination_id: int = 0) -> None:
        """Say a declared report."""
        self._add(self.encode(name, values), Priority.REPORT, destination_id, name, values)

    def event(self, definition: EventDefinition, **values: Any) -> None:
        """Say a declared event."""
        for listener in self._listeners:
            listener(definition, values)
        data = definition.id.to_bytes(2, "big") + definition.fields.encode(values)
        answer = Answer(5, definition.severity, data)
        self._add(answer, Priority.EVENT, 0, definition.name, values, definition.describe(values))

    def housekeeping(self, kind: StructureKind, structure: Structure, values: Mapping[str, Any]) -> None:
        """Say the parameters of a structure."""
        data = structure.id.to_bytes(1, "big") + structure.layout.encode(values)
        self._add(Answer(*REPORT_TYPES[kind], data), Priority.HOUSEKEEPING, 0, structure.name, values)

    def answer(self, answer: Answer, destination_id: int, name: str) -> None:
        """Say again, or for the first time, what a telecommand is answered with.

        All answers to one telecommand leave in their order, its completion last: a station that has the completion
        has the rest, or knows that a frame is missing, and one that misses it asks again and gets them all.
        """
        self._add(answer, Priority.ANSWER, destination_id, name, {})

    def encode(self, name: str, values: Mapping[str, Any]) -> Answer:
        """Give a declared report in the form that the journal keeps."""
        report = self._dictionary.reports[name]
        return Answer(report.service, report.subtype, report.fields.encode(values))

    def take(self) -> list[Statement]:
        """Give all that was said since the last call."""
        statements, self._statements = self._statements, []
        return statements

    def _add(
        self,
        answer: Answer,
        priority: Priority,
        destination_id: int,
        name: str,
        values: Mapping[str, Any],
        text: str = "",
    ) -> None:
        plain = {key: _plain(value) for key, value in values.items()}
        self._statements.append(Statement(answer, priority, destination_id, name, plain, text))


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return value.hex()
        case IntEnum():
            return value.name
        case float() if not math.isfinite(value):
            return None
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return value


def clip_reason(text: str) -> str:
    """Cut a reason to what a report holds, at a character's end."""
    return text.encode(errors="replace")[:REASON_OCTETS_MAX].decode(errors="ignore")
