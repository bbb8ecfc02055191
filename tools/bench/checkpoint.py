"""Checkpoints of a 10.6 M-parameter model: how long training stands still, how long until one counts, and the load.

Training stands still from the request for a checkpoint to the answer that it began, for what the guard looks at; and
once more before the next update, if the copy in memory that a thread takes meanwhile is not done by then. Both are
counted. The rest is done by the thread while steps go on.
"""

import random
import statistics
import tempfile
import time
from pathlib import Path

from flight.disk import RealDisk
from flight.jobs.checkpoint import Origin, load_checkpoint
from flight.jobs.checkpoint_writer import CheckpointWriter
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from tools.bench.row import Row

SAVES = 20
_TARGET_MS = 20.0

# nanoGPT's recipe for a GPU, with steps that are short enough to take many checkpoints of.
_OVERRIDES = """
model.layers = 6
model.heads = 6
model.width = 384
model.context = 64
training.batch = 1
"""


def run() -> list[Row]:
    """Measure on the processor."""
    return measure()


def measure(group: str = "exact", overrides: str = "") -> list[Row]:
    """Measure with more settings of the recipe changed."""
    chance = random.Random(1)
    text = "".join(chance.choices([chr(33 + number) for number in range(65)], k=100_000))
    recipe = load_recipe("nanogpt").override(f"{_OVERRIDES}{overrides}")
    guarded = GuardedJob(TrainJob(recipe, text, 1))
    identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="00" * 32, seed=1)
    still_ms: list[float] = []
    whole_ms: list[float] = []
    load_ms: list[float] = []
    length_octets = 0
    with tempfile.TemporaryDirectory() as directory:
        disk = RealDisk(Path(directory))
        writer = CheckpointWriter(disk, identity, guarded)
        waited_ms = _time_waits(guarded.job)
        origin = Origin()
        for number in range(SAVES):
            guarded.step()
            began_s = time.perf_counter()
            writer.begin("ab"[number % 2], origin)
            begun_ms = (time.perf_counter() - began_s) * 1e3
            waited_ms.clear()
            guarded.step()
            still_ms.append(begun_ms + sum(waited_ms))
            while (written := writer.collect()) is None:
                guarded.step()
            whole_ms.append((time.perf_counter() - began_s) * 1e3)
            length_octets = written.length_octets
            origin = Origin(parent=written.sha256, entries=written.manifest.entries)
            reference = CheckpointReference(slot="ab"[number % 2], step=written.manifest.step, sha256=written.sha256)
            began_s = time.perf_counter()
            load_checkpoint(disk, reference, identity, device=guarded.job.device)
            load_ms.append((time.perf_counter() - began_s) * 1e3)
    size = f"{length_octets / 1e6:.0f} MB"
    median_ms = statistics.median(still_ms)
    return [
        Row(
            group=group,
            name=f"training stands still for a checkpoint of {size}, median of {SAVES}",
            value=median_ms,
            unit="ms",
            target=f"< {_TARGET_MS:g} ms",
            ok=median_ms < _TARGET_MS,
        ),
        Row(group=group, name=f"the same, the longest of {SAVES}", value=max(still_ms), unit="ms"),
        Row(
            group=group,
            name=f"checkpoint of {size}, until it is synced and read back, steps going on",
            value=statistics.median(whole_ms),
            unit="ms",
        ),
        Row(
            group=group,
            name=f"checkpoint of {size}, verified and read, page cache warm",
            value=statistics.median(load_ms),
            unit="ms",
        ),
    ]


def _time_waits(job: TrainJob) -> list[float]:
    """Have a job write down how long it waits for a copy before its updates; give where."""
    waited_ms: list[float] = []
    take_back = job.take_back

    def timed() -> None:
        began_s = time.perf_counter()
        take_back()
        waited_ms.append((time.perf_counter() - began_s) * 1e3)

    job.take_back = timed
    return waited_ms


if __name__ == "__main__":
    for row in run():
        print(f"{row.name}: {row.value:.2f} {row.unit}")
