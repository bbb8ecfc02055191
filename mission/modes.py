"""The modes of the spacecraft, and why it changes them. Data only; where each leads is in `flight.survival.mode`."""

from enum import IntEnum


class Mode(IntEnum):
    """What the spacecraft is set on."""

    SAFE = 1
    """To survive and be commanded: no jobs, no command that starts one, and the beacon is sent in contact too."""
    NOMINAL = 2
    """Everything but jobs."""
    COMPUTE = 3
    """Everything: jobs run as they come."""


ALL_MODES = frozenset(Mode)
WORKING_MODES = frozenset({Mode.NOMINAL, Mode.COMPUTE})
"""Modes in which a job may be asked for."""


class ModeCause(IntEnum):
    """Why the mode is what it is."""

    START = 1
    """It was never changed."""
    COMMAND = 2
    JOB = 3
    """A job was queued by command."""
    SILENCE = 4
    """No command was accepted for too long."""
    RESETS = 5
    """Too many resets in a row."""
