"""The words of ST[12] on-board monitoring (ECSS-E-ST-70-41C 6.12 and 8.12). Data only.

A parameter is named by its number. The standard's functional monitoring, subtypes 17 to 27, is not there: reactions
(ST[19]) take its place.
"""

import sys

from mission.dictionary import Command, EventDefinition, Hazard, Repeat, Report, Severity, Structure, Words, counter
from mission.field_types import Enumerated, Float, UInt
from mission.fields import Array, Field, Layout, Rows
from mission.monitoring import (
    DELTAS_MAX,
    INTERVAL_MS_MIN,
    MONITOR_ROWS_MAX,
    OUT_ROWS_MAX,
    REPETITION_MAX,
    STATUS_ROWS_MAX,
    TRANSITION_ROWS_MAX,
    CheckKind,
    CheckStatus,
)
from mission.schedule import Switch

NS_PER_S = 1_000_000_000

MONITORS = counter(130, "monitors", "monitors on board")
MONITORS_ENABLED = counter(131, "monitors_enabled", "of them, those that are looked at")
MONITORS_OUT = counter(132, "monitors_out", "of them, those that are out of limits")
TRANSITIONS_LOST = counter(133, "transitions_lost", "transitions that were not told, since too many came at once")

_MONITOR = Field("monitor", UInt(16), "its number, chosen by the operator", minimum=1)
_PARAMETER = Field("parameter", UInt(16), "number of the parameter")
_KIND = Field("kind", Enumerated(CheckKind), "what is checked")
_STATUS = Field("status", Enumerated(CheckStatus), "what it has come to")
_VALUE = Field("value", Float(64), "of the parameter")
_DEFINITION = Layout(
    (
        _MONITOR,
        _PARAMETER,
        Field("interval", UInt(32), "how often it is looked at", unit="ms", minimum=INTERVAL_MS_MIN, default=1_000),
        Field(
            "repetition",
            UInt(8),
            "results in a row that change its status",
            minimum=1,
            maximum=REPETITION_MAX,
            default=1,
        ),
        Field("validity_parameter", UInt(16), "number of the parameter that makes it valid, 0 for none", default=0),
        Field("validity_mask", UInt(64), "which bits of that", default=0),
        Field("validity_expected", UInt(64), "what they are if it is valid", default=0),
        _KIND,
        Field("mask", UInt(64), "EXPECTED: which bits", default=(1 << 64) - 1),
        Field("expected", UInt(64), "EXPECTED: what they should be", default=0),
        Field("low", Float(64), "LIMIT, DELTA: the lowest that is good", default=-sys.float_info.max),
        Field("high", Float(64), "LIMIT, DELTA: the highest that is good", default=sys.float_info.max),
        Field("deltas", UInt(8), "DELTA: over so many changes", minimum=1, maximum=DELTAS_MAX, default=1),
        Field("stale", UInt(32), "STALE: how long it may stay the same", unit="ms", default=0),
    )
)
_DEFINITIONS = Layout((Field("monitors", Rows(_DEFINITION, MONITOR_ROWS_MAX), "definitions"),))
_NUMBERS = Layout((Field("monitors", Array(UInt(16), STATUS_ROWS_MAX), "their numbers"),))
_POSITION = Field("position", UInt(16), "how many to leave out before", default=0)
_TOTAL = Field("total", UInt(16), "how many there are in all")
_TRANSITION = Layout(
    (
        _MONITOR,
        _PARAMETER,
        _KIND,
        _VALUE,
        Field("before", Enumerated(CheckStatus), "what it was before"),
        _STATUS,
        Field("time", UInt(64), "TAI at which it changed", unit="ns"),
    )
)
_EVENT = Layout((_MONITOR, _PARAMETER, _STATUS, _VALUE))

