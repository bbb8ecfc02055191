"""Where octets are read from, at any offset: a file of the ground, a path on board, or memory."""

import hashlib
from collections.abc import Generator, Iterator
from typing import Protocol


class Source(Protocol):
    """Octets that stay as they are while they are read."""

    @property
    def length_octets(self) -> int:
        """How many there are."""
        ...

    def read(self, offset_octets: int, length_octets: int) -> bytes:
        """Read so many from an offset, or fewer if there are no more.

        Raises:
            OSError: They could not be read.
        """
        ...


class Octets:
    """Octets in memory.

    Args:
        data: They.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def length_octets(self) -> int:
        """See `Source.length_octets`."""
        return len(self._data)

    def read(self, offset_octets: int, length_octets: int) -> bytes:
        """See `Source.read`."""
        return self._data[offset_octets : offset_octets + length_octets]


def pieces_of(source: Source, piece_octets: int) -> Iterator[bytes]:
    """Give all octets of a source in order, in pieces of one length, the last one shorter."""
    for offset in range(0, source.length_octets, piece_octets):
        yield source.read(offset, piece_octets)


def digesting(source: Source, piece_octets: int) -> Generator[bytes, None, bytes]:
    """Compute the SHA-256 of all octets, a piece at a time.

    Yields:
        Nothing of use: an empty piece for each one that was read, so that who packs or unpacks can pause in between.

    Returns:
        The digest.
    """
    digest = hashlib.sha256()
    for piece in pieces_of(source, piece_octets):
        digest.update(piece)
        yield b""
    return digest.digest()
