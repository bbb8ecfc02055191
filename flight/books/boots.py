"""The book of boots: how often the flight software has started, why, how its lives ended, and what it died of."""

from collections import deque
from collections.abc import Iterator

import msgspec

from mission.boots import ResetReason

# The last exceptions are what somebody looks into; each is at most a kilobyte.
EXCEPTIONS_MAX = 8


class Booted(msgspec.Struct, frozen=True, tag=True):
    """The flight software started."""

    boot_count: int
    reason: ResetReason = ResetReason.UNKNOWN
    resets: int = 0
    """Unasked resets in a row up to this one, after lives that were short."""
    computer: str = ""
    """Which start of the computer it was, as far as that is known."""


class Lived(msgspec.Struct, frozen=True, tag=True):
    """This life is no short one any more."""


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """This life is about to end."""

    reason: ResetReason


class Crashed(msgspec.Struct, frozen=True, tag=True):
    """The flight software raised an exception that nobody foresaw."""

    boot_count: int
    text: str
    reason: ResetReason = ResetReason.CRASHED


class BootBook:
    """The boots, and the last exceptions."""

    changes = (Booted, Lived, Stopped, Crashed)

    def __init__(self) -> None:
        self.latest = Booted(0, ResetReason.FIRST)
        self.ended: ResetReason | None = None
        """How this life ended, if it had the time to say so."""
        self.exceptions: deque[Crashed] = deque(maxlen=EXCEPTIONS_MAX)

    @property
    def count(self) -> int:
        """Times it has started."""
        return self.latest.boot_count

    def apply(self, change: Booted | Lived | Stopped | Crashed) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case Booted():
                self.latest, self.ended = change, None
            case Lived():
                # What was about to end it did not.
                self.latest, self.ended = msgspec.structs.replace(self.latest, resets=0), None
            case Stopped(reason):
                # What was about to end it did not, if there is no reason any more.
                self.ended = None if reason is ResetReason.UNKNOWN else reason
            case Crashed():
                self.exceptions.append(change)
                self.ended = change.reason

    def snapshot(self) -> Iterator[tuple[Booted | Lived | Stopped | Crashed, ...]]:
        """See `flight.books.book.Book`."""
        for exception in self.exceptions:
            yield (exception,)
        yield (self.latest, Stopped(self.ended)) if self.ended else (self.latest,)
