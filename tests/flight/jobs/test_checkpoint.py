"""Checkpoints: every octet is vouched for, and the slot that counts survives whatever happens to the other."""

import msgspec
import pytest
import safetensors
import safetensors.torch
import torch

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.checkpoint import (
    STILL_OCTETS_MIN,
    KeyDiffersError,
    Origin,
    exactness_key,
    load_checkpoint,
    save_checkpoint,
    slot_paths,
)
from flight.jobs.manifest import Identity, Manifest
from flight.jobs.messages import CheckpointReference
from flight.jobs.model_file import save_model
from flight.jobs.recipe import load_recipe
from flight.jobs.state import State, weights_sha256
from flight.jobs.train import TrainJob

IDENTITY = Identity(job_id=7, recipe_digest="12" * 32, corpus_sha256="34" * 32, seed=1337)
STATE = State(
    tensors={
        "model/a": torch.tensor([[1.0, float("nan")], [-0.0, float("inf")]]),
        "optimizer/a/step": torch.tensor(3.0),
    },
    octets={"random/batches": bytes(range(40)), "step": b"\3\0\0\0\0\0\0\0"},
)


def save(disk, slot="a", step=3, state=STATE):
    written = save_checkpoint(disk, slot, IDENTITY, step, state)
    return CheckpointReference(slot=slot, step=step, sha256=written.sha256)


def load(disk, reference, identity=IDENTITY, **options):
    return load_checkpoint(disk, reference, identity, **options).state


def alike(first, second):
    return weights_sha256(first.tensors) == weights_sha256(second.tensors) and first.octets == second.octets


def test_a_checkpoint_comes_back_to_the_bit(disk):
    assert alike(load(disk, save(disk)), STATE)


def test_a_slot_is_two_files_of_which_the_lengths_are_told(disk):
    written = save_checkpoint(disk, "b", IDENTITY, 3, STATE)
    assert sorted(disk.files) == ["jobs/7/slot-b.json", "jobs/7/slot-b.safetensors"]
    assert written.length_octets == written.written_octets == sum(map(len, disk.files.values()))


def test_the_manifest_tells_what_is_in_the_slot(disk):
    save(disk)
    manifest = Manifest.decode(disk.files["jobs/7/slot-a.json"])
    assert (manifest.job_id, manifest.step, manifest.seed) == (7, 3, 1337)
    assert (manifest.recipe_digest, manifest.corpus_sha256) == ("12" * 32, "34" * 32)
    assert manifest.key == exactness_key()
    assert manifest.versions["torch"] == torch.__version__
    assert {name: (entry.dtype, entry.shape) for name, entry in manifest.entries.items()} == {
        "model/a": ("float32", (2, 2)),
        "optimizer/a/step": ("float32", ()),
        "random/batches": ("octets", (40,)),
        "step": ("octets", (8,)),
    }


def test_the_tensors_can_be_read_by_anyone_who_reads_safetensors(disk):
    save(disk)
    tensors = safetensors.torch.load(disk.files["jobs/7/slot-a.safetensors"])
    assert tensors["optimizer/a/step"].item() == 3.0


def test_equal_states_give_equal_octets(disk, make_disk):
    other = make_disk()
    assert save(disk) == save(other)
    assert disk.files == other.files


@pytest.mark.parametrize("file", ["jobs/7/slot-a.json", "jobs/7/slot-a.safetensors"])
def test_every_truncation_is_refused(disk, file):
    reference = save(disk)
    whole = disk.files[file]
    for length in range(len(whole)):
        disk.files[file] = whole[:length]
        with pytest.raises(MalformedError, match=file):
            load(disk, reference)


@pytest.mark.parametrize("file", ["jobs/7/slot-a.json", "jobs/7/slot-a.safetensors"])
def test_every_single_bit_flip_is_refused(disk, file):
    reference = save(disk)
    whole = disk.files[file]
    for bit in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        disk.files[file] = bytes(damaged)
        with pytest.raises(MalformedError, match=file):
            load(disk, reference)


