"""Power goes at each disk operation of a checkpoint: what counts is gone on from, to equal weights."""

import random

import pytest

from ccsds.errors import MalformedError
from flight.jobs.checkpoint import load_checkpoint, save_checkpoint
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams

FIRST, SECOND, LAST = 2, 4, 6
IDENTITY = Identity(job_id=7, recipe_digest="12" * 32, corpus_sha256="34" * 32, seed=5)
OPERATIONS_MAX = 100


@pytest.fixture(scope="module")
def job():
    chance = random.Random(5)
    text = " ".join(chance.choices(["sun", "moon", "orbit", "bit", "flip", "star"], k=2000))
    return TrainJob(load_recipe("tiny"), text, 1337)


@pytest.fixture(scope="module")
def states(job):
    """Give State after the steps at which there are checkpoints."""
    states = {}
    for step in range(1, SECOND + 1):
        job.step()
        states[step] = job.state().clone()
    return {step: states[step] for step in (FIRST, SECOND)}


@pytest.fixture(scope="module")
def clean(job, states):
    return end(job, states[FIRST])


def end(job, state):
    """Give the digest of the weights that a job comes to from a state."""
    job.load(state)
    while job.steps_done < LAST:
        job.step()
    return job.weights_sha256()


def reference(written, slot):
    return CheckpointReference(slot=slot, step=written.manifest.step, sha256=written.sha256)


def cut(disk, states, operation):
    """Cut power at an operation of the second checkpoint, or just after it; give the checkpoint that counts then.

    Returns:
        The reference, and whether the second was whole when power went.
    """
    counting = reference(save_checkpoint(disk, "a", IDENTITY, FIRST, states[FIRST]), "a")
    disk.cut_at(disk.operations + operation)
    try:
        written = save_checkpoint(disk, "b", IDENTITY, SECOND, states[SECOND])
    except PowerCut:
        disk.power_on()
        return counting, False
    disk.power_cut()
    disk.power_on()
    return reference(written, "b"), True


def test_power_that_goes_at_any_operation_of_a_checkpoint_costs_no_job_its_weights(tmp_path, job, states, clean):
    for operation in range(1, OPERATIONS_MAX):
        disk = SimulatedDisk(tmp_path / f"{operation}", Streams(operation))
        counting, is_whole = cut(disk, states, operation)
        assert end(job, load_checkpoint(disk, counting, IDENTITY).state) == clean, operation
        if is_whole:
            break
        # And what was left lying does not get into the next one.
        written = save_checkpoint(disk, "b", IDENTITY, SECOND, states[SECOND])
        assert end(job, load_checkpoint(disk, reference(written, "b"), IDENTITY).state) == clean, operation
    else:
        pytest.fail(f"a checkpoint takes more than {OPERATIONS_MAX} operations")
    assert operation > 7


def survives(folder, states, seed):
    """Tell whether a checkpoint that was whole when power went can be read after it."""
    disk = SimulatedDisk(folder / f"{seed}", Streams(seed))
    counting, is_whole = cut(disk, states, OPERATIONS_MAX)
    assert is_whole
    try:
        load_checkpoint(disk, counting, IDENTITY)
    except MalformedError:
        return False
    return True


def test_a_checkpoint_that_is_whole_survives(tmp_path, states):
    assert all(survives(tmp_path, states, seed) for seed in range(12))


@pytest.mark.parametrize("skipped", ["slot-b.safetensors.new", "slot-b.json.new", "jobs/7"])
def test_an_fsync_that_is_skipped_is_seen(tmp_path, states, monkeypatch, skipped):
    fsync = SimulatedDisk.fsync
    monkeypatch.setattr(
        SimulatedDisk, "fsync", lambda disk, path: None if path.endswith(skipped) else fsync(disk, path)
    )
    assert not all(survives(tmp_path, states, seed) for seed in range(12))
