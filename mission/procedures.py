"""The words of stored procedures that both ends share: how they run, how they end, and their bounds. Data only."""

from enum import IntEnum

# Procedures kept on board, and runs at once: what an operator can keep apart in one report.
PROCEDURES_MAX = 32
NAME_OCTETS_MAX = 32
# All of them together are half of what one journal record may hold, and a procedure is to be read by a person.
TEXT_OCTETS_MAX = 16_384
STEPS_MAX = 256
REPEATS_MAX = 1_000
NESTING_MAX = 3
# Steps of a whole run, repetitions counted: one that is to go on for ever belongs into the schedule.
EXECUTED_STEPS_MAX = 10_000
WAIT_S_MAX = 30 * 86_400
PRIORITY_MAX = 7

# A telecommand of the ground that carries a procedure fills one frame of 1,024 octets.
DIRECT_OCTETS_MAX = 800
# What one report of a procedure's text holds.
CONTENT_OCTETS_MAX = 800

# How long a chain of causes may be on board: a command starts a procedure, that starts another, that causes an event,
# that starts a reaction. Three such rounds; whatever is longer is a loop.
CAUSE_DEPTH_MAX = 6

PROCEDURE_DIRECTORY = "procedures"
"""Where uploaded procedures are, among the files of the spacecraft."""


class OnReboot(IntEnum):
    """What becomes of a running procedure in a reset."""

    ABORT = 0
    """It ends, and that is told."""
    CONTINUE = 1
    """It goes on after the last command that it sent; a wait begins anew."""


class OnFailure(IntEnum):
    """What becomes of a procedure of which a step fails."""

    ABORT = 0
    CONTINUE = 1


class ProcedureEnd(IntEnum):
    """How a procedure ended."""

    COMPLETED = 1
    STEP_FAILED = 2
    ABORTED = 3
    """By command."""
    RESET = 4
    """A reset fell into it, and it does not go on after one."""
    UNREADABLE = 5
    """Its text is not one that this flight software understands any more."""


class Activity(IntEnum):
    """What a procedure is doing."""

    INACTIVE = 0
    RUNNING = 1
    WAITING = 2
    """For time to go by, or for a condition."""
