"""What becomes of the two slots of models, as one table. It decides nothing else and touches nothing.

A slot holds the name of a model in the store with its digest, its canary and the answer that is known. A model is put
into the slot that is not served, tried, and served once it has given that answer. The one before stays where it is, so
that the way back is the length of a load. What is missing from the table cannot be asked for.
"""

from enum import Enum

from msgspec.structs import replace

from ccsds.errors import MisuseError
from flight.books.inference import HeldModel, ModelSlots
from mission.slots import Phase, Slot


class Trigger(Enum):
    """What happens to the slots."""

    ACTIVATE = "model.activate"
    ROLL_BACK = "model.roll_back"
    PASS = "canary passed"
    FAIL = "canary failed, damaged, or lost"


TABLE: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.SETTLED, Trigger.ACTIVATE): Phase.TRYING,
    (Phase.SETTLED, Trigger.ROLL_BACK): Phase.TRYING,
    (Phase.SETTLED, Trigger.FAIL): Phase.SETTLED,
    (Phase.TRYING, Trigger.PASS): Phase.SETTLED,
    (Phase.TRYING, Trigger.FAIL): Phase.SETTLED,
    (Phase.TRYING, Trigger.ROLL_BACK): Phase.SETTLED,
}
"""``(phase, trigger) -> next phase``."""


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SETTLED.name}"]
    lines += [f"    {phase.name} --> {after.name}: {trigger.value}" for (phase, trigger), after in TABLE.items()]
    return "\n".join(lines)


def activate(slots: ModelSlots, model: HeldModel) -> ModelSlots:
    """Put a model into the slot that is not served, on trial.

    Raises:
        MisuseError: Another one is on trial.
    """
    phase = _follow(slots, Trigger.ACTIVATE)
    return replace(slots, phase=phase, trial=slots.free, held={**slots.held, slots.free: model})


def roll_back(slots: ModelSlots) -> ModelSlots:
    """End a trial, or try what the other slot holds.

    Raises:
        MisuseError: The other slot holds nothing.
    """
    phase = _follow(slots, Trigger.ROLL_BACK)
    if slots.phase is Phase.TRYING:
        return replace(slots, phase=phase, trial=Slot.BUILT_IN)
    if slots.free not in slots.held:
        raise MisuseError(f"expected a model in slot {slots.free.name} to go back to, found none")
    return replace(slots, phase=phase, trial=slots.free)


def passed(slots: ModelSlots, model: HeldModel) -> ModelSlots:
    """Serve what is on trial, with what is known of it by now; what is served anyway is served on."""
    held = {**slots.held, slots.wanted: model}
    if slots.phase is Phase.SETTLED:
        return replace(slots, held=held)
    return replace(slots, phase=_follow(slots, Trigger.PASS), served=slots.trial, trial=Slot.BUILT_IN, held=held)


def failed(slots: ModelSlots) -> ModelSlots:
    """Leave what is on trial, or what is served, for the other slot; nothing is served if that holds nothing."""
    phase = _follow(slots, Trigger.FAIL)
    held = {slot: model for slot, model in slots.held.items() if slot is not slots.wanted}
    if slots.phase is Phase.TRYING:
        return replace(slots, phase=phase, trial=Slot.BUILT_IN, held=held)
    return replace(slots, phase=phase, served=slots.free if slots.free in held else Slot.BUILT_IN, held=held)


def _follow(slots: ModelSlots, trigger: Trigger) -> Phase:
    phase = TABLE.get((slots.phase, trigger))
    if phase is None:
        raise MisuseError(f"{trigger.value}: expected models that are settled, found slot {slots.trial.name} on trial")
    return phase
