"""The book of parameters: which settings were set, and to what."""

from collections.abc import Iterator

import msgspec


class SettingChanged(msgspec.Struct, frozen=True, tag=True):
    """A setting was set, or given back its default."""

    parameter_id: int
    value: bytes | None
    """As the dictionary has it on the wire; None is its default."""


class ParameterBook:
    """The settings that are not at their defaults."""

    changes = (SettingChanged,)

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        """By parameter number."""

    def apply(self, change: SettingChanged) -> None:
        """See `flight.books.book.Book`."""
        if change.value is None:
            self.values.pop(change.parameter_id, None)
        else:
            self.values[change.parameter_id] = change.value

    def snapshot(self) -> Iterator[tuple[SettingChanged, ...]]:
        """See `flight.books.book.Book`."""
        for parameter_id, value in self.values.items():
            yield (SettingChanged(parameter_id, value),)
