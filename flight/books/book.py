"""What a book is: the durable state of one service, as the changes that made it add up."""

from collections.abc import Iterator
from typing import Any, Protocol


class Book(Protocol):
    """The durable state of one service."""

    changes: tuple[type, ...]
    """The types of change that belong here; each type belongs to one book."""

    def apply(self, change: Any) -> None:
        """Take a change, which is durable. Old ones read back may speak of what was forgotten since."""
        ...

    def snapshot(self) -> Iterator[tuple[Any, ...]]:
        """Say the whole state in as few changes as there are things in it, those made together in one tuple."""
        ...