def test_damage_is_told_by_the_name_of_the_tensor(disk):
    reference = save(disk)
    path = "jobs/7/slot-a.safetensors"
    disk.files[path] = disk.files[path].replace(bytes(range(40)), bytes(range(39)) + b"\0")
    with pytest.raises(MalformedError, match="'random/batches' is damaged: expected SHA-256"):
        load(disk, reference)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_several_that_are_damaged_the_first_by_name_is_told_in_whichever_order_they_are_read(
    disk, monkeypatch, is_reversed
):
    reference = save(disk)
    path = "jobs/7/slot-a.safetensors"
    for content in (bytes(range(40)), STATE.octets["step"]):
        disk.files[path] = disk.files[path].replace(content, content[:-1] + b"?")
    read = safetensors.torch.load
    monkeypatch.setattr(safetensors.torch, "load", lambda data: dict(sorted(read(data).items(), reverse=is_reversed)))
    with pytest.raises(MalformedError, match="'random/batches' is damaged"):
        load(disk, reference)
    loaded = load(disk, save(disk))
    assert list(loaded.tensors) == sorted(loaded.tensors)


def test_longer_files_are_refused_before_they_are_read(disk):
    reference = save(disk)
    disk.files["jobs/7/slot-a.safetensors"] += b"\0"
    with pytest.raises(MalformedError, match=r"expected at most [0-9]+ octets, found [0-9]+"):
        load(disk, reference)


def test_a_slot_that_was_never_written_is_refused(disk):
    with pytest.raises(MalformedError, match=r"jobs/7/slot-b\.json: expected a checkpoint, found no file"):
        load_checkpoint(disk, CheckpointReference(slot="b", step=3, sha256="00" * 32), IDENTITY)


def test_the_other_slots_checkpoint_is_refused(disk):
    reference = save(disk, "a", 3)
    save(disk, "b", 4)
    with pytest.raises(MalformedError, match="expected SHA-256"):
        load_checkpoint(disk, msgspec.structs.replace(reference, slot="b"), IDENTITY)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"recipe_digest": "ab" * 32}, f"of another job: expected recipe_digest {'ab' * 32}, found {'12' * 32}"),
        ({"corpus_sha256": "ab" * 32}, "of another job: expected corpus_sha256"),
        ({"seed": 1}, "of another job: expected seed 1, found 1337"),
    ],
)
def test_a_checkpoint_of_another_job_is_refused(disk, change, complaint):
    reference = save(disk)
    with pytest.raises(MalformedError, match=complaint):
        load_checkpoint(disk, reference, msgspec.structs.replace(IDENTITY, **change))


def test_a_checkpoint_put_into_another_jobs_place_is_refused(disk):
    reference = save(disk)
    disk.files = {path.replace("jobs/7", "jobs/8"): data for path, data in disk.files.items()}
    with pytest.raises(MalformedError, match="of another job: expected job_id 8, found 7"):
        load_checkpoint(disk, reference, msgspec.structs.replace(IDENTITY, job_id=8))


def test_a_checkpoint_of_another_step_is_refused(disk):
    reference = save(disk)
    with pytest.raises(MalformedError, match="expected step 4, found 3"):
        load_checkpoint(disk, msgspec.structs.replace(reference, step=4), IDENTITY)


def test_a_checkpoint_of_another_exactness_key_is_refused_with_what_differs(disk):
    torch.set_num_threads(1)
    reference = save(disk)
    try:
        torch.set_num_threads(2)
        with pytest.raises(MalformedError, match=r"of another exactness key, .*: expected threads 2, found 1"):
            load(disk, reference)
    finally:
        torch.set_num_threads(1)
    assert alike(load(disk, reference), STATE)


