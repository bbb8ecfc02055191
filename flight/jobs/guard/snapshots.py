"""Two copies of State in memory, taken in turn, to go back to when State is struck.

A copy is digested as it is taken and verified before it is used: it lies in the same memory as what it stands in for.
"""

from dataclasses import dataclass, field

from torch import Tensor

from flight.jobs.guard.finding import StruckError
from flight.jobs.guard.state_witness import StateWitness, digest_octets
from flight.jobs.memory import Digest, Rows
from flight.jobs.train import TrainJob


@dataclass
class _Copy:
    """State as it was after one step."""

    blocks: list[Tensor]
    stretches: list[Rows]
    """Views of the blocks."""
    step: int = -1
    """-1 as long as it is empty or was found struck."""
    octets: dict[str, bytes] = field(default_factory=dict)
    digests: list[Digest] = field(default_factory=list)
    octets_digest: bytes = b""


class Snapshots:
    """Copies of the State of a job.

    Args:
        job: Whose.
    """

    def __init__(self, job: TrainJob) -> None:
        self._job = job
        self._copies = [_copy_of(job) for _ in range(2)]

    @property
    def newest_step(self) -> int:
        """The step of the newest copy, -1 if there is none."""
        return max(copy.step for copy in self._copies)

    def take(self, witness: StateWitness) -> None:
        """Copy State into the older copy, and verify what was copied.

        Raises:
            StruckError: What was copied is not what was written; the other copy is as it was.
        """
        copy = min(self._copies, key=lambda each: each.step)
        copy.step = -1
        for block, place in zip(self._job.optimizer.blocks, copy.blocks, strict=True):
            place.copy_(block.rows_RN)
        octets = self._job.octets()
        witness.verify_blocks(copy.stretches)
        witness.verify_octets(octets)
        copy.octets, copy.octets_digest = octets, digest_octets(octets)
        copy.digests = list(witness.digests)
        if witness.rows is not None:
            witness.rows.take(self._job.steps_done)
        copy.step = self._job.steps_done

    def drop_newest(self) -> bool:
        """Take the newest copy for made of something wrong.

        Returns:
            Whether there is another one.
        """
        max(self._copies, key=lambda each: each.step).step = -1
        return self.newest_step >= 0

    def go_back(self, witness: StateWitness) -> bool:
        """Take State back to the newest copy that is what it was when it was taken.

        Returns:
            Whether there was one.
        """
        for copy in sorted(self._copies, key=lambda each: each.step, reverse=True):
            if copy.step < 0:
                continue
            if witness.rows is not None and witness.rows.copy_step != copy.step:
                copy.step = -1  # There is one copy of the rows: the newest.
                continue
            if digest_octets(copy.octets) != copy.octets_digest:
                copy.step = -1
                continue
            self._job.take_back()
            for block, place in zip(self._job.optimizer.blocks, copy.blocks, strict=True):
                block.rows_RN.copy_(place)
            witness.digests = list(copy.digests)
            try:
                witness.verify_blocks(self._job.optimizer.octets)
            except StruckError:
                copy.step = -1
                continue
            if witness.rows is not None and not witness.rows.go_back():
                copy.step = -1
                continue
            self._job.load_octets(copy.octets)
            witness.note_octets(self._job.octets())
            return True
        return False


def _copy_of(job: TrainJob) -> _Copy:
    blocks = [block.rows_RN.clone() for block in job.optimizer.blocks]
    return _Copy(blocks, job.optimizer.octets_of(blocks))
