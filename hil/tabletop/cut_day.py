"""A short day of a spacecraft on the table, with power cut at one chosen disk operation of it.

What a day has: a schedule with a group, shifts and a clock change; settings, monitors, modes, an inhibit, a structure
made in flight; a procedure that survives a reset and a reaction to its end; a job with its checkpoints; a configuration
put into a slot; directories; a file up and a file down by CFDP; confirmations of the ground; a scrub. The command that
a cut falls into is sent again with the same octets, as a station does; the rest follows as planned. So the day must
come to what an undisturbed one comes to: whatever was answered as done is there, and nothing is there twice or by half.

Each request is followed for itself, too. When the spacecraft starts after the cut, all that the requests of the ground
have set is as after the last one that was answered, or as after the one that the cut fell into: nothing else.
"""

import hashlib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ccsds.pus.telecommand import Telecommand
from flight.survival.slots import SlotStore
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from hil.tabletop.file_ground import FileGround
from hil.tabletop.operator import NS_PER_S, SOURCE_ID, Operator
from hil.worker.trivial_hand import TrivialHand
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.monitoring import CheckKind
from mission.schedule import Fate, Switch
from mission.slots import SlotKind
from mission.storage import StoreId

TAI_NS = 10**18
RELEASES_S = (40, 90, 91, 130)
SHIFTED_S = 5
# What the procedure sets by itself.
_SET_ON_BOARD = frozenset({"event_burst"})
CONFIGURATION = b'call_sign = "DAY"\n'
FILE_UP = ("came-up", bytes(range(256)) * 12)
FILE_DOWN = ("came-down", b"from the spacecraft " * 120)
PROCEDURE = """on_reboot continue
on_failure continue
send directory.make name=first
wait 5s
send parameter.set values=event_burst=50
send directory.make name=second
"""


def packet(command: str, sequence_count: int, arguments: Mapping[str, Any], source_id: int = SOURCE_ID) -> bytes:
    """Give a telecommand."""
    declared = DICTIONARY.command(command)
    data = declared.arguments.encode(declared.arguments.complete(arguments))
    return Telecommand(Apid.CORE, sequence_count, declared.service, declared.subtype, source_id, data=data).encode()


_ACTIVITIES = [
    {
        "release_time": TAI_NS + due_s * NS_PER_S,
        "group": 3 if number % 2 else 0,
        "request": packet("directory.make", number, {"name": f"due-{number}"}, 99),
    }
    for number, due_s in enumerate(RELEASES_S)
]
_MONITORS = [
    {"monitor": number, "parameter": 20, "kind": CheckKind.LIMIT, "low": 0, "high": 9, "interval": 5_000}
    for number in (1, 2, 3)
]
_ENDED = DICTIONARY.events["procedure_ended"].id
_REACTION = {"event": _ENDED, "about": 0, "request": packet("directory.make", 9, {"name": "reacted"}, 98)}
_SLOT = {"kind": SlotKind.CONFIGURATION}
_DIGEST = {"name": "new", "sha256": hashlib.sha256(CONFIGURATION).digest()}


class Exchange(Enum):
    """A step of the day in which files travel."""

    BOTH_WAYS = 0


Step = int | Exchange | tuple[str, Mapping[str, Any]]
"""So many seconds out of contact, an exchange of files, or a command."""

DAY: tuple[Step, ...] = (
    ("schedule.enable", {}),
    ("schedule.create_groups", {"groups": [{"group": 3, "status": Switch.ENABLED}]}),
    ("schedule.insert", {"activities": _ACTIVITIES}),
    ("schedule.shift_all", {"shift": SHIFTED_S * 1_000}),
    ("parameter.set", {"values": {"job_progress_period": 2_000}}),
    ("job.submit", {"job_id": 1, "recipe": "tiny", "corpus": "text"}),
    ("procedure.load_direct", {"procedure": "daily", "text": PROCEDURE}),
    ("reaction.add", {"reactions": [_REACTION]}),
    ("reaction.enable", {"reactions": [{"event": _ENDED, "about": 0}]}),
    60,
    ("procedure.start", {"procedure": "daily"}),
    15,
    ("monitoring.add", {"monitors": _MONITORS}),
    ("monitoring.enable_monitors", {"monitors": [1, 3]}),
    ("monitoring.delete", {"monitors": [2]}),
    ("housekeeping.create", {"structure": 200, "interval": 10_000, "parameters": ["uptime", "mode"]}),
    ("housekeeping.enable", {"structures": [200]}),
    ("time.adjust", {"offset": 2 * NS_PER_S}),
    ("mode.enter", {"mode": "SAFE"}),
    ("directory.make", {"name": "mine"}),
    ("mode.enter", {"mode": "COMPUTE"}),
    ("scrub.start", {}),
    ("file.send", {"name": "log", "destination": FILE_DOWN[0]}),
    Exchange.BOTH_WAYS,
    60,
    ("slot.install", {**_SLOT, **_DIGEST}),
    ("storage.confirm", {"store": StoreId.EVENTS, "end": 1}),
    ("storage.disable", {"stores": ["housekeeping"]}),
    ("event.disable", {"events": ["booted"]}),
    ("command.inhibit", {"service": 128, "subtype": 2}),
    30,
)


