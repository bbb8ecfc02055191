"""The digests of a table's rows, a second copy of them, and the look that goes round over all of them.

A table of millions of numbers cannot be digested in every step. Each row has a digest of its own: it is verified when a
pass takes it, when the update reads it, and written anew with the row. Rows that no step touches are looked at in turn,
so many a step that each is looked at within `SCAN_STEPS`; so are those of the copy. What is struck is therefore found
before it is used, and at most `SCAN_STEPS` steps after it was struck; before a copy counts, an evaluation, a checkpoint
or the model, all of them are looked at.

The copy holds the rows as they were at the newest copy of the rest of State: taking it costs the rows that were written
since. A digest of a row is a sum of its words (`flight.jobs.memory`). Digests, and which rows are due, are kept by the
processor, wherever the table is.

Shapes: R rows of the table, U rows of a step, C width.
"""

import math

import numpy as np
import torch
from torch import Tensor

from flight.jobs.guard.bounds import Bounds, Figure
from flight.jobs.guard.finding import StruckError
from flight.jobs.memory import Digest, HostMemory, Memory
from flight.jobs.row_rms import NAME, RowRms
from mission.jobs import Struck

# Every row, of the table and of its copy, is looked at at least once in so many steps.
SCAN_STEPS = 256

# What an update may be longer than what was reckoned for it.
_ROUNDING = 1.001

# Of 128 numbers, 8 MB.
PART_ROWS_MAX = 16 << 10


