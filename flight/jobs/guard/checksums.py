"""Checksums of matrix products, forward and backward: each product is summed in two ways, which must agree.

For a layer ``y = x W^T`` the sums s over the rows of y are x times the column sums v of W. On the way back, where r is
``dy^T s``, the gradient of the weights times v is r, too, and s times the gradient of the inputs is r times W. So each
product costs one product of each of its matrices with a vector, and none is read for the sums alone. How far rounding
lets the two sides differ is learned at each place.

What is about to be multiplied is summed before it is, and what came of it right after, as far as it is still in the
cache. The two sides are only put by in the pass, and compared once, at its end.

It covers the linear layers and the head; those of swift are in `flight.jobs.guard.checked_products`. Not the inside of
attention, norms, activations, nor sums over a batch. What goes back through a layer whose weights are all zero is not
seen, since v is zero with them.

Shapes: N positions of a batch, I inputs, O outputs of a layer.

Source: Huang and Abraham, Algorithm-based fault tolerance for matrix operations, IEEE Trans. Computers C-33 (1984).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from flight.jobs.fused_linear import made_by
from flight.jobs.guard.checked_products import CheckedProducts

# Over what was seen: rounding differs from batch to batch, and the sums grow as training goes on. A false alarm costs
# one pass; a fault that stays below moves no weight by more than rounding does.
TOLERANCE_FACTOR = 8.0

# What a pass leaves of a tolerance: one that was widened comes back by half in 700 passes, as far as rounding lets it.
TOLERANCE_SHARE = 0.999

# Of the greatest sum: rounding of any product that a model has is a hundred times finer. A difference beyond it is a
# fault, however often it comes out: a fault that stays gives the same wrong product twice.
ROUNDING_MAX = 1e-3

# How often a place may widen its tolerance while half of that comes back: the tolerances settle within the first
# passes, and what grows on is followed without. More of it is a fault that hides in small steps.
WIDENINGS_MAX = 16
_WIDENING_PASSES = 700

# Before anything was seen, everything is suspicious, so that the first passes are done twice and learned from.
_UNSEEN = 0.0


@dataclass
class _Place:
    """One product of a pass."""

    name: str
    tolerance: float = _UNSEEN
    widenings: int = 0
    """In the passes that are counted now."""


class _Sums(NamedTuple):
    """The sums of one product, made in two ways."""

    name: str
    found: Tensor
    expected: Tensor
    rounding_max: float


class Checksums:
    """The sums of one job's products, and what is known of them.

    Args:
        weights: Of the job's layers, by name; they stay where they are.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        self._names = {weight.data_ptr(): name.removesuffix(".weight") for name, weight in weights.items()}
        self._places: list[_Place] = []
        self._passes = 0
        # Of this pass, in the order in which the products were made, which is the same in every pass.
        self._noted: list[_Sums] = []
        self._differences: list[float] | None = None
        # Of this pass: forward and backward multiply with the same weights.
        self._column_sums: dict[int, Tensor] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check the products that are made within, in whatever thread."""
        self._noted, self._differences, self._column_sums = [], None, {}

        def checked(x: Tensor, weight_OI: Tensor, bias: Tensor | None = None) -> Tensor:
            return _CheckedLinear.apply(x, weight_OI, self) if bias is None else plain(x, weight_OI, bias)

        # torch's own way to come between (TorchFunctionMode) sees every operator, and costs 2 % of a step of 50 ms.
        plain, F.linear = F.linear, checked
        try:
            with made_by(lambda weight_OI, trained: CheckedProducts(weight_OI, trained, self)):
                yield
        finally:
            F.linear = plain

    def suspicious(self) -> str:
        """Name the first product of the last pass whose sums did not agree; empty if all did."""
        for place, found in self._compared():
            if not found <= place.tolerance:  # Also of one that is not a number.
                return place.name
        return ""

    def learn(self, *, is_repeated: bool) -> str:
        """Take the differences of the last pass for rounding, as far as they can be.

        Args:
            is_repeated: Whether the pass came out twice, so that a tolerance may widen.

        Returns:
            The first product that is wrong although it came out twice; empty if there is none.
        """
        self._passes += 1
        if self._passes % _WIDENING_PASSES == 0:
            for place in self._places:
                place.widenings = 0
        wrong = ""
        for number, (place, found) in enumerate(self._compared()):
            if found <= place.tolerance:
                place.tolerance = max(TOLERANCE_FACTOR * found, TOLERANCE_SHARE * place.tolerance)
                continue
            if not is_repeated:
                continue
            place.widenings += 1
            if place.widenings <= WIDENINGS_MAX and found <= self._rounding_max(number):
                place.tolerance = TOLERANCE_FACTOR * found
            else:
                wrong = wrong or place.name
        return wrong

    def column_sums(self, weight_OI: Tensor) -> Tensor:
        """Give the sums over the columns of weights, made once a pass."""
        key = weight_OI.data_ptr()
        if key not in self._column_sums:
            self._column_sums[key] = weight_OI.sum(0)
        return self._column_sums[key]

    def note(
        self, direction: str, trained: Tensor, found: Tensor, expected: Tensor, rounding_max: float = ROUNDING_MAX
    ) -> None:
        """Take note of the sums of a product, made in two ways.

        Args:
            direction: Which product it is.
            trained: The weights, as the job has them.
            found: Sums of what came out.
            expected: What they must be.
            rounding_max: The most that rounding makes of the greatest of them.
        """
        name = f"{self._names.get(trained.data_ptr(), 'a layer')} {direction}"
        self._noted.append(_Sums(name, found, expected, rounding_max))

    def _rounding_max(self, number: int) -> float:
        sums = self._noted[number]
        return sums.rounding_max * max(sums.found.abs().max().item(), sums.expected.abs().max().item())

    def _compared(self) -> list[tuple[_Place, float]]:
        if len(self._places) != len(self._noted):
            self._places = [_Place(sums.name) for sums in self._noted]
        if self._differences is None:
            self._differences = _greatest_differences(self._noted)
        return list(zip(self._places, self._differences, strict=True))


def _greatest_differences(noted: list[_Sums]) -> list[float]:
    """Give by how much the two ways differ at most, of each product; not-a-number if one is."""
    if not noted:
        return []
    found, expected = torch.cat([sums.found for sums in noted]), torch.cat([sums.expected for sums in noted])
    begins = np.cumsum([0, *(len(sums.found) for sums in noted[:-1])])
    return np.maximum.reduceat((found - expected).abs_().cpu().numpy(), begins).tolist()


class _CheckedLinear(torch.autograd.Function):
    """``y = x W^T`` with the same products as torch's own, hence the same bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor, checksums: Checksums) -> Tensor:
        x_NI = x.reshape(-1, x.shape[-1])
        column_sums_I = checksums.column_sums(weight_OI)
        sums_N = x_NI.mv(column_sums_I)
        y_NO = x_NI.mm(weight_OI.t())
        checksums.note("forward", weight_OI, y_NO.sum(1), sums_N)
        ctx.save_for_backward(x_NI, weight_OI)
        ctx.sums = checksums, sums_N, column_sums_I
        return y_NO.view(*x.shape[:-1], weight_OI.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x_NI, weight_OI = ctx.saved_tensors
        checksums, sums_N, column_sums_I = ctx.sums
        dy_NO = gradients[0].reshape(-1, weight_OI.shape[0])
        sums_O = dy_NO.t().mv(sums_N)
        dx_NI = dy_NO.mm(weight_OI)
        checksums.note("backward, inputs", weight_OI, dx_NI.t().mv(sums_N), weight_OI.t().mv(sums_O))
        dw_OI = dy_NO.t().mm(x_NI)
        checksums.note("backward, weights", weight_OI, dw_OI.mv(column_sums_I), sums_O)
        return dx_NI.view(*gradients[0].shape[:-1], weight_OI.shape[1]), dw_OI, None
