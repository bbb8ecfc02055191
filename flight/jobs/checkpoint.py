"""A job's State on disk: safetensors in one of two slots, and a manifest that vouches for every octet. Never a pickle.

A slot is two files, ``jobs/<job_id>/slot-a.safetensors`` and ``slot-a.json``. A checkpoint counts when the engine has
journalled the SHA-256 of its manifest; the manifest holds the SHA-256 of every tensor, so that a slot which is torn,
overwritten or damaged is found out when it is read. The engine never lets the slot be written that counts, and what
the other one holds stays until its successor is written beside it, synced, read back and found right.

A tensor that has not changed since the checkpoint before lies in a file of its own, ``slot-a-<sha256>.safetensors``,
and is not written again. No slot ever refers to a file of the other: damage to one does not reach both.

Reading back finds what went wrong on the way to the disk; a kernel answers it from its cache, so it says nothing of the
medium. That is found when the checkpoint is loaded, and then there is the one before.
"""

import contextlib
import errno
import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk, directory_of
from flight.jobs.compute_device import HOST, describe_device
from flight.jobs.manifest import FORMAT, OCTETS, Entry, ExactnessKey, Identity, Manifest
from flight.jobs.messages import CheckpointReference
from flight.jobs.state import State, dtype_name, tensor_octets, weights_sha256
from flight.jobs.tensor_file import is_written, write_tensors

SLOTS = ("a", "b")

# A manifest has some 200 octets a tensor; this is room for thousands, and keeps a damaged one from filling the memory.
MANIFEST_OCTETS_MAX = 4 << 20

# A tensor that does not change gets a file of its own from here on; below, the file costs more than the tensor.
STILL_OCTETS_MIN = 64 << 10


class KeyDiffersError(MalformedError):
    """The checkpoint is whole and of this job, but of another exactness key."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a checkpoint follows, and what is to be said of it."""

    parent: str = ""
    """SHA-256 of the manifest before."""
    entries: Mapping[str, Entry] | None = None
    """Of the checkpoint before, if they are known: what is equal there has not changed."""
    inexact: tuple[str, ...] = ()
    """See `flight.jobs.manifest.Manifest.inexact`."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was written."""

    sha256: str
    """Of its manifest."""
    manifest: Manifest
    length_octets: int
    """Of all its files."""
    written_octets: int
    """Of those that had to be written."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A checkpoint that was read."""

    state: State
    manifest: Manifest
    inexact: tuple[str, ...]
    """As in the manifest, and what differs now, if the recipe lets it."""


def exactness_key(device: torch.device = HOST) -> ExactnessKey:
    """Give the key of this process as it is set up now, for what is computed on a device."""
    return ExactnessKey(
        device=describe_device(device),
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        torch_build=f"{torch.__version__} {torch.version.git_version or ''}".strip(),
        dtype=str(torch.get_default_dtype()).removeprefix("torch."),
        world_size=torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1,
    )


