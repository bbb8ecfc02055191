"""A job's State on disk: safetensors in one of two slots, and a manifest that vouches for every octet. Never a pickle.

A slot is two files, ``jobs/<job_id>/slot-a.safetensors`` and ``slot-a.json``. A checkpoint counts when the engine has
journalled the SHA-256 of its manifest; the manifest holds the SHA-256 of every tensor, so that a slot which is torn,
overwritten or damaged is found out when it is read. The engine never lets the slot be written that counts.

The finished model is one file, ``jobs/<job_id>/model.safetensors``: weights, and what one needs to use them.
"""

import contextlib
import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk, directory_of
from flight.jobs.messages import CheckpointReference
from flight.jobs.state import State, dtype_name, tensor_octets, weights_sha256
from flight.jobs.train import TrainJob

FORMAT = 1
"""Version of the layout of checkpoints."""

SLOTS = ("a", "b")

# A manifest has some 200 octets a tensor; this is room for thousands, and keeps a damaged one from filling the memory.
MANIFEST_OCTETS_MAX = 4 << 20

_OCTETS = "octets"


class ExactnessKey(msgspec.Struct, frozen=True, kw_only=True):
    """What must be equal for equal arithmetic: a job that goes on under another key would end with other weights."""

    device: str
    instruction_set: str
    threads: int
    torch_build: str
    dtype: str
    world_size: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One named part of State."""

    dtype: str
    """``octets`` for what is not a tensor."""
    shape: tuple[int, ...]
    sha256: str
    """Of name, dtype, shape and data, as in `flight.jobs.state.weights_sha256`."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a slot holds, and of which job."""

    format: int
    job_id: int
    step: int
    recipe_digest: str
    corpus_sha256: str
    seed: int
    key: ExactnessKey
    versions: dict[str, str]
    length_octets: int
    """Of the safetensors file."""
    entries: dict[str, Entry]

    def encode(self) -> bytes:
        """Write it as JSON with sorted keys."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read it.

        Raises:
            MalformedError: It is not a manifest of this version.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise MalformedError(f"checkpoint manifest: {error}") from None


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which job a checkpoint must be of."""

    job_id: int
    recipe_digest: str
    corpus_sha256: str
    seed: int


def exactness_key() -> ExactnessKey:
    """Give the key of this process as it is set up now."""
    return ExactnessKey(
        device=f"cpu: {_cpu_model()}",
        instruction_set=torch.backends.cpu.get_cpu_capability(),
        threads=torch.get_num_threads(),
        torch_build=f"{torch.__version__} {torch.version.git_version or ''}".strip(),
        dtype=str(torch.get_default_dtype()).removeprefix("torch."),
        world_size=1,
    )


def save_checkpoint(disk: Disk, slot: str, identity: Identity, step: int, state: State) -> tuple[str, int]:
    """Write a checkpoint into a slot; it is whole and synced when this returns.

    Returns:
        The SHA-256 of its manifest, and the length of both files in octets.

    Raises:
        MisuseError: There is no such slot.
        OSError: The disk failed; the slot holds nothing that can be used.
    """
    tensors = _all_tensors(state)
    data = safetensors.torch.save(tensors)
    manifest = Manifest(
        format=FORMAT,
        job_id=identity.job_id,
        step=step,
        recipe_digest=identity.recipe_digest,
        corpus_sha256=identity.corpus_sha256,
        seed=identity.seed,
        key=exactness_key(),
        versions={
            "python": platform.python_version(),
            "safetensors": safetensors.__version__,
            "torch": str(torch.__version__),
        },
        length_octets=len(data),
        entries={name: _entry(name, tensor, name in state.octets) for name, tensor in tensors.items()},
    ).encode()
    tensors_path, manifest_path = slot_paths(identity.job_id, slot)
    _replace(disk, tensors_path, data)
    _replace(disk, manifest_path, manifest)
    disk.fsync(directory_of(manifest_path))
    return hashlib.sha256(manifest).hexdigest(), len(data) + len(manifest)


def load_checkpoint(disk: Disk, reference: CheckpointReference, identity: Identity) -> State:
    """Read a checkpoint, and check all of it.

    Raises:
        MalformedError: It is missing, truncated, damaged, of another job, or of another exactness key, and which.
        MisuseError: There is no such slot.
    """
    tensors_path, manifest_path = slot_paths(identity.job_id, reference.slot)
    encoded = _read(disk, manifest_path, MANIFEST_OCTETS_MAX)
    found = hashlib.sha256(encoded).hexdigest()
    if found != reference.sha256:
        raise MalformedError(f"{manifest_path}: expected SHA-256 {reference.sha256}, found {found}")
    manifest = Manifest.decode(encoded)
    _check_identity(manifest_path, manifest, reference, identity)
    data = _read(disk, tensors_path, manifest.length_octets)
    if len(data) != manifest.length_octets:
        raise MalformedError(f"{tensors_path}: expected {manifest.length_octets} octets, found {len(data)}")
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise MalformedError(f"{tensors_path}: expected safetensors: {error}") from None
    if tensors.keys() != manifest.entries.keys():
        differing = sorted(tensors.keys() ^ manifest.entries.keys())[:3]
        raise MalformedError(f"{tensors_path}: expected the tensors of its manifest, found a difference in {differing}")
    for name, tensor in tensors.items():
        expected = manifest.entries[name]
        if _entry(name, tensor, expected.dtype == _OCTETS) != expected:
            raise MalformedError(f"{tensors_path}: {name!r} is damaged: expected SHA-256 {expected.sha256}")
    octets = {name for name, entry in manifest.entries.items() if entry.dtype == _OCTETS}
    return State(
        tensors={name: tensor for name, tensor in tensors.items() if name not in octets},
        octets={name: bytes(tensor_octets(tensors[name])) for name in octets},
    )


