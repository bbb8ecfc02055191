"""How much one watched quantity lets jobs do, as one table. It decides nothing else and touches nothing.

``TABLE[allowance, trigger]`` is the allowance that follows; a missing key is a trigger that changes nothing: that is
the hysteresis. The same table holds for the charge, the forecast, and each temperature.
"""

from enum import Enum

from mission.governor import Allowance


class Trigger(Enum):
    """Where the quantity is among its levels, from the worst to the best, or that it is not known any more."""

    SPENT = "at the hold level"
    LOW = "short of going on"
    SCARCE = "short of the throttle level"
    FAIR = "short of running free"
    AMPLE = "free"
    BLIND = "not known: hold"
    DIM = "not known: throttle"


TABLE: dict[tuple[Allowance, Trigger], Allowance] = {
    (Allowance.RUN, Trigger.SPENT): Allowance.HOLD,
    (Allowance.RUN, Trigger.LOW): Allowance.THROTTLE,
    (Allowance.RUN, Trigger.SCARCE): Allowance.THROTTLE,
    (Allowance.RUN, Trigger.BLIND): Allowance.HOLD,
    (Allowance.RUN, Trigger.DIM): Allowance.THROTTLE,
    (Allowance.THROTTLE, Trigger.SPENT): Allowance.HOLD,
    (Allowance.THROTTLE, Trigger.AMPLE): Allowance.RUN,
    (Allowance.THROTTLE, Trigger.BLIND): Allowance.HOLD,
    (Allowance.HOLD, Trigger.SCARCE): Allowance.THROTTLE,
    (Allowance.HOLD, Trigger.FAIR): Allowance.THROTTLE,
    (Allowance.HOLD, Trigger.AMPLE): Allowance.RUN,
    (Allowance.HOLD, Trigger.DIM): Allowance.THROTTLE,
}
"""``(allowance, trigger) -> next allowance``."""


def follow(allowance: Allowance, trigger: Trigger) -> Allowance:
    """Give the allowance that follows."""
    return TABLE.get((allowance, trigger), allowance)


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    edges: dict[tuple[str, str], list[str]] = {}
    for (before, trigger), after in TABLE.items():
        edges.setdefault((before.name, after.name), []).append(trigger.value)
    lines = ["stateDiagram-v2", f"    [*] --> {Allowance.HOLD.name}: start"]
    lines += [f"    {before} --> {after}: {' / '.join(triggers)}" for (before, after), triggers in edges.items()]
    return "\n".join(lines)
