"""Power is cut at each disk operation of one checkpoint: the one that counts is there afterwards, to the bit."""

import pytest
import torch

from flight.jobs.checkpoint import STILL_OCTETS_MIN, Origin, load_checkpoint, save_checkpoint
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.state import State, weights_sha256
from hil.disk import PowerCut, SimulatedDisk
from hil.streams import Streams

IDENTITY = Identity(job_id=7, recipe_digest="12" * 32, corpus_sha256="34" * 32, seed=1337)
OPERATIONS_MAX = 100


def state_at(step):
    """Give a State of which a part changes with the step, and a part that has a file of its own does not."""
    return State(
        tensors={"model/a": torch.full((3_000,), float(step)), "model/still": torch.ones(STILL_OCTETS_MIN // 4)},
        octets={"step": step.to_bytes(8, "little")},
    )


def save(disk, slot, step, parent=None):
    origin = Origin(parent=parent.sha256, entries=parent.manifest.entries) if parent else Origin()
    return save_checkpoint(disk, slot, IDENTITY, step, state_at(step), origin)


def is_there(disk, written, slot):
    step = written.manifest.step
    reference = CheckpointReference(slot=slot, step=step, sha256=written.sha256)
    state, expected = load_checkpoint(disk, reference, IDENTITY).state, state_at(step)
    return weights_sha256(state.tensors) == weights_sha256(expected.tensors) and state.octets == expected.octets


def lay(folder, seed):
    """Give a disk with checkpoints of steps 1 to 4, the one of step 4 in slot b counting."""
    disk = SimulatedDisk(folder, Streams(seed))
    written = None
    for step in range(1, 5):
        written = save(disk, "ab"[(step - 1) % 2], step, written)
    return disk, written


@pytest.mark.parametrize("seed", range(4))
def test_a_cut_at_each_operation_leaves_the_checkpoint_that_counts(tmp_path, seed):
    for operation in range(1, OPERATIONS_MAX):
        disk, counting = lay(tmp_path / f"{operation}", seed)
        disk.cut_at(disk.operations + operation)
        try:
            written = save(disk, "a", 5, counting)
        except PowerCut:
            disk.power_on()
            assert is_there(disk, counting, "b"), f"cut at operation {operation}"
            # And whatever was left lying does not get into the next one.
            assert is_there(disk, save(disk, "a", 5, counting), "a")
        else:
            assert operation > 8
            assert is_there(disk, written, "a")
            return
    pytest.fail(f"a checkpoint takes more than {OPERATIONS_MAX} operations")


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_after_a_checkpoint_was_given_leaves_it_whole(tmp_path, seed):
    """It counts from the moment on that it was given: nothing of it may still be unsynced then."""
    disk, counting = lay(tmp_path / "disk", seed)
    written = save(disk, "a", 5, counting)
    disk.power_cut()
    disk.power_on()
    assert is_there(disk, written, "a")
    assert is_there(disk, counting, "b")


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_after_the_first_file_of_a_tensor_that_stands_still_leaves_it_whole(tmp_path, seed):
    disk = SimulatedDisk(tmp_path / "disk", Streams(seed))
    first = save(disk, "a", 1)
    second = save(disk, "b", 2, first)
    disk.power_cut()
    disk.power_on()
    assert is_there(disk, second, "b")
