"""The report structures there are: those that the dictionary declares, and those that were made in flight.

A structure made in flight that holds a parameter which this dictionary does not have (the software was changed) cannot
be reported: it counts as none, but can be deleted.
"""

from dataclasses import dataclass

from ccsds.errors import MisuseError
from flight.books.housekeeping import HousekeepingBook, Key
from mission.dictionary import Dictionary, Parameter, Structure
from mission.housekeeping import Reporting, ReportMode, StructureKind
from mission.words.housekeeping import PREFIXES

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Known:
    """A structure, and how it is reported."""

    kind: StructureKind
    structure: Structure
    reporting: Reporting
    bands: dict[int, float] | None
    """By parameter number, for one that is reported on change."""

    @property
    def mode(self) -> ReportMode:
        """When it is reported."""
        return ReportMode.PERIODIC if self.bands is None else ReportMode.ON_CHANGE


class Structures:
    """All structures.

    Args:
        dictionary: Those that are declared.
        book: Those made in flight, and what was said of all of them.
    """

    def __init__(self, dictionary: Dictionary, book: HousekeepingBook) -> None:
        self._dictionary = dictionary
        self._book = book
        self._enabled: list[Known] = []
        self._enabled_version = -1

    def find(self, kind: StructureKind, number: int) -> Known:
        """Give a structure.

        Raises:
            MisuseError: There is none.
        """
        structure = self._structure(kind, number)
        if structure is None:
            known = ", ".join(map(str, self.numbers(kind))) or "none"
            raise MisuseError(f"unknown {kind.name.lower()} structure {number}: expected one of {known}")
        key = (kind, number)
        bands = self._book.bands.get(key)
        return Known(
            kind,
            structure,
            Reporting(self._book.switched.get(key, False)),
            None if bands is None else {each.parameter_id: each.band for each in bands},
        )

    def numbers(self, kind: StructureKind) -> list[int]:
        """Give the numbers of all structures of a kind."""
        declared = self._dictionary.structures if kind is StructureKind.HOUSEKEEPING else ()
        numbers = {*declared, *(number for of_kind, number in self._book.made if of_kind == kind)}
        return sorted(number for number in numbers if self._structure(kind, number) is not None)

    def made(self, kind: StructureKind) -> dict[int, tuple[int, ...]]:
        """Give the parameters of the structures of a kind that were made in flight, usable or not."""
        return {number: ids for (of_kind, number), ids in self._book.made.items() if of_kind == kind}

    def is_taken(self, kind: StructureKind, number: int) -> bool:
        """Tell whether a number cannot be given to another structure."""
        return self._structure(kind, number) is not None or (kind, number) in self._book.made

    def enabled(self) -> list[Known]:
        """Give the structures that are reported by themselves."""
        if self._enabled_version != self._book.version:
            keys = [key for key, is_on in self._book.switched.items() if is_on]
            self._enabled = [
                self.find(StructureKind(kind), number) for kind, number in keys if self._usable(kind, number)
            ]
            self._enabled_version = self._book.version
        return self._enabled

    def _usable(self, kind: int, number: int) -> bool:
        return self._structure(StructureKind(kind), number) is not None

    def _structure(self, kind: StructureKind, number: int) -> Structure | None:
        key: Key = (kind, number)
        interval_ms = self._book.intervals_ms.get(key)
        declared = self._dictionary.structures.get(number) if kind is StructureKind.HOUSEKEEPING else None
        if declared is not None:
            if interval_ms is None:
                return declared
            return Structure(
                id=number,
                name=declared.name,
                description=declared.description,
                parameters=declared.parameters,
                period_ns=interval_ms * NS_PER_MS,
            )
        ids = self._book.made.get(key)
        if ids is None or interval_ms is None:
            return None
        parameters: list[Parameter] = []
        for each in ids:
            if each not in self._dictionary.parameters:
                return None
            parameters.append(self._dictionary.parameters[each])
        return Structure(
            id=number,
            name=f"{PREFIXES[kind]}_{number}",
            description="Made in flight.",
            parameters=tuple(parameters),
            period_ns=interval_ms * NS_PER_MS,
        )