def test_the_exactness_key_says_what_the_arithmetic_depends_on():
    key = exactness_key()
    assert key.device.startswith("cpu: ")
    assert key.instruction_set == torch.backends.cpu.get_cpu_capability()
    assert key.torch_build.startswith(torch.__version__)
    assert (key.dtype, key.world_size) == ("float32", 1)


def test_a_manifest_of_a_later_version_is_refused():
    with pytest.raises(MalformedError, match="checkpoint manifest: "):
        Manifest.decode(b'{"format": 2, "everything": "else"}')


def test_there_are_two_slots():
    assert slot_paths(7, "a") == ("jobs/7/slot-a.safetensors", "jobs/7/slot-a.json")
    with pytest.raises(MisuseError, match=r"expected one of a, b, found '\.\./a'"):
        slot_paths(7, "../a")


def test_a_store_that_fails_at_any_point_leaves_the_slot_that_counts(make_disk):
    """A power cut, or a full disk, at each operation of writing the other slot over an older checkpoint."""
    for changes_left in range(100):
        disk = make_disk()
        reference = save(disk, "a", 3)
        save(disk, "b", 2)
        disk.changes_left = changes_left
        try:
            save(disk, "b", 4)
        except OSError:
            disk.changes_left = None
            assert alike(load(disk, reference), STATE)
            written = save(disk, "b", 4)  # And what was left lying does not get into the next one.
            assert alike(load(disk, written), STATE)
        else:
            assert changes_left >= 7
            return
    pytest.fail("a checkpoint takes more than 100 operations")


