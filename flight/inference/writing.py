"""The reply at hand, as far as it was told, and what its model is told of the conversation before it."""

from dataclasses import dataclass

from flight.books.inference import Conversation, Turn
from mission.inference import ReplyEnd

# What was said before, of which a model is told: its window holds less.
HISTORY_OCTETS_MAX = 24 << 10


@dataclass(slots=True)
class Writing:
    """One attempt at a reply."""

    turn: Turn
    prompt_tokens: int = 0
    tokens: int = 0
    chunks: int = 0
    text: str = ""
    begun_ns: int = 0
    """When its first token could be written."""

    @property
    def key(self) -> dict[str, int]:
        """By which its pieces are known."""
        prompted = self.turn.prompted
        return {"conversation": prompted.conversation, "turn": prompted.turn, "attempt": self.turn.attempts}


def said_before(conversation: Conversation, number: int) -> tuple[tuple[str, str], ...]:
    """Give prompts and replies before a turn, oldest first, as far back as a request holds; none that failed."""
    turns: list[tuple[str, str]] = []
    octets = 0
    for each, turn in reversed(conversation.turns.items()):
        if each >= number or turn.ended is None or turn.ended.end is ReplyEnd.FAILED:
            continue
        said = (turn.prompted.text, turn.ended.text)
        octets += sum(len(text.encode()) for text in said)
        if octets > HISTORY_OCTETS_MAX:
            break
        turns.append(said)
    return tuple(reversed(turns))
