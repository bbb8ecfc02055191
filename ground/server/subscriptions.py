"""Who hears what a station says: each listener has a bounded queue of its own, and is dropped when it is full.

Nobody waits for a listener. An event is turned into JSON once, whoever hears it, and not at all if nobody does. Of
parameters only the latest value since the last look is kept for each listener, so that a screen costs the same whatever
comes in. It has no clock and no port: the WebSocket and the pages of the console take what waits when it suits them.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import msgspec

from ccsds.errors import MisuseError
from ground.alarms.events import DerivedComputed
from ground.events import FrameReceived, HousekeepingReceived, StationEvent, plain
from ground.server.parameters import LatestParameters, Sample

# Consoles, watches and scripts of a control room; each costs its queue and its share of what is sent.
LISTENERS_MAX = 64

# Events that wait for one listener: minutes of telemetry. One that is further behind has stopped reading.
EVENTS_WAITING_MAX = 8_192

# The screen of a person gets no more updates than an eye can use; a program may ask for each event as it comes.
SCREEN_PERIOD_S = 0.2


def _nobody() -> None:
    """Wake nobody: the listener looks by itself."""


class Told:
    """One event on its way to listeners."""

    def __init__(self, event: StationEvent) -> None:
        self.event = event

    @property
    def kind(self) -> str:
        """The event's type, by name."""
        return type(self.event).__name__

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The event in plain values, with its line for a person; not to be changed by who reads it."""
        return {**plain(self.event), "line": str(self.event)}

    @cached_property
    def json(self) -> bytes:
        """The same as JSON."""
        return msgspec.json.encode(self.plain)


class Subscription:
    """What one listener has not taken yet; `Subscriptions.open` makes it.

    Args:
        kinds: Types of events by name, or None for all but raw frames.
        parameters: Names of parameters whose latest values are wanted, or None for all; empty for none.
        on_wake: Called when something begins to wait, and when the listener is dropped.
    """

    def __init__(
        self, kinds: frozenset[str] | None, parameters: frozenset[str] | None, on_wake: Callable[[], None]
    ) -> None:
        self._kinds = kinds
        self._parameters = parameters
        self._on_wake = on_wake
        self._events: list[Told] = []
        self._samples: dict[str, Sample] = {}
        self.is_dropped = False
        """Whether it was too slow: nothing more will come."""
        self.is_ended = False
        """Whether the station stops: nothing will come beyond what waits."""

    @property
    def has_something(self) -> bool:
        """Whether anything waits."""
        return bool(self._events or self._samples)

    def put(self, told: Told) -> None:
        """Have an event wait, if it is wanted."""
        if self.is_dropped or self.is_ended or not self._wants(told):
            return
        if len(self._events) >= EVENTS_WAITING_MAX:
            self.drop()
            return
        self._events.append(told)
        self._on_wake()

    def put_samples(self, samples: dict[str, Sample]) -> None:
        """Have values of parameters wait, in place of older ones."""
        if self.is_dropped or self._parameters == frozenset():
            return
        if self._parameters is not None:
            samples = {name: samples[name] for name in samples.keys() & self._parameters}
        if samples:
            self._samples.update(samples)
            self._on_wake()

    def take(self) -> list[Told]:
        """Give the events that wait, oldest first."""
        events, self._events = self._events, []
        return events

    def take_samples(self) -> dict[str, Sample]:
        """Give the latest value of each parameter that has got one since the last call."""
        samples, self._samples = self._samples, {}
        return samples

    def take_messages(self, events_max: int) -> list[str]:
        """Give what waits as JSON: up to so many events, and the latest values of parameters."""
        messages = []
        events, self._events = self._events[:events_max], self._events[events_max:]
        if events:
            messages.append(b'{"events":[' + b",".join(each.json for each in events) + b"]}")
        if self._samples:
            messages.append(msgspec.json.encode({"parameters": self.take_samples()}))
        return [each.decode() for each in messages]

    def drop(self) -> None:
        """Give the listener up."""
        self.is_dropped = True
        self._events.clear()
        self._samples.clear()
        self._on_wake()

    def end(self) -> None:
        """Let the listener take what waits; nothing more will come."""
        self.is_ended = True
        self._on_wake()

    def _wants(self, told: Told) -> bool:
        if self._kinds is None:
            # Raw frames are in the archive; here they would only be noise.
            return not isinstance(told.event, FrameReceived)
        return told.kind in self._kinds


class Subscriptions:
    """All listeners of one station.

    Args:
        parameters: The latest values, which it keeps up to date.
    """

    def __init__(self, parameters: LatestParameters) -> None:
        self._parameters = parameters
        self._open: set[Subscription] = set()
        self.dropped = 0
        """Listeners that were too slow, since the station started."""

    def __len__(self) -> int:
        return len(self._open)

    def open(
        self,
        *,
        kinds: Iterable[str] | None = None,
        parameters: Iterable[str] | None = (),
        on_wake: Callable[[], None] = _nobody,
    ) -> Subscription:
        """Let a listener in; it hears what is said from now on.

        Args:
            kinds: Types of events by name, or None for all but raw frames.
            parameters: Names of parameters whose latest values are wanted, or None for all.
            on_wake: Called when something begins to wait; it must not take anything itself. A page that looks by its
                own timer needs none.

        Raises:
            MisuseError: `LISTENERS_MAX` listen already.
        """
        if len(self._open) >= LISTENERS_MAX:
            raise MisuseError(f"expected at most {LISTENERS_MAX} listeners at once, found one more")
        subscription = Subscription(
            None if kinds is None else frozenset(kinds),
            None if parameters is None else frozenset(parameters),
            on_wake,
        )
        self._open.add(subscription)
        return subscription

    def close(self, subscription: Subscription) -> None:
        """Let a listener go; it may have gone already."""
        self._open.discard(subscription)

    def tell(self, events: Iterable[StationEvent], unix_ns: int) -> None:
        """Tell everybody what happened."""
        for event in events:
            if isinstance(event, HousekeepingReceived | DerivedComputed):
                samples = self._parameters.note(event, unix_ns)
                for each in self._open:
                    each.put_samples(samples)
            if self._open:
                told = Told(event)
                for each in self._open:
                    each.put(told)
        self._forget_lost()

    def end(self) -> None:
        """Let every listener take what waits, and go."""
        for each in list(self._open):
            each.end()

    def _forget_lost(self) -> None:
        lost = [each for each in self._open if each.is_dropped]
        self.dropped += len(lost)
        self._open.difference_update(lost)
