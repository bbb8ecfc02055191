"""What watching telemetry gives out: derived parameters, alarms that moved, and what became stale."""

from typing import Any

from ground.alarms.life_cycle import AlarmState, Level
from ground.events import StationEvent, StoredAt, show


class DerivedComputed(StationEvent, frozen=True, kw_only=True, tag=True):
    """Derived parameters were computed from a report that came."""

    tai_ns: int
    """Of that report, as what follows."""
    virtual_channel: int
    values: dict[str, Any]
    stored: StoredAt | None = None
    identity: bytes = b""
    generated_ns: int | None = None

    def __str__(self) -> str:
        return "derived " + " ".join(f"{name}={show(value)}" for name, value in self.values.items())


class DerivedFailed(StationEvent, frozen=True, kw_only=True, tag=True):
    """A derived parameter came to no number; it is told once for each reason."""

    parameter: str
    place: str
    """File and line."""
    reason: str

    def __str__(self) -> str:
        return f"derived {self.parameter} failed: {self.place}: {self.reason}"


class AlarmChanged(StationEvent, frozen=True, kw_only=True, tag=True):
    """An alarm moved, or its level changed."""

    parameter: str
    state: AlarmState
    level: Level
    """What its value has come to by now, on the shelf too."""
    value: float | None
    actor: str = ""
    """Who moved it, if it was an operator."""
    until_ns: int | None = None
    """When it comes off the shelf, by the station's clock."""

    def __str__(self) -> str:
        by = f" by {self.actor}" if self.actor else ""
        value = "" if self.value is None else f" at {self.value:.6g}"
        return f"alarm {self.parameter} {self.level.name}{value}: {self.state.value}{by}"


class TelemetryStale(StationEvent, frozen=True, kw_only=True, tag=True):
    """Reports that came regularly have not for too long."""

    reports: list[str]

    def __str__(self) -> str:
        return f"stale: {', '.join(self.reports)}"


class TelemetryFresh(StationEvent, frozen=True, kw_only=True, tag=True):
    """A report that was stale came again."""

    reports: list[str]

    def __str__(self) -> str:
        return f"fresh again: {', '.join(self.reports)}"