class CutDay:
    """One day, on one disk.

    Args:
        folder: For the store; it exists.
        seed: From which what a cut leaves is drawn.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.disk = SimulatedDisk(folder / "store", Streams(seed))
        self.unknown: list[str] = []
        """Commands of the ground that were answered as of unknown outcome."""
        self.cuts = 0
        self.trail: list[dict[str, Any]] = []
        """What the requests of the ground had set after each step."""
        self.after_boots: list[tuple[int, dict[str, Any]]] = []
        """The same at each start after a cut, with the number of the step that it fell into."""
        self.ground: FileGround | None = None
        self._operator: Operator | None = None
        self._is_off = False

    def run(self, cut_at: int | None) -> None:
        """Let the day go by.

        Args:
            cut_at: The disk operation in which power is cut; None for none.

        Raises:
            AssertionError: A command failed otherwise than by the cut.
        """
        for path, content in (("files/new", CONFIGURATION), ("files/log", FILE_DOWN[1])):
            self.disk.append(path, content)
            self.disk.fsync(path)
        self.disk.fsync("files")
        if cut_at is not None:
            self.disk.cut_at(self.disk.operations + cut_at)
        for number, step in enumerate(DAY):
            while not self._do(number, step):
                self.cuts += 1
                self.disk.power_on()
                self._is_off = True
            self.trail.append(self.held())

    @property
    def operator(self) -> Operator:
        """Who has the spacecraft, once it has started."""
        assert self._operator is not None
        return self._operator

    def _do(self, number: int, step: Step) -> bool:
        """Do a step of the day; tell whether power stayed on."""
        try:
            self._start()
            if isinstance(step, int):
                self.operator.run(step)
                return True
            if isinstance(step, Exchange):
                self._exchange()
                return True
            name, arguments = step
            failure = self.operator.send(packet(name, number, arguments))
        except PowerCut:
            return False
        if failure is FailureCode.OUTCOME_UNKNOWN and self.cuts:
            self.unknown.append(name)
        elif failure is not None:
            raise AssertionError(f"expected {name} to be done, found {failure.name}")
        return True

    def _start(self) -> None:
        if self._operator is None:
            begun = SlotStore(self.disk).begin(SlotKind.CONFIGURATION)
            slots = {SlotKind.CONFIGURATION: begun}
            self._operator = Operator(self.disk, lambda disk: TrivialHand(disk), clock_id="bench", slots=slots)
        elif self._is_off:
            self._operator.boot()
            self.after_boots.append((len(self.trail), self.held()))
        self._is_off = False

    def _exchange(self) -> None:
        """Let the files travel; one whose command is of unknown outcome may have been begun, or not."""
        if self.ground is None:
            self.ground = FileGround(self.operator.config.profile)
            self.ground.put("up", FILE_UP[1], FILE_UP[0], self.operator.now_ns)
        awaited = {FILE_UP[0]} if "file.send" in self.unknown else {FILE_UP[0], FILE_DOWN[0]}
        self.ground.exchange(self.operator, awaited)

    def held(self) -> dict[str, Any]:
        """Give all that the requests of the ground have set, and nothing that goes on by itself."""
        ledger = self.operator.spacecraft._ledger
        up = f"files/{FILE_UP[0]}"
        return {
            "settings": {name: value for name, value in ledger.settings.items() if name not in _SET_ON_BOARD},
            "activities": sorted([*ledger.schedule.activities, *(key for key, _, _ in ledger.schedule.fates)]),
            "is scheduling": ledger.schedule.is_enabled,
            "groups": dict(ledger.schedule.groups),
            "procedures": list(ledger.procedures.loaded),
            "reactions": (sorted(ledger.reactions.reactions), sorted(ledger.reactions.enabled)),
            "monitors": (sorted(ledger.monitoring.monitors), sorted(ledger.monitoring.enabled)),
            "structure": (ledger.structures.made.get((1, 200)), ledger.structures.switched.get((1, 200))),
            "mode": self.operator.mode,
            "jobs": sorted(ledger.jobs),
            "slots": SlotStore(self.disk).state(SlotKind.CONFIGURATION).sha256,
            "inhibits": sorted(ledger.safeguards.inhibited),
            "events off": sorted(ledger.events.disabled),
            "storing": {store: ledger.storage.state(store).is_storing for store in StoreId},
            "confirmed": ledger.storage.state(StoreId.EVENTS).confirmed.end,
            "file up": hashlib.sha256(self.disk.read(up)).hexdigest() if up in self.disk.list("files") else None,
        }

    def outcome(self) -> dict[str, Any]:
        """Give what the day has come to, but for what may be told as unknown or skipped."""
        spacecraft = self.operator.spacecraft
        ledger = spacecraft._ledger
        job = ledger.jobs[1]
        return {
            "settings": dict(ledger.settings),
            "monitors": (sorted(ledger.monitoring.monitors), sorted(ledger.monitoring.enabled)),
            "mode": self.operator.mode,
            "waiting": len(ledger.schedule.activities),
            "groups": dict(ledger.schedule.groups),
            "procedures": (list(ledger.procedures.loaded), list(ledger.procedures.runs), ledger.procedures.run_count),
            "reactions": (sorted(ledger.reactions.reactions), sorted(ledger.reactions.enabled)),
            "structure": ledger.structures.switched.get((1, 200)),
            "clock": spacecraft._clock.tai_ns(self.operator.now_ns) - self.operator.now_ns,
            "slots": SlotStore(self.disk).state(SlotKind.CONFIGURATION).sha256,
            "job": (job.state, job.finished.step if job.finished else None),
            "inhibits": sorted(ledger.safeguards.inhibited),
            "storing": {store: ledger.storage.state(store).is_storing for store in StoreId},
            "confirmed": ledger.storage.state(StoreId.EVENTS).confirmed.end,
            "up": self.disk.read(f"files/{FILE_UP[0]}") == FILE_UP[1],
            "down": self._has_come_down(),
        }

    def _has_come_down(self) -> bool:
        assert self.ground is not None
        is_known = "file.send" not in self.unknown or FILE_DOWN[0] in self.ground.finished
        return not is_known or self.ground.store.read(FILE_DOWN[0]) == FILE_DOWN[1]

    def directories(self) -> set[str]:
        """Give the directories that commands have made."""
        return {each for each in self.disk.list_directories("files") if not each.startswith("files/.")}

    def untold(self) -> int:
        """Give how many commands were told as unknown, skipped or failed, by the ground's, the schedule or others."""
        ledger = self.operator.spacecraft._ledger
        fates = sum(count for fate, count in ledger.schedule.counts.items() if fate is not Fate.EXECUTED)
        steps = sum(1 for event in self.operator.events if event.name == "procedure_step_failed")
        return len(self.unknown) + fates + steps + ledger.reactions.failed_count


