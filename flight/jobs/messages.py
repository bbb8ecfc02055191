"""What the job engine and its worker say to each other. It holds no behaviour but the framing, and imports no torch.

Every request gets exactly one reply, in order. On the wire each is ``length 32 | msgpack``, big-endian, both ways.
"""

import struct
from enum import IntEnum
from typing import Generic, TypeVar

import msgspec

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.guard.finding import Finding
from flight.jobs.recipe import Device

_LENGTH = struct.Struct(">I")

# The longest message is a Start with a whole recipe (16 KiB); two of them also fit a socket's buffer (208 KiB), so
# that the engine, which has two requests out at most, never waits to send.
MESSAGE_OCTETS_MAX = 64 << 10

# A reason is read by people, over a slow link.
REASON_CHARACTERS_MAX = 2_000


class FailureKind(IntEnum):
    """What a worker could not do."""

    JOB = 1
    """The recipe, the corpus or the work itself is at fault: trying again gives the same."""
    CHECKPOINT = 2
    """The checkpoint cannot be gone on from; another one, or none, may do."""
    STORE = 3
    """The store failed (full, or broken): the job is not at fault."""
    LOST = 4
    """What was in memory was struck beyond mending: another worker goes on from the checkpoint."""
    UNFIT = 5
    """The device gives wrong results again and again."""
    MEMORY = 6
    """There was not enough memory: another worker goes on from the checkpoint, and may find more."""
    KEY = 7
    """The checkpoint is of another exactness key: going on from it would change the result."""


class CheckpointReference(msgspec.Struct, frozen=True, kw_only=True):
    """Which checkpoint to go on from."""

    slot: str
    """``a`` or ``b``."""
    step: int
    sha256: str
    """Digest of its manifest, as `Saved` gave it."""


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Ask the device what is known already; no job is open."""

    device: Device = Device.CPU


class Start(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Open a job; the first request."""

    job_id: int
    recipe: str
    """A whole recipe in TOML, overrides applied."""
    corpus_path: str
    corpus_sha256: str
    seed: int
    checkpoint: CheckpointReference | None = None
    findings: tuple[Finding, ...] = ()
    """What the guard found in this job lately, in workers before this one."""
    tai_ns: int = 0
    """On-board time."""


class Step(msgspec.Struct, frozen=True, tag=True):
    """Train some steps."""

    count: int
    tai_ns: int = 0
    """On-board time when they are asked for: how often strikes come is told by it."""


class Evaluate(msgspec.Struct, frozen=True, tag=True):
    """Measure the loss on the whole validation split."""


class Save(msgspec.Struct, frozen=True, tag=True):
    """Begin to write a checkpoint; what became of it, `Collect` or `Join` asks."""

    slot: str
    """``a`` or ``b``; never the one that is current."""
    parent: str = ""
    """SHA-256 of the manifest of the current one, empty if there is none."""


class Collect(msgspec.Struct, frozen=True, tag=True):
    """Give the checkpoint that was begun, if it is written."""


class Join(msgspec.Struct, frozen=True, tag=True):
    """Give the checkpoint that was begun, and wait for it."""


class Sample(msgspec.Struct, frozen=True, tag=True):
    """Let the model write; what is not said is as the recipe says. It leaves the training as it is."""

    prompt: str | None = None
    length_characters: int | None = None


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Write the model's weights for good."""


Request = Probe | Start | Step | Evaluate | Save | Collect | Join | Sample | Finish


class Probed(msgspec.Struct, frozen=True, tag=True):
    """The device gave the answers that are known."""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The job is open."""

    step: int
    """Steps done: those of the checkpoint, or 0."""
    steps: int
    parameters: int
    tokens_per_step: int
    vocabulary: int
    """Distinct characters of the corpus."""
    train_tokens: int
    validation_tokens: int
    inexact: str = ""
    """What differs of the exactness key of the checkpoint, where the recipe lets it."""
    unconfined: str = ""
    """What the kernel refused of the walls around a package."""


class Stepped(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The steps are done; the figures are those of the last one, so that they do not depend on how many it were."""

    step: int
    loss: float
    """Nats a token, of the step's batch."""
    gradient_norm: float
    learning_rate: float
    findings: tuple[Finding, ...] = ()
    """What the guard found and mended on the way."""


