"""The book of housekeeping: which structures are reported, how often and when, and those that were made in flight."""

from collections.abc import Iterator

import msgspec

from mission.housekeeping import StructureKind

Key = tuple[int, int]
"""A structure: its kind and its number."""


class HousekeepingSwitched(msgspec.Struct, frozen=True, tag=True):
    """Reports of a structure were turned on or off."""

    structure_id: int
    enabled: bool
    kind: int = StructureKind.HOUSEKEEPING


class StructureMade(msgspec.Struct, frozen=True, tag=True):
    """A structure was made in flight, or one that was has got more parameters."""

    kind: int
    structure_id: int
    parameter_ids: tuple[int, ...]


class StructureDeleted(msgspec.Struct, frozen=True, tag=True):
    """A structure that was made in flight is no more."""

    kind: int
    structure_id: int


class IntervalChanged(msgspec.Struct, frozen=True, tag=True):
    """A structure is sampled at another interval."""

    kind: int
    structure_id: int
    interval_ms: int


class DeadBand(msgspec.Struct, frozen=True, array_like=True):
    """How far a parameter may move before that counts as a change."""

    parameter_id: int
    band: float


class ReportedOnChange(msgspec.Struct, frozen=True, tag=True):
    """A structure is reported when something in it changes, or, without dead-bands, at each interval again."""

    kind: int
    structure_id: int
    bands: tuple[DeadBand, ...] | None


HousekeepingChange = HousekeepingSwitched | StructureMade | StructureDeleted | IntervalChanged | ReportedOnChange


class HousekeepingBook:
    """What was said of structures."""

    changes = (HousekeepingSwitched, StructureMade, StructureDeleted, IntervalChanged, ReportedOnChange)

    def __init__(self) -> None:
        self.switched: dict[Key, bool] = {}
        """Whether a structure is reported."""
        self.made: dict[Key, tuple[int, ...]] = {}
        """The parameters of those made in flight."""
        self.intervals_ms: dict[Key, int] = {}
        """Of those that have another than they were declared with."""
        self.bands: dict[Key, tuple[DeadBand, ...]] = {}
        """Of those reported on change."""
        self.version = 0
        """Goes up with each change."""

    def apply(self, change: HousekeepingChange) -> None:
        """See `flight.books.book.Book`."""
        self.version += 1
        key = (change.kind, change.structure_id)
        match change:
            case HousekeepingSwitched():
                self.switched[key] = change.enabled
            case StructureMade():
                self.made[key] = change.parameter_ids
            case StructureDeleted():
                for kept in (self.made, self.switched, self.intervals_ms, self.bands):
                    kept.pop(key, None)
            case IntervalChanged():
                self.intervals_ms[key] = change.interval_ms
            case ReportedOnChange():
                if change.bands is None:
                    self.bands.pop(key, None)
                else:
                    self.bands[key] = change.bands

    def snapshot(self) -> Iterator[tuple[HousekeepingChange, ...]]:
        """See `flight.books.book.Book`."""
        for key in {**self.made, **self.switched, **self.intervals_ms, **self.bands}:
            kind, number = key
            told: list[HousekeepingChange] = []
            if key in self.made:
                told.append(StructureMade(kind, number, self.made[key]))
            if key in self.intervals_ms:
                told.append(IntervalChanged(kind, number, self.intervals_ms[key]))
            if key in self.bands:
                told.append(ReportedOnChange(kind, number, self.bands[key]))
            if key in self.switched:
                told.append(HousekeepingSwitched(number, self.switched[key], kind))
            yield tuple(told)
