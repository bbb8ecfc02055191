"""What a text is cut into: characters, bytes, or byte pairs; and back.

Characters are those of the whole corpus, as in nanoGPT. Byte pairs are learned from the training split alone: what is
frequent in the validation split must not be known before it is seen.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ccsds.errors import MisuseError
from flight.jobs.swift_recipe import Tokens


class Vocabulary(Protocol):
    """Tokens, and how a text becomes them."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, as a text; of bytes and byte pairs, each octet as the character of its number."""
        ...

    def encode(self, text: str) -> np.ndarray:
        """Give the ids of a text, as int32; what has no token is left out."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of some ids."""
        ...


class Characters:
    """Every character of a text is a token, in the order of their numbers.

    Args:
        tokens: The characters, in that order.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        points = _code_points("".join(tokens))
        self._ids = np.full(int(points[-1]) + 2, -1, np.int32)
        self._ids[points] = np.arange(len(points), dtype=np.int32)

    def encode(self, text: str) -> np.ndarray:
        """See `Vocabulary`."""
        # All that is beyond the last has the place after it, where nothing is.
        ids = self._ids[np.minimum(_code_points(text), len(self._ids) - 1)]
        return ids if (ids >= 0).all() else ids[ids >= 0]

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary`."""
        return "".join(self.tokens[each] for each in ids)


class Bytes:
    """Every octet of the text in UTF-8 is a token."""

    tokens = tuple(map(chr, range(256)))
    """See `Vocabulary`."""

    def encode(self, text: str) -> np.ndarray:
        """See `Vocabulary`."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary`; what is no UTF-8 becomes the sign for that."""
        return bytes(ids).decode("utf-8", "replace")


class BytePairs:
    """Byte pairs, merged where they are most frequent; made by the package ``tokenizers`` (extra ``llm``).

    Args:
        text: What they are learned from.
        count: Tokens at most; at least the 256 octets.

    Raises:
        MisuseError: The package is not installed.
    """

    def __init__(self, text: str, count: int) -> None:
        try:
            from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        except ImportError:
            raise MisuseError("data.tokens: bpe needs the package tokenizers: install starloop[llm]") from None
        self._tokenizer = Tokenizer(models.BPE())
        self._tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self._tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=count, initial_alphabet=alphabet, show_progress=False)
        self._tokenizer.train_from_iterator([text], trainer)
        ids = self._tokenizer.get_vocab()
        self.tokens = tuple(sorted(ids, key=ids.__getitem__))

    def encode(self, text: str) -> np.ndarray:
        """See `Vocabulary`."""
        return np.array(self._tokenizer.encode(text).ids, np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary`."""
        return self._tokenizer.decode(list(ids))


def make_vocabulary(kind: Tokens, count: int, corpus: str, train: str) -> Vocabulary:
    """Make the vocabulary of a corpus.

    Args:
        kind: What the text is cut into.
        count: Byte pairs at most.
        corpus: The whole text.
        train: Its training split.

    Raises:
        MisuseError: It cannot be made here.
    """
    match kind:
        case Tokens.CHARACTERS:
            return Characters(sorted(set(corpus)))
        case Tokens.BYTES:
            return Bytes()
        case Tokens.BPE:
            return BytePairs(train, count)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