class Evaluated(msgspec.Struct, frozen=True, tag=True):
    """The validation loss is known."""

    step: int
    validation_loss: float
    """Nats a token, over the whole split."""
    findings: tuple[Finding, ...] = ()
    """What the guard found and mended on the way."""


class Saving(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A copy of State was taken and is being written: the answer to `Save`, and to `Collect` as long as it is so.

    To `Collect` and `Join` it may be of a later step: a copy that was struck is taken anew.
    """

    step: int
    findings: tuple[Finding, ...] = ()
    """What the guard found and mended on the way."""


class Saved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A checkpoint is whole and synced; it counts once the engine has journalled it."""

    step: int
    slot: str
    sha256: str
    """Digest of its manifest, which holds the digests of all tensors."""
    length_octets: int
    """Tensors and manifest."""
    written_octets: int
    """Those of them that had to be written."""
    findings: tuple[Finding, ...] = ()
    """What the guard found and mended on the way."""


class Sampled(msgspec.Struct, frozen=True, tag=True):
    """What the model wrote, without the prompt."""

    text: str


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The weights are written and synced."""

    step: int
    weights_sha256: str
    path: str
    """Of the model, on the disk of the spacecraft."""
    length_octets: int
    findings: tuple[Finding, ...] = ()
    """What the guard found and mended on the way."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request was not done. After a failed `Start` or `Step` no job is open; else the job is as it was.

    After a failed `Collect` or `Join` nothing is being written.
    """

    reason: str
    kind: FailureKind = FailureKind.JOB
    findings: tuple[Finding, ...] = ()
    """What the guard found on the way, the last of it perhaps not mended."""


Reply = Probed | Started | Stepped | Evaluated | Saving | Saved | Sampled | Finished | Failed

Message = TypeVar("Message")

_ENCODER = msgspec.msgpack.Encoder()


def encode(message: msgspec.Struct) -> bytes:
    """Write a message with its length.

    Raises:
        MisuseError: It is longer than `MESSAGE_OCTETS_MAX`.
    """
    body = _ENCODER.encode(message)
    if len(body) > MESSAGE_OCTETS_MAX:
        kind = type(message).__name__
        raise MisuseError(f"{kind}: expected a message of at most {MESSAGE_OCTETS_MAX} octets, found {len(body)}")
    return _LENGTH.pack(len(body)) + body


class MessageStream(Generic[Message]):
    """Cuts a stream of octets into messages; see `request_stream` and `reply_stream`."""

    def __init__(self, decoder: "msgspec.msgpack.Decoder[Message]") -> None:
        self._decoder = decoder
        self._pending = bytearray()

    @property
    def missing_octets(self) -> int:
        """What has to come, at least, for the message that is under way to be whole, or for its length to be known."""
        if len(self._pending) < _LENGTH.size:
            return _LENGTH.size - len(self._pending)
        return _LENGTH.size + _LENGTH.unpack_from(self._pending)[0] - len(self._pending)

    def receive(self, data: bytes) -> list[Message]:
        """Take what came, in pieces of any length, and give the messages that are whole.

        Raises:
            MalformedError: The other end speaks another language; nothing after this can be trusted.
        """
        self._pending += data
        messages: list[Message] = []
        while len(self._pending) >= _LENGTH.size:
            (length_octets,) = _LENGTH.unpack_from(self._pending)
            if length_octets > MESSAGE_OCTETS_MAX:
                raise MalformedError(
                    f"worker channel: expected a message of at most {MESSAGE_OCTETS_MAX} octets, found {length_octets}"
                )
            end = _LENGTH.size + length_octets
            if len(self._pending) < end:
                break
            body = bytes(self._pending[_LENGTH.size : end])
            del self._pending[:end]
            try:
                messages.append(self._decoder.decode(body))
            except msgspec.DecodeError as error:
                raise MalformedError(f"worker channel: expected a known message, found {error}") from None
        return messages


def request_stream() -> MessageStream[Request]:
    """Make what the worker reads with."""
    return MessageStream(msgspec.msgpack.Decoder(Request))


def reply_stream() -> MessageStream[Reply]:
    """Make what the flight process reads with."""
    return MessageStream(msgspec.msgpack.Decoder(Reply))
