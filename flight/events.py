"""What a spacecraft tells the program that drives it, for logs and for the HIL harness. It never crosses the link.

These are not the event reports of ST[05], which are telemetry and declared in `mission.words`.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, tag=True):
    """Something that happened on board."""

    time_ns: int
    """``now_ns`` when it happened."""


class Rejected(Event, frozen=True, tag=True):
    """Octets from the link were not used."""

    where: str
    """The layer that refused them."""
    reason: str

    def __str__(self) -> str:
        return f"rejected by {self.where}: {self.reason}"


class CommandAnswered(Event, frozen=True, tag=True):
    """A telecommand was dealt with."""

    name: str
    source_id: int
    sequence_count: int
    outcome: str
    """``executed``, ``refused``, ``failed`` or ``repeated``."""
    text: str = ""

    def __str__(self) -> str:
        reason = f": {self.text}" if self.text else ""
        return f"telecommand {self.sequence_count} {self.name} {self.outcome}{reason}"


class TelemetryHeld(Event, frozen=True, tag=True):
    """Telemetry could not be protected and waits."""

    reason: str

    def __str__(self) -> str:
        return f"telemetry waits, since it cannot be protected: {self.reason}"


class Reported(Event, frozen=True, tag=True):
    """A report was put into the downlink queue."""

    name: str
    values: dict[str, object]

    def __str__(self) -> str:
        return f"report {self.name}"


class Announced(Event, frozen=True, tag=True):
    """An ST[05] event report was put into the downlink queue."""

    name: str
    text: str
    values: dict[str, object]

    def __str__(self) -> str:
        return self.text


class ResetDue(Event, frozen=True, tag=True):
    """The flight software is to be ended and started anew by whoever drives it."""

    reason: str

    def __str__(self) -> str:
        return f"reset: {self.reason}"
