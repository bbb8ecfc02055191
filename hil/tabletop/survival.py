"""A campaign against the spacecraft's life: resets, hangs, storage faults and commands, drawn from one seed.

After each strike the spacecraft must be commandable again within `COMMANDABLE_S_MAX`, which means that a telecommand is
answered, be it with a refusal. A core that turns no more, in a program that goes on, must be found within
`STALL_FOUND_S_MAX`, and the watchdog not be fed. A fault that ends every life outside SAFE soon after its start must
end in SAFE, not in a loop. Everything runs in virtual time over a disk that forgets and tears (`hil.disk`) and a
watchdog that bites.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ccsds.pus.telecommand import Telecommand
from flight.services.boots import BootPolicy
from flight.survival.survival import SurvivalConfig
from flight.survival.watchdog import PATIENCE_NS, PULSE_NS, Part
from hil.disk.faulty_disk import FaultyDisk
from hil.disk.simulated_disk import PowerCut
from hil.ends.watchdog import SimulatedWatchdog
from hil.streams import Streams
from hil.tabletop.operator import NS_PER_S, Operator
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.modes import Mode
from mission.monitoring import CheckKind
from mission.schedule import Anchor
from mission.slots import SlotKind
from mission.storage import StoreId

WATCHDOG_S = 60
RESTART_S = 2
# A hang is found by the watchdog, and what it has reset is started anew; a power cut in that very start costs another.
# A core that turns no more is found when its pulse is overdue for longer than its patience, at the next feeding.
STALL_FOUND_S_MAX = (PULSE_NS + PATIENCE_NS[Part.CORE]) // NS_PER_S + WATCHDOG_S // 3
COMMANDABLE_S_MAX = STALL_FOUND_S_MAX + WATCHDOG_S + 2 * RESTART_S

STRIKES = 15
# Strikes fall within seconds of each other, and within half an hour, each order of magnitude as often.
PAUSE_ORDERS = 3.3
# Within this many disk operations power is cut: in a boot, a command, a mode change, or between them.
CUT_OPERATIONS_MAX = 12
# A poison ends every life outside SAFE after this.
POISONED_LIFE_S = 20

_PROCEDURE = "on_reboot continue\non_failure continue\nsend test.connection\nwait 20s\nsend mode.enter mode=NOMINAL\n"
_SAFE_ENTERED = {"event": DICTIONARY.events["safe_entered"].id, "about": 0}
_MONITOR = {
    "monitor": 1,
    "parameter": DICTIONARY.parameter_of("uptime").id,
    "kind": CheckKind.LIMIT,
    "low": 0,
    "high": 100,
    "interval": 60_000,
}


def _request(number: int, name: str, **arguments: Any) -> bytes:
    """Give a telecommand for the schedule or a reaction."""
    declared = DICTIONARY.command(name)
    data = declared.arguments.encode(declared.arguments.complete(arguments))
    return Telecommand(Apid.CORE, number, declared.service, declared.subtype, 77, data=data).encode()


def _relative(number: int, anchor: Anchor, name: str, **arguments: Any) -> dict[str, Any]:
    """Give an activity two seconds behind the begin or the end of a pass."""
    return {"anchor": anchor, "offset": 2_000, "request": _request(number, name, **arguments)}


_COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("test.connection", {}),
    ("mode.enter", {"mode": Mode.SAFE}),
    ("mode.enter", {"mode": Mode.NOMINAL}),
    ("mode.enter", {"mode": Mode.COMPUTE}),
    ("job.submit", {"job_id": 1, "recipe": "tiny", "corpus": "text"}),
    ("job.submit", {"job_id": 2, "recipe": "tiny", "corpus": "text"}),
    ("job.pause", {"job_id": 1}),
    ("job.resume", {"job_id": 1}),
    ("job.cancel", {"job_id": 2}),
    ("command.arm", {"service": 128, "subtype": 2}),
    ("command.arm", {"service": 132, "subtype": 1}),
    ("spacecraft.reset", {}),
    ("command.inhibit", {"service": 128, "subtype": 0}),
    ("command.release", {"service": 128, "subtype": 0}),
    ("command.limit_silence", {"seconds": 3_600}),
    ("boot.report", {}),
    ("housekeeping.enable", {"structures": [1, 20]}),
    ("schedule.enable", {}),
    ("schedule.insert_relative", {"activities": [_relative(1, Anchor.AOS, "mode.enter", mode=Mode.NOMINAL)]}),
    ("schedule.insert_relative", {"activities": [_relative(2, Anchor.LOS, "mode.enter", mode=Mode.COMPUTE)]}),
    ("schedule.insert_relative", {"activities": [_relative(3, Anchor.LOS, "test.connection")]}),
    ("schedule.delete_filtered", {}),
    ("procedure.load_direct", {"procedure": "way-out", "text": _PROCEDURE}),
    ("procedure.start", {"procedure": "way-out"}),
    ("procedure.abort_all", {}),
    ("reaction.add", {"reactions": [{**_SAFE_ENTERED, "request": _request(4, "mode.enter", mode=Mode.NOMINAL)}]}),
    ("reaction.enable", {"reactions": [_SAFE_ENTERED]}),
    ("monitoring.enable", {}),
    ("monitoring.add", {"monitors": [_MONITOR]}),
    ("monitoring.enable_monitors", {"monitors": [1]}),
    ("parameter.set", {"values": {"beacon_period": 10, "event_burst": 5}}),
    ("parameter.reset", {"parameters": ["beacon_period"]}),
    ("time.adjust", {"offset": 3_600 * NS_PER_S}),
    ("time.adjust", {"offset": -3_600 * NS_PER_S}),
    ("time.set", {"tai": 2 * 10**18}),
    ("slot.report", {"kind": SlotKind.CONFIGURATION}),
    ("slot.activate", {"kind": SlotKind.CONFIGURATION}),
    ("directory.make", {"name": "one"}),
    ("directory.remove", {"name": "one"}),
    ("file.list", {}),
    ("file.send", {"name": "none"}),
    ("storage.confirm", {"store": StoreId.EVENTS, "end": 1}),
)


class Strike(Enum):
    """What befalls the spacecraft."""

    COMMAND = "command"
    KILL = "kill"
    """The flight process dies; what it had written stays."""
    POWER_CUT = "power cut"
    """In the middle of one of the next disk operations."""
    HANG = "hang"
    """The whole program hangs, until the watchdog bites."""
    STALL = "stall"
    """The core turns no more, but who feeds the watchdog goes on."""
    FULL_STORE = "full store"
    """Nothing can be written for a while."""
    WORN_STORE = "worn store"
    """Nothing can be made durable for a while: each sync fails."""
    BIT_FLIP = "bit flip"
    """A bit of what is stored is another one."""


# What the store is while every life is poisoned: it may be well, too.
_POISONED_STORES = (None, Strike.FULL_STORE, Strike.WORN_STORE)


@dataclass
class Course:
    """What a run came to."""

    strikes: list[str] = field(default_factory=list)
    boots: int = 0
    """Times it was started again."""
    longest_s: float = 0.0
    """The longest time from a strike to the next answered command."""
    faults: list[str] = field(default_factory=list)
    """What must not be."""


class SurvivalRun:
    """One run.

    Args:
        seed: From which all of it is drawn.
        folder: For the store; it exists.
        policy: When resets are too many.
    """

    def __init__(self, seed: int, folder: Path, policy: BootPolicy | None = None) -> None:
        self._policy = policy or BootPolicy()
        streams = Streams(seed)
        self._chance = streams.block("survival", 0)
        self._disk = FaultyDisk(folder / "store", streams)
        self.course = Course()
        self._operator = Operator(self._disk, is_watched=True, survival=SurvivalConfig(boots=self._policy))
        self._watchdog = SimulatedWatchdog(WATCHDOG_S * NS_PER_S, 0)

    def run(self) -> Course:
        """Strike, and see each time that it can be commanded; then let a poison end every life outside SAFE."""
        for _ in range(STRIKES):
            strike = list(Strike)[int(self._chance.integers(len(Strike)))]
            self.course.strikes.append(strike.value)
            self._strike(strike)
            self._live(self._pause_s())
        self._poison()
        return self.course

    def _strike(self, strike: Strike) -> None:
        since_ns = self._operator.now_ns
        match strike:
            case Strike.COMMAND:
                self._command_any()
            case Strike.KILL:
                self._boot()
            case Strike.POWER_CUT:
                self._disk.cut_at(self._disk.operations + int(self._chance.integers(1, CUT_OPERATIONS_MAX)))
                for _ in range(CUT_OPERATIONS_MAX):
                    self._command_any()
            case Strike.HANG:
                self._operator.now_ns = self._watchdog.bites_ns
                self._boot()
            case Strike.STALL:
                self._stall()
            case Strike.FULL_STORE | Strike.WORN_STORE:
                self._set_store(strike, True)
                self._live(self._pause_s())
                since_ns = self._operator.now_ns
                if self._chance.random() < 0.5:
                    self._boot()
                self._require_commandable(since_ns)
                self._set_store(strike, False)
            case Strike.BIT_FLIP:
                self._disk.flip(self._chance)
                if self._chance.random() < 0.5:
                    self._boot()
        self._require_commandable(since_ns)

    def _stall(self) -> None:
        """Let the core turn no more: that must be found, and then the watchdog bites."""
        since_ns = self._operator.now_ns
        found_ns = None
        while self._operator.now_ns < self._watchdog.bites_ns:
            step_ns = min(WATCHDOG_S * NS_PER_S // 3, self._watchdog.bites_ns - self._operator.now_ns)
            self._operator.now_ns += step_ns
            try:
                parts = self._operator.spacecraft.starving(self._operator.now_ns)
            except PowerCut:
                self._disk.power_on()
                break
            if not parts:
                self._watchdog.feed(self._operator.now_ns)
            found_ns = self._operator.now_ns if parts and found_ns is None else found_ns
            if found_ns is None and self._operator.now_ns - since_ns > STALL_FOUND_S_MAX * NS_PER_S:
                self.course.faults.append(f"expected a stalled core to be found within {STALL_FOUND_S_MAX} s")
                break
        self._boot()

    def _set_store(self, strike: Strike, is_struck: bool) -> None:
        if strike is Strike.FULL_STORE:
            self._disk.is_full = is_struck
        else:
            self._disk.is_worn = is_struck

    def _poison(self) -> None:
        """End every life outside SAFE soon after its start; it must come to SAFE, and be commandable there.

        So it must be on a store that is well, and on one that takes nothing.
        """
        self._command("mode.enter", {"mode": Mode.COMPUTE})
        strike = _POISONED_STORES[int(self._chance.integers(len(_POISONED_STORES)))]
        if strike is not None:
            self.course.strikes.append(f"poison, {strike.value}")
            self._set_store(strike, True)
        self._poison_lives()
        if strike is not None:
            self._set_store(strike, False)
            self._require_commandable(self._operator.now_ns)

    def _poison_lives(self) -> None:
        for _ in range(self._policy.resets_max):
            self._live(POISONED_LIFE_S)
            if self._operator.mode is Mode.SAFE:
                break
            self._boot()
        if self._operator.mode is not Mode.SAFE:
            self.course.faults.append(f"expected SAFE after {self._policy.resets_max} resets, found a loop of resets")
        self._require_commandable(self._operator.now_ns)

    def _live(self, seconds: float) -> None:
        """Let time pass, feeding the watchdog as `flight` does."""
        end_ns = self._operator.now_ns + round(seconds * NS_PER_S)
        while self._operator.now_ns < end_ns:
            try:
                self._operator.run(min(WATCHDOG_S / 3, (end_ns - self._operator.now_ns) / NS_PER_S))
                parts = self._operator.spacecraft.starving(self._operator.now_ns)
                if parts:
                    self.course.faults.append(f"expected every part to make progress, found {parts} starving")
                self._watchdog.feed(self._operator.now_ns)
            except PowerCut:
                self._disk.power_on()
                self._boot()
            if self._operator.resets:
                self._boot()

    def _pause_s(self) -> float:
        return float(10 ** (PAUSE_ORDERS * self._chance.random()))

    def _command_any(self) -> None:
        self._command(*_COMMANDS[int(self._chance.integers(len(_COMMANDS)))])

    def _command(self, name: str, arguments: dict[str, Any]) -> bool:
        """Send a command; tell whether it was answered."""
        try:
            self._operator.command(name, **arguments)
        except PowerCut:
            self._disk.power_on()
            self._boot()
            return False
        except MisuseError as error:
            self.course.faults.append(f"{name}: {error}")
            return False
        return True

    def _boot(self) -> None:
        """Start the flight software as a supervisor does, again and again until it runs."""
        self._operator.resets.clear()
        for _ in range(CUT_OPERATIONS_MAX):
            self.course.boots += 1
            self._operator.now_ns += RESTART_S * NS_PER_S
            try:
                self._operator.boot()
            except PowerCut:
                self._disk.power_on()
                continue
            self._watchdog.feed(self._operator.now_ns)
            return
        self.course.faults.append("expected it to start, found it did not")

    def _require_commandable(self, since_ns: int) -> None:
        # A power cut that still waits may strike the first.
        if not self._command("test.connection", {}) and not self._command("test.connection", {}):
            self.course.faults.append("expected an answer to a telecommand, found none")
        took_s = (self._operator.now_ns - since_ns) / NS_PER_S
        self.course.longest_s = max(self.course.longest_s, took_s)
        if took_s > COMMANDABLE_S_MAX:
            self.course.faults.append(f"expected to be commandable within {COMMANDABLE_S_MAX} s, found {took_s:g} s")
