"""Named random streams: every chance of a campaign, drawn from its one seed.

A stream is keyed by its purpose, so that adding a draw to one does not shift another. Within a stream, draws come in
numbered blocks, keyed by what they are for (an octet's offset, an operation's number) and never by the order of calls,
so that slicing a transfer differently, or asking twice, changes nothing.

Each block is a Philox generator, which is counter-based: the seed and the name, digested with SHA-256, are its key, the
block's index is the upper half of its counter. Blocks of a stream are 2^192 draws apart and never overlap.
"""

import hashlib

import numpy as np

from ccsds.errors import MisuseError

# The index fills one 64-bit word of the counter.
BLOCK_INDEX_MAX = (1 << 64) - 1


class Streams:
    """All random streams of one seed.

    Args:
        seed: The seed of the campaign, 0 or above.
        scope: Put before every name; `scoped` makes it.

    Raises:
        MisuseError: The seed is negative.
    """

    def __init__(self, seed: int, scope: str = "") -> None:
        if seed < 0:
            raise MisuseError(f"expected a seed of 0 or above, found {seed}")
        self.seed = seed
        self.scope = scope

    def block(self, name: str, index: int) -> np.random.Generator:
        """Give the generator of one block of a stream, at its start; equal arguments give equal draws, always.

        Args:
            name: The purpose, such as ``"channel/up/bit_errors"``.
            index: The number of the block, 0 to `BLOCK_INDEX_MAX`.

        Raises:
            MisuseError: The index is out of range.
        """
        if not 0 <= index <= BLOCK_INDEX_MAX:
            raise MisuseError(f"stream {name!r}: expected a block index of 0 to 2^64 - 1, found {index}")
        digest = hashlib.sha256(f"{self.seed}\0{self.scope}{name}".encode()).digest()
        key = np.frombuffer(digest[:16], dtype="<u8")
        counter = np.array([0, 0, 0, index], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))

    def scoped(self, name: str) -> "Streams":
        """Give the streams of one part of the world, whose names cannot meet those of another part."""
        return Streams(self.seed, f"{self.scope}{name}/")
