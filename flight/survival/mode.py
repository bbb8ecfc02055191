"""The modes of the spacecraft, as one table. It decides nothing else and touches nothing.

``TABLE[mode, trigger]`` is the mode that follows; a missing key is a trigger that changes nothing in that mode.
COMPUTE follows from NOMINAL when a job is queued by command, since whoever queues a job wants it to run; an operator
who commands NOMINAL after that holds the jobs until the next one is queued, or COMPUTE is commanded. Nothing but a
command leads out of SAFE.
"""

from enum import Enum

from mission.jobs import PauseCause
from mission.modes import Mode, ModeCause


class Trigger(Enum):
    """What changes the mode."""

    ENTER_SAFE = "mode.enter SAFE"
    ENTER_NOMINAL = "mode.enter NOMINAL"
    ENTER_COMPUTE = "mode.enter COMPUTE"
    JOB_QUEUED = "job queued"
    """A job was submitted or resumed by command."""
    SILENCE = "silence"
    """No command was accepted for longer than the limit."""
    RESETS = "resets"
    """Too many resets in a row, none of which lived long."""


TABLE: dict[tuple[Mode, Trigger], Mode] = {
    (Mode.SAFE, Trigger.ENTER_NOMINAL): Mode.NOMINAL,
    (Mode.SAFE, Trigger.ENTER_COMPUTE): Mode.COMPUTE,
    (Mode.NOMINAL, Trigger.ENTER_SAFE): Mode.SAFE,
    (Mode.NOMINAL, Trigger.ENTER_COMPUTE): Mode.COMPUTE,
    (Mode.NOMINAL, Trigger.JOB_QUEUED): Mode.COMPUTE,
    (Mode.NOMINAL, Trigger.SILENCE): Mode.SAFE,
    (Mode.NOMINAL, Trigger.RESETS): Mode.SAFE,
    (Mode.COMPUTE, Trigger.ENTER_SAFE): Mode.SAFE,
    (Mode.COMPUTE, Trigger.ENTER_NOMINAL): Mode.NOMINAL,
    (Mode.COMPUTE, Trigger.SILENCE): Mode.SAFE,
    (Mode.COMPUTE, Trigger.RESETS): Mode.SAFE,
}
"""``(mode, trigger) -> next mode``."""

ENTER = {Mode.SAFE: Trigger.ENTER_SAFE, Mode.NOMINAL: Trigger.ENTER_NOMINAL, Mode.COMPUTE: Trigger.ENTER_COMPUTE}
"""The trigger of the command that asks for a mode."""

CAUSES = {
    Trigger.ENTER_SAFE: ModeCause.COMMAND,
    Trigger.ENTER_NOMINAL: ModeCause.COMMAND,
    Trigger.ENTER_COMPUTE: ModeCause.COMMAND,
    Trigger.JOB_QUEUED: ModeCause.JOB,
    Trigger.SILENCE: ModeCause.SILENCE,
    Trigger.RESETS: ModeCause.RESETS,
}
"""What is told of a trigger."""

HOLDS_JOBS = {Mode.SAFE: PauseCause.MODE, Mode.NOMINAL: PauseCause.MODE, Mode.COMPUTE: PauseCause.NONE}
"""What each mode holds jobs with."""


def follow(mode: Mode, trigger: Trigger) -> Mode:
    """Give the mode that follows."""
    return TABLE.get((mode, trigger), mode)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {Mode.NOMINAL.name}: first boot"]
    lines += [f"    {mode.name} --> {after.name}: {trigger.value}" for (mode, trigger), after in TABLE.items()]
    return "\n".join(lines)
