"""Contacts that there were: when the spacecraft was heard, and what each contact brought."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from ground.events import (
    CommandStaged,
    EventReported,
    FrameReceived,
    FrameRejected,
    FramesMissed,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    ReportReceived,
    Stage,
    StationEvent,
)
from ground.transfer_events import TransferFinished

# Some weeks of passes.
CONTACTS_MAX = 500


@dataclass(slots=True)
class Contact:
    """One span of time in which the spacecraft was heard."""

    begin_unix_ns: int
    end_unix_ns: int | None = None
    frames: int = 0
    octets: int = 0
    frames_missed: int = 0
    frames_rejected: int = 0
    reports: int = 0
    stored: int = 0
    """Reports that were played back."""
    commands_completed: int = 0
    commands_failed: int = 0
    files: int = 0

    def __str__(self) -> str:
        return f"{self.frames} frames, {self.reports} reports, {self.commands_completed} commands, {self.files} files"


class Contacts:
    """The latest contacts."""

    def __init__(self) -> None:
        self._contacts: deque[Contact] = deque(maxlen=CONTACTS_MAX)
        self.revision = 0

    def __iter__(self) -> Iterator[Contact]:
        """Give all of them, newest first."""
        return reversed(self._contacts)

    @property
    def current(self) -> Contact | None:
        """The contact that goes on, if one does."""
        latest = self._contacts[-1] if self._contacts else None
        return latest if latest is not None and latest.end_unix_ns is None else None

    def note(self, event: StationEvent, unix_ns: int) -> None:
        """Take in what the station said."""
        self.revision += 1
        current = self.current
        if isinstance(event, LinkChanged):
            if event.state is LinkState.UP and current is None:
                self._contacts.append(Contact(unix_ns))
            elif event.state is LinkState.DOWN and current is not None:
                current.end_unix_ns = unix_ns
            return
        if current is None:
            return
        match event:
            case FrameReceived():
                current.frames += 1
                current.octets += len(event.octets)
            case FramesMissed():
                current.frames_missed += event.count
            case FrameRejected():
                current.frames_rejected += 1
            case ReportReceived() | HousekeepingReceived() | EventReported():
                current.reports += 1
                current.stored += event.stored is not None
            case CommandStaged(stage=Stage.COMPLETED):
                current.commands_completed += 1
            case CommandStaged(stage=Stage.REFUSED | Stage.FAILED | Stage.LOST):
                current.commands_failed += 1
            case TransferFinished():
                current.files += 1
