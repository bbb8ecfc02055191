"""What happened, newest last: events of the spacecraft and of the station, as the pages list and filter them."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import Any

from ground.archive.history import EventRecord
from ground.events import CommandIssued, CommandStaged, EventReported, Stage, StationEvent, plain
from mission.dictionary import Severity

# A busy day; what is older is in the archive.
LINES_MAX = 5_000


class Weight(IntEnum):
    """How much a line wants to be seen; the first four are the severities of ST[05]."""

    INFORMATIVE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    number: int
    unix_ns: int
    origin: str
    """``spacecraft`` or ``station``."""
    weight: Weight
    name: str
    text: str
    values: Mapping[str, Any]
    is_stored: bool = False
    """Whether it was played back."""

    def holds(self, words: str) -> bool:
        """Tell whether all of some words, in small letters, are in it."""
        said = f"{self.origin} {self.weight.name} {self.name} {self.text}".lower()
        return all(word in said for word in words.split())


class Log:
    """The latest lines."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=LINES_MAX)
        self._numbers = count(1)
        self.revision = 0

    def __iter__(self) -> Iterator[Line]:
        """Give all lines, newest first."""
        return reversed(self._lines)

    def add(
        self, unix_ns: int, origin: str, weight: Weight, name: str, text: str, values: Mapping[str, Any], stored: bool
    ) -> None:
        """Add a line."""
        self._lines.append(Line(next(self._numbers), unix_ns, origin, weight, name, text, values, stored))
        self.revision += 1

    def find(self, words: str, origins: frozenset[str], weight: Weight, limit: int) -> list[Line]:
        """Give the latest lines of some origins that weigh enough and hold some words, newest first."""
        found: list[Line] = []
        for line in self:
            if line.weight >= weight and line.origin in origins and line.holds(words.lower()):
                found.append(line)
                if len(found) == limit:
                    break
        return found

    def line(self, number: int) -> Line | None:
        """Give the line of a number, if it is there still."""
        if not self._lines or not self._lines[0].number <= number <= self._lines[-1].number:
            return None
        return self._lines[number - self._lines[0].number]

    def recall(self, record: EventRecord) -> None:
        """Take in an event that the archive kept."""
        content = record.content
        if record.kind == "EventReported":
            weight, is_stored = Weight[content["severity"]], content["stored"] is not None
            self.add(
                record.unix_ns, "spacecraft", weight, content["name"], content["text"], content["values"], is_stored
            )
        elif record.kind not in _UNTOLD_KINDS and not content.get("is_automatic"):
            values = {name: value for name, value in content.items() if name not in ("type", "time_ns")}
            weight = _weight_of(record.kind, content.get("stage"))
            self.add(record.unix_ns, "station", weight, spaced(record.kind), record.text, values, False)

    def note(self, event: StationEvent, unix_ns: int) -> None:
        """Take in what the station said, if it is worth a line."""
        match event:
            case EventReported():
                self.add(
                    unix_ns,
                    "spacecraft",
                    Weight(Severity(event.severity)),
                    event.name,
                    event.text,
                    plain(event.values),
                    event.stored is not None,
                )
            case _ if type(event).__name__ in _UNTOLD_KINDS:
                return
            case CommandStaged() if event.stage not in _TOLD_STAGES:
                return
            case CommandIssued() if event.is_automatic:
                return
            case _:
                said = plain(event)
                name = spaced(said.pop("type"))
                said.pop("time_ns")
                weight = _weight_of(type(event).__name__, said.get("stage"))
                self.add(unix_ns, "station", weight, name, str(event), said, False)


def spaced(name: str) -> str:
    """Give the name of a type of event in the way of those of the spacecraft: ``LinkChanged`` is ``link_changed``."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")


_TOLD_STAGES = frozenset({Stage.COMPLETED, Stage.REFUSED, Stage.FAILED, Stage.LOST})
_UNTOLD_KINDS = frozenset(
    {"DerivedComputed", "FrameReceived", "ReportReceived", "HousekeepingReceived", "TransferProgressed", "StoreNoted"}
)
_BAD_STAGES = frozenset({"REFUSED", "FAILED", "LOST"})
_WEIGHT_OF = {
    "ArchiveFailed": Weight.HIGH,
    "CopAlert": Weight.MEDIUM,
    "TransferFailed": Weight.MEDIUM,
    "DictionaryDiffers": Weight.MEDIUM,
    **dict.fromkeys(
        ("FrameRejected", "FramesMissed", "PacketsMissed", "PacketRejected", "StoredPacketsGone", "BeaconHeard"),
        Weight.LOW,
    ),
}


_WEIGHT_OF_LEVEL = {"WARNING": Weight.LOW, "CRITICAL": Weight.HIGH}


def _weight_of(kind: str, stage: str | None) -> Weight:
    if kind == "CommandStaged" and stage in _BAD_STAGES:
        return Weight.MEDIUM
    return _WEIGHT_OF.get(kind, Weight.INFORMATIVE)
