"""What each level of the guard costs: a job of that level and one of ``off`` in one process, one step of each in turn.

A step is timed by the processor time of its thread as well as by the clock, and each is divided by the step of ``off``
beside it, so that whatever else the computer does falls on all alike; on a GPU the clock alone counts, once the GPU is
done. What is told is the mean of the ratios, less the highest and the lowest tenth of the rounds; the steps into which
a copy in memory falls are taken apart and added as often as they come, so that nothing hides them. A second ``off``
says how far the figures are to be trusted. Two jobs and no more: a spacecraft has one at a time, whose State is not
pushed out of the caches by five others.

The campaign counts false alarms: findings, and what was done twice only because it looked odd. ``python -m
tools.bench.guard`` measures the first recipe alone, ``... guard larger`` the second, ``... guard swift`` and
``... guard swift-ngram`` those two; ``... guard clean`` counts, ``... guard swift clean`` on those two alone.
``... guard parts`` tells what the cost is made of: an update with witnesses that do more and more, and a pass with and
without checksums.
"""

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.guard.bounds import Bounds
from flight.jobs.guard.checksums import Checksums
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.guard.state_witness import StateWitness
from flight.jobs.recipe import Device, GuardLevel, Recipe, load_recipe
from flight.jobs.train import TrainJob
from tools.bench.row import Row

GROUP = "exact"
SEED = 1337
# The first steps of `compute` are done twice to learn from, and torch warms up.
WARM_UP_STEPS = 3

# What a level may cost over `off`, on a recipe all of whose weights are dense.
COST_MAX: Mapping[GuardLevel, float] = {GuardLevel.STATE: 1.015, GuardLevel.COMPUTE: 1.12}


@dataclass(frozen=True, kw_only=True)
class Size:
    """One recipe to measure."""

    name: str
    recipe: str
    overrides: str
    rounds: int
    """Of each pair of jobs."""
    pairs: int
    """Made anew one after the other: where in memory a job happens to lie is worth half a percent."""
    is_judged: bool
    """Whether the targets are of this size: steps of some milliseconds are mostly interpreter."""


_SIZES = (
    Size(name="nanogpt, 0.8 M", recipe="nanogpt", overrides="", rounds=32, pairs=3, is_judged=True),
    Size(
        name="10.6 M, batch of 4",
        recipe="nanogpt",
        overrides="model.layers = 6\nmodel.heads = 6\nmodel.width = 384\nmodel.context = 256\ntraining.batch = 4",
        rounds=6,
        pairs=1,
        is_judged=False,
    ),
    Size(name="tiny", recipe="tiny", overrides="", rounds=100, pairs=3, is_judged=False),
    Size(name="swift", recipe="swift", overrides="", rounds=96, pairs=2, is_judged=False),
    Size(name="swift-ngram", recipe="swift-ngram", overrides="", rounds=64, pairs=1, is_judged=False),
)


@dataclass(frozen=True, kw_only=True)
class _Calm:
    """A run that nobody disturbs, in which false alarms are counted."""

    name: str
    recipe: str
    overrides: str
    steps: int
    level: GuardLevel


# Small enough for a hundred thousand steps within minutes; what a step is made of is the same as in any size.
_SMALL = "model.layers = 1\nmodel.heads = 2\nmodel.width = 32\nmodel.dropout = 0.1"

_SWIFT_SMALL = "model.layers = 1\nmodel.width = 32\nmodel.context = 32\ntraining.batch = 8"

_CALM = (
    _Calm(name="1 layer of 32", recipe="tiny", overrides=_SMALL, steps=100_000, level=GuardLevel.STATE),
    _Calm(name="1 layer of 32", recipe="tiny", overrides=_SMALL, steps=100_000, level=GuardLevel.COMPUTE),
    _Calm(name="nanogpt", recipe="nanogpt", overrides="", steps=5_500, level=GuardLevel.COMPUTE),
    *(
        _Calm(name=f"a small {recipe}", recipe=recipe, overrides=overrides, steps=3_000, level=level)
        for recipe, overrides in (("swift", _SWIFT_SMALL), ("swift-ngram", f"{_SWIFT_SMALL}\nngram.rows = 4096"))
        for level in (GuardLevel.STATE, GuardLevel.COMPUTE, GuardLevel.REPLAY, GuardLevel.DOUBLE)
    ),
)

