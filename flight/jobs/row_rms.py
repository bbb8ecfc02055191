"""The optimiser of a table of n-grams: each row by itself, and only where a step touched it.

A row moves against its gradient, divided by the root of a running mean of its squared size; that mean is one number a
row, and stands still with it. So a step costs what it touches, however large the table.

No row moves farther than ``rate sqrt(C / (1 - decay))``: its squared size is in the mean that it is divided by.

With a witness, rows are verified as they are taken for a pass, taken and verified anew for the update, and noted as
they are written: what strikes a row is found before it is used, or overwritten.

Shapes: R rows of the table, U rows that a step touches, C width.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from flight.jobs.guard.finding import StruckError
from flight.jobs.ngram import NgramTable, Touched
from flight.jobs.swift_recipe import NgramRecipe
from mission.jobs import Struck

NAME = "ngram.rows"
MEAN_SQUARE = "mean_square"

_EPSILON = 1e-8


class RowWatcher(Protocol):
    """Sees rows as they are read and written."""

    def read_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """Verify rows that were read.

        Raises:
            flight.jobs.guard.finding.StruckError: They are not what was written there.
        """
        ...

    def wrote_rows(self, rows_U: Tensor, weights_UC: Tensor, squares_U: Tensor) -> None:
        """Take note of rows that are written."""
        ...

    def is_odd_update(self, before_UC: Tensor, after_UC: Tensor, step_max: float) -> bool:
        """Tell whether an update is to be done twice for what it looks like.

        Args:
            before_UC: The rows.
            after_UC: What they are to be.
            step_max: How far a row can move.
        """
        ...

    def gathered_rows(self, gradients_UC: Tensor) -> None:
        """Take note of gradients."""
        ...

    def took_rows(self, gradients_UC: Tensor) -> None:
        """Verify gradients.

        Raises:
            flight.jobs.guard.finding.StruckError: They are not what was gathered.
        """
        ...


class RowRms:
    """The optimiser of one table.

    Args:
        table: What is trained.
        recipe: Decay, and the rate.
        rate_share: The learning rate of rows over that of the recipe.
    """

    def __init__(self, table: NgramTable, recipe: NgramRecipe, rate_share: float) -> None:
        self._table = table
        self._decay = recipe.square_decay
        self._rate_share = rate_share
        self.weights_RC = table.rows.detach()
        self.squares_R = torch.zeros(len(self.weights_RC), device=self.weights_RC.device)
        """Mean squared size of the gradients of each row."""
        self._no_gradients = torch.empty(0, device=self.weights_RC.device)
        self._gradients_UC = self._no_gradients

    def touch(self, tokens_BT: Tensor, witness: RowWatcher | None) -> None:
        """Take the rows that a pass uses out of the table.

        Args:
            tokens_BT: What the pass is over.
            witness: Who verifies them, or nobody.
        """
        touched = Touched(self._table.places(tokens_BT))
        weights_UC, squares_U = self._take(touched.rows_U)
        if witness is not None:
            witness.read_rows(touched.rows_U, weights_UC, squares_U)
        touched.weights_UC = weights_UC.requires_grad_()
        self._table.touched = touched

    def gather(self, witness: RowWatcher | None) -> Tensor:
        """Take the gradient of the rows that the pass used, and give its norm."""
        assert self._table.touched is not None
        gradients_UC = self._table.touched.weights_UC.grad
        assert gradients_UC is not None  # Rows take part in every loss.
        self._gradients_UC = gradients_UC
        if witness is not None:
            witness.gathered_rows(gradients_UC)
        return torch.linalg.vector_norm(gradients_UC)

    def update(self, learning_rate: float, witness: RowWatcher | None, *, twice: bool = False) -> None:
        """Move the rows that the pass used.

        Args:
            learning_rate: Of the recipe.
            witness: Who verifies them as they are read and takes note of what is written, or nobody.
            twice: Whether to do it twice and compare, whatever it looks like.

        Raises:
            flight.jobs.guard.finding.StruckError: Rows or gradients are not what they were, or it did not come out
                twice; nothing of them is written.
        """
        touched = self._table.touched
        assert touched is not None
        before_UC, weights_UC, squares_U = self._moved(touched.rows_U, learning_rate, witness)
        step_max = learning_rate * self._rate_share * math.sqrt(weights_UC.shape[1] / (1 - self._decay))
        if twice or (witness is not None and witness.is_odd_update(before_UC, weights_UC, step_max)):
            _, *again = self._moved(touched.rows_U, learning_rate, witness)
            if not (torch.equal(weights_UC, again[0]) and torch.equal(squares_U, again[1])):
                raise StruckError(Struck.UPDATE, NAME)
        if witness is not None:
            witness.wrote_rows(touched.rows_U, weights_UC, squares_U)
        self.weights_RC.index_copy_(0, touched.rows_U, weights_UC)
        self.squares_R.index_copy_(0, touched.rows_U, squares_U)
        self._table.touched, self._gradients_UC = None, self._no_gradients

    def _moved(self, rows_U: Tensor, learning_rate: float, witness: RowWatcher | None) -> tuple[Tensor, Tensor, Tensor]:
        """Give the rows, what they are to be, and their mean squares then."""
        weights_UC, squares_U = self._take(rows_U)
        if witness is not None:
            witness.took_rows(self._gradients_UC)
            witness.read_rows(rows_U, weights_UC, squares_U)
        gradients_UC = self._gradients_UC
        sizes_U = torch.linalg.vecdot(gradients_UC, gradients_UC).mul_(1 / gradients_UC.shape[1])
        squares_U.lerp_(sizes_U, 1 - self._decay)
        steps_U1 = squares_U.sqrt().add_(_EPSILON).reciprocal_().mul_(-learning_rate * self._rate_share).unsqueeze(1)
        return weights_UC, torch.addcmul(weights_UC, gradients_UC, steps_U1), squares_U

    def _take(self, rows_U: Tensor) -> tuple[Tensor, Tensor]:
        return self.weights_RC.index_select(0, rows_U), self.squares_R.index_select(0, rows_U)
