"""What both ends mean by housekeeping: the kinds of structure, when they are reported, and their bounds. Data only.

Source: ECSS-E-ST-70-41C 6.3.
"""

from enum import IntEnum

STRUCTURES_MAX = 32
"""Structures of one kind that may be created in flight. Each is sampled at its own pace, and looked at in each turn."""

STRUCTURE_PARAMETERS_MAX = 64
"""Parameters of one structure: one report fills a few frames of the slowest link."""

STRUCTURES_AT_ONCE_MAX = 16
"""Structures named in one command."""

INTERVAL_MS_MIN = 100
"""A report ten times a second fills the slowest link; sampling faster would only fill the queue."""
INTERVAL_MS_MAX = 86_400_000


class StructureKind(IntEnum):
    """The two kinds of report structure, each with numbers of its own."""

    HOUSEKEEPING = 1
    DIAGNOSTIC = 2


class ReportMode(IntEnum):
    """When an enabled structure is reported."""

    PERIODIC = 1
    ON_CHANGE = 2
    """At an interval only if a parameter has left the dead-band around what was last reported."""


class Reporting(IntEnum):
    """Whether a structure is reported by itself."""

    DISABLED = 0
    ENABLED = 1


REPORT_TYPES = {StructureKind.HOUSEKEEPING: (3, 25), StructureKind.DIAGNOSTIC: (3, 26)}
"""Message type of the reports of each kind: structure number, then its parameters (ECSS-E-ST-70-41C 8.3.2.25, .26)."""

KIND_OF_REPORT = {message_type: kind for kind, message_type in REPORT_TYPES.items()}
"""The kind of structure that a message type reports."""