_LEVELS = {
    "off again": GuardLevel.OFF,
    "state": GuardLevel.STATE,
    "compute": GuardLevel.COMPUTE,
    "replay": GuardLevel.REPLAY,
    "double": GuardLevel.DOUBLE,
}

_PART_ROUNDS = 40

# The share of the rounds that is left out at either end: the computer did something else in them.
_TRIMMED_SHARE = 0.1


def run() -> list[Row]:
    """Measure, in some two minutes."""
    return [row for size in _SIZES for row in cost_rows(size)]


def campaign() -> list[Row]:
    """Train undisturbed for long, and count what was found all the same."""
    return [row for calm in _CALM for row in _false_alarms(calm)]


def cost_rows(size: Size, group: str = GROUP) -> list[Row]:
    """Measure one size."""
    recipe = load_recipe(size.recipe).override(size.overrides)
    return [_cost_row(size, recipe, name, level, group) for name, level in _LEVELS.items()]


def _cost_row(size: Size, recipe: Recipe, name: str, level: GuardLevel, group: str) -> Row:
    pairs = [_timed_pair(recipe, level, size.rounds) for _ in range(size.pairs)]
    interval = recipe.guard.snapshot_interval
    ratio, clock_ratio = (
        statistics.mean(_mean_ratio(each, interval) for each in kind) for kind in zip(*pairs, strict=True)
    )
    most = COST_MAX.get(level) if size.is_judged and name != "off again" else None
    is_host = recipe.device is Device.CPU
    told = f"processor time ({clock_ratio:.3f} by the clock)" if is_host else "by the clock"
    ratio = ratio if is_host else clock_ratio
    took_s = [each for cpu_s, clock_s in pairs for each in (cpu_s if is_host else clock_s)]
    return Row(
        group=group,
        name=f"guard `{name}`, {size.name}, {size.pairs * size.rounds} steps, {told}",
        value=statistics.median(mine for mine, _ in took_s) * 1e3,
        unit="ms a step",
        peer="`off`, in turns",
        peer_value=statistics.median(off for _, off in took_s) * 1e3,
        ratio=ratio,
        target="" if most is None else f"ratio at most {most}",
        ok=most is None or ratio <= most,
    )


