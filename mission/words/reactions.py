"""The words of ST[19] event-action (ECSS-E-ST-70-41C 6.19 and 8.19): reactions to events. Data only.

A reaction is known by the number of the event and, since one event of this mission may be about many things (a monitor,
a job), by the number of what it is about: the first field of the event. 0 stands for anything.
"""

from enum import IntEnum

from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Repeat,
    Report,
    Setting,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Octets, UInt
from mission.fields import Field, Layout, Rows
from mission.monitoring import REACTION_ROWS_MAX, REACTION_STATUS_ROWS_MAX
from mission.schedule import REQUEST_OCTETS_MAX, Fate, Switch

NS_PER_S = 1_000_000_000


class Bound(IntEnum):
    """What a reaction has come up against."""

    DEPTH = 1
    """A chain of reactions that is too long."""
    RATE = 2
    """Too often within a minute."""


REACTION_RATE = Setting(
    id=140,
    shape=Field(
        "reaction_rate",
        UInt(8),
        "how often one reaction may be released within a minute; beyond it is disabled",
        unit="1/min",
        minimum=1,
        maximum=60,
        default=6,
    ),
)
REACTIONS = counter(141, "reactions", "reactions on board")
REACTIONS_RELEASED = counter(142, "reactions_released", "telecommands that reactions have released")
REACTIONS_FAILED = counter(143, "reactions_failed", "of them, those that were not executed")
REACTIONS_SUPPRESSED = counter(144, "reactions_suppressed", "reactions held back by a bound since the start")

_EVENT = Field("event", UInt(16), "number of the event")
_ABOUT = Field("about", UInt(32), "number of what the event is about, 0 for anything", default=0)
_REQUEST = Field("request", Octets(REQUEST_OCTETS_MAX), "the whole telecommand packet, with its CRC")
_KEYS = Layout((Field("reactions", Rows(Layout((_EVENT, _ABOUT)), REACTION_ROWS_MAX), "which"),))
_DEFINITION = Layout((_EVENT, _ABOUT, _REQUEST))
_STATUS = Layout((_EVENT, _ABOUT, Field("status", Enumerated(Switch), "whether it is released")))
_POSITION = Field("position", UInt(16), "how many to leave out before", default=0)
_TOTAL = Field("total", UInt(16), "how many there are in all")

REACTION_FAILED = EventDefinition(
    id=140,
    name="reaction_failed",
    severity=Severity.MEDIUM,
    text="the reaction to event {event} about {about} came to {fate}",
    fields=Layout((_EVENT, _ABOUT, Field("fate", Enumerated(Fate)))),
)
REACTION_SUPPRESSED = EventDefinition(
    id=141,
    name="reaction_suppressed",
    severity=Severity.HIGH,
    text="the reaction to event {event} about {about} came up against its bound ({bound}), and is disabled",
    fields=Layout((_EVENT, _ABOUT, Field("bound", Enumerated(Bound)))),
)


def _command(name: str, subtype: int, description: str, arguments: Layout | None = None, **more) -> Command:
    return Command(
        name=f"reaction.{name}",
        service=19,
        subtype=subtype,
        description=description,
        arguments=Layout() if arguments is None else arguments,
        **{"repeat": Repeat.STORE, **more},
    )


_READS = {"repeat": Repeat.IDEMPOTENT}

WORDS = Words(
    commands=(
        _command(
            "add",
            1,
            "Add reactions, disabled, all or none.",
            Layout((Field("reactions", Rows(_DEFINITION, REACTION_ROWS_MAX), "to which events, and with what"),)),
        ),
        _command("delete", 2, "Do away with reactions that are disabled, all or none.", _KEYS),
        _command("delete_all", 3, "Do away with all reactions.", hazard=Hazard.LOSES_WORK),
        _command("enable", 4, "Let reactions be released.", _KEYS),
        _command("disable", 5, "Release reactions no more.", _KEYS),
        _command("report_status", 6, "Report which reactions are enabled.", Layout((_POSITION,)), **_READS),
        _command("enable_all", 8, "Let reacting go on as a whole."),
        _command("disable_all", 9, "Hold reacting as a whole."),
        _command("report", 10, "Report the reactions, a page at a time.", Layout((_POSITION,)), **_READS),
    ),
    reports=(
        Report(
            name="reaction_status",
            service=19,
            subtype=7,
            description="Which reactions are enabled.",
            fields=Layout((_TOTAL, _POSITION, Field("reactions", Rows(_STATUS, REACTION_STATUS_ROWS_MAX, 0)))),
        ),
        Report(
            name="reaction_definitions",
            service=19,
            subtype=11,
            description="The reactions.",
            fields=Layout((_TOTAL, _POSITION, Field("reactions", Rows(_DEFINITION, REACTION_ROWS_MAX, 0)))),
        ),
    ),
    structures=(
        Structure(
            id=14,
            name="reactions",
            description="Reactions to events.",
            parameters=(REACTION_RATE, REACTIONS, REACTIONS_RELEASED, REACTIONS_FAILED, REACTIONS_SUPPRESSED),
            period_ns=30 * NS_PER_S,
        ),
    ),
    events=(REACTION_FAILED, REACTION_SUPPRESSED),
)
