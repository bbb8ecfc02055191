"""Octets that know where in the input each of them stood, also after codes were taken off and pieces were joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Octets:
    """A part of the input, as it reads once decoded."""

    data: bytes
    places: Sequence[int]
    """For each octet, its number in the input."""

    @classmethod
    def whole(cls, data: bytes) -> Self:
        """Take an input as it is."""
        return cls(data, range(len(data)))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, part: slice) -> "Octets":
        return Octets(self.data[part], self.places[part])

    def __add__(self, other: "Octets") -> "Octets":
        if not self.data or not other.data:
            return self if self.data else other
        first, second = self.places, other.places
        if isinstance(first, range) and isinstance(second, range) and first.stop == second.start:
            return Octets(self.data + other.data, range(first.start, second.stop))
        return Octets(self.data + other.data, (*first, *second))

    @property
    def first(self) -> int | None:
        """Place of the first octet, None if there are none."""
        return self.places[0] if self.data else None

    @property
    def last(self) -> int | None:
        """Place of the last octet, None if there are none."""
        return self.places[-1] if self.data else None

    def runs(self) -> list[tuple[int, int]]:
        """Give the first place and the length of each stretch of the input that they cover without a hole."""
        if isinstance(self.places, range):
            return [(self.places[0], len(self.data))] if self.data else []
        found: list[tuple[int, int]] = []
        for place in self.places:
            if found and sum(found[-1]) == place:
                found[-1] = found[-1][0], found[-1][1] + 1
            else:
                found.append((place, 1))
        return found