def save_checkpoint(
    disk: Disk,
    slot: str,
    identity: Identity,
    step: int,
    state: State,
    origin: Origin | None = None,
    vouch: Callable[[], None] = lambda: None,
    device: torch.device = HOST,
) -> Checkpoint:
    """Write a checkpoint into a slot; it is whole, read back and synced when this returns.

    Args:
        disk: Where to.
        slot: ``a`` or ``b``; never the one that counts.
        identity: Of the job.
        step: Steps done.
        state: What to write; nothing may change it meanwhile.
        origin: What it follows.
        vouch: Called once the state is digested; raises if it is not what it should be, and then nothing is written.
        device: Where it was computed, which is in the exactness key.

    Raises:
        MisuseError: There is no such slot.
        OSError: The disk failed, or did not give back what was written; the slot holds what it held, or nothing that
            can be used.
    """
    origin = origin or Origin()
    tensors_path, manifest_path = slot_paths(identity.job_id, slot)
    tensors = _all_tensors(state)
    before = origin.entries or {}
    entries: dict[str, Entry] = {}
    for name, tensor in tensors.items():
        entry = _entry(name, tensor, name in state.octets)
        old = before.get(name)
        is_still = old is not None and old.sha256 == entry.sha256 and tensor.nbytes >= STILL_OCTETS_MIN
        entries[name] = msgspec.structs.replace(entry, is_still=is_still)
    vouch()

    still_octets = written_octets = 0
    still_paths: set[str] = set()
    for name, entry in entries.items():
        if entry.is_still:
            path = _still_path(tensors_path, entry.sha256)
            still_paths.add(path)
            written_octets += _keep_still(disk, path, name, tensors[name], entry.sha256)
            still_octets += disk.size(path)

    own = {name: tensor for name, tensor in tensors.items() if not entries[name].is_still}
    length_octets = _write_new(disk, tensors_path, own, {name: entry.sha256 for name, entry in entries.items()})
    manifest = Manifest(
        format=FORMAT,
        job_id=identity.job_id,
        step=step,
        recipe_digest=identity.recipe_digest,
        corpus_sha256=identity.corpus_sha256,
        seed=identity.seed,
        parent=origin.parent,
        key=exactness_key(device),
        inexact=origin.inexact,
        versions={
            "python": platform.python_version(),
            "safetensors": safetensors.__version__,
            "torch": str(torch.__version__),
        },
        length_octets=length_octets,
        entries=entries,
    )
    encoded = manifest.encode()
    with _giving_back(disk, f"{manifest_path}.new", f"{tensors_path}.new"):
        _begin(disk, f"{manifest_path}.new")
        disk.append(f"{manifest_path}.new", encoded)
        disk.fsync(f"{manifest_path}.new")
        if disk.read(f"{manifest_path}.new") != encoded:
            raise _not_written(f"{manifest_path}.new")
    disk.rename(f"{tensors_path}.new", tensors_path)
    disk.rename(f"{manifest_path}.new", manifest_path)
    disk.fsync(directory_of(manifest_path))
    with contextlib.suppress(OSError):  # Only room: the next checkpoint in this slot tries again.
        for path in disk.list(directory_of(manifest_path)):
            if path.startswith(_still_path(tensors_path, "").removesuffix(".safetensors")) and path not in still_paths:
                disk.remove(path)
    return Checkpoint(
        sha256=hashlib.sha256(encoded).hexdigest(),
        manifest=manifest,
        length_octets=length_octets + still_octets + len(encoded),
        written_octets=length_octets + written_octets + len(encoded),
    )


def load_checkpoint(
    disk: Disk,
    reference: CheckpointReference,
    identity: Identity,
    *,
    allows_inexact: bool = False,
    device: torch.device = HOST,
) -> Loaded:
    """Read a checkpoint, and check all of it.

    Args:
        disk: Where it is.
        reference: Which one.
        identity: Of the job that is to go on from it.
        allows_inexact: Whether the job may go on under another exactness key.
        device: Where it is to go on.

    Raises:
        KeyDiffersError: It is of another exactness key.
        MalformedError: It is missing, truncated, damaged, or of another job, and which.
        MisuseError: There is no such slot.
    """
    tensors_path, manifest_path = slot_paths(identity.job_id, reference.slot)
    encoded = _read(disk, manifest_path, MANIFEST_OCTETS_MAX)
    found = hashlib.sha256(encoded).hexdigest()
    if found != reference.sha256:
        raise MalformedError(f"{manifest_path}: expected SHA-256 {reference.sha256}, found {found}")
    manifest = Manifest.decode(encoded)
    _check_identity(manifest_path, manifest, reference, identity)
    differences = exactness_key(device).differences(manifest.key)
    if differences and not allows_inexact:
        raise KeyDiffersError(
            f"{manifest_path}: of another exactness key, going on would change the result: {'; '.join(differences)}"
        )
    data = _read(disk, tensors_path, manifest.length_octets)
    if len(data) != manifest.length_octets:
        raise MalformedError(f"{tensors_path}: expected {manifest.length_octets} octets, found {len(data)}")
    own = {name: entry for name, entry in manifest.entries.items() if not entry.is_still}
    tensors = _check_tensors(tensors_path, data, own)
    for name in manifest.entries.keys() - own.keys():
        path = _still_path(tensors_path, manifest.entries[name].sha256)
        tensors |= _check_tensors(path, _read(disk, path), {name: manifest.entries[name]})
    octets = {name for name, entry in manifest.entries.items() if entry.dtype == OCTETS}
    state = State(
        tensors={name: tensor for name, tensor in tensors.items() if name not in octets},
        octets={name: bytes(tensor_octets(tensors[name])) for name in octets},
    )
    now = tuple(f"from step {manifest.step} on: {difference}" for difference in differences)
    return Loaded(state=state, manifest=manifest, inexact=manifest.inexact + now)


