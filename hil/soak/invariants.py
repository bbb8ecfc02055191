"""What must hold in every mission, whatever went wrong in it: DESIGN.md section 10, as it can be seen from outside.

Each invariant has a name and looks at what a run has left behind: what both ends said, the spacecraft's disk as a boot
would read it, and the files at both ends. It gives one line for each breach.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccsds.pus.telecommand import Telecommand
from flight.books.commands import REMEMBERED_COMMANDS_MAX
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.link.live_queue import QUEUE_PACKETS_MAX
from flight.services.schedule import key_of
from flight.storage.packet_store import PENDING_PACKETS_MAX
from ground.events import FINAL
from ground.tracker import COMMANDS_FINISHED_MAX, COMMANDS_OPEN_MAX
from hil.run.evidence import Evidence
from hil.run.files import digest_of
from hil.scenario.scenario import Scenario
from hil.soak.references import reference_weights
from hil.world import World
from mission.definition import DICTIONARY
from mission.fields import Layout
from mission.files import FILES_DIRECTORY

_FINAL = {stage.name for stage in FINAL}

# What the disk of the spacecraft is struck by: a transfer may then be given up, and told so.
_DISK_FAULTS = {"fill_disk", "wear_disk", "flip_store"}


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What a run has left behind."""

    scenario: Scenario
    world: World
    evidence: Evidence
    ledger: Ledger

    @classmethod
    def of(cls, scenario: Scenario, world: World) -> "Aftermath":
        """Take it all in; the store is read as a boot reads it."""
        ledger = Ledger(RealDisk(world.spacecraft.disk.root))
        return cls(scenario=scenario, world=world, evidence=world.evidence, ledger=ledger)

    def commands(self, *names: str) -> Iterator[Mapping[str, Any]]:
        """Give the commands of some names, all if none is said, as the ground knows them."""
        return (each for each in self.evidence.commands.values() if not names or each["name"] in names)


Invariant = Callable[[Aftermath], Iterator[str]]


def breaches(aftermath: Aftermath) -> dict[str, list[str]]:
    """Give for each invariant, by its name, what does not hold: one line for each breach."""
    return {name: list(invariant(aftermath)) for name, invariant in INVARIANTS.items()}


def _once(run: Aftermath) -> Iterator[str]:
    for identity, count in run.evidence.executed.items():
        if count > 1:
            yield f"telecommand {identity} was executed {count} times"
    fates = [key for key, _, _ in run.ledger.schedule.fates]
    for key in {key for key in fates if fates.count(key) > 1}:
        yield f"activity {key:#x} of the schedule has {fates.count(key)} fates"
    if len(run.ledger.jobs) > len({job["job_id"] for job in _submitted(run)}):
        yield f"expected the jobs that were submitted, found {sorted(run.ledger.jobs)}"


def _kept(run: Aftermath) -> Iterator[str]:
    """Nothing that was acknowledged is lost."""
    known = {(each.source_id, each.sequence_count) for each in run.ledger._commands.executed}
    for command in run.commands():
        if _stage(command) == "COMPLETED" and (command["source_id"], command["sequence_count"]) not in known:
            yield f"{command['name']} [{command['sequence_count']}] completed, and the store does not know of it"
    store = RealDisk(run.world.spacecraft.disk.root)
    for command in run.commands("directory.make"):
        path = f"{FILES_DIRECTORY}/{command['arguments']['name']}"
        if _stage(command) == "COMPLETED" and not store.is_directory(path):
            yield f"directory.make completed, and {path} is not there"
    for command in run.commands("job.submit"):
        if _stage(command) == "COMPLETED" and command["arguments"]["job_id"] not in run.ledger.jobs:
            yield f"job.submit completed, and there is no job {command['arguments']['job_id']}"
    scheduled = {key for key, _, _ in run.ledger.schedule.fates} | set(run.ledger.schedule.activities)
    for command in run.commands("schedule.insert"):
        for activity in command["arguments"]["activities"] if _stage(command) == "COMPLETED" else ():
            request = Telecommand.decode(bytes.fromhex(activity["request"]))
            if key_of(request.source_id, request.apid, request.sequence_count) not in scheduled:
                yield f"schedule.insert completed, and activity {request.sequence_count} has neither time nor fate"
    yield from _settings(run)


def _settings(run: Aftermath) -> Iterator[str]:
    """A parameter that was set has one of the values that it was set to."""
    possible: dict[str, list[Any]] = {}
    completed: set[str] = set()
    for command in run.commands("parameter.set"):
        for name, value in command["arguments"]["values"].items():
            possible.setdefault(name, []).append(value)
            if _stage(command) == "COMPLETED":
                completed.add(name)
    for name in sorted(completed):
        parameter = DICTIONARY.parameter_of(name)
        layout = Layout((parameter.shape,))
        found = run.ledger.settings.get(parameter.id)
        wire = [layout.encode({parameter.shape.name: value}) for value in possible[name]]
        if found not in wire:
            yield f"parameter.set completed, and {name} is none of {possible[name]} in the store"


