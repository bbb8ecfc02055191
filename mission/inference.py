"""What both ends share of inference: how replies end, what models are, and the bounds of it all. Data only."""

from enum import IntEnum

PROMPT_OCTETS_MAX = 600
"""A telecommand fits one TC frame of 1,024 octets, with its headers, security and sampling parameters."""

QUEUE_PROMPTS_MAX = 32
"""Prompts that may wait at once; one beyond is refused. A pass holds no more than a few commands."""

CONVERSATIONS_MAX = 16
"""Conversations that are remembered on board; another one is refused until one is forgotten."""

TURNS_MAX = 32
"""Turns of a conversation that are remembered on board, the latest: what no model of this size looks back beyond."""

REPLY_TOKENS_MAX = 1_024

# Journalled whole in one record (of 1 MiB at most), and kept for each turn: 16 x 32 of them are 2 MiB.
REPLY_OCTETS_MAX = 4_096
"""A reply ends where it would become longer than this, as if it had all its tokens."""

CHUNK_OCTETS_MAX = 900
"""What one packet of a reply holds; one frame of the smallest profile holds a quarter of it."""

MODEL_NAME_OCTETS_MAX = 160
CANARY_OCTETS_MAX = 200
MODELS_LISTED_MAX = 16
"""Models in one report; others are listed from a number on."""


class ReplyEnd(IntEnum):
    """How a reply came to its end."""

    FINISHED = 1
    """The model said that it has ended."""
    LENGTH = 2
    """It is as long as it was to be, or as a reply may be."""
    STOPPED = 3
    """By command; what was written until then is kept."""
    FAILED = 4
    """It could not be written, and why is told."""


class ModelKind(IntEnum):
    """What a model is, and so what serves it."""

    NONE = 0
    JOB_MODEL = 1
    """A model that a job on board, or elsewhere, has trained: one safetensors file with its recipe and vocabulary."""
    LANGUAGE_MODEL = 2
    """A directory of a Hugging Face causal language model."""


class ModelFault(IntEnum):
    """What was found of a model."""

    STRUCK = 1
    """Its weights in memory are not those that were loaded."""
    CANARY = 2
    """It gave another answer than the one that is known."""
    DAMAGED = 3
    """What is in the store is not what it was, or cannot be loaded."""
    LOST = 4
    """Its workers were lost again and again."""
