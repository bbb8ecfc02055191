"""Slots A and B: new software or a new configuration is tried, and without confirmation the last good one comes back.

What is on trial is counted, durably, before it is started; so one that cannot start, or takes the computer with it, is
left after `TRIES_MAX` starts whatever it does. The good slot is never written to. `flight.launch` uses this file before
any software of a slot runs, so it rests on nothing but the standard library and `flight.disk`.
"""

import contextlib
import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from enum import Enum

from flight.disk import Disk
from mission.slots import Phase, Slot, SlotKind

# Starts on trial. One power cut in the first minutes must not condemn what is on trial; what never lives costs little.
TRIES_MAX = 3

_SUFFIXES = {SlotKind.CONFIGURATION: "toml", SlotKind.SOFTWARE: "zip"}


class Trigger(Enum):
    """What happens to slots."""

    ACTIVATE = "slot.activate"
    START = "start"
    CONFIRM = "slot.confirm"
    FAIL = "not confirmed, damaged, or slot.revert"


TABLE: dict[tuple[Phase, Trigger], Phase] = {
    (Phase.SETTLED, Trigger.START): Phase.SETTLED,
    (Phase.SETTLED, Trigger.ACTIVATE): Phase.READY,
    (Phase.READY, Trigger.START): Phase.TRYING,
    (Phase.READY, Trigger.FAIL): Phase.SETTLED,
    (Phase.TRYING, Trigger.START): Phase.TRYING,
    (Phase.TRYING, Trigger.CONFIRM): Phase.SETTLED,
    (Phase.TRYING, Trigger.FAIL): Phase.SETTLED,
}
"""``(phase, trigger) -> next phase``; what is not here cannot be asked for."""


@dataclass(frozen=True)
class SlotState:
    """What is durable of the slots of one kind."""

    phase: Phase = Phase.SETTLED
    good: Slot = Slot.BUILT_IN
    """What was confirmed last."""
    trial: Slot = Slot.BUILT_IN
    """What is tried, while it is not settled."""
    tries: int = 0
    """Starts on this trial."""
    sha256: dict[Slot, str] = field(default_factory=dict)
    """What each slot holds, in hexadecimal."""
    serial: int = 0
    """Goes up with each change."""

    @property
    def free(self) -> Slot:
        """The slot that may be written to while it is settled."""
        return Slot.B if self.good is Slot.A else Slot.A

    def follow(self, trigger: Trigger) -> "SlotState":
        """Give the state that follows.

        Raises:
            KeyError: It cannot be asked for now.
        """
        phase = TABLE[self.phase, trigger]
        match trigger:
            case Trigger.ACTIVATE:
                return replace(self, phase=phase, trial=self.free, tries=0)
            case Trigger.START:
                return replace(self, phase=phase, tries=self.tries + 1 if phase is Phase.TRYING else 0)
            case Trigger.CONFIRM:
                return replace(self, phase=phase, good=self.trial, trial=Slot.BUILT_IN, tries=0)
            case Trigger.FAIL:
                return replace(self, phase=phase, trial=Slot.BUILT_IN, tries=0)


@dataclass(frozen=True)
class Begun:
    """What a start uses."""

    slot: Slot
    is_trial: bool = False
    left: Slot = Slot.BUILT_IN
    """What was to be used and is not, if ``reason`` is given."""
    reason: str = ""


