"""The types for declaring a mission's words: commands, reports, parameters, structures and events.

Each word is declared once, beside the other words of its service (`mission.words`); from it come encoding and decoding,
the argument checks at the ground and again on board, and the help an operator reads. What is not declared cannot be
sent. Both ends compare the `Dictionary.digest`.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import cached_property
from typing import Any, TypeVar

from ccsds.errors import MalformedError, MisuseError
from mission.field_types import UInt
from mission.fields import Field, Layout, describe
from mission.modes import ALL_MODES, Mode

Key = TypeVar("Key")
Word = TypeVar("Word")


class Repeat(Enum):
    """What may happen when a command's telecommand comes a second time, or a crash fell into its execution."""

    STORE = "store"
    """Its whole effect is a change of the store, committed in one record with its reports: it acts exactly once."""
    IDEMPOTENT = "idempotent"
    """Doing it twice is doing it once: after a crash in the middle it is simply done again."""
    ONCE = "once"
    """It acts on the world: after a crash in the middle it is not repeated but reported as "outcome unknown"."""


class Hazard(Enum):
    """How much harm a command can do."""

    NONE = "none"
    LOSES_WORK = "loses work"
    LOSES_KEY = "loses a key"
    LOSES_FILE = "loses a file"
    LOSES_TELEMETRY = "loses telemetry"


class Severity(IntEnum):
    """Event severity; the numbers are the ST[05] report subtypes (ECSS-E-ST-70-41C 6.5.4)."""

    INFORMATIVE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


