"""The words of boots that both ends share: why the flight software started. Data only."""

from enum import IntEnum

EXCEPTION_OCTETS_MAX = 1_000
"""What is kept and told of an exception: its message and the innermost dozen or so of its calls."""


class ResetReason(IntEnum):
    """Why the flight software started once more."""

    FIRST = 1
    """It had never started on this store."""
    COMMANDED = 2
    STOPPED = 3
    """Whoever looks after the program stopped it in order."""
    CRASHED = 4
    """It raised an exception that nobody foresaw."""
    WATCHDOG = 5
    """A part of it made no progress, or the watchdog says that it bit."""
    POWER = 6
    """The computer itself started anew."""
    UNKNOWN = 7
    """It was gone without a word: killed, or hung."""
    TRIAL = 8
    """A slot on trial was not confirmed in time."""
    RELEASED = 9
    """A procedure, a reaction or what they put into the schedule asked for it: it may come again and again."""

    MEMORY = 10
    """A bit of what it knows had flipped in memory; it reads its journal anew."""


ASKED_FOR = frozenset({ResetReason.FIRST, ResetReason.COMMANDED, ResetReason.STOPPED, ResetReason.TRIAL})
"""Starts that are no sign of trouble."""
