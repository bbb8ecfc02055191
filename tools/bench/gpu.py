"""What a job costs and promises on a GPU: guard, checkpoints, exactness, and the recipes to nanoGPT's published loss.

Refused in one line where torch finds no GPU. On one it takes a few minutes; the campaign trains nanoGPT's whole recipe,
too. Everything is measured by the means of the benches for a processor, with one setting changed.
"""

import os
import random
import tempfile
from pathlib import Path

import torch

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.jobs.checkpoint import load_checkpoint, save_checkpoint
from flight.jobs.compute_device import describe_device, find_device
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.guard.guarded_job import MEMORY_WINDOW_NS, GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import Device, Recipe, load_recipe
from flight.jobs.train import TrainJob
from tools.bench import checkpoint
from tools.bench.guard import Size, cost_rows
from tools.bench.recipes import NGRAM_AIM, train
from tools.bench.row import NotHereError, Row

GROUP = "gpu"
SEED = 1337
ON_GPU = 'execution.device = "cuda"'
STEPS = 160
# As far apart, in steps and in time, as it takes for the guard to call each of them chance: a cell that shows again and
# again would end the trust in the device.
FLIPS = 8
STEPS_BETWEEN = STEPS // FLIPS
COST_ROUNDS = 96


def run() -> list[Row]:
    """Measure.

    Raises:
        NotHereError: There is no GPU.
    """
    device = _find_gpu()
    size = Size(
        name=f"nanogpt-gpu, {describe_device(device)}",
        recipe="nanogpt-gpu",
        overrides="",
        rounds=COST_ROUNDS,
        pairs=1,
        is_judged=True,
    )
    return [
        *exact_rows("nanogpt-gpu", f"training.steps = {STEPS}"),
        *exact_rows("swift-ngram", f"{ON_GPU}\ntraining.steps = {STEPS}"),
        *cost_rows(size, GROUP),
        *checkpoint.measure(GROUP, ON_GPU),
        _loss_row("swift-ngram", "--override", ON_GPU),
    ]


def campaign() -> list[Row]:
    """Train nanoGPT's recipe for a GPU to its end.

    Raises:
        NotHereError: There is no GPU.
    """
    _find_gpu()
    return [_loss_row("nanogpt-gpu")]


def _find_gpu() -> torch.device:
    try:
        return find_device(Device.CUDA)
    except MisuseError as error:
        raise NotHereError(str(error)) from error


def exact_rows(name: str, overrides: str) -> list[Row]:
    """Compare an undisturbed run in a process of its own with one that is struck, and with one that is resumed."""
    recipe = load_recipe(name).override(f"{overrides}\nexecution.threads = 2")
    clean = train(name, "tinyshakespeare", SEED, "--override", overrides)["weights_sha256"]
    text = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ)).read_text()
    found, struck = _struck(recipe, text)
    resumed = _resumed(recipe, text)
    return [
        Row(
            group=GROUP,
            name=f"{name}: weights after {STEPS} steps, before {FLIPS} of which a bit of State is flipped",
            value=found,
            unit="findings",
            target=f"{FLIPS}, and the weights of an undisturbed process",
            ok=found == FLIPS and struck == clean,
        ),
        Row(
            group=GROUP,
            name=f"{name}: weights after {STEPS} steps, of which half go on from a checkpoint",
            value=float(resumed == clean),
            unit="alike",
            target="1: the weights of an undisturbed process",
            ok=resumed == clean,
        ),
    ]


def _struck(recipe: Recipe, text: str) -> tuple[int, str]:
    """Flip a bit of State before some of the steps; give what was found, and the digest of the weights at the end."""
    chance = random.Random(SEED)
    guarded = GuardedJob(TrainJob(recipe, text, SEED))
    tensors = guarded.job.state().tensors
    found = 0
    for number in range(1, FLIPS + 1):
        guarded.tai_ns = number * MEMORY_WINDOW_NS
        words = tensors[chance.choice(list(tensors))].view(torch.int32).view(-1)
        bit = chance.randrange(32)
        words[chance.randrange(len(words))] ^= -(1 << 31) if bit == 31 else 1 << bit
        while guarded.steps_done < number * STEPS_BETWEEN:
            guarded.step()
        guarded.verify()
        found += len(guarded.take_findings())
    return found, guarded.job.weights_sha256()


def _resumed(recipe: Recipe, text: str) -> str:
    identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="00" * 32, seed=SEED)
    first, second = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED + 1)
    with tempfile.TemporaryDirectory() as directory:
        disk = RealDisk(Path(directory))
        for _ in range(STEPS // 2):
            first.step()
        written = save_checkpoint(disk, "a", identity, first.steps_done, first.state(), device=first.device)
        reference = CheckpointReference(slot="a", step=first.steps_done, sha256=written.sha256)
        second.load(load_checkpoint(disk, reference, identity, device=second.device).state)
    while second.steps_done < STEPS:
        second.step()
    return second.weights_sha256()


def _loss_row(name: str, *options: str) -> Row:
    trained = train(name, "tinyshakespeare", SEED, *options)
    return Row(
        group=GROUP,
        name=f"{name}, {trained['steps']} steps: loss {trained['validation_loss']:.4f}",
        value=trained["training_seconds"],
        unit="s of training",
        target=f"a loss of at most {NGRAM_AIM}",
        ok=trained["validation_loss"] <= NGRAM_AIM,
    )
