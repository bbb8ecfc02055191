"""ST[03] housekeeping: structures of parameters, reported at intervals, on change or once; some made in flight.

Housekeeping and diagnostic structures are two kinds with numbers and message types of their own, and one machinery.
What was made, switched and timed is kept in the ledger and survives a reboot. A command is done whole or refused whole,
with the position of the first fault. Source: ECSS-E-ST-70-41C 6.3 and 8.3.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ccsds.errors import MisuseError
from flight.beat import next_beat
from flight.books.housekeeping import (
    DeadBand,
    HousekeepingSwitched,
    IntervalChanged,
    ReportedOnChange,
    StructureDeleted,
    StructureMade,
)
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.service import Outcome
from flight.structures import Known, Structures
from mission.dictionary import Command, Dictionary
from mission.housekeeping import STRUCTURE_PARAMETERS_MAX, STRUCTURES_MAX, Reporting, StructureKind
from mission.words.housekeeping import PREFIXES, definition_report

NS_PER_MS = 1_000_000

_KIND_OF_PREFIX = {prefix: kind for kind, prefix in PREFIXES.items()}
_Key = tuple[StructureKind, int]
_Handler = Callable[[StructureKind, Mapping[str, Any], int], Outcome]


class HousekeepingService:
    """Reports structures.

    Args:
        dictionary: The structures that are declared.
        ledger: Where it is kept which are on, and which were made in flight.
        reporter: Where reports go.
        pool: Where parameters have their values.
    """

    number = 3

    def __init__(self, dictionary: Dictionary, ledger: Ledger, reporter: Reporter, pool: ParameterPool) -> None:
        self._structures = Structures(dictionary, ledger.structures)
        self._reporter = reporter
        self._pool = pool
        self._due_ns: dict[_Key, int] = {}
        self._reported: dict[_Key, Mapping[str, Any]] = {}
        """What was last reported of those that are reported on change."""
        self._handlers: dict[str, _Handler] = {
            "create": self._create,
            "delete": self._delete,
            "enable": lambda kind, given, _: self._switch(kind, given["structures"], True),
            "disable": lambda kind, given, _: self._switch(kind, given["structures"], False),
            "report": self._report,
            "once": self._once,
            "append": self._append,
            "interval": self._interval,
            "on_change": self._on_change,
            "periodic": self._periodic,
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        prefix, _, what = command.name.partition(".")
        return self._handlers[what](_KIND_OF_PREFIX[prefix], arguments, now_ns)

    def advance(self, now_ns: int) -> None:
        """Report what is due."""
        for known in self._structures.enabled():
            key = (known.kind, known.structure.id)
            due_ns = self._due_ns.get(key, now_ns)
            if now_ns < due_ns:
                continue
            self._due_ns[key] = next_beat(now_ns, known.structure.period_ns)
            values = self._pool.sample(known.structure.parameters, now_ns)
            if known.bands is None or self._has_changed(known, known.bands, values):
                self._reported[key] = values
                self._reporter.housekeeping(known.kind, known.structure, values)

    def next_deadline(self) -> int | None:
        """Give the time at which the next sample is due."""
        due_ns: int | None = None
        for known in self._structures.enabled():
            each_ns = self._due_ns.get((known.kind, known.structure.id), 0)
            if due_ns is None or each_ns < due_ns:
                due_ns = each_ns
        return due_ns

    def _create(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        number = given["structure"]
        if self._structures.is_taken(kind, number):
            raise MisuseError(f"structure: expected a number that no {PREFIXES[kind]} structure has, found {number}")
        if len(self._structures.made(kind)) >= STRUCTURES_MAX:
            raise MisuseError(f"expected at most {STRUCTURES_MAX} structures made in flight, found as many already")
        ids = _distinct((), given["parameters"])
        return Outcome(changes=(StructureMade(kind, number, ids), IntervalChanged(kind, number, given["interval"])))

    def _append(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        number = given["structure"]
        ids = self._made_and_off(kind, number)
        return Outcome(changes=(StructureMade(kind, number, _distinct(ids, given["parameters"])),))

    def _delete(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        for _, number in _each_once(given["structures"]):
            self._made_and_off(kind, number)
        return Outcome(changes=tuple(StructureDeleted(kind, number) for number in given["structures"]))

    def _switch(self, kind: StructureKind, numbers: Sequence[int], is_on: bool) -> Outcome:
        found = self._find_all(kind, numbers)
        changes = tuple(HousekeepingSwitched(each.structure.id, is_on, kind) for each in found)
        fresh = [each for each in found if each.reporting is Reporting.DISABLED]
        return Outcome(changes=changes, afterwards=lambda _: self._start_anew(fresh) if is_on else None)

    def _report(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        return Outcome(
            answers=tuple(
                self._reporter.encode(
                    definition_report(kind),
                    {
                        "structure": each.structure.id,
                        "reporting": each.reporting,
                        "interval": each.structure.period_ns // NS_PER_MS,
                        "mode": each.mode,
                        "parameters": [parameter.id for parameter in each.structure.parameters],
                    },
                )
                for each in self._find_all(kind, given["structures"])
            )
        )

    def _once(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        found = self._find_all(kind, given["structures"])

        def report(now_ns: int) -> None:
            for each in found:
                values = self._pool.sample(each.structure.parameters, now_ns)
                self._reporter.housekeeping(kind, each.structure, values)

        return Outcome(afterwards=report)

    def _interval(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        found = self._find_all(kind, given["structures"])
        interval_ms = given["interval"]

        def follow(now_ns: int) -> None:
            for each in found:
                self._due_ns[kind, each.structure.id] = next_beat(now_ns, interval_ms * NS_PER_MS)

        return Outcome(
            changes=tuple(IntervalChanged(kind, each.structure.id, interval_ms) for each in found), afterwards=follow
        )

    def _on_change(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        known = self._find(kind, given["structure"])
        held = {parameter.id for parameter in known.structure.parameters}
        bands: dict[int, float] = {}
        for position, row in enumerate(given["bands"]):
            number = row["parameter"]
            if number not in held:
                raise MisuseError(f"bands[{position}]: expected a parameter of the structure, found {number}")
            if number in bands:
                raise MisuseError(f"bands[{position}]: expected each parameter once, found {number} twice")
            if not math.isfinite(row["band"]):
                raise MisuseError(f"bands[{position}]: expected a finite dead-band, found {row['band']}")
            bands[number] = row["band"]
        kept = tuple(DeadBand(number, band) for number, band in bands.items())
        return Outcome(
            changes=(ReportedOnChange(kind, known.structure.id, kept),),
            afterwards=lambda _: self._start_anew([known]),
        )

    def _periodic(self, kind: StructureKind, given: Mapping[str, Any], now_ns: int) -> Outcome:
        found = self._find_all(kind, given["structures"])
        return Outcome(changes=tuple(ReportedOnChange(kind, each.structure.id, None) for each in found))

    def _start_anew(self, structures: Sequence[Known]) -> None:
        """Report structures at once, and from then on at the multiples of their intervals."""
        for each in structures:
            self._due_ns.pop((each.kind, each.structure.id), None)
            self._reported.pop((each.kind, each.structure.id), None)

    def _find(self, kind: StructureKind, number: int) -> Known:
        return self._structures.find(kind, number)

    def _find_all(self, kind: StructureKind, numbers: Sequence[int]) -> list[Known]:
        found = []
        for position, number in _each_once(numbers):
            try:
                found.append(self._find(kind, number))
            except MisuseError as error:
                raise MisuseError(f"structures[{position}]: {error}") from None
        return found

    def _made_and_off(self, kind: StructureKind, number: int) -> tuple[int, ...]:
        """Give the parameters of a structure that may be changed."""
        made = self._structures.made(kind)
        if number not in made:
            raise MisuseError(f"expected a {PREFIXES[kind]} structure that was made in flight, found {number}")
        if any((known.kind, known.structure.id) == (kind, number) for known in self._structures.enabled()):
            raise MisuseError(f"expected a structure that is disabled, found {number} enabled")
        return made[number]

    def _has_changed(self, known: Known, bands: Mapping[int, float], values: Mapping[str, Any]) -> bool:
        before = self._reported.get((known.kind, known.structure.id))
        if before is None:
            return True
        return any(
            _differs(before[parameter.name], values[parameter.name], bands.get(parameter.id, 0.0))
            for parameter in known.structure.parameters
        )


def _each_once(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give each structure number with its position.

    Raises:
        MisuseError: One comes twice.
    """
    for position, number in enumerate(numbers):
        if number in numbers[:position]:
            raise MisuseError(f"structures[{position}]: expected each structure once, found {number} twice")
        yield position, number


def _distinct(before: tuple[int, ...], added: Sequence[int]) -> tuple[int, ...]:
    """Give the parameters of a structure with more at its end.

    Raises:
        MisuseError: One comes twice, or there are too many.
    """
    ids = list(before)
    for position, number in enumerate(added):
        if number in ids:
            raise MisuseError(f"parameters[{position}]: expected each parameter once, found {number} twice")
        if len(ids) >= STRUCTURE_PARAMETERS_MAX:
            raise MisuseError(
                f"parameters[{position}]: expected at most {STRUCTURE_PARAMETERS_MAX} in a structure, found one more"
            )
        ids.append(number)
    return tuple(ids)


def _differs(before: Any, after: Any, band: float) -> bool:
    """Tell whether a value has left the dead-band around another; not-a-number is only near itself."""
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return before != after
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) != math.isnan(after)
    return before != after and abs(after - before) > band
