"""What the server of models in the flight process and its worker say to each other; framed as those of jobs are.

Every request gets exactly one reply, in order, which may be the `Failed` of jobs. It imports no torch.
"""

import msgspec

from flight.jobs.messages import Failed, MessageStream
from mission.inference import ModelKind


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How the next token is drawn."""

    temperature: float
    """0 takes the likeliest token each time."""
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Bring a model into memory; the first request."""

    path: str
    """On the disk of the spacecraft: of a file, or of a directory."""
    kind: ModelKind
    sha256: str = ""
    """What its digest has to be; empty for any."""
    memory_octets_max: int = 0
    """What it may take; 0 for what is free."""


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Read a prompt; what was being written before is over."""

    turns: tuple[tuple[str, str], ...]
    """What was said before and replied, oldest first."""
    telemetry: str
    """What leads the prompt; empty for nothing."""
    text: str
    tokens_max: int
    octets_max: int
    sampling: Sampling


class Write(msgspec.Struct, frozen=True, tag=True):
    """Write some tokens of the reply."""

    tokens: int


class Check(msgspec.Struct, frozen=True, tag=True):
    """Digest the weights, and answer a canary; what was being written before is over."""

    canary: str
    tokens: int


ServerRequest = Load | Begin | Write | Check


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model is in memory."""

    sha256: str
    parameters: int
    context: int
    """Tokens that it sees at once."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The prompt is read."""

    prompt_tokens: int
    turns_left_out: int
    """Of those that were said before, the oldest, since there was no room for them."""


class Written(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The tokens are written."""

    text: str
    """Whole characters; one that is under way comes with the next."""
    tokens: int
    """Of the reply, in all."""
    is_finished: bool
    """Whether the model has said that it has ended."""
    is_whole: bool
    """Whether nothing more comes, for that or another reason."""
    struck: str = ""
    """Which of the weights is not what was loaded, told at the end of a reply; empty if none is."""


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The weights are digested and the canary is answered."""

    answer: str
    struck: str = ""
    """Which of the weights is not what was loaded; empty if none is."""


ServerReply = Loaded | Begun | Written | Checked | Failed


def server_request_stream() -> MessageStream[ServerRequest]:
    """Make what the worker reads with."""
    return MessageStream(msgspec.msgpack.Decoder(ServerRequest))


def server_reply_stream() -> MessageStream[ServerReply]:
    """Make what the flight process reads with."""
    return MessageStream(msgspec.msgpack.Decoder(ServerReply))
