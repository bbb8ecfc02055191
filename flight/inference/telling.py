"""What the server tells of replies and models: the fields of their reports. It decides nothing."""

import hashlib
import math

from flight.books.inference import ModelSlots, Turn
from flight.inference.messages import Loaded
from mission.inference import CHUNK_OCTETS_MAX
from mission.slots import Slot


def end_report(turn: Turn) -> dict[str, object]:
    """Give the fields of the report of a reply's end.

    Args:
        turn: With a reply that has ended.
    """
    ended = turn.ended
    assert ended is not None
    return {
        "conversation": ended.conversation,
        "turn": ended.turn,
        "attempt": turn.attempts,
        "chunks": ended.chunks,
        "end": ended.end,
        "reason": ended.reason,
        "prompt_tokens": ended.prompt_tokens,
        "tokens": ended.tokens,
        "tokens_per_s": math.nan if ended.tokens_per_s is None else ended.tokens_per_s,
        "sha256": hashlib.sha256(ended.text.encode()).digest(),
        "model_sha256": bytes.fromhex(ended.model_sha256),
    }


def model_report(models: ModelSlots, loaded: Slot, described: Loaded | None) -> dict[str, object]:
    """Give the fields of the report of models, but what was counted.

    Args:
        models: What the slots hold.
        loaded: The slot whose model is in memory.
        described: What its worker said of it, if it has.
    """
    values: dict[str, object] = {
        "phase": models.phase,
        "served": models.served,
        "trial": models.trial,
        "loaded": loaded,
        "parameters": described.parameters if described else 0,
        "context": described.context if described else 0,
    }
    for slot, suffix in ((Slot.A, "a"), (Slot.B, "b")):
        model = models.held.get(slot)
        values |= {f"name_{suffix}": model.name if model else ""}
        values |= {f"sha256_{suffix}": bytes.fromhex(model.sha256) if model else b""}
    return values


def chunks_of(text: str) -> list[str]:
    """Cut a text into pieces that fit a report, in whole characters."""
    chunks: list[str] = []
    octets = text.encode(errors="replace")
    while octets:
        piece = octets[:CHUNK_OCTETS_MAX].decode(errors="ignore")
        chunks.append(piece)
        octets = octets[len(piece.encode()) :]
    return chunks