class SlotStore:
    """The slots of a store: ``slots/<kind>-a``, ``-b``, and what is known of them in two copies of a small file.

    Args:
        disk: The store.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def state(self, kind: SlotKind) -> SlotState:
        """Read what is known; damage of one copy is no matter, and without any the built-in one is good."""
        states = [_decode(self._read(path)) for path in _state_paths(kind)]
        return max((each for each in states if each is not None), key=lambda each: each.serial, default=SlotState())

    def keep(self, kind: SlotKind, state: SlotState) -> None:
        """Make a state durable.

        Raises:
            OSError: The disk failed; the state is the old or the new one.
        """
        data = _encode(replace(state, serial=state.serial + 1))
        for path in _state_paths(kind):
            self._replace(path, data)

    def install(self, kind: SlotKind, data: bytes) -> Slot:
        """Put content into the slot that is not in use; durable when this returns.

        Raises:
            OSError: The disk failed; the slot holds nothing that can be used.
        """
        state = self.state(kind)
        slot = state.free
        sha256 = {each: digest for each, digest in state.sha256.items() if each is not slot}
        self.keep(kind, replace(state, sha256=sha256))
        self._replace(self.path(kind, slot), data)
        sha256 = {**sha256, slot: hashlib.sha256(data).hexdigest()}
        self.keep(kind, replace(self.state(kind), sha256=sha256))
        return slot

    def begin(self, kind: SlotKind) -> Begun:
        """Choose what a start uses, and count it if it is on trial.

        Raises:
            OSError: The disk failed: what is on trial must not be started uncounted.
        """
        state = self.state(kind)
        reason = ""
        left = state.trial
        if state.phase is not Phase.SETTLED:
            if state.tries >= TRIES_MAX:
                reason = f"it was started {state.tries} times and never confirmed"
            elif not self._is_whole(kind, state, state.trial):
                reason = "what is in the slot is not what was installed"
            if not reason:
                self.keep(kind, state.follow(Trigger.START))
                return Begun(state.trial, is_trial=True)
            state = state.follow(Trigger.FAIL)
            self.keep(kind, state)
        if state.good is not Slot.BUILT_IN and not self._is_whole(kind, state, state.good):
            return Begun(Slot.BUILT_IN, left=state.good, reason="what is in the slot is not what was confirmed")
        return Begun(state.good, left=left if reason else Slot.BUILT_IN, reason=reason)

    def begin_anyway(self, kind: SlotKind) -> Begun:
        """Choose what a start uses; if the disk fails to count a trial, what was confirmed last, uncounted."""
        try:
            return self.begin(kind)
        except OSError as error:
            return self._good(kind, self.state(kind), f"the store failed: {error.strerror or error}")

    def leave(self, kind: SlotKind, begun: Begun, reason: str) -> Begun:
        """Choose anew, since what was chosen cannot be used; a disk that fails to note it is no matter."""
        if not begun.is_trial:
            return Begun(Slot.BUILT_IN, left=begun.slot, reason=reason)
        state = self.state(kind)
        with contextlib.suppress(OSError):  # The next starts count as tries, and end the trial too.
            self.keep(kind, state.follow(Trigger.FAIL))
        return self._good(kind, replace(state, trial=begun.slot), reason)

    def read(self, kind: SlotKind, slot: Slot) -> bytes:
        """Give what is in a slot.

        Raises:
            OSError: The disk failed, or there is nothing.
        """
        return self._disk.read(self.path(kind, slot))

    @staticmethod
    def path(kind: SlotKind, slot: Slot) -> str:
        """Give where a slot is on the disk."""
        return f"slots/{kind.name.lower()}-{slot.name.lower()}.{_SUFFIXES[kind]}"

    def _good(self, kind: SlotKind, state: SlotState, reason: str) -> Begun:
        """Choose what was confirmed last, as far as it is whole, in the place of what is on trial."""
        is_whole = state.good is not Slot.BUILT_IN and self._is_whole(kind, state, state.good)
        return Begun(state.good if is_whole else Slot.BUILT_IN, left=state.trial, reason=reason)

    def _is_whole(self, kind: SlotKind, state: SlotState, slot: Slot) -> bool:
        data = self._read(self.path(kind, slot))
        return data is not None and hashlib.sha256(data).hexdigest() == state.sha256.get(slot)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._disk.read(path)
        except OSError:  # What cannot be read is not there: another copy or slot takes its place.
            return None

    def _replace(self, path: str, data: bytes) -> None:
        successor = f"{path}.new"
        if successor in self._disk.list("slots"):
            self._disk.remove(successor)
        self._disk.append(successor, data)
        self._disk.fsync(successor)
        self._disk.rename(successor, path)
        self._disk.fsync("slots")


def _state_paths(kind: SlotKind) -> tuple[str, str]:
    return f"slots/{kind.name.lower()}.json", f"slots/{kind.name.lower()}.copy.json"


def _encode(state: SlotState) -> bytes:
    text = json.dumps(asdict(state), sort_keys=True)
    return json.dumps({"state": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def _decode(data: bytes | None) -> SlotState | None:
    """Read a state; None if it is damaged."""
    try:
        outer = json.loads(data or b"")
        if hashlib.sha256(outer["state"].encode()).hexdigest() != outer["sha256"]:
            return None
        values = json.loads(outer["state"])
        return SlotState(
            phase=Phase(values["phase"]),
            good=Slot(values["good"]),
            trial=Slot(values["trial"]),
            tries=values["tries"],
            sha256={Slot(int(slot)): digest for slot, digest in values["sha256"].items()},
            serial=values["serial"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def diagram() -> str:
    """Draw the table as a Mermaid state diagram, for the documentation."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SETTLED.name}: built in"]
    lines += [f"    {phase.name} --> {after.name}: {trigger.value}" for (phase, trigger), after in TABLE.items()]
    return "\n".join(lines)
