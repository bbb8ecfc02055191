"""What the journal remembers, as types: the identity of telecommands, their reports, and every durable change.

A commit is one journal record: the changes made together, and the telecommand that made them with the reports it was
answered with, so that either all of it happened or none.
"""

import msgspec

from ccsds.sdls.window import Receipt
from mission.jobs import JobState, PauseCause


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """Which telecommand this is: two that share it are the same one, sent again (DESIGN: no command acts twice)."""

    source_id: int
    apid: int
    sequence_count: int
    digest: bytes
    """First 16 octets of the SHA-256 of the whole packet."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One report that a telecommand was answered with."""

    service: int
    subtype: int
    data: bytes


class Executed(msgspec.Struct, frozen=True, tag=True):
    """A telecommand was dealt with, and answered so."""

    identity: Identity
    answers: tuple[Answer, ...]


class Begun(msgspec.Struct, frozen=True, tag=True):
    """A telecommand that must not be repeated is about to act."""

    identity: Identity
    request_id: bytes


class Booted(msgspec.Struct, frozen=True, tag=True):
    """The flight software started."""

    boot_count: int


class KeySetLoaded(msgspec.Struct, frozen=True, tag=True):
    """The receipts that follow are of this key set; SPIs mean something else in another one."""

    set_id: str


class HousekeepingSwitched(msgspec.Struct, frozen=True, tag=True):
    """Periodic reports of a structure were turned on or off."""

    structure_id: int
    enabled: bool


class JobSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A job was queued."""

    job_id: int
    recipe: str
    corpus: str
    seed: int
    steps: int
    overrides: str


class JobMoved(msgspec.Struct, frozen=True, tag=True):
    """A job changed its state."""

    job_id: int
    state: JobState
    cause: PauseCause = PauseCause.NONE
    reason: str = ""


class JobDescribed(msgspec.Struct, frozen=True, tag=True):
    """What the worker found when it opened the job."""

    job_id: int
    corpus_sha256: bytes
    steps: int
    tokens_per_step: int


class CheckpointMade(msgspec.Struct, frozen=True, tag=True):
    """A checkpoint is whole and synced; from now on it is the one to go on from."""

    job_id: int
    step: int
    slot: str
    sha256: str
    octets: int
    loss: float
    validation_loss: float


class CheckpointDropped(msgspec.Struct, frozen=True, tag=True):
    """The current checkpoint could not be used; the one before it is current again."""

    job_id: int


class WorkerRestarted(msgspec.Struct, frozen=True, tag=True):
    """A job's worker was lost."""

    job_id: int


class JobSampled(msgspec.Struct, frozen=True, tag=True):
    """The trained model wrote this."""

    job_id: int
    text: str


class JobFinished(msgspec.Struct, frozen=True, tag=True):
    """A job came to its last step."""

    job_id: int
    step: int
    loss: float
    validation_loss: float
    weights_sha256: bytes


Change = (
    Executed
    | Begun
    | Booted
    | KeySetLoaded
    | Receipt
    | HousekeepingSwitched
    | JobSubmitted
    | JobMoved
    | JobDescribed
    | CheckpointMade
    | CheckpointDropped
    | WorkerRestarted
    | JobSampled
    | JobFinished
)
"""Everything that can change durably."""


class Commit(msgspec.Struct, frozen=True):
    """The changes made together, in order."""

    changes: tuple[Change, ...]

    def encode(self) -> bytes:
        """Write the commit as one journal record."""
        return _ENCODER.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Commit":
        """Read a commit from a journal record.

        Raises:
            msgspec.DecodeError: The record is of another version.
        """
        return _DECODER.decode(data)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Commit)
