"""Bits that flip at random instants of a step, in State and in matrix products, and what the guard makes of each.

State is struck at level ``state``: the weights at the end must be those of a run that nobody disturbed, also where the
guard gives the memory up and a new worker goes on from the last checkpoint. Gradients, the place that the optimiser
works in and whatever operators come to are struck at ``double`` (kind ``working``), with the same promise. Products of
the 0.8 M model are struck at ``double``, too, and at ``compute``, where a product that nobody found is followed: both
it and its unflipped twin train on, and the loss on a fixed set of batches tells how far it moved. Checkpoints are
struck on the store: each must be refused, and the one before be there.

Every strike is drawn from its seed; a miss is told with the seed, the place and the operator. ``python -m
tools.bench.flips KIND FIRST COUNT`` runs some seeds of one kind, so that a long count can be done in pieces.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

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
from hil.faults.instant import PRODUCTS, Operators
from hil.faults.part import KEPT, Part
from hil.faults.trial import End, Trial, Verdict, strike_checkpoint, strike_part, strike_product
from hil.streams import Streams
from tools.bench.row import Row

SEED = 1337
_SLICE = {"state": 60, "working": 40, "compute": 25, "double": 25, "checkpoint": 60}
_CAMPAIGN = {"state": 1_000, "working": 1_000, "compute": 1_000, "double": 1_000, "checkpoint": 1_000}

# Struck within four steps after the first; a copy in memory is taken at each fourth.
_STATE_STEPS, _STRUCK_STEPS = 8, 4
_TINY = "model.dropout = 0.1\nguard.snapshot_interval = 4"

WORKING = tuple(part for part in Part if part not in KEPT)

# Enough for the bounds on loss and gradient norm to be learned.
_WARM_STEPS = 30
_FURTHER_STEPS = 20
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
        kind: ``state``, ``working``, ``compute``, ``double`` or ``checkpoint``.
        first: The first seed.
        count: How many.

    Raises:
        MisuseError: There is no such kind.
    """
    kinds: dict[str, Callable[[], Callable[[int], Trial]]] = {
        "state": lambda: _MemoryTrials(GuardLevel.STATE, KEPT).strike,
        "working": lambda: _MemoryTrials(GuardLevel.DOUBLE, WORKING).strike,
        "compute": lambda: _ProductTrials("compute").strike,
        "double": lambda: _ProductTrials("double").strike,
        "checkpoint": lambda: _CheckpointTrials().strike,
    }
    if kind not in kinds:
        raise MisuseError(f"flips: expected one of {', '.join(kinds)}, found {kind!r}")
    strike = kinds[kind]()
    for seed in range(first, first + count):
        yield strike(seed)


def _job(recipe: str, overrides: str) -> GuardedJob:
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    return GuardedJob(TrainJob(load_recipe(recipe).override(overrides), corpus.read_text(), SEED))


class _MemoryTrials:
    """The tiny job, from a checkpoint of step 1 on; each trial strikes a part within its next steps."""

    def __init__(self, level: GuardLevel, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._overrides = f'{_TINY}\nguard.level = "{level}"'
        guarded = _job("tiny", self._overrides)
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
        self._corpus = job.train_tokens.clone()

    def strike(self, seed: int) -> Trial:
        """Strike it once."""
        self._job.train_tokens.copy_(self._corpus)
        self._job.load(self._start)
        streams = Streams(seed).scoped("state")
        return strike_part(GuardedJob(self._job), self._parts, self._end, self._profile, streams)

    def _successor(self, findings: tuple[Finding, ...]) -> GuardedJob:
        """Give what a new worker goes on with: a job of its own, from the corpus and the checkpoint."""
        job = _job("tiny", self._overrides).job
        job.load(load_checkpoint(self._disk, self._reference, self._identity).state)
        return GuardedJob(job, findings)


def _train_to(guarded: GuardedJob, step: int) -> None:
    while guarded.job.steps_done < step:
        guarded.step()


class _ProductTrials:
    """The 0.8 M model, warmed up; each trial strikes a product of its next step."""

    def __init__(self, level: str) -> None:
        self._guarded = _job("nanogpt", f'guard.level = "{level}"\nguard.snapshot_interval = 1000')
        _train_to(self._guarded, _WARM_STEPS)
        self._start = self._guarded.job.state().clone()
        self._follows = level == "compute"
        with Operators(only=PRODUCTS) as operators:
            self._guarded.step()
        self._products = len(operators.profile.durations_ns)
        self._clean = self._guarded.job.weights_sha256()
        self._batches = _evaluation_batches(self._guarded.job)
        self._clean_loss: float | None = None

    def strike(self, seed: int) -> Trial:
        """Strike one product, and follow it if nobody found it."""
        guarded = self._guarded
        self._back()
        end = End(steps=_WARM_STEPS + 1, clean_sha256=self._clean)
        trial = strike_product(guarded, end, self._products, Streams(seed).scoped("product"))
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

    def _back(self) -> None:
        """Go back to the start; what the guard has learned of rounding and bounds stays."""
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
