"""The latest frames and reports as they came, for a look down to their bits."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from ground.archive.history import PacketRecord
from ground.events import EventReported, FrameReceived, HousekeepingReceived, ReportReceived, StationEvent
from mission.channels import Downlink

# At 223 octets a frame these are under 2 MB; what is older is in the archive.
FRAMES_MAX = 2_000
REPORTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One TM frame, after correction."""

    number: int
    unix_ns: int
    virtual_channel: int
    corrected: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """One report with its decoded values."""

    number: int
    unix_ns: int
    tai_ns: int
    virtual_channel: int
    kind: str
    """Its message type, or what it is."""
    name: str
    values: dict[str, Any]
    is_stored: bool
    octets: bytes
    """The whole packet, or nothing where only its values were kept."""


class Packets:
    """The latest of both."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=FRAMES_MAX)
        self._reports: deque[Report] = deque(maxlen=REPORTS_MAX)
        self._numbers = count(1)
        self.revision = 0

    @property
    def frames(self) -> Iterator[Frame]:
        """Frames, newest first."""
        return reversed(self._frames)

    @property
    def reports(self) -> Iterator[Report]:
        """Reports, newest first."""
        return reversed(self._reports)

    def recall(self, record: PacketRecord) -> None:
        """Take in a report that the archive kept."""
        self._reports.append(
            Report(
                next(self._numbers),
                record.unix_ns,
                record.tai_ns,
                record.virtual_channel,
                f"[{record.service},{record.subtype}]",
                record.name,
                record.values,
                record.virtual_channel == Downlink.PLAYBACK,
                record.octets,
            )
        )
        self.revision += 1

    def note(self, event: StationEvent, unix_ns: int) -> None:
        """Take in what came down."""
        match event:
            case FrameReceived():
                self._frames.append(
                    Frame(next(self._numbers), unix_ns, event.virtual_channel, event.corrected, event.octets)
                )
            case ReportReceived():
                self._report(event, unix_ns, f"[{event.service},{event.subtype}]", event.name)
            case HousekeepingReceived():
                self._report(event, unix_ns, "[3,25]", event.name)
            case EventReported():
                self._report(event, unix_ns, f"[5,{int(event.severity)}]", event.name)
            case _:
                return
        self.revision += 1

    def _report(
        self, event: ReportReceived | HousekeepingReceived | EventReported, unix_ns: int, kind: str, name: str
    ) -> None:
        self._reports.append(
            Report(
                next(self._numbers),
                unix_ns,
                event.tai_ns,
                event.virtual_channel,
                kind,
                name,
                event.values,
                event.stored is not None,
                event.packet,
            )
        )
