"""The words of ST[11] time-based scheduling (ECSS-E-ST-70-41C 6.11 and 8.11), and the mission's own. Data only.

Times are nanoseconds of TAI since 1958. An activity is known by the request in it: source id, APID, sequence count.
Subtypes from 128 on are the mission's: activities reckoned from a pass or an orbit event, and the rule for those whose
time went by unused.
"""

from mission.channels import Apid
from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Parameter,
    Repeat,
    Report,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Int, Octets, UInt
from mission.fields import REQUIRED, Array, Field, Layout, Rows
from mission.schedule import (
    ACTIVITIES_MAX,
    DETAIL_ROWS_MAX,
    FATE_ROWS_MAX,
    GROUPS_MAX,
    INSERTED_MAX,
    ORBIT_OFFSET_MS_MAX,
    REQUEST_OCTETS_MAX,
    SUB_SCHEDULES_MAX,
    SUMMARY_ROWS_MAX,
    TOLD_ACTIVITIES_MAX,
    Anchor,
    Fate,
    Late,
    Switch,
    Window,
)

NS_PER_S = 1_000_000_000

SCHEDULE_ENABLED = Parameter(
    id=110, shape=Field("schedule_enabled", Enumerated(Switch), "whether the schedule releases anything")
)
ACTIVITIES_WAITING = counter(111, "activities_waiting", "activities in the schedule")
ACTIVITIES_RELEASED = counter(112, "activities_released", "activities released, whatever they came to")
ACTIVITIES_FAILED = counter(113, "activities_failed", "activities released that were refused or failed")
ACTIVITIES_SKIPPED = counter(114, "activities_skipped", "activities due that were not released")
NEXT_RELEASE = Parameter(
    id=115, shape=Field("next_release", UInt(64), "TAI of the next activity that is due, 0 if none", unit="ns")
)

_SUB_SCHEDULE = Field("sub_schedule", UInt(8), "number of the sub-schedule", default=0)
_GROUP = Field("group", UInt(8), "number of the group, 0 for none", default=0)
_RELEASE_TIME = Field("release_time", UInt(64), "TAI at which it is released", unit="ns")
_REQUEST = Field("request", Octets(REQUEST_OCTETS_MAX), "the whole telecommand packet, with its CRC")
_ANCHOR = Field("anchor", Enumerated(Anchor), "what its time is reckoned from")
_ORBIT_EVENT = Field("orbit_event", UInt(16), "number of the orbit event, if it is reckoned from one", default=0)
_OFFSET = Field(
    "offset",
    Int(64),
    "from its anchor",
    unit="ms",
    minimum=-ORBIT_OFFSET_MS_MAX,
    maximum=ORBIT_OFFSET_MS_MAX,
    default=0,
)
_LATE = Field("late", Enumerated(Late), "what becomes of it if its time goes by unused", default=Late.SKIP)
_LIMIT = Field("limit", UInt(32), "how late it may be released, if it may", unit="s", default=0)
_POSITION = Field("position", UInt(16), "how many activities, in order of time, to leave out before", default=0)
_TOTAL = Field("total", UInt(16), "how many there are in all")
_REQUEST_ID = (
    Field("source_id", UInt(16), "who asked"),
    Field("apid", UInt(16), "whom", maximum=2047, default=int(Apid.CORE)),
    Field("sequence_count", UInt(16), "which", maximum=16383),
)
_REQUEST_IDS = Field("requests", Rows(Layout(_REQUEST_ID), INSERTED_MAX), "which activities, by their requests")
_FILTER = (
    Field("window", Enumerated(Window), "which release times", default=Window.ALL),
    Field("from_time", UInt(64), "TAI, the first", unit="ns", default=0),
    Field("to_time", UInt(64), "TAI, the last", unit="ns", default=0),
    Field("sub_schedules", Array(UInt(8), SUB_SCHEDULES_MAX, 0), "in which sub-schedules, all if empty", default=()),
    Field("groups", Array(UInt(8), GROUPS_MAX, 0), "in which groups, all if empty", default=()),
)
_SHIFT = Field("shift", Int(64), "how much later, or earlier if negative", unit="ms")
_SUB_SCHEDULES = Layout((Field("sub_schedules", Array(UInt(8), SUB_SCHEDULES_MAX), "numbers of sub-schedules"),))
_GROUPS = Layout((Field("groups", Array(UInt(8), GROUPS_MAX), "numbers of groups"),))
_KEYS = Field(
    "requests",
    Array(UInt(64), TOLD_ACTIVITIES_MAX),
    "which: source id, APID and sequence count of each, 16 bits each",
)

