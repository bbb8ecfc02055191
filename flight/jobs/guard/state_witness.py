"""The digests of State: taken when it is written, compared when it is read.

Of State it is what suits the memory where State lies (`flight.jobs.memory`), of the rest XXH3 with 128 bits. Neither is
made against forgers: what strikes memory does not know it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import xxhash
from torch import Tensor

from flight.jobs.guard.bounds import Bounds, Figure
from flight.jobs.guard.finding import StruckError
from flight.jobs.guard.row_witness import RowSeal, RowWitness
from flight.jobs.memory import Digest, Memory, Rows
from flight.jobs.optimizer import AdamW, StretchPlace
from mission.jobs import Struck


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What State was at one instant. It touches nothing of the job's, so that another thread may ask it."""

    places: tuple[StretchPlace, ...]
    digests: tuple[Digest, ...]
    octets_digest: bytes
    memory: Memory
    """How they were digested."""
    rows: RowSeal | None = None

    def verify(self, blocks: Sequence[Tensor], octets: Mapping[str, bytes], rows: Sequence[Tensor] = ()) -> None:
        """Compare a copy of State that was taken at that instant.

        Args:
            blocks: Copies of the blocks, in whatever memory.
            octets: Copies of the octets.
            rows: Copies of the rows of a table and of their mean squares, if there is one.

        Raises:
            StruckError: It is something else.
        """
        if digest_octets(octets) != self.octets_digest:
            raise StruckError(Struck.GENERATOR, "generators and step")
        for place, expected in zip(self.places, self.digests, strict=True):
            rows_Rn = blocks[place.block][:, place.columns]
            if self.memory.digest(self.memory.see(rows_Rn)) != expected:
                raise StruckError(Struck.STATE, place.name)
        if self.rows is not None:
            self.rows.verify(*rows)


class StateWitness:
    """Knows what State is, and tells when it is something else.

    Args:
        optimizer: Whose blocks it watches; see `flight.jobs.optimizer.Witness`.
        sizes: What updates may come to; None if nobody looks at them.
    """

    def __init__(self, optimizer: AdamW, sizes: Bounds | None = None) -> None:
        self._optimizer = optimizer
        self._memory = optimizer.memory
        self._sizes = sizes
        places = () if sizes is None else optimizer.places()
        lengths = [place.columns.stop - place.columns.start for place in places]
        room = torch.empty(max(lengths, default=0), device=optimizer.device)
        self._moved = [room[:length] for length in lengths]
        self._octets_digest = b""
        self.digests: list[Digest] = []
        """Of each stretch, in order."""
        self.watches_gradients = False
        """Whether gradients are verified, too, from where they are gathered."""
        self.gradient_digests: list[Digest] = []
        """Of each stretch, as they were gathered last."""
        self.rows = RowWitness(optimizer.rows, self._memory, sizes) if optimizer.rows is not None else None
        """Knows the rows of the table, if there is one."""
        self._odd_updates = 0

    def note_blocks(self) -> None:
        """Take the blocks as they are for right."""
        self.digests = [self.digest(rows) for rows in self._optimizer.octets]

    def verify_blocks(self, stretches: Sequence[Rows]) -> None:
        """Compare the stretches of blocks, or of a copy of them.

        Raises:
            StruckError: They are not what was written.
        """
        for index, rows in enumerate(stretches):
            self.read(index, rows)

    def gathered(self, gradients: Sequence[Rows]) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        if self.watches_gradients:
            self.gradient_digests = [self._memory.digest(each) for each in gradients]

    def took(self, stretch: int, gradients: Rows) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        if self.watches_gradients and self._memory.digest(gradients) != self.gradient_digests[stretch]:
            raise StruckError(Struck.GRADIENTS, self._optimizer.name_of(stretch))

    def read(self, stretch: int, rows: Rows) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        if self.digest(rows) != self.digests[stretch]:
            raise StruckError(Struck.STATE, self._optimizer.name_of(stretch))

    def read_row(self, stretch: int, row: int, rows: Rows) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        if self.digest(rows) != self.digests[stretch][row : row + 1]:
            raise StruckError(Struck.STATE, self._optimizer.name_of(stretch))

    @property
    def judges_updates(self) -> bool:
        """See `flight.jobs.optimizer.Witness`."""
        return self._sizes is not None

    def is_odd(self, stretch: int, before_n: Tensor, after_n: Tensor) -> bool:
        """See `flight.jobs.optimizer.Witness`: it is, if it is larger than such updates are, or can be."""
        if self._sizes is None:
            return False
        moved_n = torch.sub(after_n, before_n, out=self._moved[stretch])
        size = math.sqrt(torch.dot(moved_n, moved_n))  # In half the time of `torch.dist`.
        figures = (Figure(name="size", value=size), *self._optimizer.figures_of(stretch, before_n, moved_n))
        is_odd = self._sizes.judge(stretch, figures)
        self._odd_updates += is_odd
        return is_odd

    @property
    def odd_updates(self) -> int:
        """Updates of a stretch, or of rows, that were done twice because of what they came to."""
        return self._odd_updates + (self.rows.odd_updates if self.rows is not None else 0)

    def digest(self, rows: Rows) -> Digest:
        """See `flight.jobs.optimizer.Witness`."""
        return self._memory.digest(rows)

    def wrote(self, stretch: int, rows: Rows) -> Digest:
        """See `flight.jobs.optimizer.Witness`."""
        digest = self.digests[stretch] = self.digest(rows)
        return digest

    def wrote_row(self, stretch: int, row: int, rows: Rows) -> None:
        """See `flight.jobs.optimizer.Witness`."""
        known = self.digests[stretch]
        self.digests[stretch] = known[:row] + self.digest(rows) + known[row + 1 :]

    def seal(self) -> Seal:
        """Give what State is now, as far as it is known."""
        return Seal(
            places=self._optimizer.places(),
            digests=tuple(self.digests),
            octets_digest=self._octets_digest,
            memory=self._memory,
            rows=self.rows.seal() if self.rows is not None else None,
        )

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