class RowWitness:
    """Knows what every row is, and tells when one is something else.

    Args:
        rows: Whose table it watches; see `flight.jobs.row_rms.RowWatcher`.
        memory: Where the table is.
        sizes: What updates may come to; None if nobody looks at them.
    """

    def __init__(self, rows: RowRms, memory: Memory, sizes: Bounds | None = None) -> None:
        self._rows = rows
        self._memory = memory
        self._sizes = sizes
        self.odd_updates = 0
        """Updates that were done twice because of their size."""
        self.digests_R = self._digest(rows.weights_RC, rows.squares_R)
        self._copy_weights_RC = rows.weights_RC.clone()
        self._copy_squares_R = rows.squares_R.clone()
        self._copy_digests_R = self.digests_R.copy()
        self._is_written_R = np.zeros(len(self.digests_R), bool)
        """Since the copy was taken."""
        self.copy_step = -1
        """The step of the copy, -1 if there is none that can be gone back to."""
        self.gradient_digest: Digest = ()
        """Of the gradients that were gathered last."""
        self._scanned = 0
        self._scan_rows = -(-len(self.digests_R) // SCAN_STEPS)

    # What the optimiser calls.

    def read_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        rows = rows_U.cpu().numpy()
        _compare(self._digest(weights_UC, squares_U), self.digests_R[rows], rows)

    def wrote_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        rows = rows_U.cpu().numpy()
        self.digests_R[rows] = self._digest(weights_UC, squares_U)
        self._is_written_R[rows] = True

    def gathered_rows(self, gradients_UC: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        self.gradient_digest = self._digest_whole(gradients_UC)

    def took_rows(self, gradients_UC: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        if self._digest_whole(gradients_UC) != self.gradient_digest:
            raise StruckError(Struck.GRADIENTS, NAME)

    def is_odd_update(self, before_UC: Tensor, after_UC: Tensor, step_max: float) -> bool:
        """See `flight.jobs.row_rms.RowWatcher`: it is, if it is larger than such updates are, or can be."""
        if self._sizes is None:
            return False
        moved_UC = torch.sub(after_UC, before_UC)
        squares_U = torch.linalg.vecdot(moved_UC, moved_UC)
        figures = (
            Figure(name="size", value=math.sqrt(squares_U.sum())),
            Figure(name="greatest", value=math.sqrt(squares_U.max()), most=_ROUNDING * step_max),
        )
        is_odd = self._sizes.judge(NAME, figures)
        self.odd_updates += is_odd
        return is_odd

    # What the guard calls.

    def note_all(self) -> None:
        """Take the rows as they are for right; the copy is one of something else from now on."""
        self.digests_R = self._digest(self._rows.weights_RC, self._rows.squares_R)
        self._is_written_R[:] = True
        self.copy_step = -1

    def verify_all(self) -> None:
        """Look at every row.

        Raises:
            StruckError: One is not what was written.
        """
        found = self._digest(self._rows.weights_RC, self._rows.squares_R)
        _compare(found, self.digests_R, np.arange(len(found)))

    def scan(self) -> str:
        """Look at the rows whose turn it is, in the table and in the copy.

        Returns:
            A row that was struck in the copy, empty if none was. It is put right from the table; if it was written
            since, there is nothing to put it right from, and the copy is given up: `copy_step` is -1.

        Raises:
            StruckError: One in the table is not what was written.
        """
        part = slice(self._scanned, self._scanned + self._scan_rows)
        self._scanned = part.stop if part.stop < len(self.digests_R) else 0
        rows = np.arange(len(self.digests_R))[part]
        _compare(self._digest(self._rows.weights_RC[part], self._rows.squares_R[part]), self.digests_R[part], rows)
        copied = self._digest(self._copy_weights_RC[part], self._copy_squares_R[part])
        struck = rows[copied != self._copy_digests_R[part]]
        if not len(struck):
            return ""
        if self._is_written_R[struck].any():
            self.copy_step = -1
        _copy_rows(struck, self._rows.weights_RC, self._copy_weights_RC)
        _copy_rows(struck, self._rows.squares_R, self._copy_squares_R)
        return f"copy of {_name_of(int(struck[0]))}"

    def take(self, step: int) -> None:
        """Copy what was written since the last copy.

        Args:
            step: Steps done.

        Raises:
            StruckError: A row is not what was written; the copy is as it was.
        """
        written = np.flatnonzero(self._is_written_R)
        for rows in _parts(written):
            rows_U = torch.from_numpy(rows).to(self._rows.weights_RC.device)
            weights_UC, squares_U = self._rows.weights_RC[rows_U], self._rows.squares_R[rows_U]
            _compare(self._digest(weights_UC, squares_U), self.digests_R[rows], rows)
        # Only now: a copy that is half of one step and half of another is good for nothing.
        self.copy_step = -1
        for rows in _parts(written):
            _copy_rows(rows, self._rows.weights_RC, self._copy_weights_RC)
            _copy_rows(rows, self._rows.squares_R, self._copy_squares_R)
        self._copy_digests_R[written] = self.digests_R[written]
        self._is_written_R[:] = False
        self.copy_step = step

    def go_back(self) -> bool:
        """Take every row back to the copy: those that were written since, and those that were struck.

        Returns:
            Whether all of them are what they were when the copy was taken.
        """
        is_struck_R = self._digest(self._rows.weights_RC, self._rows.squares_R) != self._copy_digests_R
        for rows in _parts(np.flatnonzero(self._is_written_R | is_struck_R)):
            _copy_rows(rows, self._copy_weights_RC, self._rows.weights_RC)
            _copy_rows(rows, self._copy_squares_R, self._rows.squares_R)
        self.digests_R[:] = self._copy_digests_R
        self._is_written_R[:] = False
        try:
            self.verify_all()
        except StruckError:
            self.copy_step = -1
            return False
        return True

    def seal(self) -> "RowSeal":
        """Give what the rows are now, as far as it is known."""
        return RowSeal(self.digests_R.copy())

    def _digest(self, weights_UC: Tensor, squares_U: Tensor) -> np.ndarray:
        return self._memory.digest_each(weights_UC, squares_U)

    def _digest_whole(self, gradients_UC: Tensor) -> Digest:
        return self._memory.digest(self._memory.see(gradients_UC.reshape(1, -1)))


class RowSeal:
    """What the rows were at one instant. It touches nothing of the job's, so that another thread may ask it.

    Args:
        digests_R: Of the rows.
    """

    def __init__(self, digests_R: np.ndarray) -> None:
        self._digests_R = digests_R

    def verify(self, weights_RC: Tensor, squares_R: Tensor) -> None:
        """Compare a copy of the rows that was taken at that instant, in the memory of the processor.

        Raises:
            StruckError: A row is something else.
        """
        _compare(HostMemory().digest_each(weights_RC, squares_R), self._digests_R, np.arange(len(squares_R)))


def _compare(found: np.ndarray, expected: np.ndarray, rows: np.ndarray) -> None:
    is_struck = found != expected
    if is_struck.any():
        raise StruckError(Struck.STATE, _name_of(int(rows[is_struck][0])))


def _copy_rows(rows: np.ndarray, source: Tensor, place: Tensor) -> None:
    rows_U = torch.from_numpy(rows).to(place.device)
    place.index_copy_(0, rows_U, source.index_select(0, rows_U))


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    """Cut a list of rows into parts of which copies can be made without a thought for memory."""
    return [rows[first : first + PART_ROWS_MAX] for first in range(0, len(rows), PART_ROWS_MAX)]


def _name_of(row: int) -> str:
    return f"{NAME} row {row}"
