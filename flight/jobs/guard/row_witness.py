"""The digests of a table's rows, a second copy of them, and the look that goes round over all of them.

A table of millions of numbers cannot be digested in every step. Each row has a digest of its own: it is verified when a
pass takes it, when the update reads it, and written anew with the row. Rows that no step touches are looked at in turn,
so many a step that each is looked at within `SCAN_STEPS`; so are those of the copy. What is struck is therefore found
before it is used, and at most `SCAN_STEPS` steps after it was struck; before a copy counts, an evaluation, a checkpoint
or the model, all of them are looked at.

The copy holds the rows as they were at the newest copy of the rest of State: taking it costs the rows that were written
since. A digest of a row is a sum of its words, each times an odd number of its own, modulo 2^64: no single bit goes
unseen, and several do with a chance of about 2^-32.

Shapes: R rows of the table, U rows of a step, C width.

Source: Lemire and Kaser, Strongly universal string hashing is fast, Computer Journal 57 (2014), for the digest.
"""

import hashlib

import numpy as np
import torch
import xxhash
from torch import Tensor

from flight.jobs.guard.finding import StruckError
from flight.jobs.row_rms import NAME, RowRms
from flight.jobs.state import tensor_octets
from mission.jobs import Struck

# Every row, of the table and of its copy, is looked at at least once in so many steps.
SCAN_STEPS = 256

# Of 128 numbers, 8 MB.
PART_ROWS_MAX = 16 << 10


class RowWitness:
    """Knows what every row is, and tells when one is something else.

    Args:
        rows: Whose table it watches; see `flight.jobs.row_rms.RowWatcher`.
    """

    def __init__(self, rows: RowRms) -> None:
        self._rows = rows
        self._multipliers = _multipliers(rows.weights_RC.shape[1] + 1)
        self.digests_R = self._digest(rows.weights_RC, rows.squares_R)
        self._copy_weights_RC = rows.weights_RC.clone()
        self._copy_squares_R = rows.squares_R.clone()
        self._copy_digests_R = self.digests_R.copy()
        self._is_written_R = np.zeros(len(self.digests_R), bool)
        """Since the copy was taken."""
        self.copy_step = -1
        """The step of the copy, -1 if there is none that can be gone back to."""
        self.gradient_digest = b""
        """Of the gradients that were gathered last."""
        self._scanned = 0
        self._scan_rows = -(-len(self.digests_R) // SCAN_STEPS)

    # What the optimiser calls.

    def read_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        rows = rows_U.numpy()
        _compare(self._digest(weights_UC, squares_U), self.digests_R[rows], rows)

    def wrote_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        rows = rows_U.numpy()
        self.digests_R[rows] = self._digest(weights_UC, squares_U)
        self._is_written_R[rows] = True

    def gathered_rows(self, gradients_UC: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        self.gradient_digest = xxhash.xxh3_128_digest(tensor_octets(gradients_UC))

    def took_rows(self, gradients_UC: Tensor) -> None:
        """See `flight.jobs.row_rms.RowWatcher`."""
        if xxhash.xxh3_128_digest(tensor_octets(gradients_UC)) != self.gradient_digest:
            raise StruckError(Struck.GRADIENTS, NAME)

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
            rows_U = torch.from_numpy(rows)
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
        return RowSeal(self.digests_R.copy(), self._multipliers)

    def _digest(self, weights_UC: Tensor, squares_U: Tensor) -> np.ndarray:
        return digest_rows(weights_UC, squares_U, self._multipliers)


class RowSeal:
    """What the rows were at one instant. It touches nothing of the job's, so that another thread may ask it.

    Args:
        digests_R: Of the rows.
        multipliers: Of the digests.
    """

    def __init__(self, digests_R: np.ndarray, multipliers: np.ndarray) -> None:
        self._digests_R = digests_R
        self._multipliers = multipliers

    def verify(self, weights_RC: Tensor, squares_R: Tensor) -> None:
        """Compare a copy of the rows that was taken at that instant.

        Raises:
            StruckError: A row is something else.
        """
        _compare(digest_rows(weights_RC, squares_R, self._multipliers), self._digests_R, np.arange(len(squares_R)))


def digest_rows(weights_UC: Tensor, squares_U: Tensor, multipliers: np.ndarray) -> np.ndarray:
    """Digest rows, each with its mean square."""
    words_UC = weights_UC.detach().numpy().view(np.uint32)
    words_U = squares_U.numpy().view(np.uint32).astype(np.uint64)
    return np.einsum("uc,c->u", words_UC, multipliers[:-1]) + words_U * multipliers[-1]


def _compare(found: np.ndarray, expected: np.ndarray, rows: np.ndarray) -> None:
    is_struck = found != expected
    if is_struck.any():
        raise StruckError(Struck.STATE, _name_of(int(rows[is_struck][0])))


def _copy_rows(rows: np.ndarray, source: Tensor, place: Tensor) -> None:
    rows_U = torch.from_numpy(rows)
    place.index_copy_(0, rows_U, source.index_select(0, rows_U))


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    """Cut a list of rows into parts of which copies can be made without a thought for memory."""
    return [rows[first : first + PART_ROWS_MAX] for first in range(0, len(rows), PART_ROWS_MAX)]


def _name_of(row: int) -> str:
    return f"{NAME} row {row}"


def _multipliers(count: int) -> np.ndarray:
    """Give odd numbers that look drawn, the same ones always."""
    octets = hashlib.shake_256(b"row digests").digest(8 * count)
    return np.frombuffer(octets, "<u8").astype(np.uint64) | np.uint64(1)
