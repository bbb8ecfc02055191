"""The words of the time-based schedule that both ends share: anchors, rules, fates and bounds. Data only."""

from enum import IntEnum

# ECSS-E-ST-70-41C 6.11 leaves it to the mission. A month of a command every four minutes is 10,800; with 14 bits of
# sequence count a station can name this many of its requests and no more.
ACTIVITIES_MAX = 16_384
# What the requests of all activities may come to in octets, which bounds memory and the journal: a quarter of a
# kilobyte for each of the greatest number.
SCHEDULE_OCTETS_MAX = 4 << 20
# A request travels inside another, which travels in one frame of 1,024 octets with its overheads.
REQUEST_OCTETS_MAX = 900
# What one insertion may hold: a frame is full long before.
INSERTED_MAX = 64
# Groups, and sub-schedules that may be disabled: what an operator can keep apart in one report.
GROUPS_MAX = 64
SUB_SCHEDULES_MAX = 64
# Orbit events whose times are known on board: two weeks of nodes, shadows and passes come to about 700.
ORBIT_EVENTS_MAX = 1_024
# Rows of one report, so that it stays within a few frames; the next page is asked for by its position.
SUMMARY_ROWS_MAX = 50
DETAIL_ROWS_MAX = 12
# Fates kept for an operator who missed the reports: more than a day of a command every six minutes.
FATES_MAX = 256
FATE_ROWS_MAX = 50
# How many activities one event report names.
TOLD_ACTIVITIES_MAX = 50

ORBIT_OFFSET_MS_MAX = 30 * 86_400_000
"""How far from its anchor an activity may be: the 30 days for which a schedule is made."""


class Anchor(IntEnum):
    """What the time of an activity is reckoned from."""

    ABSOLUTE = 0
    """The epoch: it is a time."""
    AOS = 1
    """The beginning of the next pass."""
    LOS = 2
    """The end of the pass, the one at hand if there is one."""
    EVENT = 3
    """An orbit event, whose time the ground has told or will tell."""


class Late(IntEnum):
    """What becomes of an activity whose time went by unused, in a reset or over a clock jump."""

    SKIP = 0
    """It is skipped, and reported as skipped."""
    RUN = 1
    """It is released late, within its limit; beyond it is skipped."""


class Fate(IntEnum):
    """What became of a telecommand that was due on board."""

    EXECUTED = 1
    REFUSED = 2
    """It failed acceptance or start; its ST[01] report says why."""
    FAILED = 3
    OUTCOME_UNKNOWN = 4
    """A reset fell into its execution, and it must not be repeated."""
    SKIPPED_LATE = 5
    SKIPPED_DISABLED = 6
    """The schedule, its sub-schedule or its group was disabled when it was due."""


class Window(IntEnum):
    """Which release times a filter lets through (ECSS-E-ST-70-41C 8.11.2.6)."""

    ALL = 0
    FROM_TO = 1
    FROM = 2
    TO = 3


class Switch(IntEnum):
    """Whether something is on."""

    DISABLED = 0
    ENABLED = 1
