"""Bits that flip at random instants of a step, in State and in matrix products, and what the guard makes of each.

State is struck at level ``state``: the weights at the end must be those of a run that nobody disturbed, also where the
guard gives the memory up and a new worker goes on from the last checkpoint. Gradients, the place that the optimiser
works in and whatever operators come to are struck at ``double`` (kind ``working``), with the same promise. Products of
the 0.8 M model are struck at ``double``, too, and at ``compute``, where a product that nobody found is followed: both
it and its unflipped twin train on, and the loss on a fixed set of batches tells how far it moved. Checkpoints are
struck on the store: each must be refused, and the one before be there.

The recipes `swift` and `swift-ngram` are struck in the same ways (``swift compute``), and while they update, at
``compute``, too (``swift update``): gradients, the place that the optimiser works in, what its operators come to. They
are struck 20 steps before the end. In the middle of training, at a rate of 0.05, the last bit of one bfloat16 number
moves the loss by 0.01 within 20 steps, since the ways part: there no loss tells a fault from rounding, and nothing
short of doing all twice finds that bit. At the end, where the rate has fallen, rounding moves it by 0.0001, and a fault
that matters to the model shows.

Every strike is drawn from its seed; a miss is told with the seed, the place and the operator. ``python -m
tools.bench.flips KIND FIRST COUNT`` runs some seeds of one kind, so that a long count can be done in pieces.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.jobs.checkpoint import SLOTS, load_checkpoint, save_checkpoint
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.guard.finding import Finding
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import GuardLevel, load_recipe
from flight.jobs.train import Batch, TrainJob
from hil.faults.instant import PRODUCTS, Operators, Profile
from hil.faults.part import KEPT, Part
from hil.faults.trial import End, Trial, Verdict, strike_checkpoint, strike_part, strike_product
from hil.streams import Streams
from tools.bench.row import Row

SEED = 1337
_SLICE = {"state": 60, "working": 40, "compute": 25, "double": 25, "checkpoint": 60, "swift compute": 15}
_CAMPAIGN = {
    **dict.fromkeys(("state", "working", "compute", "double", "checkpoint"), 1_000),
    **{f"swift {kind}": 300 for kind in ("state", "working", "compute", "update", "double")},
    **{f"swift-ngram {kind}": 100 for kind in ("state", "working", "compute", "update", "double")},
}

# Struck within four steps after the first; a copy in memory is taken at each fourth.
_STATE_STEPS, _STRUCK_STEPS = 8, 4
_TINY = "model.dropout = 0.1\nguard.snapshot_interval = 4"

WORKING = tuple(part for part in Part if part not in KEPT)
_UPDATED = (Part.GRADIENTS, Part.PLACE, Part.ACTIVATIONS)

_FURTHER_STEPS = 20
# Enough for the bounds on loss and gradient norm to be learned; of swift, all but the last steps.
_WARM_STEPS = 30
_SWIFT: Mapping[str, tuple[str, int]] = {
    "swift": ("guard.snapshot_interval = 1000", 219),
    "swift-ngram": ("guard.snapshot_interval = 1000\ntraining.steps = 240", 219),
}
_SWIFT_TINY = """
model.layers = 2
model.width = 32
model.context = 32
training.batch = 8
training.steps = 30
guard.snapshot_interval = 4
"""
_NGRAM_TINY = "ngram.rows = 1024"
_EVALUATION_BATCHES = 64
# Nats; a fault that moves the loss by less is no different from another order of summing.
MOVED_MAX = 1e-3


def run() -> list[Row]:
    """Strike some seeds of each kind."""
    return _rows(_SLICE)


def campaign() -> list[Row]:
    """Strike all seeds of each kind."""
    return _rows(_CAMPAIGN)


def _rows(counts: dict[str, int]) -> list[Row]:
    return [_row(kind, list(trials_of(kind, 0, count))) for kind, count in counts.items()]


def _row(kind: str, trials: list[Trial]) -> Row:
    verdicts = Counter(trial.verdict for trial in trials)
    missed = [trial for trial in trials if trial.verdict in (Verdict.MISSED, Verdict.BROKEN)]
    told = ", ".join(f"{count} {verdict.value}" for verdict, count in verdicts.items())
    first = f"; first: {missed[0]}" if missed else ""
    return Row(
        group="exact",
        name=f"missed of {len(trials)} strikes, {kind} ({told}){first}",
        value=len(missed),
        unit="strikes",
        target="0",
        ok=not missed,
    )


def trials_of(kind: str, first: int, count: int) -> Iterator[Trial]:
    """Strike some seeds.

    Args:
        kind: ``state``, ``working``, ``compute``, ``double`` or ``checkpoint``; or all but the last and ``update``
            after ``swift`` or ``swift-ngram``.
        first: The first seed.
        count: How many.

    Raises:
        MisuseError: There is no such kind.
    """
    kinds: dict[str, Callable[[], Callable[[int], Trial]]] = {
        "state": lambda: _MemoryTrials(GuardLevel.STATE, KEPT).strike,
        "working": lambda: _MemoryTrials(GuardLevel.DOUBLE, WORKING).strike,
        "compute": lambda: _StepTrials("compute").strike,
        "double": lambda: _StepTrials("double").strike,
        "checkpoint": lambda: _CheckpointTrials().strike,
    }
    for recipe in _SWIFT:
        kinds |= _swift_kinds(recipe)
    if kind not in kinds:
        raise MisuseError(f"flips: expected one of {', '.join(kinds)}, found {kind!r}")
    strike = kinds[kind]()
    for seed in range(first, first + count):
        yield strike(seed)


def _swift_kinds(recipe: str) -> dict[str, Callable[[], Callable[[int], Trial]]]:
    tiny = _SWIFT_TINY + (_NGRAM_TINY if recipe == "swift-ngram" else "")
    overrides, warm_steps = _SWIFT[recipe]
    return {
        f"{recipe} state": lambda: _MemoryTrials(GuardLevel.STATE, KEPT, recipe, tiny).strike,
        f"{recipe} working": lambda: _MemoryTrials(GuardLevel.DOUBLE, WORKING, recipe, tiny).strike,
        f"{recipe} compute": lambda: _StepTrials("compute", recipe, overrides, warm_steps).strike,
        f"{recipe} update": lambda: _StepTrials("compute", recipe, overrides, warm_steps, _UPDATED).strike,
        f"{recipe} double": lambda: _StepTrials("double", recipe, overrides, warm_steps).strike,
    }


def _job(recipe: str, overrides: str) -> GuardedJob:
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    return GuardedJob(TrainJob(load_recipe(recipe).override(overrides), corpus.read_text(), SEED))


class _MemoryTrials:
    """A small job, from a checkpoint of step 1 on; each trial strikes a part within its next steps."""

    def __init__(self, level: GuardLevel, parts: Sequence[Part], recipe: str = "tiny", overrides: str = _TINY) -> None:
        self._parts = parts
        self._recipe, self._overrides = recipe, f'{overrides}\nguard.level = "{level}"'
        guarded = _job(self._recipe, self._overrides)
        self._job = job = guarded.job
        guarded.step()
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._disk = RealDisk(self._folder.name)
        self._identity = Identity(job_id=1, recipe_digest=job.recipe.digest, corpus_sha256="00" * 32, seed=SEED)
        written = save_checkpoint(self._disk, SLOTS[0], self._identity, 1, job.state())
        self._reference = CheckpointReference(slot=SLOTS[0], step=1, sha256=written.sha256)
        self._start = job.state().clone()
        # The second way, warmed up, is the one whose durations count.
        for now_ns in (None, time.perf_counter_ns):
            job.load(self._start)
            guarded = GuardedJob(job)
            with Operators(now_ns) as operators:
                _train_to(guarded, 1 + _STRUCK_STEPS)
        _train_to(guarded, _STATE_STEPS)
        self._profile = operators.profile
        self._end = End(steps=_STATE_STEPS, clean_sha256=job.weights_sha256(), successor=self._successor)
        self._fixed = _Fixed(job)

    def strike(self, seed: int) -> Trial:
        """Strike it once."""
        self._fixed.restore()
        self._job.load(self._start)
        streams = Streams(seed).scoped("state")
        return strike_part(GuardedJob(self._job), self._parts, self._end, self._profile, streams)

    def _successor(self, findings: tuple[Finding, ...]) -> GuardedJob:
        """Give what a new worker goes on with: a job of its own, from the corpus and the checkpoint."""
        job = _job(self._recipe, self._overrides).job
        job.load(load_checkpoint(self._disk, self._reference, self._identity).state)
        return GuardedJob(job, findings)


class _Fixed:
    """What no State holds since nothing but a strike changes it, put right for the next trial."""

    def __init__(self, job: TrainJob) -> None:
        tensors = (job.train_tokens, *job.constants().values())
        self._kept = [(tensor, tensor.clone()) for tensor in tensors]

    def restore(self) -> None:
        for tensor, kept in self._kept:
            tensor.copy_(kept)


def _train_to(guarded: GuardedJob, step: int) -> None:
    while guarded.steps_done < step:
        guarded.step()


class _StepTrials:
    """A job of full size, the 0.8 M model if it is not said, warmed up; each trial strikes its next step.

    Args:
        level: Of the guard.
        recipe: Of the job.
        overrides: Of the recipe.
        warm_steps: Before the one that is struck.
        parts: What is struck while it updates; products, if there are none.
    """

    def __init__(
        self,
        level: str,
        recipe: str = "nanogpt",
        overrides: str = "guard.snapshot_interval = 1000",
        warm_steps: int = _WARM_STEPS,
        parts: Sequence[Part] = (),
    ) -> None:
        self._guarded = _job(recipe, f'{overrides}\nguard.level = "{level}"')
        self._warm_steps, self._parts = warm_steps, parts
        _train_to(self._guarded, warm_steps)
        self._start = self._guarded.job.state().clone()
        self._fixed = _Fixed(self._guarded.job)
        self._follows = level == "compute"
        self._profile = self._update_profile() if parts else self._product_profile()
        self._clean = self._guarded.job.weights_sha256()
        self._batches = _evaluation_batches(self._guarded.job)
        self._clean_loss: float | None = None

    def strike(self, seed: int) -> Trial:
        """Strike once, and follow what nobody found."""
        guarded = self._guarded
        self._back()
        end = End(steps=self._warm_steps + 1, clean_sha256=self._clean)
        if self._parts:
            trial = strike_part(guarded, self._parts, end, self._profile, Streams(seed).scoped("update"))
        else:
            products = len(self._profile.durations_ns)
            trial = strike_product(guarded, end, products, Streams(seed).scoped("product"))
        if trial.verdict is not Verdict.MISSED or not self._follows:
            return trial
        struck_loss = self._loss_later()
        if self._clean_loss is None:
            self._back()
            guarded.step()
            self._clean_loss = self._loss_later()
        moved = abs(struck_loss - self._clean_loss)
        verdict = Verdict.HARMLESS if moved <= MOVED_MAX else Verdict.MISSED
        return Trial(seed=seed, what=trial.what, verdict=verdict, detail=f"moved the loss by {moved:.2g}")

    def _product_profile(self) -> Profile:
        with Operators(only=PRODUCTS) as operators:
            self._guarded.step()
        return operators.profile

    def _update_profile(self) -> Profile:
        """Give the operators of a step, of which those before the update take no time."""
        job, before = self._guarded.job, 0
        update = job.update

        def counting(*asked: Any, **how: Any) -> None:
            nonlocal before
            before = len(operators.profile.durations_ns)
            update(*asked, **how)

        with Operators(time.perf_counter_ns) as operators:
            job.update = counting
            self._guarded.step()
            job.update = update
        durations_ns = operators.profile.durations_ns
        return Profile(durations_ns=(0,) * before + durations_ns[before:])

    def _back(self) -> None:
        """Go back to the start; what the guard has learned of rounding and bounds stays."""
        self._fixed.restore()
        self._guarded.job.load(self._start)
        self._guarded.trust()
        self._guarded.take_findings()
        self._guarded._history.clear()
        self._guarded._raised_by = []

    def _loss_later(self) -> float:
        job = self._guarded.job
        for _ in range(_FURTHER_STEPS):
            job.step()
        with torch.no_grad():
            losses = [job.model.loss(batch.tokens_BT, batch.targets_BT).item() for batch in self._batches]
        return sum(losses) / len(losses)


class _CheckpointTrials:
    """Two checkpoints of the tiny job on a disk of this computer; each trial strikes the one that counts."""

    def __init__(self) -> None:
        guarded = _job("tiny", _TINY)
        self._identity = Identity(job_id=1, recipe_digest=guarded.job.recipe.digest, corpus_sha256="00" * 32, seed=SEED)
        self._folder = tempfile.TemporaryDirectory(prefix="bench-")
        self._disk = RealDisk(self._folder.name)
        self._references: list[CheckpointReference] = []
        for slot in SLOTS:
            guarded.step()
            step = guarded.job.steps_done
            written = save_checkpoint(self._disk, slot, self._identity, step, guarded.job.state())
            self._references.append(CheckpointReference(slot=slot, step=step, sha256=written.sha256))

    def strike(self, seed: int) -> Trial:
        """Strike it once."""
        before, counting = self._references
        return strike_checkpoint(self._disk, self._identity, counting, before, Streams(seed).scoped("checkpoint"))


def _evaluation_batches(job: TrainJob) -> list[Batch]:
    tokens, T, B = job.validation_tokens.long(), job.recipe.model.context, job.recipe.training.batch
    generator = torch.Generator().manual_seed(SEED)
    batches: list[Batch] = []
    for _ in range(_EVALUATION_BATCHES):
        starts_B = torch.randint(len(tokens) - T, (B,), generator=generator)
        windows_BT1 = tokens[starts_B.unsqueeze(1) + torch.arange(T + 1)]
        batches.append(Batch(tokens_BT=windows_BT1[:, :-1], targets_BT=windows_BT1[:, 1:]))
    return batches


if __name__ == "__main__":
    asked, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    done: list[Trial] = []
    for trial in trials_of(asked, first, count):
        done.append(trial)
        if trial.verdict in (Verdict.MISSED, Verdict.BROKEN):
            print(trial, flush=True)
    print(_row(asked, done).name)
