"""The words of on-board monitoring and of reactions that both ends share: checks, statuses and bounds. Data only."""

from enum import IntEnum

# Every parameter there is, watched twice.
MONITORS_MAX = 256
# What one command and one report may hold: a frame is full before.
MONITOR_ROWS_MAX = 16
STATUS_ROWS_MAX = 100
OUT_ROWS_MAX = 30
# Transitions of one report; more go into the next.
TRANSITION_ROWS_MAX = 30
# A monitor is not more often right than its parameter is fresh, and the flight software has other things to do.
INTERVAL_MS_MIN = 100
REPETITION_MAX = 255
DELTAS_MAX = 16

# Reactions: what an operator can keep apart.
REACTIONS_MAX = 128
REACTION_ROWS_MAX = 16
REACTION_STATUS_ROWS_MAX = 100
# How many reactions in a chain may lead to another. A reaction to the failure of a reaction is a plan; more is a loop.
REACTION_DEPTH_MAX = 3


class CheckKind(IntEnum):
    """What is checked (ECSS-E-ST-70-41C 8.12.3.1)."""

    EXPECTED = 0
    """Some bits of the value are what they should be."""
    LIMIT = 1
    DELTA = 2
    """The change from one sample to the next, over some of them, is within thresholds."""
    STALE = 3
    """The mission's own: the value has changed within some time."""


class CheckStatus(IntEnum):
    """What a check has come to; the standard's numbers, and two after them."""

    WITHIN = 0
    """The expected value, within limits or within thresholds."""
    UNCHECKED = 1
    INVALID = 2
    """The condition of its validity does not hold, or there is no value yet."""
    BELOW = 3
    ABOVE = 4
    UNEXPECTED = 5
    """The standard gives it number 3, which is told from the kind of check."""
    STALE = 6


OUT_STATUSES = frozenset({CheckStatus.BELOW, CheckStatus.ABOVE, CheckStatus.UNEXPECTED, CheckStatus.STALE})
"""What is no good news."""
