"""Mission service [133] slots: a configuration or software is installed, tried, confirmed, or left again.

What is in the slots and how a start chooses is in `flight.survival.slots`. Slots act at the next start alone.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.configuration import Configuration
from flight.disk import Disk
from flight.parameters import ParameterPool
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from flight.survival.slots import Begun, SlotState, SlotStore, Trigger
from mission.boots import ResetReason
from mission.dictionary import Command, Dictionary
from mission.files import FILES_DIRECTORY
from mission.slots import Phase, Slot, SlotKind
from mission.words.slots import SLOT_CONFIRMED, SLOT_LEFT, SLOT_TRIAL, SLOT_TRIED

NS_PER_S = 1_000_000_000

# The flight software is well under a megabyte; it is read and digested within one command.
SLOT_OCTETS_MAX = 16 << 20

# Without these no zip is flight software.
_SOFTWARE_NAMES = ("flight/__main__.py", "mission/definition.py", "ccsds/errors.py", "ports/drive.py")


class SlotService:
    """Executes slot commands, and ends a trial that nobody confirms.

    Args:
        begun: What this start runs on, by kind; a kind that is missing cannot be used here.
        disk: The store.
        dictionary: What a configuration may set.
        reporter: Where reports go.
        pool: The parameters; the length of trials is followed.
        reset: Asks for a reset.
        now_ns: When it starts.
    """

    number = 133

    def __init__(
        self,
        begun: Mapping[SlotKind, Begun],
        disk: Disk,
        dictionary: Dictionary,
        reporter: Reporter,
        pool: ParameterPool,
        reset: Callable[[ResetReason, int], None],
        now_ns: int,
    ) -> None:
        self._begun = begun
        self._disk = disk
        self._slots = SlotStore(disk)
        self._dictionary = dictionary
        self._reporter = reporter
        self._reset = reset
        self._started_ns = now_ns
        self._trial_ns = SLOT_TRIAL.default * NS_PER_S
        self._trials = [kind for kind, each in begun.items() if each.is_trial]
        pool.bind(SLOT_TRIAL, SLOT_TRIAL.default, self._set_trial)

    def boot(self) -> None:
        """Say what is on trial, and what was left."""
        for kind, begun in self._begun.items():
            if begun.is_trial:
                tries = self._slots.state(kind).tries
                self._reporter.event(SLOT_TRIED, kind=kind, slot=begun.slot, tries=tries)
            if begun.reason:
                self._reporter.event(
                    SLOT_LEFT, kind=kind, slot=begun.left, running=begun.slot, reason=clip_reason(begun.reason)
                )

    def advance(self, now_ns: int) -> None:
        """End the trials that were not confirmed in time."""
        if now_ns >= self._started_ns + self._trial_ns:
            self.abandon(now_ns)

    def abandon(self, now_ns: int) -> None:
        """End every trial now, and start anew with what was confirmed last."""
        if not self._trials:
            return
        for kind in self._trials:
            state = self._slots.state(kind)
            try:
                if state.phase is not Phase.SETTLED:  # It would be, if both copies of it were damaged since.
                    self._slots.keep(kind, state.follow(Trigger.FAIL))
            except OSError:
                continue  # The next starts count as tries, and end the trial too.
        self._trials = []
        self._reset(ResetReason.TRIAL, now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which a trial ends."""
        return self._started_ns + self._trial_ns if self._trials else None

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        kind = SlotKind(arguments["kind"])
        if command.name == "slot.report":
            return self._report(kind)
        if kind not in self._begun:
            raise MisuseError(f"expected {kind.name.lower()} that was started by its slot, see flight.launch")
        match command.name:
            case "slot.install":
                return self._install(kind, arguments["name"], arguments["sha256"])
            case "slot.activate":
                state = self._follow(kind, Trigger.ACTIVATE)
                if state.trial not in state.sha256:
                    raise MisuseError(f"expected something installed in slot {state.trial.name}, found nothing")
                self._slots.keep(kind, state)
                return Outcome(afterwards=lambda now_ns: self._reset(ResetReason.COMMANDED, now_ns))
            case "slot.confirm":
                return self._confirm(kind)
            case _:
                return self._revert(kind)

    def _install(self, kind: SlotKind, name: str, sha256: bytes) -> Outcome:
        state = self._slots.state(kind)
        if state.phase is not Phase.SETTLED:
            raise MisuseError(f"expected no trial of {kind.name.lower()}, found slot {state.trial.name} on trial")
        path = f"{FILES_DIRECTORY}/{name}"
        if not self._disk.is_inside(path, FILES_DIRECTORY):
            raise MisuseError(f"expected a name in the store of files, found {name!r}")
        try:
            size_octets = self._disk.size(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise MisuseError(f"expected a file at {name!r}, found none") from None
        if size_octets > SLOT_OCTETS_MAX:
            raise MisuseError(f"{name}: expected at most {SLOT_OCTETS_MAX} octets, found {size_octets}")
        data = self._disk.read(path)
        found = hashlib.sha256(data).digest()
        if found != sha256:
            raise MisuseError(f"{name}: expected SHA-256 {sha256.hex()}, found {found.hex()}")
        try:
            _CHECKS[kind](data, self._dictionary)
        except MalformedError as error:
            raise MisuseError(f"{name}: {error}") from None
        self._slots.install(kind, data)
        return Outcome()

    def _confirm(self, kind: SlotKind) -> Outcome:
        state = self._slots.state(kind)
        begun = self._begun[kind]
        if not begun.is_trial:
            raise MisuseError(f"expected {kind.name.lower()} on trial, found slot {begun.slot.name} settled")
        if state.phase is Phase.TRYING:  # Else it is confirmed already: the same once more.
            self._slots.keep(kind, state.follow(Trigger.CONFIRM))
            self._reporter.event(SLOT_CONFIRMED, kind=kind, slot=begun.slot)
        self._trials = [each for each in self._trials if each is not kind]
        return Outcome()

    def _revert(self, kind: SlotKind) -> Outcome:
        state = self._slots.state(kind)
        if state.phase is not Phase.SETTLED:
            state = state.follow(Trigger.FAIL)
        elif state.good is not Slot.BUILT_IN:
            state = SlotState(sha256=state.sha256, serial=state.serial)
        else:
            raise MisuseError(f"expected {kind.name.lower()} in a slot, found what is built in")
        self._slots.keep(kind, state)
        return Outcome(afterwards=lambda now_ns: self._reset(ResetReason.COMMANDED, now_ns))

    def _report(self, kind: SlotKind) -> Outcome:
        state = self._slots.state(kind)
        report = {
            "kind": kind,
            "running": self._begun[kind].slot if kind in self._begun else Slot.BUILT_IN,
            "phase": state.phase,
            "good": state.good,
            "trial": state.trial,
            "tries": state.tries,
            "sha256_a": bytes.fromhex(state.sha256.get(Slot.A, "")),
            "sha256_b": bytes.fromhex(state.sha256.get(Slot.B, "")),
        }
        return Outcome(answers=(self._reporter.encode("slot_report", report),))

    def _follow(self, kind: SlotKind, trigger: Trigger) -> SlotState:
        state = self._slots.state(kind)
        try:
            return state.follow(trigger)
        except KeyError:
            raise MisuseError(
                f"expected {kind.name.lower()} that is settled, found slot {state.trial.name} {state.phase.name}"
            ) from None

    def _set_trial(self, trial_s: int, now_ns: int) -> None:
        self._trial_ns = trial_s * NS_PER_S


def _check_configuration(data: bytes, dictionary: Dictionary) -> None:
    Configuration.parse(data, dictionary)


def _check_software(data: bytes, dictionary: Dictionary) -> None:
    """Check that a zip is whole and holds flight software.

    Raises:
        MalformedError: It does not, and what is missing.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            damaged = archive.testzip()
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise MalformedError(f"expected a zip: {error}") from None
    if damaged is not None:
        raise MalformedError(f"expected a whole zip, found {damaged} damaged")
    for name in _SOFTWARE_NAMES:
        if name not in names:
            raise MalformedError(f"expected flight software, found no {name}")


_CHECKS: Mapping[SlotKind, Callable[[bytes, Dictionary], None]] = {
    SlotKind.CONFIGURATION: _check_configuration,
    SlotKind.SOFTWARE: _check_software,
}