ACTIVITIES_SKIPPED_EVENT = EventDefinition(
    id=110,
    name="activities_skipped",
    severity=Severity.MEDIUM,
    text="{count} scheduled activities were not released, {fate}: {requests}",
    fields=Layout((Field("count", UInt(16)), Field("fate", Enumerated(Fate), "why"), _KEYS)),
)
ACTIVITY_FAILED = EventDefinition(
    id=111,
    name="activity_failed",
    severity=Severity.MEDIUM,
    text="scheduled activity {request} came to {fate}",
    fields=Layout((Field("request", UInt(64)), Field("fate", Enumerated(Fate)))),
)
ANCHOR_PASSED = EventDefinition(
    id=112,
    name="anchor_passed",
    severity=Severity.INFORMATIVE,
    text="{anchor} at {time}: {count} activities have a time now",
    fields=Layout((_ANCHOR, Field("time", UInt(64), "TAI", unit="ns"), Field("count", UInt(16)))),
)


def _command(name: str, subtype: int, description: str, *fields: Field, **more) -> Command:
    return Command(
        name=f"schedule.{name}",
        service=11,
        subtype=subtype,
        description=description,
        arguments=Layout(fields),
        **{"repeat": Repeat.STORE, **more},
    )


_READS = {"repeat": Repeat.IDEMPOTENT}
_SUMMARY_ROW = Layout((_SUB_SCHEDULE, _GROUP, _RELEASE_TIME, *_REQUEST_ID))
_DETAIL_ROW = Layout(
    (
        _SUB_SCHEDULE,
        _GROUP,
        _RELEASE_TIME,
        _ANCHOR,
        _ORBIT_EVENT,
        Field("offset", Int(64), "from its anchor, shifts included", unit="ms"),
        _LATE,
        _LIMIT,
        _REQUEST,
    )
)
_STATUS = Field("status", Enumerated(Switch), "whether it releases anything")

