"""What both ends mean by on-board time: how well it is known. Data only.

Source: ECSS-E-ST-70-41C 7.4.3.1 (time reference status in the telemetry secondary header), whose values it leaves to
the mission.
"""

from enum import IntEnum


class TimeStatus(IntEnum):
    """How the on-board time came about (four bits)."""

    NOT_TOLD = 0
    UNSYNCHRONISED = 1
    """It goes on from the last time that was known, or from a default: never before it, and how far after is open."""
    ESTIMATED = 2
    """By a real-time clock of the board."""
    SYNCHRONISED = 3
    """By the ground."""


class TimeOrigin(IntEnum):
    """Where the on-board time was taken from when the flight software started."""

    DEFAULT = 0
    """Nothing was known: the first start on this store."""
    CONTINUED = 1
    """The clock of the computer went on; what was known of it still holds."""
    REAL_TIME_CLOCK = 2
    LAST_KNOWN = 3


class TimeChange(IntEnum):
    """What changed the on-board time."""

    SET = 1
    ADJUSTED = 2
