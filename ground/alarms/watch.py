"""The watch over telemetry: derived parameters first, then limits and alarms, and what is stale. No clock, no I/O.

It is given the station's events and gives events of its own. Alarms and freshness go by live telemetry: what is played
back says how things were.
"""

from collections.abc import Iterable
from typing import Any

from ground.alarms.alarms import Alarms
from ground.alarms.derived import Derived
from ground.alarms.events import AlarmChanged, DerivedComputed
from ground.alarms.freshness import Freshness
from ground.alarms.rules import Rules
from ground.events import EventReported, HousekeepingReceived, StationEvent
from mission.modes import Mode
from mission.words.mode import MODE, MODE_CHANGED


class Watch:
    """The watch of one station.

    Args:
        rules: What it watches.
        told: What was told last of each alarm before the station started anew, in times of its clock now.
    """

    def __init__(self, rules: Rules, told: Iterable[AlarmChanged] = ()) -> None:
        self.rules = rules
        self.alarms = Alarms(rules.limits)
        self.alarms.restore(told)
        self._derived = Derived(rules.derived)
        self._freshness = Freshness(rules.stale_after_ns)
        self._mode: Mode | None = None
        self._events: list[StationEvent] = []

    def take(self, events: Iterable[StationEvent]) -> None:
        """Take in what the station gave out."""
        for event in events:
            match event:
                case HousekeepingReceived():
                    self._take_values(event)
                case EventReported(name=MODE_CHANGED.name, stored=None):
                    self._mode = Mode(event.values["after"])

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self.alarms.advance(now_ns)
        self._freshness.advance(now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due next."""
        deadlines = (self.alarms.next_deadline(), self._freshness.next_deadline())
        return min((each for each in deadlines if each is not None), default=None)

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        for part in (self._derived, self.alarms, self._freshness):
            taken += part.take_events()
        return taken

    def snapshot(self) -> dict[str, Any]:
        """Give all alarms that are not normal, and how fresh each report is, in plain values."""
        return {"alarms": self.alarms.snapshot(), "reports": self._freshness.snapshot()}

    def _take_values(self, event: HousekeepingReceived) -> None:
        is_live = event.stored is None
        if is_live:
            self._freshness.came(event.name, event.time_ns)
            if MODE.name in event.values:
                self._mode = Mode(event.values[MODE.name])
        derived = self._derived.take(event.values, event.time_ns, is_live=is_live)
        if derived:
            self._events.append(
                DerivedComputed(
                    time_ns=event.time_ns,
                    tai_ns=event.tai_ns,
                    virtual_channel=event.virtual_channel,
                    values=derived,
                    stored=event.stored,
                    identity=event.identity,
                    generated_ns=event.generated_ns,
                )
            )
        if is_live:
            for name, value in (*event.values.items(), *derived.items()):
                if isinstance(value, int | float):
                    self.alarms.sample(name, float(value), self._mode, event.time_ns)
