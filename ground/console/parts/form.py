"""A form for the arguments of a command, made of what the dictionary declares: types, units, ranges, enumerations.

What it takes is what `mission.fields` takes, so that nothing is told wrong here that the station would not refuse too.
"""

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from ccsds.errors import MisuseError
from ground.console.figures import esc
from ground.console.parts.entry import Entry
from ground.console.parts.markup import Markup
from mission.dictionary import Command
from mission.field_types import Enumerated, Octets, Reference, Text
from mission.fields import REQUIRED, Array, Field, Rows, Values, describe

# A list to choose from; what has more names is typed.
CHOICES_MAX = 400

# Text of this length is typed in several lines.
LINES_OCTETS_MIN = 200


class Form:
    """The form.

    Args:
        command: Whose arguments.
        given: Texts to begin with, by name.
        on_change: Called whenever something in it changes.
    """

    def __init__(
        self, command: Command, given: Mapping[str, str] | None = None, on_change: Callable[[], None] | None = None
    ) -> None:
        self._command = command
        self._on_change = on_change or (lambda: None)
        self._entries: dict[str, Entry] = {}
        self._hints: dict[str, Markup] = {}
        with ui.element("div").classes("form"):
            for field in command.arguments.fields:
                self._add(field, (given or {}).get(field.name))

    @property
    def texts(self) -> dict[str, str]:
        """What was typed, without what was left empty: that takes its default."""
        return {name: entry.value for name, entry in self._entries.items() if entry.value != ""}

    def values(self) -> dict[str, Any]:
        """Give the arguments, checked.

        Raises:
            MisuseError: Naming the argument, what was expected and what was found.
        """
        return self._command.arguments.parse(self.texts)

    def check(self) -> str | None:
        """Mark the field that is wrong, and say what is wrong with it; None if the command can be sent."""
        wrong: tuple[str, str] | None = None
        try:
            self.values()
        except MisuseError as error:
            name = str(error).partition(":")[0].partition("[")[0]
            wrong = (name, str(error))
        for name, entry in self._entries.items():
            is_wrong = wrong is not None and wrong[0] == name and entry.value != ""
            entry.classes(add="wrong" if is_wrong else "", remove="" if is_wrong else "wrong")
        return None if wrong is None else wrong[1]

    def _add(self, field: Field, given: str | None) -> None:
        label = ui.element("label")
        with label:
            name = Markup()
            name.show(f"{esc(field.name)}{' <span class=unit>' + esc(field.unit) + '</span>' if field.unit else ''}")
        is_required = field.default is REQUIRED
        first = "" if is_required or given is not None else _text_of(field)
        options = _options(field, is_required)
        if options:
            value = given if given is not None else first
            entry = Entry(field.name, kind="choice", value=value, options=options, on_change=self._changed)
        else:
            is_long = isinstance(field.type, Text) and field.type.octets_max >= LINES_OCTETS_MIN
            kind = "lines" if is_long or isinstance(field.type, Rows | Array | Values) else "text"
            hint = "" if is_required else _default(field)
            entry = Entry(field.name, kind=kind, value=given or "", hint=hint, on_change=self._changed)
            if not isinstance(field.type, Text):
                entry.classes("mono")
        self._entries[field.name] = entry
        hint = Markup("hint")
        hint.show(esc(_hint(field)))

    def _changed(self, _: str) -> None:
        self._on_change()


def _options(field: Field, is_required: bool) -> list[tuple[str, str]]:
    match field.type:
        case Enumerated(members):
            names = [(member.name, member.name) for member in members]
        case Reference(numbers=numbers) if len(numbers) <= CHOICES_MAX:
            names = [(name, name) for name in sorted(numbers)]
        case _:
            return []
    return [("", "choose"), *names] if is_required else names


def _text_of(field: Field) -> str:
    """Give a default as it would be typed, for a list to choose from."""
    if isinstance(field.type, Enumerated):
        return field.type.check(field.default).name
    return ""


def _default(field: Field) -> str:
    given = field.default
    if given in ("", b"", (), []):
        return "default: nothing"
    return f"default {getattr(given, 'name', given)}"


def _hint(field: Field) -> str:
    kind = field.range if field.minimum is not None or field.maximum is not None else ""
    if not kind and not isinstance(field.type, Enumerated | Reference):
        kind = describe(field.type)
    if isinstance(field.type, Octets):
        kind += ", in hexadecimal"
    if isinstance(field.type, Rows):
        kind += ", as JSON"
    return ", ".join(filter(None, (field.description, kind)))