def differences(day: CutDay, expected: CutDay) -> list[str]:
    """Say in what a day that was cut is not as it must be."""
    found = [
        f"expected {name} {wanted!r}, found {day.outcome()[name]!r}"
        for name, wanted in expected.outcome().items()
        if day.outcome()[name] != wanted
    ]
    for number, held in day.after_boots:
        allowed = expected.trail[max(number - 1, 0) : number + 1]
        # Of the first step it is known only what is after it.
        found += [
            f"expected {name} as before or after step {number}, {DAY[number]!r}, found {value!r} after the cut"
            for name, value in held.items()
            if number and value not in [each[name] for each in allowed]
        ]
    fates = day.operator.spacecraft._ledger.schedule.counts
    if fates.total() != len(RELEASES_S):
        found.append(f"expected {len(RELEASES_S)} activities to have an end, found {dict(fates)}")
    if not day.directories() <= expected.directories():
        found.append(f"expected no other directories than {expected.directories()}, found {day.directories()}")
    # An event whose reaction waits is lost with the power, and so is the reaction (`flight.autonomy.reacting`).
    missing = expected.directories() - day.directories() - {"files/reacted"}
    # A directory that is missing was not answered as made: its command was cut into, and so told.
    if len(missing) > day.untold():
        found.append(f"expected what was done to last, found {missing} missing and {day.untold()} told as unknown")
    return found