def _final(run: Aftermath) -> Iterator[str]:
    for command in run.commands():
        if _stage(command) not in _FINAL and not command["is_automatic"]:
            yield f"{command['name']} [{command['sequence_count']}] ended as {_stage(command)}"


def _commandable(run: Aftermath) -> Iterator[str]:
    procedure = run.world.procedure
    yield from procedure.failures
    if not procedure.is_done and not procedure.failures:
        yield f"the ground still waits at the end of mission time: {procedure.present}"


def _files(run: Aftermath) -> Iterator[str]:
    """What has arrived is what was sent, and what was given up is told, and has a reason."""
    evidence = run.evidence
    here, there = run.world.file_roots
    struck = " ".join(evidence.strikes)
    for name in evidence.files_arrived_s:
        original = name.removeprefix("again-")
        is_up = any(file.name == original for file in run.scenario.station.files)
        sent = digest_of((there if is_up else here) / original)
        arrived = digest_of((here if is_up else there) / name)
        # What is struck where it lies before the scrubber has looked at it once cannot be known.
        if sent != arrived and f"{FILES_DIRECTORY}/{original}" not in struck:
            yield f"{name} is told to have arrived: expected {sent[:16]}, found {arrived[:16] or 'nothing'}"
    if not any(fault.kind in _DISK_FAULTS for fault in run.scenario.faults) and FILES_DIRECTORY not in struck:
        for text in evidence.transfers_failed:
            yield f"a transfer was given up without a cause: {text}"


def _weights(run: Aftermath) -> Iterator[str]:
    for job in _submitted(run):
        report = run.evidence.job_reports.get(job["job_id"])
        if report is None:
            continue
        if report["state"] != "DONE":
            yield f"job {job['job_id']} ended as {report['state']}: {report.get('failure') or 'no reason'}"
            continue
        corpus = run.world.spacecraft.corpora[job["corpus"]]
        expected = reference_weights(job["recipe"], job["overrides"], job["steps"], job["seed"], corpus)
        if report["weights_sha256"] != expected:
            found = report["weights_sha256"]
            yield f"job {job['job_id']}: expected weights {expected[:16]} as undisturbed, found {found[:16]}"


def _forged(run: Aftermath) -> Iterator[str]:
    if run.scenario.link.security == "keys":
        for identity in sorted(set(run.evidence.executed) - run.evidence.given):
            yield f"telecommand {identity} was executed, and no station has given it"


def _bounds(run: Aftermath) -> Iterator[str]:
    for name, (found, bound) in run.evidence.lengths.items():
        if found > bound:
            yield f"{name}: expected at most {bound}, found {found}"


INVARIANTS: dict[str, Invariant] = {
    "no command acts twice": _once,
    "nothing acknowledged is lost": _kept,
    "every command comes to an end": _final,
    "always commandable again": _commandable,
    "files arrive as they were sent": _files,
    "weights are those of the undisturbed run": _weights,
    "nothing acts that is not authentic": _forged,
    "queues keep within their bounds": _bounds,
}
"""By name, what must hold; beside these, that nothing raises, and that equal seeds give equal runs."""


def measure(world: World) -> dict[str, tuple[int, int]]:
    """Give what the queues of a run hold now, each with its bound."""
    lengths: dict[str, tuple[int, int]] = {}
    if world.spacecraft.is_on:
        core = world.spacecraft.core
        queues = core._downlink._queue._queues.values()
        lengths["live queue"] = sum(map(len, queues)), QUEUE_PACKETS_MAX
        stores = core._stores._stores.values()
        lengths["packets of a store that wait for the disk"] = (
            max(len(store._pending) for store in stores),
            PENDING_PACKETS_MAX,
        )
        lengths["telecommands remembered"] = len(core._ledger._commands.executed), REMEMBERED_COMMANDS_MAX
    if world.station.is_on:
        tracker = world.station.core._tracker
        lengths["commands on their way"] = len(tracker._open), COMMANDS_OPEN_MAX
        lengths["commands that have ended"] = len(tracker._finished), COMMANDS_FINISHED_MAX
    return lengths


def _submitted(run: Aftermath) -> Sequence[Mapping[str, Any]]:
    """Give the jobs that the ground has asked for, each once."""
    return list({each["arguments"]["job_id"]: each["arguments"] for each in run.commands("job.submit")}.values())


def _stage(command: Mapping[str, Any]) -> str:
    return command["stages"][-1][1] if command["stages"] else "QUEUED"
