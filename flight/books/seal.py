"""The seal of a book: a digest of all that it holds in memory, by which a change that nobody made is found out.

A particle can flip a bit of memory that has no error correction. What is on the disk has CRCs and copies against that;
the books, in which all of it is kept at work, have this. It tells that something changed, not what: the truth is in the
journal, and a start reads it.

A digest of all that a book holds costs what it holds. What may be ten thousand things is a `Sealed` part of its book:
it keeps its seal up with each change, verifies what is read of it, and all of it only when somebody looks.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

import msgspec
import xxhash

from ccsds.errors import StarloopError
from flight.books.book import Book

K = TypeVar("K")
V = TypeVar("V")

_WORD_MAX = (1 << 64) - 1


class StruckBookError(StarloopError):
    """A book holds other than its last change left in it: memory was struck, and nothing may be done by it."""


class Sealed(ABC):
    """A part of a book that keeps a seal of its own."""

    @property
    @abstractmethod
    def seal(self) -> tuple[int, ...]:
        """Numbers of 64 bits that stand for all that it should hold."""

    @abstractmethod
    def is_whole(self) -> bool:
        """Look at all that it holds, and tell whether it is what its seal stands for."""


class SealedEntries(Sealed, MutableMapping[K, V]):
    """A mapping of things that do not change, each with a digest; the seal is the sum of them.

    Who reads an entry, or walks over them, gets none that is not what it was.
    """

    def __init__(self) -> None:
        self._entries: dict[K, V] = {}
        # By the key as octets of their own: what strikes a key, which is one object wherever it is held, leaves them.
        self._digests: dict[bytes, int] = {}
        self._sum = 0

    def __getitem__(self, key: K) -> V:
        """Give an entry, verified.

        Raises:
            KeyError: There is none.
            StruckBookError: It is not what it was.
        """
        if key not in self:
            raise KeyError(key)
        entry = self._entries[key]
        if digest_of((key, entry)) != self._digests[_encode(key)]:
            raise StruckBookError(f"expected entry {key} of a book as it was made, found it changed in memory")
        return entry

    def __setitem__(self, key: K, entry: V) -> None:
        digest, known_by = digest_of((key, entry)), _encode(key)
        self._sum = (self._sum - self._digests.get(known_by, 0) + digest) & _WORD_MAX
        self._entries[key], self._digests[known_by] = entry, digest

    def __delitem__(self, key: K) -> None:
        if key not in self:
            raise KeyError(key)
        del self._entries[key]
        self._sum = (self._sum - self._digests.pop(_encode(key))) & _WORD_MAX

    def __contains__(self, key: object) -> bool:
        is_there = key in self._entries
        if is_there != (_encode(key) in self._digests):
            raise _struck_key(key)
        return is_there

    def __iter__(self) -> Iterator[K]:
        for key in self._entries:
            if key not in self:
                raise _struck_key(key)
            yield key

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seal(self) -> tuple[int, ...]:
        """See `Sealed`."""
        return len(self._entries), self._sum

    def is_whole(self) -> bool:
        """See `Sealed`."""
        # Entries and digests come and go together, so both are in one order.
        digests = list(self._digests.values())
        return (
            list(map(_encode, self._entries)) == list(self._digests)
            and list(map(xxhash.xxh3_64_intdigest, map(_encode, self._entries.items()))) == digests
            and sum(digests) & _WORD_MAX == self._sum
        )


def digest_of(thing: Any) -> int:
    """Give the digest of a thing as it is in memory, of 64 bits; of sealed parts in it, their seals count."""
    return xxhash.xxh3_64_intdigest(_encode(thing))


def seal_of(book: Book) -> int:
    """Give the digest of a book as it is in memory, of 64 bits; of its sealed parts, their seals count.

    It means something in this process alone: the order in which a set is walked is part of it.
    """
    return digest_of(vars(book))


def is_whole(book: Book) -> bool:
    """Look at all that the sealed parts of a book hold, and tell whether it is what their seals stand for."""
    return all(part.is_whole() for part in vars(book).values() if isinstance(part, Sealed))


def _struck_key(key: object) -> StruckBookError:
    return StruckBookError(f"expected entry {key} of a book as it was made, found its key changed in memory")


def _parts_of(thing: Any) -> Any:
    """Give what an object that is no plain data holds."""
    if isinstance(thing, Sealed):
        return thing.seal
    if isinstance(thing, deque):
        return list(thing)
    return vars(thing) if hasattr(thing, "__dict__") else {name: getattr(thing, name) for name in thing.__slots__}


_encode = msgspec.msgpack.Encoder(enc_hook=_parts_of).encode
