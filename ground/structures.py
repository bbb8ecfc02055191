"""What the station knows of the report structures on board: those declared, and those made in flight.

It learns from commands that completed and from definition reports. A structure that it has not learned cannot be
decoded; its octets are kept as they came. It decides nothing and asks for nothing.
"""

from collections.abc import Mapping
from typing import Any

from ccsds.errors import MalformedError
from mission.dictionary import Dictionary, Parameter, Structure
from mission.housekeeping import StructureKind
from mission.words.housekeeping import PREFIXES, definition_report

NS_PER_MS = 1_000_000

_KIND_OF_REPORT = {definition_report(kind): kind for kind in StructureKind}
_KIND_OF_PREFIX = {prefix: kind for kind, prefix in PREFIXES.items()}
_Key = tuple[StructureKind, int]


class StructureBook:
    """All structures that can be decoded. It is bounded by the numbers there are: 256 of each kind.

    Args:
        dictionary: Those that are declared, and the parameters there are.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self._dictionary = dictionary
        self._made: dict[_Key, Structure] = {}

    def find(self, kind: StructureKind, number: int) -> Structure | None:
        """Give a structure, or None if it was not learned."""
        if kind is StructureKind.HOUSEKEEPING and number in self._dictionary.structures:
            return self._dictionary.structures[number]
        return self._made.get((kind, number))

    def learn_command(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take in a command that completed; those that define no structure are left aside."""
        prefix, _, what = name.partition(".")
        kind = _KIND_OF_PREFIX.get(prefix)
        if kind is None:
            return
        match what:
            case "create":
                self._put(kind, arguments["structure"], arguments["parameters"], arguments["interval"])
            case "append":
                known = self._made.get((kind, arguments["structure"]))
                if known is not None:
                    ids = [*(each.id for each in known.parameters), *arguments["parameters"]]
                    self._put(kind, known.id, ids, known.period_ns // NS_PER_MS)
            case "delete":
                for number in arguments["structures"]:
                    self._made.pop((kind, number), None)

    def learn_report(self, name: str, values: Mapping[str, Any]) -> None:
        """Take in a report; those that define no structure are left aside."""
        kind = _KIND_OF_REPORT.get(name)
        if kind is not None:
            self._put(kind, values["structure"], values["parameters"], values["interval"])

    def decode(self, kind: StructureKind, data: bytes) -> tuple[int, str, dict[str, Any]]:
        """Read the source data of a report: its structure's number and name, and the values.

        Of a structure that was not learned the octets are given as they are.

        Raises:
            MalformedError: It has no structure number, or it is not as its structure has it.
        """
        if not data:
            raise MalformedError(f"{PREFIXES[kind]} report: expected a structure number, found 0 octets")
        structure = self.find(kind, data[0])
        if structure is None:
            return data[0], f"{PREFIXES[kind]}_{data[0]}", {"octets": data[1:]}
        return structure.id, structure.name, structure.layout.decode(data[1:])

    def _put(self, kind: StructureKind, number: int, ids: list[int], interval_ms: int) -> None:
        parameters: list[Parameter] = [self._dictionary.parameters[each] for each in ids]
        self._made[kind, number] = Structure(
            id=number,
            name=f"{PREFIXES[kind]}_{number}",
            description="Made in flight.",
            parameters=tuple(parameters),
            period_ns=interval_ms * NS_PER_MS,
        )
