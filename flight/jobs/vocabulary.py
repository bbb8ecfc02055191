"""What a text is cut into: characters, bytes, or byte pairs; and back.

Characters are those of the whole corpus, as in nanoGPT. Byte pairs are learned from the training split alone: what is
frequent in the validation split must not be known before it is seen.

A model carries its vocabulary: tokens, and of byte pairs the merges in the order in which they were learned. Whoever
uses it makes the vocabulary of these, and learns nothing.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, Self

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from flight.jobs.swift_recipe import Tokens

_SEEN = (*range(33, 127), *range(161, 173), *range(174, 256))

OCTETS = frozenset(map(chr, (*_SEEN, *range(256, 512 - len(_SEEN)))))
"""The characters that stand for octets in byte pairs: those that can be seen for themselves, others for the rest."""


class Vocabulary(Protocol):
    """Tokens, and how a text becomes them."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The token of each id, as a text; of bytes, the character of each number, of byte pairs, see `BytePairs`."""
        ...

    @property
    def merges(self) -> tuple[tuple[str, str], ...]:
        """Which two tokens become one, the first that was learned first; only of byte pairs."""
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

    merges: tuple[tuple[str, str], ...] = ()

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
    merges: tuple[tuple[str, str], ...] = ()

    def encode(self, text: str) -> np.ndarray:
        """See `Vocabulary`."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Vocabulary`; what is no UTF-8 becomes the sign for that."""
        return bytes(ids).decode("utf-8", "replace")


class BytePairs:
    """Byte pairs, merged where they are most frequent, by the package ``tokenizers`` (extra ``llm``).

    Tokens are written as those of GPT-2: each octet is a character that can be seen (`OCTETS`).

    Args:
        tokens: The token of each id.
        merges: Which two become one, the first that was learned first.

    Raises:
        MisuseError: The package is not installed.
    """

    def __init__(self, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        self.tokens, self.merges = tuple(tokens), tuple(merges)
        ids = {token: number for number, token in enumerate(tokens)}
        self._tokenizer = _tokenizer(ids, list(merges))

    @classmethod
    def learn(cls, text: str, count: int) -> Self:
        """Find what is frequent in a text.

        Args:
            text: What they are learned from.
            count: Tokens at most; at least the 256 octets.

        Raises:
            MisuseError: The package is not installed.
        """
        tokenizer = _tokenizer({}, [])
        from tokenizers import trainers

        trainer = trainers.BpeTrainer(vocab_size=count, initial_alphabet=sorted(OCTETS), show_progress=False)
        tokenizer.train_from_iterator([text], trainer)
        ids = tokenizer.get_vocab()
        merges = msgspec.json.decode(tokenizer.to_str())["model"]["merges"]
        return cls(sorted(ids, key=ids.__getitem__), [(left, right) for left, right in merges])

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
            return BytePairs.learn(train, count)


def restore_vocabulary(kind: Tokens, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> Vocabulary:
    """Make a vocabulary of what a model carries, once `check_vocabulary` finds nothing wrong with it.

    Raises:
        MisuseError: It cannot be made here.
    """
    match kind:
        case Tokens.CHARACTERS:
            return Characters(tokens)
        case Tokens.BYTES:
            return Bytes()
        case Tokens.BPE:
            return BytePairs(tokens, merges)


def check_vocabulary(kind: Tokens, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
    """Refuse what is no whole vocabulary of a kind.

    Raises:
        MisuseError: What was expected, and what was found.
    """
    if not tokens:
        raise MisuseError(f"vocabulary: expected {kind.value}, found no tokens")
    if merges and kind is not Tokens.BPE:
        raise MisuseError(f"vocabulary: expected {kind.value}, found {len(merges)} merges of byte pairs")
    match kind:
        case Tokens.CHARACTERS:
            if list(tokens) != sorted(set(tokens)) or any(len(token) != 1 for token in tokens):
                raise MisuseError("vocabulary: expected characters in order, each once, found others")
        case Tokens.BYTES:
            if tuple(tokens) != Bytes.tokens:
                raise MisuseError(f"vocabulary: expected the 256 octets in order, found {len(tokens)} tokens")
        case Tokens.BPE:
            _check_byte_pairs(tokens, merges)


def vocabulary_sha256(
    weights_sha256: str, kind: Tokens, tokens: Sequence[str], merges: Sequence[tuple[str, str]]
) -> str:
    """Digest a vocabulary together with the weights that it is for, so that the one of another model is found."""
    return hashlib.sha256(msgspec.json.encode((weights_sha256, kind, tokens, merges))).hexdigest()


def _check_byte_pairs(tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
    known = set(tokens)
    if len(known) != len(tokens):
        raise MisuseError(f"vocabulary: expected each token once, found {len(tokens) - len(known)} again")
    made = {left + right for left, right in merges}
    lacking = (OCTETS | made | {each for merge in merges for each in merge}) - known
    if lacking:
        raise MisuseError(f"vocabulary: expected token {min(lacking)!r}, of an octet or a merge, found none")
    if known - OCTETS - made:
        raise MisuseError(f"vocabulary: expected a merge that makes token {min(known - OCTETS - made)!r}, found none")


def _tokenizer(ids: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    except ImportError:
        raise MisuseError("data.tokens: bpe needs the package tokenizers: install starloop[llm]") from None
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges) if ids else models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
