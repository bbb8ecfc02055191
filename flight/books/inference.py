"""The book of inference: conversations with their prompts and replies, and what the two slots of models hold."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from mission.inference import TURNS_MAX, ReplyEnd
from mission.slots import Phase, Slot


class Prompted(msgspec.Struct, frozen=True, tag=True):
    """A prompt came, and waits for its reply."""

    conversation: int
    turn: int
    text: str
    temperature: float
    top_k: int
    top_p: float
    seed: int
    tokens_max: int
    telemetry: str = ""
    """What the spacecraft was like when it came, as the model is told; empty if it is not."""


class ReplyBegun(msgspec.Struct, frozen=True, tag=True):
    """The reply to a prompt is written, from its beginning."""

    conversation: int
    turn: int


class ReplyEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A reply is whole, or there will be none."""

    conversation: int
    turn: int
    end: ReplyEnd
    text: str = ""
    reason: str = ""
    chunks: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    tokens_per_s: float | None = None
    model_sha256: str = ""


class ConversationForgotten(msgspec.Struct, frozen=True, tag=True):
    """A conversation is forgotten."""

    conversation: int


class HeldModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot of models holds."""

    name: str
    sha256: str = ""
    """Of the model; empty until it was loaded once, if nobody said it."""
    canary: str = ""
    answer: str = ""
    """How the model answers its canary; empty until it has answered once, if nobody said it."""


class ModelSlots(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The slots of models are this from now on."""

    phase: Phase = Phase.SETTLED
    served: Slot = Slot.BUILT_IN
    """What is served; BUILT_IN is nothing."""
    trial: Slot = Slot.BUILT_IN
    """What is tried, while that is not settled."""
    held: dict[Slot, HeldModel] = {}

    @property
    def free(self) -> Slot:
        """The slot that a model may be put into."""
        return Slot.B if self.served is Slot.A else Slot.A

    @property
    def wanted(self) -> Slot:
        """The slot whose model is to be in memory."""
        return self.served if self.phase is Phase.SETTLED else self.trial


InferenceChange = Prompted | ReplyBegun | ReplyEnded | ConversationForgotten | ModelSlots
"""What can become of conversations and models."""


@dataclass(slots=True)
class Turn:
    """One prompt, and what is durably known of its reply."""

    prompted: Prompted
    attempts: int = 0
    ended: ReplyEnded | None = None


@dataclass(slots=True)
class Conversation:
    """The turns that are remembered, by number, oldest first."""

    turns: OrderedDict[int, Turn] = field(default_factory=OrderedDict)

    @property
    def last(self) -> int:
        """Number of the latest turn."""
        return next(reversed(self.turns), 0)

    @property
    def waiting(self) -> list[int]:
        """Numbers of the turns without a whole reply."""
        return [number for number, turn in self.turns.items() if turn.ended is None]


class InferenceBook:
    """Conversations and models."""

    changes = (Prompted, ReplyBegun, ReplyEnded, ConversationForgotten, ModelSlots)

    def __init__(self) -> None:
        self.conversations: dict[int, Conversation] = {}
        """By number."""
        self.waiting: OrderedDict[tuple[int, int], Turn] = OrderedDict()
        """Turns without a whole reply, by conversation and turn, in the order in which they came."""
        self.models = ModelSlots()

    def apply(self, change: InferenceChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case Prompted():
                conversation = self.conversations.setdefault(change.conversation, Conversation())
                turn = conversation.turns[change.turn] = Turn(change)
                self.waiting[change.conversation, change.turn] = turn
                self._forget(conversation)
            case ReplyBegun():
                turn = self._turn(change.conversation, change.turn)
                if turn is not None:
                    turn.attempts += 1
            case ReplyEnded():
                self.waiting.pop((change.conversation, change.turn), None)
                turn = self._turn(change.conversation, change.turn)
                if turn is not None:
                    turn.ended = change
            case ConversationForgotten(number):
                self.conversations.pop(number, None)
            case ModelSlots():
                self.models = change

    def snapshot(self) -> Iterator[tuple[InferenceChange, ...]]:
        """See `flight.books.book.Book`."""
        for _, conversation in sorted(self.conversations.items()):
            for turn in conversation.turns.values():
                if turn.ended is not None:
                    yield (turn.prompted, *_begun(turn), turn.ended)
        # After those that have ended: within a conversation they are later, and their order is that of the queue.
        for turn in self.waiting.values():
            yield (turn.prompted, *_begun(turn))
        if self.models != ModelSlots():
            yield (self.models,)

    def _turn(self, conversation: int, turn: int) -> Turn | None:
        known = self.conversations.get(conversation)
        return known.turns.get(turn) if known is not None else None

    def _forget(self, conversation: Conversation) -> None:
        ended = [number for number, turn in conversation.turns.items() if turn.ended is not None]
        for number in ended[: max(len(conversation.turns) - TURNS_MAX, 0)]:
            del conversation.turns[number]


def _begun(turn: Turn) -> tuple[ReplyBegun, ...]:
    return (ReplyBegun(turn.prompted.conversation, turn.prompted.turn),) * turn.attempts
