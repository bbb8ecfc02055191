"""One mission of a campaign: it is flown in virtual time in a folder of its own, and judged."""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.disk.simulated_disk import PowerCut
from hil.run.corpora import find_corpora
from hil.scenario.scenario import Scenario
from hil.soak.invariants import Aftermath, breaches, measure
from hil.world import World

RAISES, REPEATS = "nothing raises", "equal seeds give equal runs"

# The lengths of queues are looked at once in so many events.
EVENTS_BETWEEN_LOOKS = 50

# Digests, times, counts and places, which change when something is left out of a mission.
_NUMBERS = re.compile(r"[0-9a-f]{16}|\d+")


@dataclass(frozen=True, kw_only=True)
class Flown:
    """What a mission came to."""

    broken: tuple[str, ...]
    """One line for each breach of an invariant, its name first."""
    mission_s: float
    digest: str
    """Of the event log and of all octets on the link; empty if it broke off."""
    strikes: tuple[str, ...]
    """What went wrong on purpose, in order."""

    @property
    def names(self) -> set[str]:
        """The invariants that did not hold."""
        return {line.partition(":")[0] for line in self.broken}

    @property
    def kinds(self) -> set[str]:
        """The breaches without their numbers: those of one kind are taken for one failure."""
        return {_NUMBERS.sub("#", line) for line in self.broken}


def fly(scenario: Scenario, seed: int, *, repeats: bool = False) -> Flown:
    """Fly a mission, and look for breaches.

    Args:
        scenario: What happens.
        seed: From which every random choice comes.
        repeats: Whether to fly it twice, and compare.
    """
    flown = _fly_once(scenario, seed)
    if not repeats or flown.broken:
        return flown
    again = _fly_once(scenario, seed)
    if again.digest == flown.digest:
        return flown
    text = f"{REPEATS}: expected {flown.digest[:16]} again, found {again.digest[:16]}"
    return Flown(broken=(text,), mission_s=flown.mission_s, digest=flown.digest, strikes=flown.strikes)


def _fly_once(scenario: Scenario, seed: int) -> Flown:
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return fly_in(Path(folder), scenario, seed)


def fly_in(folder: Path, scenario: Scenario, seed: int) -> Flown:
    """Fly a mission in a folder that is empty."""
    world = World(scenario, seed, folder, find_corpora(scenario), lambda source, event: look(world, event))
    digest = ""
    try:
        world.run()
    except (Exception, PowerCut) as error:
        # Whatever it is: a mission that breaks off is what is looked for. A cut is its end's to deal with.
        broken = [f"{RAISES}: {type(error).__name__}: {error} ({_place(error)})"]
    else:
        found = breaches(Aftermath.of(scenario, world))
        broken = [f"{name}: {text}" for name, texts in found.items() for text in texts]
        digest = _digest(folder / "events.jsonl", folder / "uplink.bin", folder / "downlink.bin")
    strikes = tuple(world.evidence.strikes)
    return Flown(broken=tuple(broken), mission_s=world.now_ns / 1e9, digest=digest, strikes=strikes)


def look(world: World, event: Mapping[str, Any]) -> None:
    """Look at the lengths of the queues, now and then; to be called with each event of a run."""
    evidence = world.evidence
    if evidence.counts.total() % EVENTS_BETWEEN_LOOKS == 0:
        for name, (found, bound) in measure(world).items():
            evidence.lengths[name] = max(found, evidence.lengths.get(name, (0, bound))[0]), bound


def _place(error: BaseException) -> str:
    """Give where an exception was raised, by the name of the file alone."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "nowhere" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