@dataclass(frozen=True, kw_only=True)
class Command:
    """One telecommand."""

    name: str
    service: int
    subtype: int
    description: str
    arguments: Layout = field(default_factory=Layout)
    repeat: Repeat
    hazard: Hazard = Hazard.NONE
    """If it can do harm, it must be armed before (`mission.words.safeguards`)."""
    modes: frozenset[Mode] = ALL_MODES
    """In which it is accepted."""
    in_safe: bool = False
    """Whether the schedule, procedures and reactions may give it in SAFE; the ground may give any."""
    is_automatic: bool = False
    """Whether a station gives it by itself: then nobody need be there, and it does not end a silence."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One telemetry report with a fixed layout."""

    name: str
    service: int
    subtype: int
    description: str
    fields: Layout


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One on-board parameter, which housekeeping structures are made of."""

    id: int
    shape: Field
    warning: tuple[float, float] | None = None
    """Lowest and highest value that is no cause for a warning."""

    @property
    def name(self) -> str:
        """Name of the parameter."""
        return self.shape.name


@dataclass(frozen=True, kw_only=True)
class Setting(Parameter):
    """A parameter that the ground may set, within the range of its shape; what was set outlasts reboots."""

    @property
    def default(self) -> Any:
        """What it is until it is set, unless the spacecraft was built with another value."""
        return self.shape.default


@dataclass(frozen=True, kw_only=True)
class Structure:
    """One housekeeping structure: parameters reported together (ECSS-E-ST-70-41C 6.3)."""

    id: int
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    period_ns: int

    @cached_property
    def layout(self) -> Layout:
        """Layout of the parameters, without the structure identifier before them."""
        return Layout(tuple(parameter.shape for parameter in self.parameters))


@dataclass(frozen=True, kw_only=True)
class EventDefinition:
    """One event report."""

    id: int
    name: str
    severity: Severity
    text: str
    """What it says, with its fields in braces."""
    fields: Layout = field(default_factory=Layout)

    def describe(self, values: Mapping[str, Any]) -> str:
        """Give the event as one line of text."""
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}
        shown = {name: value.name if isinstance(value, IntEnum) else value for name, value in shown.items()}
        return self.text.format(**shown)


def counter(number: int, name: str, description: str) -> Parameter:
    """Declare a parameter that counts, 32 bits wide."""
    return Parameter(id=number, shape=Field(name, UInt(32), description))


@dataclass(frozen=True, kw_only=True)
class Words:
    """What one service can say and be told."""

    commands: tuple[Command, ...] = ()
    reports: tuple[Report, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    """Those that belong to no declared structure, settings among them."""
    structures: tuple[Structure, ...] = ()
    events: tuple[EventDefinition, ...] = ()

    @property
    def all_parameters(self) -> Iterator[Parameter]:
        """Every parameter, those of its structures first; one may come more than once."""
        for structure in self.structures:
            yield from structure.parameters
        yield from self.parameters


class Dictionary:
    """All words of one mission.

    Args:
        services: The words of each service.

    Raises:
        MisuseError: Two words share a name or a number.
    """

    def __init__(self, *services: Words) -> None:
        self.commands = _index("command name", ((each.name, each) for words in services for each in words.commands))
        self.reports = _index("report name", ((each.name, each) for words in services for each in words.reports))
        # One parameter may be in several structures; two that differ may not share a number or a name.
        parameters = dict.fromkeys((id(each), each) for words in services for each in words.all_parameters)
        self.parameters = _index("parameter", ((each.id, each) for _, each in parameters))
        self._parameter_of_name = _index("parameter name", ((each.name, each) for each in self.parameters.values()))
        self.structures = _index("structure", ((each.id, each) for words in services for each in words.structures))
        self.events = _index("event name", ((each.name, each) for words in services for each in words.events))
        self._command_of_type = _index("command type", (((c.service, c.subtype), c) for c in self.commands.values()))
        self._report_of_type = _index("report type", (((r.service, r.subtype), r) for r in self.reports.values()))
        self._event_of_id = _index("event number", ((each.id, each) for each in self.events.values()))

    def command(self, name: str) -> Command:
        """Give the command of a name.

        Raises:
            MisuseError: There is none, naming the nearest.
        """
        if name not in self.commands:
            near = difflib.get_close_matches(name, self.commands, n=3, cutoff=0.5)
            # All of them would be a screen full.
            groups = sorted({f"{each.partition('.')[0]}..." for each in self.commands})
            raise MisuseError(f"unknown command {name!r}: expected one of {', '.join(near or groups)}")
        return self.commands[name]

    def command_of(self, service: int, subtype: int) -> Command:
        """Give the command of a message type.

        Raises:
            MalformedError: There is none.
        """
        if (service, subtype) not in self._command_of_type:
            raise MalformedError(f"expected a declared command, found message type [{service},{subtype}]")
        return self._command_of_type[service, subtype]

    @cached_property
    def service_numbers(self) -> frozenset[int]:
        """The services that any command belongs to."""
        return frozenset(service for service, _ in self._command_of_type)

    def report_of(self, service: int, subtype: int) -> Report:
        """Give the report of a message type.

        Raises:
            MalformedError: There is none.
        """
        if (service, subtype) not in self._report_of_type:
            raise MalformedError(f"expected a declared report, found message type [{service},{subtype}]")
        return self._report_of_type[service, subtype]

    def parameter_of(self, key: int | str) -> Parameter:
        """Give the parameter of a number or a name.

        Raises:
            MisuseError: There is none.
        """
        found = self._parameter_of_name.get(key) if isinstance(key, str) else self.parameters.get(key)
        if found is None:
            raise MisuseError(f"expected a declared parameter, found {key!r}")
        return found

    def structure_of(self, identifier: int) -> Structure:
        """Give the housekeeping structure of a number.

        Raises:
            MalformedError: There is none.
        """
        if identifier not in self.structures:
            known = ", ".join(map(str, sorted(self.structures)))
            raise MalformedError(f"unknown housekeeping structure {identifier}: expected one of {known}")
        return self.structures[identifier]

    def event_of(self, identifier: int) -> EventDefinition:
        """Give the event of a number.

        Raises:
            MalformedError: There is none.
        """
        if identifier not in self._event_of_id:
            raise MalformedError(f"expected a declared event, found number {identifier}")
        return self._event_of_id[identifier]

    @cached_property
    def digest(self) -> bytes:
        """Eight octets that differ whenever any declaration does: SHA-256 of all of them, in order of their names."""
        words = [
            *(
                ("command", c.name, c.service, c.subtype, c.repeat.value, _shape(c.arguments))
                for _, c in sorted(self.commands.items())
            ),
            *(("report", r.name, r.service, r.subtype, _shape(r.fields)) for _, r in sorted(self.reports.items())),
            *(
                ("structure", s.id, s.name, [p.id for p in s.parameters], _shape(s.layout))
                for _, s in sorted(self.structures.items())
            ),
            *(
                ("parameter", p.id, isinstance(p, Setting), _shape(Layout((p.shape,))))
                for _, p in sorted(self.parameters.items())
            ),
            *(("event", e.id, e.name, e.severity, e.text, _shape(e.fields)) for _, e in sorted(self.events.items())),
        ]
        return hashlib.sha256(json.dumps(words, separators=(",", ":")).encode()).digest()[:8]


def _shape(layout: Layout) -> list[list[Any]]:
    return [[each.name, describe(each.type), each.unit, each.minimum, each.maximum] for each in layout.fields]


def _index(what: str, pairs: Iterable[tuple[Key, Word]]) -> dict[Key, Word]:
    index: dict[Key, Word] = {}
    for key, word in pairs:
        if key in index:
            raise MisuseError(f"expected one declaration for {what} {key}, found two")
        index[key] = word
    return index
