"""The digests of State: taken when it is written, compared when it is read.

A digest is XXH3 with 128 bits, which is not made against forgers: what strikes memory does not know it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import xxhash
from torch import Tensor

from flight.jobs.guard.finding import StruckError
from flight.jobs.optimizer import AdamW, StretchPlace
from flight.jobs.state import tensor_octets
from mission.jobs import Struck


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What State was at one instant. It touches nothing of the job's, so that another thread may ask it."""

    places: tuple[StretchPlace, ...]
    digests: tuple[bytes, ...]
    octets_digest: bytes

    def verify(self, blocks: Sequence[Tensor], octets: Mapping[str, bytes]) -> None:
        """Compare a copy of State that was taken at that instant.

        Raises:
            StruckError: It is something else.
        """
        if digest_octets(octets) != self.octets_digest:
            raise StruckError(Struck.GENERATOR, "generators and step")
        for place, expected in zip(self.places, self.digests, strict=True):
            digest = xxhash.xxh3_128()
            for row_n in blocks[place.block][:, place.columns]:
                digest.update(tensor_octets(row_n))
            if digest.digest() != expected:
                raise StruckError(Struck.STATE, place.name)


class StateWitness:
    """Knows what State is, and tells when it is something else.

    Args:
        optimizer: Whose blocks it watches; see `flight.jobs.optimizer.Witness`.
    """

    def __init__(self, optimizer: AdamW) -> None:
        self._optimizer = optimizer
        self._octets_digest = b""
        self.digests: list[bytes] = []
        """Of each stretch, in order."""

    def note_blocks(self) -> None:
        """Take the blocks as they are for right."""
        blocks = [block.rows_3N for block in self._optimizer.blocks]
        self.digests = [xxhash.xxh3_128_digest(octets) for octets in self._optimizer.stretches_of(blocks)]

    def verify_blocks(self, blocks: Sequence[Tensor]) -> None:
        """Compare blocks, or a copy of them.

        Raises:
            StruckError: They are not what was written.
        """
        for index, octets in enumerate(self._optimizer.stretches_of(blocks)):
            self.read(index, octets)

    def read(self, stretch: int, octets: memoryview) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        if xxhash.xxh3_128_digest(octets) != self.digests[stretch]:
            raise StruckError(Struck.STATE, self._optimizer.name_of(stretch))

    def wrote(self, stretch: int, octets: memoryview) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        self.digests[stretch] = xxhash.xxh3_128_digest(octets)

    def seal(self) -> Seal:
        """Give what State is now, as far as it is known."""
        return Seal(places=self._optimizer.places(), digests=tuple(self.digests), octets_digest=self._octets_digest)

    def note_octets(self, octets: Mapping[str, bytes]) -> None:
        """Take generators and step for right."""
        self._octets_digest = digest_octets(octets)

    def verify_octets(self, octets: Mapping[str, bytes]) -> None:
        """Compare generators and step.

        Raises:
            StruckError: They are not what they were.
        """
        if digest_octets(octets) != self._octets_digest:
            raise StruckError(Struck.GENERATOR, "generators and step")


def digest_octets(octets: Mapping[str, bytes]) -> bytes:
    """Digest named octets in the order of their names."""
    digest = xxhash.xxh3_128()
    for name in sorted(octets):
        digest.update(octets[name])
    return digest.digest()