def test_a_finished_model_carries_all_that_is_needed_to_use_it(disk, recipe, text):
    job = TrainJob(recipe, text, 1337)
    job.step()
    path, length_octets = save_model(disk, IDENTITY, job)
    assert list(disk.files) == [path] == ["jobs/7/model.safetensors"]
    data = disk.files[path]
    assert len(data) == length_octets
    assert weights_sha256(safetensors.torch.load(data)) == job.weights_sha256()
    header = msgspec.json.decode(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = msgspec.json.decode(header["__metadata__"]["starloop"])
    assert "".join(about["vocabulary"]) == "".join(sorted(set(text)))
    assert load_recipe(about["recipe"]) == recipe
    assert (about["step"], about["seed"], about["weights_sha256"]) == (1, 1337, job.weights_sha256())


def test_a_model_written_twice_is_the_same_file(disk, make_disk, recipe, text):
    job, other = TrainJob(recipe, text, 1337), make_disk()
    save_model(disk, IDENTITY, job)
    save_model(disk, IDENTITY, job)
    save_model(other, IDENTITY, job)
    assert disk.files == other.files


# What follows what.


def test_the_manifest_names_the_one_that_it_follows(disk):
    first = save_checkpoint(disk, "a", IDENTITY, 3, STATE)
    save_checkpoint(disk, "b", IDENTITY, 4, STATE, Origin(parent=first.sha256))
    assert Manifest.decode(disk.files["jobs/7/slot-a.json"]).parent == ""
    assert Manifest.decode(disk.files["jobs/7/slot-b.json"]).parent == first.sha256


def test_what_was_written_is_read_back_before_it_takes_the_place_of_what_was_there(disk):
    counting = save(disk, "a", 3)
    disk.fsync = lambda path: disk.files.update({path: disk.files[path][:-1] + b"?"}) if path in disk.files else None
    for slot in ("a", "b"):
        with pytest.raises(OSError, match=r"safetensors\.new: expected what was written, found something else"):
            save(disk, slot, 4)
    assert alike(load(disk, counting), STATE)
    assert sorted(disk.files) == ["jobs/7/slot-a.json", "jobs/7/slot-a.safetensors"]


def test_a_state_that_nobody_vouches_for_is_not_written(disk):
    def vouch():
        raise ValueError("struck")

    with pytest.raises(ValueError, match="struck"):
        save_checkpoint(disk, "a", IDENTITY, 3, STATE, vouch=vouch)
    assert disk.files == {}


# What has not changed is not written again.


def growing(step):
    still = torch.arange(STILL_OCTETS_MIN // 4, dtype=torch.float32)
    return State(tensors={"moves": torch.full((10,), float(step)), "still": still}, octets={})


def save_in_turn(disk, steps):
    written = []
    for step in steps:
        before = written[-1] if written else None
        origin = Origin(parent=before.sha256, entries=before.manifest.entries) if before else Origin()
        written.append(save_checkpoint(disk, "ab"[step % 2], IDENTITY, step, growing(step), origin))
    return written


def reference_of(written):
    step = written.manifest.step
    return CheckpointReference(slot="ab"[step % 2], step=step, sha256=written.sha256)


def test_a_tensor_that_stands_still_is_written_once_for_each_slot(disk):
    written = save_in_turn(disk, range(6))
    assert [each.written_octets > STILL_OCTETS_MIN for each in written] == [True, True, True, False, False, False]
    assert all(each.length_octets > STILL_OCTETS_MIN for each in written)
    for each in written[-2:]:
        assert alike(load(disk, reference_of(each)), growing(each.manifest.step))


def test_no_slot_needs_a_file_of_the_other(disk):
    last = save_in_turn(disk, range(6))[-1]
    disk.files = {path: data for path, data in disk.files.items() if "slot-b" in path}
    assert alike(load(disk, reference_of(last)), growing(5))


def test_a_still_tensor_that_was_damaged_is_written_anew(disk):
    *_, last = save_in_turn(disk, range(5))
    (path,) = (path for path in disk.files if "slot-b-" in path)
    disk.files[path] = disk.files[path][:-1] + b"?"
    origin = Origin(parent=last.sha256, entries=last.manifest.entries)
    written = save_checkpoint(disk, "b", IDENTITY, 5, growing(5), origin)
    assert written.written_octets > STILL_OCTETS_MIN
    assert alike(load(disk, reference_of(written)), growing(5))


def test_a_still_tensor_that_is_damaged_or_gone_is_refused_by_name(disk):
    last = save_in_turn(disk, range(6))[-1]
    (path,) = (path for path in disk.files if "slot-b-" in path)
    disk.files[path] = disk.files[path][:-1] + b"?"
    with pytest.raises(MalformedError, match="'still' is damaged"):
        load(disk, reference_of(last))
    del disk.files[path]
    with pytest.raises(MalformedError, match=f"{path}: expected a checkpoint, found no file"):
        load(disk, reference_of(last))


def test_files_of_tensors_that_move_again_are_removed(disk):
    *_, last = save_in_turn(disk, range(4))
    assert any("slot-a-" in path for path in disk.files)
    moved = State(tensors={**growing(4).tensors, "still": torch.zeros(STILL_OCTETS_MIN)}, octets={})
    save_checkpoint(disk, "a", IDENTITY, 4, moved, Origin(parent=last.sha256, entries=last.manifest.entries))
    assert not any("slot-a-" in path for path in disk.files)


# Another exactness key.


def test_a_job_that_may_be_inexact_goes_on_under_another_key_and_says_so_from_then_on(disk):
    torch.set_num_threads(1)
    reference = save(disk)
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyDiffersError):
            load_checkpoint(disk, reference, IDENTITY)
        loaded = load_checkpoint(disk, reference, IDENTITY, allows_inexact=True)
        assert loaded.inexact == ("from step 3 on: expected threads 2, found 1",)
        written = save_checkpoint(disk, "b", IDENTITY, 4, STATE, Origin(inexact=loaded.inexact))
    finally:
        torch.set_num_threads(1)
    later = CheckpointReference(slot="b", step=4, sha256=written.sha256)
    assert load_checkpoint(disk, later, IDENTITY, allows_inexact=True).inexact == (
        "from step 3 on: expected threads 2, found 1",
        "from step 4 on: expected threads 1, found 2",
    )
