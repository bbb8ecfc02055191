"""The book of time: what was last known of the on-board clock, and how often it is reported."""

from collections.abc import Iterator

import msgspec


class ClockKept(msgspec.Struct, frozen=True, tag=True):
    """What is known of the clock at one moment."""

    clock_id: str
    """Which run of which monotonic clock it is about; empty if the driver cannot tell."""
    offset_ns: int
    """On-board TAI less ``now_ns`` of that clock."""
    status: int
    """A `mission.time.TimeStatus`."""
    tai_ns: int
    """On-board TAI at that moment."""
    until_tai_ns: int
    """On-board TAI by which the next such record is due: no time after it was ever given out."""
    uncertainty_ns: int | None
    """How far it might have been from the truth; None if that is not known."""


class TimeReportsSet(msgspec.Struct, frozen=True, tag=True):
    """Time reports were asked for, or no more."""

    exponent: int | None
    """One for every 2^n-th live frame; None is none."""


TimeRecord = ClockKept | TimeReportsSet


class TimeBook:
    """The last that was known of the clock, and how often the ground is told."""

    changes = (ClockKept, TimeReportsSet)

    def __init__(self) -> None:
        self.kept: ClockKept | None = None
        self.report_exponent: int | None = None

    def apply(self, change: TimeRecord) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case ClockKept():
                self.kept = change
            case TimeReportsSet(exponent):
                self.report_exponent = exponent

    def snapshot(self) -> Iterator[tuple[TimeRecord, ...]]:
        """See `flight.books.book.Book`."""
        if self.kept is not None:
            yield (self.kept,)
        yield (TimeReportsSet(self.report_exponent),)
