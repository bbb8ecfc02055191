"""The shape of a channel, one direction of a link at octet level, and the shape of what alters one.

An effect wraps a channel and is a channel, so effects compose in any number and order. One that changes *when* octets
arrive acts in `send`, on their way in; one that changes *what* arrives acts in `receive`, on their way out, where each
octet's time of arrival is final and where a fault that strikes now still meets the octets that are on the line now.

Nothing here may depend on how the stream was cut into calls: an effect decides by an octet's offset or time.
"""

from typing import Protocol

import msgspec

from hil.channel.burst import Burst


class Channel(Protocol):
    """One direction of a link."""

    def send(self, burst: Burst) -> None:
        """Put octets on the line; their times must not be before those of the burst before."""
        ...

    def receive(self, now_ns: int) -> list[Burst]:
        """Take what has wholly arrived by now, in order. Time never goes back."""
        ...

    def next_deadline(self) -> int | None:
        """When the burst that arrives next will have arrived wholly; None if the line is empty."""
        ...

    def take_events(self) -> list[msgspec.Struct]:
        """Take what has been altered and is ready to be told."""
        ...

    def finish(self) -> None:
        """Make ready to be told also what was still being added up; for the end of a run."""
        ...


class Effect:
    """An effect that alters nothing: what each effect begins with.

    Args:
        inner: The channel that it wraps.
    """

    octets_lost = 0
    """Octets that it has taken off the line."""
    octets_inserted = 0
    """Octets that it has put onto the line."""
    bits_flipped = 0
    """Bits that it has inverted as noise."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._events: list[msgspec.Struct] = []

    def send(self, burst: Burst) -> None:
        """See `Channel.send`."""
        self._inner.send(burst)

    def receive(self, now_ns: int) -> list[Burst]:
        """See `Channel.receive`."""
        return self._inner.receive(now_ns)

    def next_deadline(self) -> int | None:
        """See `Channel.next_deadline`."""
        return self._inner.next_deadline()

    def take_events(self) -> list[msgspec.Struct]:
        """See `Channel.take_events`."""
        events, self._events = self._events, []
        return self._inner.take_events() + events

    def finish(self) -> None:
        """See `Channel.finish`."""
        self._inner.finish()

    def _add_event(self, event: msgspec.Struct) -> None:
        self._events.append(event)
