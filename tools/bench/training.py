"""Training speed: the job's own loop beside the plainest loop of the same model, and the cost of what goes with it.

The two loops take turns, a few steps each, so that whatever else the computer does falls on both alike.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn.utils import clip_grad_norm_

from flight.disk import RealDisk
from flight.jobs.checkpoint import load_checkpoint, save_checkpoint
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.model import GPT
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from tools.bench.row import Row

GROUP = "first_light"
ROUNDS = 10
STEPS_A_ROUND = 10
SAVES = 7

# What a job object may cost over the plainest loop: its checks, its generators, its reports.
RATIO_MIN = 0.95


def run() -> list[Row]:
    """Measure, in about half a minute."""
    recipe = load_recipe("nanogpt")
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    job = TrainJob(recipe, corpus.read_text(), 1337)
    rows = [_loop_row(GROUP, 1, job)]
    started_s = time.perf_counter()
    job.evaluate()
    elapsed_s = time.perf_counter() - started_s
    name = f"whole-split evaluation, {corpus.origin.value} text"
    rows.append(Row(group=GROUP, name=name, value=elapsed_s, unit="s"))
    return rows + _checkpoint_rows(job, corpus.sha256)


def bare_loop_row(group: str, threads: int) -> Row:
    """Measure the loop of ``nanogpt`` beside the plainest loop of the same model."""
    recipe = load_recipe("nanogpt").override(f"execution.threads = {threads}")
    text = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ)).read_text()
    return _loop_row(group, threads, TrainJob(recipe, text, 1337))


def _loop_row(group: str, threads: int, job: TrainJob) -> Row:
    plain = _PlainLoop(job)
    ours_tps: list[float] = []
    plain_tps: list[float] = []
    for number in range(ROUNDS + 1):
        ours, theirs = _rate(job.step, job.tokens_per_step), _rate(plain.step, job.tokens_per_step)
        if number:  # The first round warms up.
            ours_tps.append(ours)
            plain_tps.append(theirs)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(ours_tps, plain_tps, strict=True))
    return Row(
        group=group,
        name=f"training, bare loop, {threads} thread{'s' if threads > 1 else ''}",
        value=statistics.median(ours_tps),
        unit="tokens/s",
        peer="plainest loop of the same model",
        peer_value=statistics.median(plain_tps),
        ratio=ratio,
        target=f"ratio at least {RATIO_MIN}",
        ok=ratio >= RATIO_MIN,
    )


class _PlainLoop:
    """Forward, backward, clip, AdamW on the same kind of batches, and nothing else."""

    def __init__(self, job: TrainJob) -> None:
        training = job.recipe.training
        self._model = GPT(job.model.shape, torch.Generator().manual_seed(1))
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=training.learning_rate, betas=(training.beta1, training.beta2), fused=True
        )
        self._tokens = job.train_tokens.long()
        self._context, self._batch = job.recipe.model.context, training.batch
        self._norm_max = training.gradient_norm_max

    def step(self) -> None:
        T = self._context
        starts = torch.randint(len(self._tokens) - T, (self._batch,)).tolist()
        tokens_BT = torch.stack([self._tokens[start : start + T] for start in starts])
        targets_BT = torch.stack([self._tokens[start + 1 : start + T + 1] for start in starts])
        self._model.loss(tokens_BT, targets_BT).backward()
        clip_grad_norm_(self._model.parameters(), self._norm_max)
        self._optimizer.step()
        self._optimizer.zero_grad()


def _rate(step: Any, tokens_per_step: int) -> float:
    started_s = time.perf_counter()
    for _ in range(STEPS_A_ROUND):
        step()
    return STEPS_A_ROUND * tokens_per_step / (time.perf_counter() - started_s)


def _checkpoint_rows(job: TrainJob, corpus_sha256: str) -> list[Row]:
    identity = Identity(job_id=1, recipe_digest=job.recipe.digest, corpus_sha256=corpus_sha256, seed=1337)
    save_ms: list[float] = []
    load_ms: list[float] = []
    length_octets = 0
    with tempfile.TemporaryDirectory() as directory:
        disk = RealDisk(Path(directory))
        for number in range(SAVES):
            slot = "ab"[number % 2]
            started_s = time.perf_counter()
            written = save_checkpoint(disk, slot, identity, job.steps_done, job.state())
            length_octets = written.length_octets
            saved_s = time.perf_counter()
            reference = CheckpointReference(slot=slot, step=job.steps_done, sha256=written.sha256)
            job.load(load_checkpoint(disk, reference, identity).state)
            save_ms.append((saved_s - started_s) * 1e3)
            load_ms.append((time.perf_counter() - saved_s) * 1e3)
    size = f"{length_octets / 1e6:.1f} MB"
    return [
        Row(
            group=GROUP, name=f"checkpoint of {size}, digested and synced", value=statistics.median(save_ms), unit="ms"
        ),
        Row(
            group=GROUP, name=f"checkpoint of {size}, verified and loaded", value=statistics.median(load_ms), unit="ms"
        ),
    ]
