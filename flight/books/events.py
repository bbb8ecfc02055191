"""The book of events: which are not to be reported."""

from collections.abc import Iterator

import msgspec


class EventSwitched(msgspec.Struct, frozen=True, tag=True):
    """Reports of an event were turned on or off."""

    event_id: int
    enabled: bool


class EventBook:
    """Which events are off."""

    changes = (EventSwitched,)

    def __init__(self) -> None:
        self.disabled: set[int] = set()

    def apply(self, change: EventSwitched) -> None:
        """See `flight.books.book.Book`."""
        if change.enabled:
            self.disabled.discard(change.event_id)
        else:
            self.disabled.add(change.event_id)

    def snapshot(self) -> Iterator[tuple[EventSwitched, ...]]:
        """See `flight.books.book.Book`."""
        for event_id in sorted(self.disabled):
            yield (EventSwitched(event_id, False),)
