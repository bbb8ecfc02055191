"""A soak campaign: missions of many seeds, flown in several processes; what fails is shrunk and kept as a scenario."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from hil.scenario.toml import dump
from hil.soak.generator import draw_mission
from hil.soak.mission import Flown, fly
from hil.soak.shrink import shrink

# An attacker strikes hundreds of times; whoever reads the head of a file wants the first.
STRIKES_TOLD_MAX = 30

# Every so many seeds a mission is flown twice, to see that equal seeds give equal runs.
REPEAT_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the mission of one seed came to."""

    seed: int
    broken: tuple[str, ...]
    mission_s: float
    wall_s: float
    shrunk: str = ""
    """The shortest plan that still fails, as TOML with a header that says how it is run; empty if it did not fail."""


@dataclass
class Summary:
    """What a campaign has come to so far."""

    missions: int = 0
    failed: int = 0
    mission_s: float = 0.0
    wall_s: float = 0.0
    """Of all processes together."""

    def take(self, outcome: Outcome) -> None:
        """Count one mission."""
        self.missions += 1
        self.failed += bool(outcome.broken)
        self.mission_s += outcome.mission_s
        self.wall_s += outcome.wall_s

    @property
    def per_minute(self) -> float:
        """Missions a minute and process."""
        return 60 * self.missions / self.wall_s if self.wall_s else 0.0


def soak(seeds: range, jobs: int) -> Iterator[Outcome]:
    """Fly the missions of some seeds, and give each outcome as it comes.

    Args:
        seeds: Which.
        jobs: Processes.
    """
    context = multiprocessing.get_context("spawn")  # Forking a process that has torch in it is not safe.
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=prepare) as pool:
        waiting = {pool.submit(fly_seed, seed) for seed in seeds}
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # And wait: what is left at its end Python complains of.


def prepare() -> None:
    """Make a process ready to fly missions: it stands behind whatever else the computer has to do."""
    if hasattr(os, "nice"):
        os.nice(5)


def fly_seed(seed: int, *, clock_s: Callable[[], float] = time.monotonic) -> Outcome:
    """Fly the mission of a seed; one that fails is shrunk."""
    begun_s = clock_s()
    scenario = draw_mission(seed)
    flown = fly(scenario, seed, repeats=seed % REPEAT_EVERY == 0)
    text = ""
    if flown.broken:
        shrunk = shrink(scenario, lambda smaller: bool(fly(smaller, seed).kinds & flown.kinds))
        text = header(seed, flown, fly(shrunk, seed)) + dump(shrunk)
    return Outcome(seed=seed, broken=flown.broken, mission_s=flown.mission_s, wall_s=clock_s() - begun_s, shrunk=text)


def header(seed: int, flown: Flown, shrunk: Flown) -> str:
    """Give the head of a kept failure, as comments: what broke, what went wrong on purpose, and how to see it again."""
    lines = [
        f"A mission drawn from seed {seed}, as short as it still fails. Run it again:",
        f"    hil run {name_of(seed)} --seed {seed} --out build/soak-{seed}",
        "It broke:",
        *(f"    {line}" for line in shrunk.broken or flown.broken),
        "What went wrong on purpose:",
        *(f"    {line}" for line in shrunk.strikes[:STRIKES_TOLD_MAX] or ("nothing",)),
    ]
    return "".join(f"# {_printable(line)}\n" for line in lines) + "\n"


def name_of(seed: int) -> str:
    """Give the name of the file in which the failure of a seed is kept."""
    return f"soak-{seed}.toml"


def keep(outcome: Outcome, folder: Path) -> Path:
    """Write what a failure has been shrunk to."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name_of(outcome.seed)
    path.write_text(outcome.shrunk, encoding="utf-8")
    return path


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)
