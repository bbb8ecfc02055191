"""The checksums of products whose outcome is rounded to bfloat16, and of those that are fused with what follows them.

They are those of `flight.jobs.guard.checksums`, summed in single precision: with two octets a number it is the outcome
that is rounded, not the sum, so that a number which is off by less than about half of what such numbers are is not
told from rounding.

Where ReLU follows, the product is summed before it: oneDNN's way without it gives the same bits. What is added is
summed with the product. Where a factor follows, number by number, no sum says what must come of it: that product alone
is done twice and compared to the bit.

Shapes: N positions, I inputs, O outputs.
"""

from typing import Protocol

import torch
from torch import Tensor

from flight.jobs.fused_linear import LinearProducts

# Of the greatest sum, as in `flight.jobs.guard.checksums`, for numbers of eight bits.
WORKING_ROUNDING_MAX = 0.05


class SumsBook(Protocol):
    """Where the two ways in which a product was summed are put by."""

    def note(self, direction: str, trained: Tensor, found: Tensor, expected: Tensor, rounding_max: float = ...) -> None:
        """Take note of the sums of a product."""
        ...


class CheckedProducts(LinearProducts):
    """The products of a weight in one pass, summed in two ways, to the same bits.

    Of one input and one gradient of its outputs: their sums are made once.

    Args:
        weight_OI: As it is multiplied.
        trained: As it is trained, by which it has a name.
        book: Where sums are put by.
    """

    def __init__(self, weight_OI: Tensor, trained: Tensor, book: SumsBook) -> None:
        super().__init__(weight_OI)
        self._trained = trained
        self._book = book
        self._column_sums_I = weight_OI.sum(0, dtype=torch.float32)
        self._sums_N = torch.empty(0)
        self._back_O = torch.empty(0)
        """Of the gradient of the outputs, each with the sum of its position; made once."""

    def outputs(self, x_NI: Tensor) -> Tensor:
        """See `LinearProducts.outputs`."""
        self._sum_inputs(x_NI)
        y_NO = super().outputs(x_NI)
        self._note("forward", _row_sums(y_NO), self._sums_N)
        return y_NO

    def outputs_relu(self, x_NI: Tensor) -> Tensor:
        """See `LinearProducts.outputs_relu`."""
        self._sum_inputs(x_NI)
        y_NO = self.outputs_unbent(x_NI)
        self._note("forward", _row_sums(y_NO), self._sums_N)
        return y_NO.relu_()

    def outputs_plus(self, x_NI: Tensor, other_NO: Tensor) -> Tensor:
        """See `LinearProducts.outputs_plus`."""
        self._sum_inputs(x_NI)
        expected_N = self._sums_N + _row_sums(other_NO)
        y_NO = super().outputs_plus(x_NI, other_NO)
        self._note("forward", _row_sums(y_NO), expected_N)
        return y_NO

    def inputs_back(self, dy_NO: Tensor) -> Tensor:
        """See `LinearProducts.inputs_back`."""
        expected_I = self._back(dy_NO) @ self.weight_OI.float()
        dx_NI = super().inputs_back(dy_NO)
        self._note("backward, inputs", self._sums_N @ dx_NI.float(), expected_I)
        return dx_NI

    def inputs_back_times(self, dy_NO: Tensor, other_NI: Tensor) -> Tensor:
        """See `LinearProducts.inputs_back_times`."""
        first_NI, second_NI = (super(CheckedProducts, self).inputs_back_times(dy_NO, other_NI) for _ in range(2))
        # As words of eight octets: not-a-number is equal to itself, and four are compared at once.
        differs_1 = (first_NI.view(torch.int64) != second_NI.view(torch.int64)).any().float().view(1)
        self._note("backward, inputs", differs_1, torch.zeros_like(differs_1))
        return first_NI

    def weight_back(self, dy_NO: Tensor, x_NI: Tensor) -> Tensor:
        """See `LinearProducts.weight_back`."""
        expected_O = self._back(dy_NO)
        dw_OI = super().weight_back(dy_NO, x_NI)
        self._note("backward, weights", dw_OI.float() @ self._column_sums_I, expected_O)
        return dw_OI

    def transposed_weight_back(self, dy_NO: Tensor, x_NI: Tensor) -> Tensor:
        """See `LinearProducts.transposed_weight_back`."""
        expected_O = self._back(dy_NO)
        dw_IO = super().transposed_weight_back(dy_NO, x_NI)
        self._note("backward, weights", self._column_sums_I @ dw_IO.float(), expected_O)
        return dw_IO

    def _sum_inputs(self, x_NI: Tensor) -> None:
        self._sums_N = x_NI.float() @ self._column_sums_I

    def _back(self, dy_NO: Tensor) -> Tensor:
        if not len(self._back_O):
            self._back_O = self._sums_N @ dy_NO.float()
        return self._back_O

    def _note(self, direction: str, found: Tensor, expected: Tensor) -> None:
        self._book.note(direction, self._trained, found, expected, WORKING_ROUNDING_MAX)


def _row_sums(y_NO: Tensor) -> Tensor:
    return y_NO.sum(1, dtype=torch.float32)
