"""The words of mission service [132] boots. Data only."""

from mission.boots import EXCEPTION_OCTETS_MAX, ResetReason
from mission.dictionary import Command, EventDefinition, Hazard, Parameter, Repeat, Report, Severity, Words, counter
from mission.field_types import Enumerated, Text, UInt
from mission.fields import Field, Layout

RESET_REASON = Parameter(
    id=642, shape=Field("reset_reason", Enumerated(ResetReason), "why the flight software started")
)
RESETS_IN_A_ROW = counter(643, "resets_in_a_row", "unasked resets in a row, after lives that were short")

_BOOT_COUNT = Field("boot_count", UInt(32), "times it has started")
_REASON = Field("reason", Enumerated(ResetReason), "why it started")

RESET = EventDefinition(
    id=42,
    name="reset",
    severity=Severity.MEDIUM,
    text="the reset before boot {boot_count} was unasked: {reason}, {resets} in a row",
    fields=Layout((_BOOT_COUNT, _REASON, Field("resets", UInt(32), "in a row, after short lives"))),
)
RESETTING = EventDefinition(
    id=43,
    name="resetting",
    severity=Severity.INFORMATIVE,
    text="the flight software resets: {reason}",
    fields=Layout((_REASON,)),
)
STARVING = EventDefinition(
    id=44,
    name="starving",
    severity=Severity.HIGH,
    text="the watchdog is not fed: {parts} make no progress",
    fields=Layout((Field("parts", Text(200), "essential parts"),)),
)

WORDS = Words(
    commands=(
        Command(
            name="spacecraft.reset",
            service=132,
            subtype=1,
            description="Start the flight software anew. A running job goes on from its last checkpoint.",
            repeat=Repeat.ONCE,
            hazard=Hazard.LOSES_WORK,
        ),
        Command(
            name="boot.report",
            service=132,
            subtype=2,
            description="Report the last start of the flight software, and the exceptions that it remembers.",
            repeat=Repeat.IDEMPOTENT,
            in_safe=True,
        ),
    ),
    reports=(
        Report(
            name="boot_report",
            service=132,
            subtype=130,
            description="The last start of the flight software; sent on request.",
            fields=Layout(
                (
                    _BOOT_COUNT,
                    _REASON,
                    Field("resets", UInt(32), "unasked resets in a row, after lives that were short"),
                    Field("exceptions", UInt(8), "exceptions that are remembered"),
                )
            ),
        ),
        Report(
            name="exception_report",
            service=132,
            subtype=131,
            description="An exception that ended the flight software; sent on request.",
            fields=Layout(
                (
                    Field("boot_count", UInt(32), "the start whose life it ended"),
                    Field("text", Text(EXCEPTION_OCTETS_MAX), "the exception and its innermost calls"),
                )
            ),
        ),
    ),
    events=(RESET, RESETTING, STARVING),
)
