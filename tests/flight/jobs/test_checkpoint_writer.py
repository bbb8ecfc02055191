"""Checkpoints are written while the job goes on: from a copy that the guard vouches for, and never half."""

import threading

import pytest
import safetensors.torch
import torch

from flight.jobs.checkpoint import Origin, load_checkpoint
from flight.jobs.checkpoint_writer import CheckpointWriter
from flight.jobs.guard.finding import StruckError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.state import State
from flight.jobs.state_copy import StateCopy
from flight.jobs.tensor_file import _DTYPES, write_tensors
from flight.jobs.train import TrainJob

pytestmark = pytest.mark.usefixtures("memory")

SEED = 1337


class SlowDisk:
    """A disk that writes nothing before it is told to."""

    def __init__(self, disk):
        self._disk = disk
        self.may_write = threading.Event()

    def append(self, path, data):
        assert self.may_write.wait(60)
        self._disk.append(path, data)

    def __getattr__(self, name):
        return getattr(self._disk, name)


@pytest.fixture
def guarded(recipe, text):
    return GuardedJob(TrainJob(recipe, text, SEED))


@pytest.fixture
def identity(recipe):
    return Identity(job_id=7, recipe_digest=recipe.digest, corpus_sha256="34" * 32, seed=SEED)


def load(disk, written, identity, slot="a"):
    reference = CheckpointReference(slot=slot, step=written.manifest.step, sha256=written.sha256)
    return load_checkpoint(disk, reference, identity).state


def test_steps_go_on_while_a_checkpoint_is_written_and_it_is_of_the_step_that_began_it(
    disk, guarded, identity, recipe, text
):
    slow = SlowDisk(disk)
    writer = CheckpointWriter(slow, identity, guarded)
    guarded.step()
    writer.begin("a", Origin())
    for _ in range(3):
        guarded.step()
        assert writer.collect() is None
    slow.may_write.set()
    written = writer.join()
    assert written.manifest.step == 1

    successor = TrainJob(recipe, text, seed=5)
    successor.load(load(disk, written, identity))
    for _ in range(3):
        successor.step()
    assert successor.weights_sha256() == guarded.job.weights_sha256()


def test_what_was_begun_is_given_once(disk, guarded, identity):
    writer = CheckpointWriter(disk, identity, guarded)
    assert not writer.is_at_work
    writer.begin("a", Origin())
    assert writer.is_at_work
    assert writer.join() is not None
    assert not writer.is_at_work
    assert writer.join() is None


@pytest.mark.parametrize("name", ["model/embed_tokens.weight", "optimizer/norm.weight/exp_avg_sq"])
def test_a_bit_that_flips_in_the_copy_is_found_before_anything_counts(disk, guarded, identity, name):
    names = guarded.job.state().tensors
    name = name if name in names else next(each for each in names if each.startswith(name.split("/")[0]))
    slow = SlowDisk(disk)
    writer = CheckpointWriter(slow, identity, guarded)
    take = writer._copy.take

    def take_and_strike():
        take()
        writer._copy.state({}).tensors[name].view(-1)[:1].view(torch.uint8)[2] ^= 1

    writer._copy.take = take_and_strike
    slow.may_write.set()
    writer.begin("a", Origin())
    with pytest.raises(StruckError, match=name.split("/")[1]):
        writer.join()
    assert disk.files == {}  # Not even written.


def test_state_that_was_struck_before_the_copy_gets_into_no_checkpoint(disk, guarded, identity):
    writer = CheckpointWriter(disk, identity, guarded)
    guarded.step()
    guarded.job.optimizer.blocks[0].rows_RN[0, 5] += 1
    writer.begin("a", Origin())
    with pytest.raises(StruckError):
        writer.join()
    assert disk.files == {}


def test_a_disk_that_fails_is_told_to_whoever_collects(make_disk, guarded, identity):
    writer = CheckpointWriter(make_disk(changes_left=1), identity, guarded)
    writer.begin("a", Origin())
    with pytest.raises(OSError, match="No space left"):
        writer.join()
    assert not writer.is_at_work


def test_a_copy_of_state_shares_no_memory_with_it_and_is_made_once():
    block = torch.arange(12.0).reshape(3, 4)
    state = State(tensors={"a": block[0, :2], "b": block[1:], "c": torch.tensor(5)}, octets={"d": b"x"})
    copy = StateCopy(state)
    block += 1
    copy.take()
    taken = copy.state({"d": b"y"})
    assert taken.tensors["a"].tolist() == [1.0, 2.0]
    assert torch.equal(taken.tensors["b"], block[1:])
    assert taken.octets == {"d": b"y"}
    block += 1
    assert taken.tensors["a"].tolist() == [1.0, 2.0]
    assert torch.equal(copy.place_of(block), block - 1)
    addresses = [tensor.data_ptr() for tensor in taken.tensors.values()]
    copy.take()
    assert [tensor.data_ptr() for tensor in copy.state({}).tensors.values()] == addresses


class SlowCopy:
    """Stands in for the copy of a writer, and copies when it may."""

    def __init__(self, copy):
        self._copy = copy
        self.may_take = threading.Event()
        self.state = copy.state

    def take(self):
        assert self.may_take.wait(60)
        self._copy.take()


@pytest.fixture
def copying(disk, guarded, identity):
    """Give a writer that has begun a checkpoint of step 1, and copies State when it may."""
    guarded.step()
    writer = CheckpointWriter(disk, identity, guarded)
    writer._copy = SlowCopy(writer._copy)
    writer.begin("a", Origin())
    return writer


def test_a_pass_goes_on_while_state_is_copied_and_the_update_waits(copying, disk, guarded, identity, recipe, text):
    seen = []
    take_back, run_pass = guarded.job.take_back, guarded.job.run_pass
    guarded.job.run_pass = lambda *asked: seen.append("pass") or run_pass(*asked)
    guarded.job.take_back = lambda: seen.append("update") or copying._copy.may_take.set() or take_back()
    guarded.step()
    assert seen == ["pass", "update"]
    successor = TrainJob(recipe, text, seed=5)
    successor.load(load(disk, copying.join(), identity))
    assert successor.steps_done == 1
    successor.step()
    assert successor.weights_sha256() == guarded.job.weights_sha256()


def test_an_update_that_does_not_wait_for_the_copy_is_seen(copying, disk, guarded):
    guarded.job.take_back = lambda: None
    guarded.step()
    copying._copy.may_take.set()
    with pytest.raises(StruckError):
        copying.join()
    assert disk.files == {}


def test_state_that_is_struck_while_it_is_copied_gets_into_no_checkpoint_and_is_mended(copying, disk, guarded):
    guarded.job.optimizer.blocks[0].rows_RN[1, 7] += 1
    copying._copy.may_take.set()
    with pytest.raises(StruckError) as struck:
        copying.join()
    assert disk.files == {}
    guarded.note_struck_copy(struck.value)
    copying.begin("a", Origin())
    assert copying.join().manifest.step == 1


def test_the_files_are_those_of_the_library_to_the_octet(disk):
    tensors = {
        **{str(dtype): torch.arange(7).to(dtype) for dtype in _DTYPES},
        "empty": torch.zeros(0, 4),
        "c/é": torch.tensor(2.0),
        "octets": torch.arange(3_000_000).to(torch.uint8),
    }
    length_octets = write_tensors(disk, "x", tensors)
    assert disk.files["x"] == safetensors.torch.save(tensors)
    assert length_octets == len(disk.files["x"])
