"""The digests of State: taken when it is written, compared when it is read.

A digest is XXH3 with 128 bits, which is not made against forgers: what strikes memory does not know it.
"""

from collections.abc import Mapping, Sequence

import xxhash
from torch import Tensor

from flight.jobs.guard.finding import StruckError
from flight.jobs.optimizer import AdamW
from mission.jobs import Struck


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
