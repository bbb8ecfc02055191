"""The life cycle of a job, as one table. It decides nothing else and touches nothing.

``TABLE[state, trigger]`` is what the engine does and the state that follows; a missing key is a trigger that makes no
sense in that state, which `follow` refuses with a reason.
"""

from enum import Enum

from ccsds.errors import MisuseError
from mission.jobs import ENDED_STATES, JobState


class Trigger(Enum):
    """What happens to a job."""

    SELECT = "select"
    """It is its turn."""
    READY = "ready"
    """The worker has opened it."""
    LOSE = "lose"
    """Its worker died or hung."""
    GIVE_UP = "give up"
    """It cannot go on: a fault of its own, or too many lost workers without progress."""
    FINISH = "finish"
    """Its last step is done, and its weights are stored."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    REBOOT = "reboot"
    """The flight software started anew."""


class Action(Enum):
    """What the engine does about it."""

    NONE = "none"
    LAUNCH = "launch"
    """Start a worker and have it open the job."""
    RELAUNCH = "relaunch"
    """Wait out the back-off, then launch."""
    WORK = "work"
    """Grant steps."""
    PARK = "park"
    """Finish what is granted, save a checkpoint, then release the worker."""
    RELEASE = "release"
    """Let the worker go."""


TABLE: dict[tuple[JobState, Trigger], tuple[Action, JobState]] = {
    (JobState.QUEUED, Trigger.SELECT): (Action.LAUNCH, JobState.STARTING),
    (JobState.QUEUED, Trigger.PAUSE): (Action.NONE, JobState.PAUSED),
    (JobState.QUEUED, Trigger.CANCEL): (Action.RELEASE, JobState.CANCELLED),
    (JobState.STARTING, Trigger.READY): (Action.WORK, JobState.RUNNING),
    (JobState.STARTING, Trigger.LOSE): (Action.RELAUNCH, JobState.STARTING),
    (JobState.STARTING, Trigger.GIVE_UP): (Action.RELEASE, JobState.FAILED),
    (JobState.STARTING, Trigger.PAUSE): (Action.RELEASE, JobState.PAUSED),
    (JobState.STARTING, Trigger.CANCEL): (Action.RELEASE, JobState.CANCELLED),
    (JobState.STARTING, Trigger.REBOOT): (Action.NONE, JobState.QUEUED),
    (JobState.RUNNING, Trigger.LOSE): (Action.RELAUNCH, JobState.STARTING),
    (JobState.RUNNING, Trigger.GIVE_UP): (Action.RELEASE, JobState.FAILED),
    (JobState.RUNNING, Trigger.FINISH): (Action.RELEASE, JobState.DONE),
    (JobState.RUNNING, Trigger.PAUSE): (Action.PARK, JobState.PAUSED),
    (JobState.RUNNING, Trigger.CANCEL): (Action.RELEASE, JobState.CANCELLED),
    (JobState.RUNNING, Trigger.REBOOT): (Action.NONE, JobState.QUEUED),
    (JobState.PAUSED, Trigger.RESUME): (Action.NONE, JobState.QUEUED),
    (JobState.PAUSED, Trigger.CANCEL): (Action.RELEASE, JobState.CANCELLED),
    # What it failed of may be mended: a slot of software that goes back, a memory limit, a device.
    (JobState.FAILED, Trigger.RESUME): (Action.NONE, JobState.QUEUED),
    (JobState.FAILED, Trigger.CANCEL): (Action.RELEASE, JobState.CANCELLED),
    # A job that was at its last step when it was paused ends all the same.
    (JobState.PAUSED, Trigger.FINISH): (Action.RELEASE, JobState.DONE),
    (JobState.QUEUED, Trigger.FINISH): (Action.RELEASE, JobState.DONE),
}
"""``(state, trigger) -> (action, next state)``."""


def follow(state: JobState, trigger: Trigger) -> tuple[Action, JobState]:
    """Give what to do and the state that follows.

    Raises:
        MisuseError: The trigger makes no sense in this state.
    """
    if (state, trigger) not in TABLE:
        expected = ", ".join(each.value for known, each in TABLE if known is state) or "nothing: it has ended"
        raise MisuseError(f"cannot {trigger.value} a job that is {state.name}: expected {expected}")
    return TABLE[state, trigger]


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", "    [*] --> QUEUED: submit"]
    lines += [
        f"    {state.name} --> {after.name}: {trigger.value}"
        + (f" / {action.value}" if action is not Action.NONE else "")
        for (state, trigger), (action, after) in TABLE.items()
    ]
    lines += [f"    {state.name} --> [*]" for state in sorted(ENDED_STATES)]
    return "\n".join(lines)
