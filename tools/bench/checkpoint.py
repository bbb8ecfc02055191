"""Checkpoints of a 10.6 M-parameter model: how long training stands still, how long until one counts, and the load.

Training stands still from the request for a checkpoint to the answer that it began: for the copy in memory and what the
guard looks at before it. The rest is done by a thread while steps go on.
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
    """Measure."""
    chance = random.Random(1)
    text = "".join(chance.choices([chr(33 + number) for number in range(65)], k=100_000))
    recipe = load_recipe("nanogpt").override(_OVERRIDES)
    guarded = GuardedJob(TrainJob(recipe, text, 1))
    identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="00" * 32, seed=1)
    still_ms: list[float] = []
    whole_ms: list[float] = []
    load_ms: list[float] = []
    length_octets = 0
    with tempfile.TemporaryDirectory() as directory:
        disk = RealDisk(Path(directory))
        writer = CheckpointWriter(disk, identity, guarded)
        origin = Origin()
        for number in range(SAVES):
            guarded.step()
            began_s = time.perf_counter()
            writer.begin("ab"[number % 2], origin)
            still_ms.append((time.perf_counter() - began_s) * 1e3)
            while (written := writer.collect()) is None:
                guarded.step()
            whole_ms.append((time.perf_counter() - began_s) * 1e3)
            length_octets = written.length_octets
            origin = Origin(parent=written.sha256, entries=written.manifest.entries)
            reference = CheckpointReference(slot="ab"[number % 2], step=written.manifest.step, sha256=written.sha256)
            began_s = time.perf_counter()
            load_checkpoint(disk, reference, identity)
            load_ms.append((time.perf_counter() - began_s) * 1e3)
    size = f"{length_octets / 1e6:.0f} MB"
    median_ms = statistics.median(still_ms)
    return [
        Row(
            group="exact",
            name=f"training stands still for a checkpoint of {size}, median of {SAVES}",
            value=median_ms,
            unit="ms",
            target=f"< {_TARGET_MS:g} ms",
            ok=median_ms < _TARGET_MS,
        ),
        Row(group="exact", name=f"the same, the longest of {SAVES}", value=max(still_ms), unit="ms"),
        Row(
            group="exact",
            name=f"checkpoint of {size}, until it is synced and read back, steps going on",
            value=statistics.median(whole_ms),
            unit="ms",
        ),
        Row(
            group="exact",
            name=f"checkpoint of {size}, verified and read, page cache warm",
            value=statistics.median(load_ms),
            unit="ms",
        ),
    ]
