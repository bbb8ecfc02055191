"""Typed fields and the octet layouts made of them: how one argument or parameter is written, checked and read.

`construct` declares the layouts; its types and errors do not leave this file. What fits is written and read by a codec
of the same octets (`mission.codec`), which is faster. All numbers are big-endian (ECSS-E-ST-70-41C 7.3). Arrays and
rows carry an 8-bit count before them; the types of single values are in `mission.field_types`.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

import construct

from ccsds.errors import MalformedError, MisuseError
from mission.codec import FORMATS, Codec, Listed, Measured, NotFittingError, Numbers, Repeated, Step
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt


@dataclass(frozen=True)
class Array:
    """A counted list of numbers of one type."""

    element: UInt | Reference
    count_max: int
    count_min: int = 1

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.PrefixedArray(construct.Int8ub, self.element.construct())

    def check(self, value: Any) -> list[int]:
        """Give the list, or raise ``ValueError`` with what was expected."""
        items = _counted(value, self.count_min, self.count_max)
        return [_check_item(self.element.check, item, position) for position, item in enumerate(items)]

    def parse(self, text: str) -> list[int]:
        """Read the value from what an operator typed, separated by commas."""
        return [self.element.parse(item) for item in text.split(",") if text]


@dataclass(frozen=True)
class Rows:
    """A counted list of rows of one layout (a repeated group of fields, ECSS-E-ST-70-41C 7.3.3)."""

    layout: "Layout"
    count_max: int
    count_min: int = 1

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.PrefixedArray(construct.Int8ub, self.layout.wire)

    def check(self, value: Any) -> list[dict[str, Any]]:
        """Give the rows, or raise ``ValueError`` with what was expected; `MisuseError` with the row that is wrong."""
        return [
            self._row(position, row) for position, row in enumerate(_counted(value, self.count_min, self.count_max))
        ]

    def parse(self, text: str) -> list[dict[str, Any]]:
        """Read the value from what an operator typed: a JSON list of objects."""
        rows = _counted(json.loads(text), self.count_min, self.count_max)
        found = []
        for row in rows:
            if not isinstance(row, dict):
                raise ValueError("a list of objects")
            found.append(self.layout.parse({name: _typed(value) for name, value in row.items()}))
        return found

    def _row(self, position: int, row: Any) -> dict[str, Any]:
        if not isinstance(row, dict | Mapping):
            raise ValueError(f"rows of {self.layout}")
        try:
            return self.layout.complete(row)
        except MisuseError as error:
            raise MisuseError(f"[{position}].{error}") from None


@dataclass(frozen=True)
class Values:
    """A counted list of declared fields by number, each followed by its value: which they are is told by what is sent.

    A value of this type is a mapping from the fields' names (their numbers will do) to their values.
    """

    fields: "Mapping[int, Field]"
    """By number, 16 bits on the wire."""
    count_max: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        layouts = {number: each.type.construct() for number, each in self.fields.items()}
        value = construct.Switch(construct.this.number, layouts, _Undeclared())
        pair = construct.Struct("number" / construct.BytesInteger(2), "value" / value)
        return construct.PrefixedArray(construct.Int8ub, pair)

    def check(self, value: Any) -> dict[str, Any]:
        """Give the values by name, or raise ``ValueError``; `MisuseError` with the place of the one that is wrong."""
        pairs = list(value.items()) if isinstance(value, Mapping) else value
        if not isinstance(pairs, list) or not 0 < len(pairs) <= self.count_max:
            raise ValueError(f"1 to {self.count_max} values by name")
        checked: dict[str, Any] = {}
        for position, (key, each) in enumerate(pairs):
            field = self.fields[_check_item(self.reference.check, key, position)]
            if field.name in checked:
                raise MisuseError(f"[{position}]: expected each name once, found {field.name} twice")
            try:
                checked[field.name] = field.check(each)
            except MisuseError as error:
                raise MisuseError(f"[{position}].{error}") from None
        return checked

    def parse(self, text: str) -> dict[str, Any]:
        """Read the values from what an operator typed: ``name=value,name=value``."""
        pairs: list[tuple[str, Any]] = []
        for position, item in enumerate(text.split(",")):
            name, _, shown = item.partition("=")
            number = _check_item(self.reference.parse, name, position)
            pairs.append((name, self.fields[number].type.parse(shown)))
        return self.check(pairs)

    @cached_property
    def reference(self) -> Reference:
        """How its fields are named."""
        return Reference("parameter", {each.name: number for number, each in self.fields.items()})


FieldType = UInt | Int | Float | Enumerated | Text | Octets | Reference | Array | Rows | Values
"""Every type that a declared value may have."""


class _Required:
    """Marks a field that has no default."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Field:
    """One declared value: an argument of a command, a field of a report, or a parameter's shape."""

    name: str
    type: FieldType
    description: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Any = REQUIRED

    def check(self, value: Any) -> Any:
        """Give the value as it is encoded.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        try:
            value = self.type.check(value)
        except MisuseError as error:
            raise MisuseError(f"{self.name}{error}") from None
        except ValueError as error:
            raise MisuseError(f"{self.name}: expected {error}, found {value!r}") from None
        if (self.minimum is not None or self.maximum is not None) and isinstance(value, int | float):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            if below or above:
                raise MisuseError(f"{self.name}: expected {self.range}, found {value:g}")
        return value

    @property
    def range(self) -> str:
        """The allowed values in words, with the unit: ``1 or more``, ``0 to 100 s``."""
        unit = f" {self.unit}" if self.unit else ""
        match self.minimum, self.maximum:
            case None, None:
                return describe(self.type) + unit
            case low, None:
                return f"{low:.15g}{unit} or more"
            case None, high:
                return f"{high:.15g}{unit} or less"
            case low, high:
                return f"{low:.15g} to {high:.15g}{unit}"


@dataclass(frozen=True)
class Layout:
    """An ordered list of fields, written one after another."""

    fields: tuple[Field, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Refuse two fields of one name.

        Raises:
            MisuseError: Naming it.
        """
        names = [each.name for each in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise MisuseError(f"expected distinct field names, found {name!r} twice")

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Write values, defaults filled in.

        Raises:
            MisuseError: A value is missing, unknown, of another type or out of range.
        """
        complete = self.complete(values)
        if self.codec is not None:
            return self.codec.encode(complete)
        return self.wire.build({each.name: _wire_form(each.type, complete[each.name]) for each in self.fields})

    def complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give all values, checked, with defaults filled in, in declared order.

        Raises:
            MisuseError: A value is missing, unknown, of another type or out of range.
        """
        if not self._names.issuperset(values):
            for name in (each for each in values if each not in self._names):
                expected = ", ".join(each.name for each in self.fields) or "none"
                raise MisuseError(f"unknown field {name!r}: expected {expected}")
        complete = {}
        for each in self.fields:
            value = values.get(each.name, each.default)
            if value is REQUIRED:
                raise MisuseError(f"{each.name}: expected a value, found none")
            complete[each.name] = each.check(value)
        return complete

    def decode(self, data: bytes) -> dict[str, Any]:
        """Read values that fill ``data`` exactly, and check them as `encode` does.

        Raises:
            MalformedError: Naming the field or the length that is wrong.
        """
        found = self._read(data)
        try:
            return {each.name: each.check(found[each.name]) for each in self.fields}
        except MisuseError as error:
            raise MalformedError(str(error)) from None

    def _read(self, data: bytes) -> Mapping[str, Any]:
        """Read values that fill ``data`` exactly, in plain form.

        Raises:
            MalformedError: See `decode`.
        """
        if self.codec is not None:
            try:
                return self.codec.decode(data)
            except NotFittingError:
                pass  # What is wrong is said below.
        stream = io.BytesIO(data)
        try:
            parsed: Mapping[str, Any] = self.wire.parse_stream(stream) or {}
        except construct.ConstructError as error:
            raise MalformedError(f"expected {self}, found {len(data)} octets: {_last_line(error)}") from None
        if stream.tell() != len(data):
            raise MalformedError(f"expected {stream.tell()} octets of {self}, found {len(data)}")
        values = {}
        for each in self.fields:
            try:
                values[each.name] = _plain_form(each.type, parsed[each.name])
            except UnicodeDecodeError as error:
                raise MalformedError(f"{each.name}: expected UTF-8, found {error.reason} at {error.start}") from None
        return values

    def parse(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Read values from what an operator typed, and check them.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        types = {each.name: each.type for each in self.fields}
        values: dict[str, Any] = {}
        for name, text in texts.items():
            try:
                values[name] = types[name].parse(text) if name in types else text
            except MisuseError as error:
                place = "" if str(error).startswith("[") else ": "
                raise MisuseError(f"{name}{place}{error}") from None
            except ValueError:
                raise MisuseError(f"{name}: expected {describe(types[name])}, found {text!r}") from None
        return self.complete(values)

    def __str__(self) -> str:
        return ", ".join(f"{each.name} ({describe(each.type)})" for each in self.fields) or "no fields"

    @cached_property
    def wire(self) -> construct.Construct:
        """The octet layout, for this file only."""
        return construct.Struct(*(each.name / each.type.construct() for each in self.fields))

    @cached_property
    def codec(self) -> Codec | None:
        """What writes and reads the same octets faster; None if a field has no such way."""
        steps: list[Step] = []
        for is_number, group in groupby(self.fields, lambda each: _number_code(each.type) is not None):
            if is_number:
                steps.append(Numbers((each.name, _number_code(each.type) or "") for each in group))
                continue
            for each in group:
                step = _step(each)
                if step is None:
                    return None
                steps.append(step)
        return Codec(steps)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(each.name for each in self.fields)


def describe(kind: FieldType) -> str:
    """Say in a word or two what a type is, for messages, help and the interface document."""
    match kind:
        case UInt(bits):
            return f"uint{bits}"
        case Int(bits):
            return f"int{bits}"
        case Float(bits):
            return f"float{bits}"
        case Enumerated(members):
            return " | ".join(member.name for member in members)
        case Text(octets_max):
            return f"text up to {octets_max}"
        case Octets(octets_max):
            return f"octets up to {octets_max}"
        case Reference(what):
            return what
        case Array(element, count_max):
            return f"list of {describe(element)}, up to {count_max}"
        case Rows(layout, count_max):
            return f"rows of ({layout}), up to {count_max}"
        case Values(_, count_max):
            return f"name=value, up to {count_max}"


def _counted(value: Any, count_min: int, count_max: int) -> Sequence[Any]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if not is_list or not count_min <= len(value) <= count_max:
        raise ValueError(f"a list of {count_min} to {count_max}")
    return value


def _typed(value: Any) -> str:
    """Give what JSON holds in the form in which an operator types it."""
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, list) else str(value)


class _Undeclared(construct.Construct):
    """Where a value of an undeclared number begins: its length is not known, so nothing after it can be read."""

    def _parse(self, stream: Any, context: Any, path: Any) -> Any:
        raise construct.ConstructError(f"[{context._index}]: expected a declared number, found {context.number}")


def _check_item(check: Callable[[Any], Any], item: Any, position: int) -> Any:
    """Check one item of a list.

    Raises:
        MisuseError: With its place.
    """
    try:
        return check(item)
    except ValueError as error:
        raise MisuseError(f"[{position}]: expected {error}, found {item!r}") from None


def _number_code(kind: FieldType) -> str | None:
    """Give how `struct` calls a number; None for what is none."""
    match kind:
        case UInt(bits) | Enumerated(_, bits) | Reference(_, _, bits):
            return FORMATS[bits]
        case Int(bits):
            return FORMATS[bits].lower()
        case Float(bits):
            return "f" if bits == 32 else "d"
        case _:
            return None


def _step(each: Field) -> Step | None:
    """Give the part of a codec for a field that is no number, if there is one."""
    match each.type:
        case Text():
            return Measured(each.name, str.encode, bytes.decode)
        case Octets():
            return Measured(each.name, bytes, bytes)
        case Array(element):
            return Listed(each.name, _number_code(element) or "")
        case Rows(layout) if layout.codec is not None:
            return Repeated(each.name, layout.codec)
        case _:
            return None


def _wire_form(kind: FieldType, value: Any) -> Any:
    """Give a checked value as `construct` builds it."""
    match kind:
        case Text():
            return value.encode()
        case Rows(layout):
            return [{each.name: _wire_form(each.type, row[each.name]) for each in layout.fields} for row in value]
        case Values(fields):
            numbered = [(kind.reference.numbers[name], each) for name, each in value.items()]
            return [{"number": number, "value": _wire_form(fields[number].type, each)} for number, each in numbered]
        case _:
            return value


def _plain_form(kind: FieldType, wire: Any) -> Any:
    match kind:
        case Text():
            return wire.decode()
        case Array():
            return list(wire)
        case Rows(layout):
            return [{each.name: _plain_form(each.type, row[each.name]) for each in layout.fields} for row in wire]
        case Values(fields):
            return [(each.number, _plain_form(fields[each.number].type, each.value)) for each in wire]
        case _:
            return wire


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line]
    return lines[-1] if lines else type(error).__name__
