"""The manifest of a checkpoint: what its slot holds, of which job, and under which arithmetic. It imports no torch."""

import msgspec

from ccsds.errors import MalformedError

FORMAT = 2
"""Version of the layout of checkpoints."""

OCTETS = "octets"
"""In the place of a dtype, for what is not a tensor."""


class ExactnessKey(msgspec.Struct, frozen=True, kw_only=True):
    """What must be equal for equal arithmetic: a job that goes on under another key would end with other weights."""

    device: str
    instruction_set: str
    threads: int
    torch_build: str
    dtype: str
    world_size: int

    def differences(self, other: "ExactnessKey") -> tuple[str, ...]:
        """Tell, field by field, what this key expects and another one is."""
        return tuple(
            f"expected {name} {getattr(self, name)}, found {getattr(other, name)}"
            for name in ExactnessKey.__struct_fields__
            if getattr(self, name) != getattr(other, name)
        )


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which job a checkpoint must be of."""

    job_id: int
    recipe_digest: str
    corpus_sha256: str
    seed: int


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One named part of State."""

    dtype: str
    """`OCTETS` for what is not a tensor."""
    shape: tuple[int, ...]
    sha256: str
    """Of name, dtype, shape and data, as in `flight.jobs.state.weights_sha256`."""
    is_still: bool = False
    """Whether it lies in a file of its own, which is not written again as long as the tensor does not change."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a slot holds, and of which job."""

    format: int
    job_id: int
    step: int
    recipe_digest: str
    corpus_sha256: str
    seed: int
    parent: str
    """SHA-256 of the manifest that it follows, empty for the first."""
    key: ExactnessKey
    inexact: tuple[str, ...]
    """Where the job went on under another key, because its recipe allows it; empty for an exact job."""
    versions: dict[str, str]
    length_octets: int
    """Of the slot's own file of tensors."""
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
