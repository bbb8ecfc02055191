"""The seal of a book: a digest of all that it holds in memory, by which a change that nobody made is found out.

A particle can flip a bit of memory that has no error correction. What is on the disk has CRCs and copies against that;
the books, in which all of it is kept at work, have this. It tells that something changed, not what: the truth is in the
journal, and a start reads it.
"""

from collections import deque
from typing import Any

import msgspec
import xxhash

from ccsds.errors import StarloopError
from flight.books.book import Book


class StruckBookError(StarloopError):
    """A book holds other than its last change left in it: memory was struck, and nothing may be done by it."""


def seal_of(book: Book) -> int:
    """Give the digest of a book as it is in memory, of 64 bits.

    It means something in this process alone: the order in which a set is walked is part of it.
    """
    return xxhash.xxh3_64_intdigest(_ENCODER.encode(vars(book)))


def parts_of(thing: Any) -> Any:
    """Give what an object that is no plain data holds."""
    if isinstance(thing, deque):
        return list(thing)
    return vars(thing) if hasattr(thing, "__dict__") else {name: getattr(thing, name) for name in thing.__slots__}


_ENCODER = msgspec.msgpack.Encoder(enc_hook=parts_of)