def slot_paths(job_id: int, slot: str) -> tuple[str, str]:
    """Give the paths of a slot's tensors and manifest.

    Raises:
        MisuseError: There is no such slot.
    """
    if slot not in SLOTS:
        raise MisuseError(f"checkpoint slot: expected one of {', '.join(SLOTS)}, found {slot!r}")
    return f"jobs/{job_id}/slot-{slot}.safetensors", f"jobs/{job_id}/slot-{slot}.json"


def _still_path(tensors_path: str, sha256: str) -> str:
    return f"{tensors_path.removesuffix('.safetensors')}-{sha256}.safetensors"


def _all_tensors(state: State) -> dict[str, Tensor]:
    octets = {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in state.octets.items()}
    return {**state.tensors, **octets}


def _entry(name: str, tensor: Tensor, is_octets: bool) -> Entry:
    return Entry(
        dtype=OCTETS if is_octets else dtype_name(tensor),
        shape=tuple(tensor.shape),
        sha256=weights_sha256({name: tensor}),
    )


def _keep_still(disk: Disk, path: str, name: str, tensor: Tensor, sha256: str) -> int:
    """Have a tensor in a file of its own; give how many octets had to be written for it."""
    with contextlib.suppress(FileNotFoundError):
        if is_written(disk, path, {name: tensor}, {name: sha256}):
            return 0
    length_octets = _write_new(disk, path, {name: tensor}, {name: sha256})
    disk.rename(f"{path}.new", path)
    return length_octets


def _write_new(disk: Disk, path: str, tensors: Mapping[str, Tensor], sha256: Mapping[str, str]) -> int:
    """Write tensors beside a file, sync them, and read them back; give the length in octets."""
    partial = f"{path}.new"
    with _giving_back(disk, partial):
        _begin(disk, partial)
        length_octets = write_tensors(disk, partial, tensors)
        disk.fsync(partial)
        if not is_written(disk, partial, tensors, sha256):
            raise _not_written(partial)
    return length_octets


def _begin(disk: Disk, partial: str) -> None:
    """Remove what a worker that was killed left: what follows is appended, and must begin at nothing."""
    with contextlib.suppress(FileNotFoundError):
        disk.remove(partial)


@contextlib.contextmanager
def _giving_back(disk: Disk, *partials: str):
    """Give back the room if the disk fails: it must not stay full for half a checkpoint, the journal needs room."""
    try:
        yield
    except OSError:
        for partial in partials:
            with contextlib.suppress(OSError):
                disk.remove(partial)
        raise


def _not_written(path: str) -> OSError:
    return OSError(errno.EIO, f"{path}: expected what was written, found something else when it was read back")


def _check_tensors(path: str, data: bytes, entries: Mapping[str, Entry]) -> dict[str, Tensor]:
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise MalformedError(f"{path}: expected safetensors: {error}") from None
    if tensors.keys() != entries.keys():
        differing = sorted(tensors.keys() ^ entries.keys())[:3]
        raise MalformedError(f"{path}: expected the tensors of its manifest, found a difference in {differing}")
    # By name, since safetensors gives them in another order each time: of several that are struck the same one is told.
    tensors = {name: tensors[name] for name in sorted(tensors)}
    for name, tensor in tensors.items():
        expected = entries[name]
        found = _entry(name, tensor, expected.dtype == OCTETS)
        if msgspec.structs.replace(found, is_still=expected.is_still) != expected:
            raise MalformedError(f"{path}: {name!r} is damaged: expected SHA-256 {expected.sha256}")
    return tensors


def _check_identity(path: str, manifest: Manifest, reference: CheckpointReference, identity: Identity) -> None:
    expected_found: Mapping[str, tuple[object, object]] = {
        "format": (FORMAT, manifest.format),
        "step": (reference.step, manifest.step),
        **{name: (getattr(identity, name), getattr(manifest, name)) for name in Identity.__struct_fields__},
    }
    for name, (expected, found) in expected_found.items():
        if expected != found:
            raise MalformedError(f"{path}: of another job: expected {name} {expected}, found {found}")


def _read(disk: Disk, path: str, length_max_octets: int | None = None) -> bytes:
    try:
        length_octets = disk.size(path)
        if length_max_octets is not None and length_octets > length_max_octets:
            raise MalformedError(f"{path}: expected at most {length_max_octets} octets, found {length_octets}")
        return disk.read(path)
    except FileNotFoundError:
        raise MalformedError(f"{path}: expected a checkpoint, found no file") from None
    except OSError as error:
        raise MalformedError(f"{path}: cannot be read: {error.strerror or error}") from None