MONITOR_OUT = EventDefinition(
    id=130,
    name="monitor_out",
    severity=Severity.MEDIUM,
    text="monitor {monitor}: parameter {parameter} is {status} at {value}",
    fields=_EVENT,
)
MONITOR_WITHIN = EventDefinition(
    id=131,
    name="monitor_within",
    severity=Severity.INFORMATIVE,
    text="monitor {monitor}: parameter {parameter} is {status} at {value}",
    fields=_EVENT,
)
MONITOR_INVALID = EventDefinition(
    id=132,
    name="monitor_invalid",
    severity=Severity.LOW,
    text="monitor {monitor}: parameter {parameter} has no valid value any more: {status}, last {value}",
    fields=_EVENT,
)


def _command(name: str, subtype: int, description: str, arguments: Layout | None = None, **more) -> Command:
    return Command(
        name=f"monitoring.{name}",
        service=12,
        subtype=subtype,
        description=description,
        arguments=Layout() if arguments is None else arguments,
        **{"repeat": Repeat.STORE, **more},
    )


_READS = {"repeat": Repeat.IDEMPOTENT}

WORDS = Words(
    commands=(
        _command("enable_monitors", 1, "Look at monitors; each begins unchecked.", _NUMBERS),
        _command("disable_monitors", 2, "Look at monitors no more.", _NUMBERS),
        _command(
            "set_delay",
            3,
            "Tell transitions at most so late.",
            Layout((Field("delay", UInt(32), "the longest", unit="ms", maximum=3_600_000),)),
        ),
        _command("delete_all", 4, "Do away with all monitors; monitoring must be disabled.", hazard=Hazard.LOSES_WORK),
        _command("add", 5, "Add monitors, disabled, all or none.", _DEFINITIONS),
        _command("delete", 6, "Do away with monitors that are disabled, all or none.", _NUMBERS),
        _command("modify", 7, "Change monitors in flight, all or none; each is unchecked again.", _DEFINITIONS),
        _command("report_definitions", 8, "Report the definitions, a page at a time.", Layout((_POSITION,)), **_READS),
        _command("report_out", 10, "Report what is out of limits, a page at a time.", Layout((_POSITION,)), **_READS),
        _command("report_status", 13, "Report the status of each, a page at a time.", Layout((_POSITION,)), **_READS),
        _command("enable", 15, "Let monitoring go on as a whole."),
        _command("disable", 16, "Hold monitoring as a whole."),
    ),
    reports=(
        Report(
            name="monitor_definitions",
            service=12,
            subtype=9,
            description="Monitoring definitions, in order of their numbers.",
            fields=Layout((_TOTAL, _POSITION, Field("monitors", Rows(_DEFINITION, MONITOR_ROWS_MAX, 0)))),
        ),
        Report(
            name="monitors_out",
            service=12,
            subtype=11,
            description="Monitors that are out of limits, in order of their numbers.",
            fields=Layout((_TOTAL, _POSITION, Field("transitions", Rows(_TRANSITION, OUT_ROWS_MAX, 0)))),
        ),
        Report(
            name="check_transitions",
            service=12,
            subtype=12,
            description="Changes of status, in the order in which they came.",
            fields=Layout((Field("transitions", Rows(_TRANSITION, TRANSITION_ROWS_MAX)),)),
        ),
        Report(
            name="monitor_status",
            service=12,
            subtype=14,
            description="Whether each monitor is looked at, and what it has come to.",
            fields=Layout(
                (
                    _TOTAL,
                    _POSITION,
                    Field(
                        "monitors",
                        Rows(
                            Layout((_MONITOR, Field("switch", Enumerated(Switch), "whether it is looked at"), _STATUS)),
                            STATUS_ROWS_MAX,
                            0,
                        ),
                    ),
                )
            ),
        ),
    ),
    structures=(
        Structure(
            id=13,
            name="monitoring",
            description="On-board monitoring.",
            parameters=(MONITORS, MONITORS_ENABLED, MONITORS_OUT, TRANSITIONS_LOST),
            period_ns=30 * NS_PER_S,
        ),
    ),
    events=(MONITOR_OUT, MONITOR_WITHIN, MONITOR_INVALID),
)
