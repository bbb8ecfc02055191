"""The book of boots: how often the flight software has started."""

from collections.abc import Iterator

import msgspec


class Booted(msgspec.Struct, frozen=True, tag=True):
    """The flight software started."""

    boot_count: int


class BootBook:
    """How often it has started."""

    changes = (Booted,)

    def __init__(self) -> None:
        self.count = 0

    def apply(self, change: Booted) -> None:
        """See `flight.books.book.Book`."""
        self.count = change.boot_count

    def snapshot(self) -> Iterator[tuple[Booted, ...]]:
        """See `flight.books.book.Book`."""
        yield (Booted(self.count),)