WORDS = Words(
    commands=(
        _command("enable", 1, "Release activities when they are due."),
        _command("disable", 2, "Release nothing; what falls due is skipped, and reported as skipped."),
        _command("reset", 3, "Empty the schedule and its groups, and disable it.", hazard=Hazard.LOSES_WORK),
        _command(
            "insert",
            4,
            "Put activities into the schedule, all or none; `schedule.insert_relative` can say more of each.",
            _SUB_SCHEDULE,
            Field("activities", Rows(Layout((_GROUP, _RELEASE_TIME, _REQUEST)), INSERTED_MAX), "what, and when"),
        ),
        _command("delete", 5, "Take activities out of the schedule, all or none.", _REQUEST_IDS),
        _command("delete_filtered", 6, "Take all activities that a filter lets through out of the schedule.", *_FILTER),
        _command("shift", 7, "Move activities in time, all or none.", _SHIFT, _REQUEST_IDS),
        _command("shift_filtered", 8, "Move all activities that a filter lets through in time.", _SHIFT, *_FILTER),
        _command("detail", 9, "Report activities with their requests.", _REQUEST_IDS, **_READS),
        _command("detail_filtered", 11, "Report activities that a filter lets through.", *_FILTER, _POSITION, **_READS),
        _command("summary", 12, "Report when activities are due.", _REQUEST_IDS, **_READS),
        _command(
            "summary_filtered",
            14,
            "Report when those are due that a filter passes.",
            *_FILTER,
            _POSITION,
            **_READS,
        ),
        _command("shift_all", 15, "Move all activities in time.", _SHIFT),
        _command("detail_all", 16, "Report all activities with their requests, a page at a time.", _POSITION, **_READS),
        _command("summary_all", 17, "Report when all activities are due, a page at a time.", _POSITION, **_READS),
        _command("report_sub_schedules", 18, "Report the sub-schedules and whether they are enabled.", **_READS),
        Command(
            name="schedule.enable_sub_schedules",
            service=11,
            subtype=20,
            description="Let sub-schedules release again.",
            arguments=_SUB_SCHEDULES,
            repeat=Repeat.STORE,
        ),
        Command(
            name="schedule.disable_sub_schedules",
            service=11,
            subtype=21,
            description="Release nothing of sub-schedules; what falls due in them is skipped.",
            arguments=_SUB_SCHEDULES,
            repeat=Repeat.STORE,
        ),
        _command(
            "create_groups",
            22,
            "Make groups, which activities can then be in.",
            Field(
                "groups",
                Rows(Layout((Field("group", UInt(8), "its number", minimum=1), _STATUS)), GROUPS_MAX),
                "which, and whether each is enabled",
            ),
        ),
        Command(
            name="schedule.delete_groups",
            service=11,
            subtype=23,
            description="Do away with groups that no activity is in.",
            arguments=_GROUPS,
            repeat=Repeat.STORE,
        ),
        Command(
            name="schedule.enable_groups",
            service=11,
            subtype=24,
            description="Let groups release again.",
            arguments=_GROUPS,
            repeat=Repeat.STORE,
        ),
        Command(
            name="schedule.disable_groups",
            service=11,
            subtype=25,
            description="Release nothing of groups; what falls due in them is skipped.",
            arguments=_GROUPS,
            repeat=Repeat.STORE,
        ),
        _command("report_groups", 26, "Report the groups and whether they are enabled.", **_READS),
        _command(
            "insert_relative",
            128,
            "Put activities into the schedule, all or none, each with what its time is reckoned from and what becomes "
            "of it if that goes by unused.",
            _SUB_SCHEDULE,
            Field(
                "activities",
                Rows(
                    Layout(
                        (
                            _GROUP,
                            _ANCHOR,
                            Field("release_time", UInt(64), "TAI, for an absolute time", unit="ns", default=0),
                            _ORBIT_EVENT,
                            _OFFSET,
                            _LATE,
                            _LIMIT,
                            _REQUEST,
                        )
                    ),
                    INSERTED_MAX,
                ),
                "what, and when",
            ),
        ),
        _command(
            "set_orbit_events",
            129,
            "Tell when orbit events are; activities that hang on them move with them.",
            Field(
                "events",
                Rows(
                    Layout(
                        (
                            Field("orbit_event", UInt(16), "its number, chosen by the ground", minimum=1),
                            Field("time", UInt(64), "TAI", unit="ns", default=REQUIRED),
                        )
                    ),
                    INSERTED_MAX,
                ),
                "which, and when",
            ),
        ),
        _command("report_fates", 130, "Report what became of the activities that were due last.", _POSITION, **_READS),
    ),
    reports=(
        Report(
            name="schedule_detail",
            service=11,
            subtype=10,
            description="Activities with their requests, in order of time; a release time of 0 waits for its anchor.",
            fields=Layout((_TOTAL, _POSITION, Field("activities", Rows(_DETAIL_ROW, DETAIL_ROWS_MAX, 0)))),
        ),
        Report(
            name="schedule_summary",
            service=11,
            subtype=13,
            description="When activities are due, in order of time; a release time of 0 waits for its anchor.",
            fields=Layout((_TOTAL, _POSITION, Field("activities", Rows(_SUMMARY_ROW, SUMMARY_ROWS_MAX, 0)))),
        ),
        Report(
            name="schedule_sub_schedules",
            service=11,
            subtype=19,
            description="The sub-schedules in use or disabled.",
            fields=Layout((Field("sub_schedules", Rows(Layout((_SUB_SCHEDULE, _STATUS)), 255, 0)),)),
        ),
        Report(
            name="schedule_groups",
            service=11,
            subtype=27,
            description="The groups.",
            fields=Layout((Field("groups", Rows(Layout((_GROUP, _STATUS)), GROUPS_MAX, 0)),)),
        ),
        Report(
            name="schedule_fates",
            service=11,
            subtype=131,
            description="What became of the activities that were due, the last one first.",
            fields=Layout(
                (
                    _TOTAL,
                    _POSITION,
                    Field(
                        "activities",
                        Rows(
                            Layout((*_REQUEST_ID, Field("fate", Enumerated(Fate)), Field("time", UInt(64), unit="ns"))),
                            FATE_ROWS_MAX,
                            0,
                        ),
                    ),
                )
            ),
        ),
    ),
    structures=(
        Structure(
            id=11,
            name="schedule",
            description=f"The schedule, of up to {ACTIVITIES_MAX} activities.",
            parameters=(
                SCHEDULE_ENABLED,
                ACTIVITIES_WAITING,
                ACTIVITIES_RELEASED,
                ACTIVITIES_FAILED,
                ACTIVITIES_SKIPPED,
                NEXT_RELEASE,
            ),
            period_ns=30 * NS_PER_S,
        ),
    ),
    events=(ACTIVITIES_SKIPPED_EVENT, ACTIVITY_FAILED, ANCHOR_PASSED),
)
