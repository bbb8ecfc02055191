"""The book of modes: the one the spacecraft is in, and why."""

from collections.abc import Iterator

import msgspec

from mission.modes import Mode, ModeCause


class ModeChanged(msgspec.Struct, frozen=True, tag=True):
    """The spacecraft went into a mode."""

    mode: Mode
    cause: ModeCause


class ModeBook:
    """The mode."""

    changes = (ModeChanged,)

    def __init__(self) -> None:
        self.latest = ModeChanged(Mode.NOMINAL, ModeCause.START)

    def apply(self, change: ModeChanged) -> None:
        """See `flight.books.book.Book`."""
        self.latest = change

    def snapshot(self) -> Iterator[tuple[ModeChanged, ...]]:
        """See `flight.books.book.Book`."""
        yield (self.latest,)
