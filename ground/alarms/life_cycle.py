"""The life of an alarm, as one table in the terms of ISA-18.2. It decides nothing else and touches nothing.

``TABLE[state, trigger]`` is the state that follows; a missing key is a trigger that means nothing in that state, and
for what an operator asks that is the error. Source: ANSI/ISA-18.2-2016, alarm state transitions.
"""

from enum import Enum, IntEnum

from ccsds.errors import MisuseError


class Level(IntEnum):
    """How bad a value is."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2


class AlarmState(Enum):
    """Where an alarm stands."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    """Beyond its limit, and nobody has said that they know."""
    ACKNOWLEDGED = "acknowledged"
    """Beyond its limit, and somebody knows."""
    RETURNED = "returned unacknowledged"
    """Within its limit again before anybody knew."""
    SHELVED = "shelved"
    """Put away by an operator until some time; the value is watched meanwhile."""


class Trigger(Enum):
    """What moves an alarm."""

    RAISE = "beyond a limit"
    WORSEN = "beyond a worse limit"
    RETURN = "within its limits"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    UNSHELVE_BEYOND = "off the shelf, beyond a limit"
    UNSHELVE_WITHIN = "off the shelf, within its limits"


TABLE: dict[tuple[AlarmState, Trigger], AlarmState] = {
    (AlarmState.NORMAL, Trigger.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.NORMAL, Trigger.SHELVE): AlarmState.SHELVED,
    (AlarmState.UNACKNOWLEDGED, Trigger.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, Trigger.RETURN): AlarmState.RETURNED,
    (AlarmState.UNACKNOWLEDGED, Trigger.WORSEN): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, Trigger.SHELVE): AlarmState.SHELVED,
    (AlarmState.ACKNOWLEDGED, Trigger.RETURN): AlarmState.NORMAL,
    (AlarmState.ACKNOWLEDGED, Trigger.WORSEN): AlarmState.UNACKNOWLEDGED,
    (AlarmState.ACKNOWLEDGED, Trigger.SHELVE): AlarmState.SHELVED,
    (AlarmState.RETURNED, Trigger.ACKNOWLEDGE): AlarmState.NORMAL,
    (AlarmState.RETURNED, Trigger.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.RETURNED, Trigger.SHELVE): AlarmState.SHELVED,
    # For another time.
    (AlarmState.SHELVED, Trigger.SHELVE): AlarmState.SHELVED,
    (AlarmState.SHELVED, Trigger.UNSHELVE_BEYOND): AlarmState.UNACKNOWLEDGED,
    (AlarmState.SHELVED, Trigger.UNSHELVE_WITHIN): AlarmState.NORMAL,
}
"""``(state, trigger) -> next state``."""


def follow(state: AlarmState, trigger: Trigger) -> AlarmState:
    """Give the state that follows.

    Raises:
        MisuseError: The trigger means nothing in that state.
    """
    if (state, trigger) not in TABLE:
        expected = ", ".join(each.value for each, of in TABLE if of is trigger)
        raise MisuseError(f"{trigger.value}: expected an alarm that is {expected}, found one that is {state.value}")
    return TABLE[state, trigger]


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {AlarmState.NORMAL.name}: first sample"]
    lines += [f"    {state.name} --> {after.name}: {trigger.value}" for (state, trigger), after in TABLE.items()]
    return "\n".join(lines)
