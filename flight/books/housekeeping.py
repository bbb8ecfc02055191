"""The book of housekeeping: which structures are reported periodically."""

from collections.abc import Iterator

import msgspec


class HousekeepingSwitched(msgspec.Struct, frozen=True, tag=True):
    """Periodic reports of a structure were turned on or off."""

    structure_id: int
    enabled: bool


class HousekeepingBook:
    """Which structures are on."""

    changes = (HousekeepingSwitched,)

    def __init__(self) -> None:
        self.switched: dict[int, bool] = {}
        """By structure number, whether it is reported."""

    def apply(self, change: HousekeepingSwitched) -> None:
        """See `flight.books.book.Book`."""
        self.switched[change.structure_id] = change.enabled

    def snapshot(self) -> Iterator[tuple[HousekeepingSwitched, ...]]:
        """See `flight.books.book.Book`."""
        for structure_id, enabled in self.switched.items():
            yield (HousekeepingSwitched(structure_id, enabled),)
