"""The tables of a recipe that are there only where they are meant: what a recipe has a table of is what it uses.

``[swift]`` is the architecture of `flight.jobs.swift_model` in the place of nanoGPT's; ``[muon]`` its optimiser in the
place of AdamW; ``[ngram]`` adds tables of hashed n-grams; ``[counts]`` mixes in n-grams as they were counted;
``[data]`` says how the text is cut into tokens and windows.
"""

from dataclasses import dataclass
from enum import StrEnum

from ccsds.errors import MisuseError
from flight.jobs.settings import require

# Orders beyond this are hashes of almost nothing but singletons.
NGRAM_ORDER_MAX = 8

# Beyond this hardly any context was seen twice.
COUNTS_ORDER_MAX = 32

# Chances of short contexts are kept: 32 MiB of them.
COUNTS_KEPT_MAX = 1 << 23

COUNTED_TEXT = "counts.text"
"""What the text that is counted is called among the tensors of a model."""

# 16-bit token ids hold every vocabulary that a small model can learn.
VOCABULARY_MAX = 65_536


@dataclass(frozen=True, kw_only=True)
class SwiftRecipe:
    """What `flight.jobs.swift_model` leaves open."""

    expansion: int
    """Width of the MLP over that of the model."""
    rope_base: float
    """The slowest rotation is as many positions long, by two pi."""
    attention_scale: float
    """What products of queries and keys are multiplied with, whose numbers are normed to size 1."""
    logit_cap: float
    """Logits are bent to stay within."""
    embedding_deviation: float
    """Standard deviation of fresh token embeddings."""
    smear: float
    """Share of the embedding of the token before that is added to that of a token; 0 for none."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "swift",
            expansion=(1, 16),
            rope_base=(2.0, 1e6),
            attention_scale=(1e-3, 1.0),
            logit_cap=(1.0, 1000.0),
            embedding_deviation=(0.0, 10.0),
            smear=(0.0, 10.0),
        )


@dataclass(frozen=True, kw_only=True)
class MuonRecipe:
    """How the matrices of layers are trained; ``training.learning_rate`` is their rate, and Adam trains the rest."""

    momentum: float
    iterations: int
    """Of Newton and Schulz, toward an orthogonal update."""
    embedding_rate: float
    """Highest learning rate of the token embedding."""
    head_rate: float
    """Highest learning rate of the head."""
    decay_share: float
    """Share of the steps, at the end, over which rates fall in a line to ``training.learning_rate_min``."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "muon",
            momentum=(0.0, 0.9999),
            iterations=(1, 5),
            embedding_rate=(1e-9, 10.0),
            head_rate=(1e-9, 10.0),
            decay_share=(0.0, 1.0),
        )


@dataclass(frozen=True, kw_only=True)
class NgramRecipe:
    """Tables of vectors, looked up by the last tokens and added to the token embedding (`flight.jobs.ngram`)."""

    order_max: int
    """Tokens that the longest n-gram has; 2 is looked up as it is, 3 and more by a hash."""
    rows: int
    """Rows of each hashed table; a power of two."""
    rate: float
    """Highest learning rate of rows."""
    square_decay: float
    """Decay of the mean squared gradient of a row, over the steps that touch it."""
    dropout: float
    """Share of tokens that see no n-grams while training."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "ngram",
            order_max=(2, NGRAM_ORDER_MAX),
            rows=(16, 1 << 24),
            rate=(1e-9, 10.0),
            square_decay=(0.0, 0.9999),
            dropout=(0.0, 0.9),
        )
        if self.rows & (self.rows - 1):
            raise MisuseError(f"ngram.rows: expected a power of two, found {self.rows}")


@dataclass(frozen=True, kw_only=True)
class CountsRecipe:
    """Chances by counts of the training text, mixed with those of the network (`flight.jobs.ngram_counts`)."""

    order_max: int
    """Tokens of the longest n-gram, the one that is predicted among them."""
    discount: float
    """What each count is short of, in favour of tokens that were not seen."""
    prior: float
    """How many more tokens shorter contexts stand for, at each length."""
    share: float
    """Of what is counted in what is predicted."""

    def __post_init__(self) -> None:
        """Refuse what cannot be counted.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "counts",
            order_max=(2, COUNTS_ORDER_MAX),
            discount=(0.0, 1.0),
            prior=(1e-3, 1000.0),
            share=(1e-6, 0.999),
        )


class Order(StrEnum):
    """In which order windows of the training split are seen."""

    RANDOM = "random"
    """Each is drawn anew; some are seen again before others are seen at all."""
    BLOCKS = "blocks"
    """Blocks that do not overlap, each once an epoch, from another offset and in another order in each."""


class Tokens(StrEnum):
    """What a text is cut into."""

    CHARACTERS = "characters"
    BYTES = "bytes"
    BPE = "bpe"
    """Byte pairs, learned from the training split; needs the extra ``llm``."""


class Split(StrEnum):
    """Which part of a corpus is validated on."""

    LAST = "last"
    FIRST = "first"


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """How a text becomes tokens and windows; without it: characters, windows at random, validation at the end."""

    order: Order
    tokens: Tokens
    vocabulary: int
    """Tokens that ``bpe`` may learn; means nothing to the others."""
    validation: Split
    """Which part of the corpus is validated on."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "data", vocabulary=(256, VOCABULARY_MAX))
