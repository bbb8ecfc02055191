"""Write what a typed editor knows of the dictionary: `ground/client/spacecraft.pyi`, from the dictionary itself.

    python -m tools.client_words

A test sees to it that the file is as it would be written now.
"""

import keyword
from collections import defaultdict
from pathlib import Path

from mission.definition import DICTIONARY
from mission.dictionary import Command, Hazard
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt
from mission.fields import REQUIRED, Array, Field, FieldType, Rows, Values, describe

PATH = Path(__file__).parents[1] / "ground" / "client" / "spacecraft.pyi"

_HEAD = '''"""The dictionary as a program's own words; written by tools/client_words.py, not by hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ccsds.cop1.fop import Service

Sender = Callable[[str, dict[str, Any], Service], Any]

def nouns() -> list[str]: ...

'''


def write_stub() -> str:
    """Give the whole file."""
    nouns: dict[str, list[Command]] = defaultdict(list)
    for name, command in sorted(DICTIONARY.commands.items()):
        nouns[name.partition(".")[0]].append(command)
    parts = [_HEAD]
    for noun, commands in nouns.items():
        parts.append(f"class {_class_of(noun)}:\n")
        parts += [_method(command) for command in commands]
        parts.append("\n")
    parts.append("class Spacecraft:\n    def __init__(self, send: Sender) -> None: ...\n")
    for noun in nouns:
        parts.append(f"    @property\n    def {noun}(self) -> {_class_of(noun)}: ...\n")
    return "".join(parts)


def _class_of(noun: str) -> str:
    return noun.capitalize() + "Words"


def _method(command: Command) -> str:
    verb = command.name.partition(".")[2]
    verb += "_" if keyword.iskeyword(verb) else ""
    ordered = sorted(command.arguments.fields, key=lambda field: field.default is not REQUIRED)
    arguments = [f"        {_argument(field)},\n" for field in ordered]
    hazard = "" if command.hazard is Hazard.NONE else f" It {command.hazard.value}: arm it first."
    said = [f'        """{command.description}{hazard}\n']
    if ordered:
        said.append("\n        Args:\n")
        said += [f"            {field.name}: {_said(field)}\n" for field in ordered]
    said.append('        """\n')
    head = f"    def {verb}(\n        self,\n        *,\n" + "".join(arguments)
    return f"{head}        via: Service = ...,\n    ) -> dict[str, Any]:\n{''.join(said)}"


def _argument(field: Field) -> str:
    default = "" if field.default is REQUIRED else " = ..."
    return f"{field.name}: {_hint(field.type)}{default}"


def _said(field: Field) -> str:
    text = field.description or describe(field.type)
    limits = "" if field.minimum is None and field.maximum is None else f" ({field.range})"
    return f"{text}{limits}."


def _hint(kind: FieldType) -> str:
    match kind:
        case UInt() | Int():
            return "int"
        case Float():
            return "float"
        case Enumerated(members):
            return f"Literal[{', '.join(repr(member.name) for member in members)}] | int"
        case Text():
            return "str"
        case Octets():
            return "bytes | str"
        case Reference():
            return "str | int"
        case Array(element):
            return f"Sequence[{_hint(element)}]"
        case Rows():
            return "Sequence[Mapping[str, Any]]"
        case Values():
            return "Mapping[str, Any]"


if __name__ == "__main__":
    PATH.write_text(write_stub())