def _timed_pair(
    recipe: Recipe, level: GuardLevel, rounds: int
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Time steps of a job at a level and of one at ``off``, by the processor time and by the clock, in seconds."""
    mine, off = _guarded(recipe, level), _guarded(recipe, GuardLevel.OFF)
    cpu_s: list[tuple[float, float]] = []
    clock_s: list[tuple[float, float]] = []
    for number in range(-WARM_UP_STEPS, rounds):
        # To and fro, so that what the one before leaves in the caches is not always the same.
        if number % 2:
            (cpu, clock), (cpu_off, clock_off) = _timed_step(mine), _timed_step(off)
        else:
            (cpu_off, clock_off), (cpu, clock) = _timed_step(off), _timed_step(mine)
        if number >= 0:
            cpu_s.append((cpu, cpu_off))
            clock_s.append((clock, clock_off))
    return cpu_s, clock_s


def _guarded(recipe: Recipe, level: GuardLevel) -> GuardedJob:
    text = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ)).read_text()
    return GuardedJob(TrainJob(recipe.override(f'guard.level = "{level}"'), text, SEED))


def _timed_step(job: GuardedJob) -> tuple[float, float]:
    clock_s, cpu_s = time.perf_counter(), time.thread_time()
    job.step()
    if job.job.device.type == "cuda":
        torch.cuda.synchronize(job.job.device)
    return time.thread_time() - cpu_s, time.perf_counter() - clock_s


def _mean_ratio(seconds: Sequence[tuple[float, float]], interval: int) -> float:
    """Give the mean ratio to ``off``, steps with a copy in memory counted as often as they come.

    Args:
        seconds: Of each round, at the level and at ``off``.
        interval: Steps between two copies.
    """
    ratios = [mine / off for mine, off in seconds]
    copying = [ratio for number, ratio in enumerate(ratios) if _is_copying(number, interval)]
    others = [ratio for number, ratio in enumerate(ratios) if not _is_copying(number, interval)]
    if not copying:
        return _trimmed_mean(others)
    return (statistics.mean(copying) + (interval - 1) * _trimmed_mean(others)) / interval


def _is_copying(number: int, interval: int) -> bool:
    return (WARM_UP_STEPS + number + 1) % interval == 0


def _trimmed_mean(values: list[float]) -> float:
    cut = int(len(values) * _TRIMMED_SHARE)
    return statistics.mean(sorted(values)[cut : len(values) - cut])


class _Placing(StateWitness):
    """A witness for whom stretches are taken to a place, though it finds no update odd."""

    @property
    def judges_updates(self) -> bool:
        """See `flight.jobs.optimizer.Witness`."""
        return True


def _part_rows() -> list[Row]:
    """Take the cost of the first recipe apart: of each part the mean over rounds, less the outer tenths."""
    guarded = _guarded(load_recipe(_SIZES[0].recipe), GuardLevel.COMPUTE)
    job = guarded.job
    for _ in range(WARM_UP_STEPS):
        guarded.step()
    batch, optimizer = job.draw_batch(), job.optimizer
    kept = [block.rows_RN.clone() for block in optimizer.blocks]
    state, placing, gradients = StateWitness(optimizer), _Placing(optimizer), _Placing(optimizer)
    sizes = StateWitness(optimizer, Bounds())
    gradients.watches_gradients = sizes.watches_gradients = True
    witnesses = {
        "update, bare": None,
        "update, and State digested twice where it lies": state,
        "update, and State taken to a place, digested twice there, and taken back": placing,
        "update, and gradients verified": gradients,
        "update, and its size judged": sizes,
    }
    checksums = Checksums(job.weights())
    seconds: dict[str, list[float]] = {name: [] for name in ("pass, bare", "pass, with checksums", *witnesses)}
    for _ in range(_PART_ROUNDS):
        for name, watched in (("pass, bare", contextlib.nullcontext()), ("pass, with checksums", checksums.watching())):
            began_s = time.thread_time()
            with watched:
                passed = job.run_pass(batch)
            seconds[name].append(time.thread_time() - began_s)
        checksums.suspicious()
        for name, witness in witnesses.items():
            # Each begins from the same State, which is as far from the processor as a pass leaves it.
            for block, rows_RN in zip(optimizer.blocks, kept, strict=True):
                block.rows_RN.copy_(rows_RN)
            if witness is not None:
                witness.note_blocks()
                witness.gathered(optimizer.gradient_octets)
            job.run_pass(batch)
            began_s = time.thread_time()
            optimizer.update(job.steps_done, passed.report.learning_rate, passed.report.gradient_norm, witness)
            seconds[name].append(time.thread_time() - began_s)
    return [
        Row(group=GROUP, name=name, value=_trimmed_mean(values) * 1e3, unit="ms a step")
        for name, values in seconds.items()
    ]


def _false_alarms(calm: _Calm) -> list[Row]:
    job = _guarded(load_recipe(calm.recipe).override(f"{calm.overrides}\ntraining.steps = {calm.steps}"), calm.level)
    found = 0
    for _ in range(calm.steps):
        job.step()
        found += len(job.take_findings())
    job.verify()
    found += len(job.take_findings())
    name = f"guard `{calm.level}`, {calm.steps:,} clean steps of {calm.name}"
    return [
        Row(group=GROUP, name=f"{name}: findings", value=found, unit="findings", target="0", ok=found == 0),
        Row(
            group=GROUP,
            name=f"{name}: passes done twice for how they looked, the same both times",
            value=job.pass_repeats,
            unit="passes",
        ),
        Row(
            group=GROUP,
            name=f"{name}: updates of a stretch done twice for their size, the same both times",
            value=job.odd_updates,
            unit="updates",
        ),
    ]


if __name__ == "__main__":
    swift_calm = [calm for calm in _CALM if "swift" in calm.recipe]
    asked = {
        "swift": lambda: cost_rows(_SIZES[3]),
        "swift-ngram": lambda: cost_rows(_SIZES[4]),
        "swift clean": lambda: [row for calm in swift_calm for row in _false_alarms(calm)],
        "clean": campaign,
        "parts": _part_rows,
        "larger": lambda: cost_rows(_SIZES[1]),
        "": lambda: cost_rows(_SIZES[0]),
    }
    for row in asked[" ".join(sys.argv[1:])]():
        print(f"{row.name}: {row.value:.2f} {row.unit}" + (f", ratio {row.ratio:.4f}" if row.ratio is not None else ""))
