"""The words of ST[05] events (ECSS-E-ST-70-41C 6.5 and 8.5). Data only; each service declares its own events."""

from collections.abc import Iterable

from mission.dictionary import Command, EventDefinition, Repeat, Report, Setting, Severity, Words
from mission.field_types import Reference, Text, UInt
from mission.fields import Array, Field, Layout

# An 8-bit count goes before a list.
EVENTS_MAX = 255
# Events named in one command.
EVENTS_AT_ONCE_MAX = 32

EVENT_BURST = Setting(
    id=300,
    shape=Field(
        "event_burst", UInt(8), "reports of one event that may leave at once", minimum=1, maximum=255, default=64
    ),
)
EVENT_INTERVAL = Setting(
    id=301,
    shape=Field(
        "event_interval",
        UInt(32),
        "after a burst, one report of an event may leave in this time",
        unit="ms",
        minimum=100,
        maximum=3_600_000,
        default=1_000,
    ),
)
EVENTS_SUPPRESSED = EventDefinition(
    id=23,
    name="events_suppressed",
    severity=Severity.LOW,
    text="suppressed {count} of {event}",
    fields=Layout(
        (
            Field("event", Text(64), "name of the event that came too often"),
            Field("count", UInt(32), "reports of it that did not leave, since this was last told"),
        )
    ),
)

OWN = Words(parameters=(EVENT_BURST, EVENT_INTERVAL), events=(EVENTS_SUPPRESSED,))
"""What this service has to say of itself."""


def words(declared: Iterable[Words]) -> Words:
    """Give the words by which the reports of all events are switched.

    Args:
        declared: The words of every service that has events.
    """
    events = [each for words in declared for each in words.events]
    reference = Reference("event", {each.name: each.id for each in events})
    chosen = Layout((Field("events", Array(reference, EVENTS_AT_ONCE_MAX), "names or numbers, by commas"),))
    return Words(
        commands=(
            Command(
                name="event.enable",
                service=5,
                subtype=5,
                description="Report events again.",
                arguments=chosen,
                repeat=Repeat.STORE,
                in_safe=True,
            ),
            Command(
                name="event.disable",
                service=5,
                subtype=6,
                description="Do not report events any more; what brings them on happens all the same.",
                arguments=chosen,
                repeat=Repeat.STORE,
            ),
            Command(
                name="event.report_disabled",
                service=5,
                subtype=7,
                description="Report which events are disabled.",
                repeat=Repeat.IDEMPOTENT,
                in_safe=True,
            ),
        ),
        reports=(
            Report(
                name="events_disabled",
                service=5,
                subtype=8,
                description="The events that are not reported; sent on request.",
                fields=Layout((Field("events", Array(reference, EVENTS_MAX, 0), "their numbers"),)),
            ),
        ),
    )