def save_model(disk: Disk, identity: Identity, job: TrainJob) -> tuple[str, int]:
    """Write the weights of a finished job, all or nothing; they are synced when this returns.

    The file carries the recipe, the vocabulary and the origin of the weights as JSON under the one metadata key
    ``starloop`` (one, since safetensors writes several in a random order, and equal jobs must give equal files).

    Returns:
        The path on the disk, and the length in octets.

    Raises:
        OSError: The disk failed; the file is the old one, the new one, or missing.
    """
    about = {
        "corpus_sha256": identity.corpus_sha256,
        "recipe": job.recipe.to_toml(),
        "seed": identity.seed,
        "step": job.steps_done,
        "vocabulary": job.vocabulary,
        "weights_sha256": job.weights_sha256(),
    }
    data = safetensors.torch.save(job.weights(), metadata={"starloop": msgspec.json.encode(about).decode()})
    path = f"jobs/{identity.job_id}/model.safetensors"
    _replace(disk, path, data)
    disk.fsync(directory_of(path))
    return path, len(data)


def slot_paths(job_id: int, slot: str) -> tuple[str, str]:
    """Give the paths of a slot's tensors and manifest.

    Raises:
        MisuseError: There is no such slot.
    """
    if slot not in SLOTS:
        raise MisuseError(f"checkpoint slot: expected one of {', '.join(SLOTS)}, found {slot!r}")
    return f"jobs/{job_id}/slot-{slot}.safetensors", f"jobs/{job_id}/slot-{slot}.json"


def _all_tensors(state: State) -> dict[str, Tensor]:
    octets = {name: torch.frombuffer(bytearray(data), dtype=torch.uint8) for name, data in state.octets.items()}
    return {**state.tensors, **octets}


def _entry(name: str, tensor: Tensor, is_octets: bool) -> Entry:
    return Entry(
        dtype=_OCTETS if is_octets else dtype_name(tensor),
        shape=tuple(tensor.shape),
        sha256=weights_sha256({name: tensor}),
    )


def _check_identity(path: str, manifest: Manifest, reference: CheckpointReference, identity: Identity) -> None:
    expected_found: Mapping[str, tuple[object, object]] = {
        "format": (FORMAT, manifest.format),
        "step": (reference.step, manifest.step),
        **{name: (getattr(identity, name), getattr(manifest, name)) for name in Identity.__struct_fields__},
    }
    for name, (expected, found) in expected_found.items():
        if expected != found:
            raise MalformedError(f"{path}: of another job: expected {name} {expected}, found {found}")
    key = exactness_key()
    for name in ExactnessKey.__struct_fields__:
        expected, found = getattr(key, name), getattr(manifest.key, name)
        if expected != found:
            raise MalformedError(
                f"{path}: of another exactness key, going on would change the result: "
                f"expected {name} {expected}, found {found}"
            )


def _read(disk: Disk, path: str, length_max_octets: int) -> bytes:
    try:
        length_octets = disk.size(path)
        if length_octets > length_max_octets:
            raise MalformedError(f"{path}: expected at most {length_max_octets} octets, found {length_octets}")
        return disk.read(path)
    except FileNotFoundError:
        raise MalformedError(f"{path}: expected a checkpoint, found no file") from None
    except OSError as error:
        raise MalformedError(f"{path}: cannot be read: {error.strerror or error}") from None


def _replace(disk: Disk, path: str, data: bytes) -> None:
    """Put a file in the place of another; the caller syncs the directory."""
    partial = f"{path}.new"
    try:
        disk.remove(partial)  # Left by a worker that was killed: what follows is appended, and must begin at nothing.
    except FileNotFoundError:
        pass
    try:
        disk.append(partial, data)
        disk.fsync(partial)
    except OSError:
        # A disk that is full must not stay so for the sake of half a checkpoint: the journal needs room.
        with contextlib.suppress(OSError):
            disk.remove(partial)
        raise
    disk.rename(partial, path)


def _cpu_model() -> str:
    """Name the processor, as precisely as this computer can."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.lower().startswith(("model name", "cpu part")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
