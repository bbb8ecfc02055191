"""Checksums of matrix products, forward and backward: each product is summed in two ways, which must agree.

The rows of ``y = x W^T`` sum to ``x`` times the column sums of ``W``, at the price of a product with a vector; the same
holds for both products of the backward pass. How far rounding lets the two sums differ is learned at each place from
passes that were seen to come out twice.

It covers the linear layers and the head. Not the inside of attention, norms, activations, nor sums over a batch.

Shapes: N positions of a batch, I inputs, O outputs of a layer.

Source: Huang and Abraham, Algorithm-based fault tolerance for matrix operations, IEEE Trans. Computers C-33 (1984).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects
from torch.overrides import TorchFunctionMode

# Over what was seen: rounding differs from batch to batch, and the sums grow as training goes on. A false alarm costs
# one pass; a fault that stays below moves no weight by more than rounding does.
TOLERANCE_FACTOR = 8.0

# Before anything was seen, everything is suspicious, so that the first passes are done twice and learned from.
_UNSEEN = 0.0


class Checksums:
    """The sums of one job's products, and what is known of them."""

    def __init__(self) -> None:
        self._tolerances: list[float] = []
        # Of this pass, in the order in which the products were made, which is the same in every pass.
        self._differences: list[Tensor] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check the products that are made within."""
        self._differences = []
        with _CheckedProducts(self):
            yield

    def is_suspicious(self) -> bool:
        """Tell whether a sum of the last pass did not agree."""
        return any(not found <= allowed for found, allowed in self._compared())  # Also of one that is not a number.

    def learn(self) -> None:
        """Take the differences of the last pass for rounding: it came out twice."""
        self._tolerances = [max(TOLERANCE_FACTOR * found, allowed) for found, allowed in self._compared()]

    def note(self, product_NO: Tensor, left_NI: Tensor, right_IO: Tensor) -> None:
        """Sum a product in two ways."""
        # One operator for the greatest difference: what is not a number comes through it as such.
        self._differences.append(torch.dist(product_NO.sum(1), left_NI.mv(right_IO.sum(1)), math.inf))

    def _compared(self) -> list[tuple[float, float]]:
        found = torch.stack(self._differences).tolist() if self._differences else []
        allowed = self._tolerances if len(self._tolerances) == len(found) else [_UNSEEN] * len(found)
        return list(zip(found, allowed, strict=True))


class _CheckedProducts(TorchFunctionMode):
    """Puts a checked product in the place of every linear layer's."""

    def __init__(self, checksums: Checksums) -> None:
        super().__init__()
        self._checksums = checksums

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Take `torch.nn.functional.linear` without bias; leave everything else."""
        if func is F.linear and not kwargs and (len(args) == 2 or args[2] is None):
            return _CheckedLinear.apply(args[0], args[1], self._checksums)
        return func(*args, **(kwargs or {}))


class _CheckedLinear(torch.autograd.Function):
    """``y = x W^T`` with the same products as torch's own, hence the same bits."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight_OI: Tensor, checksums: Checksums) -> Tensor:
        x_NI = x.reshape(-1, x.shape[-1])
        y_NO = x_NI.mm(weight_OI.t())
        checksums.note(y_NO, x_NI, weight_OI.t())
        ctx.save_for_backward(x_NI, weight_OI)
        ctx.checksums = checksums
        return y_NO.view(*x.shape[:-1], weight_OI.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x_NI, weight_OI = ctx.saved_tensors
        dy_NO = gradients[0].reshape(-1, weight_OI.shape[0])
        dx_NI = dy_NO.mm(weight_OI)
        dw_OI = dy_NO.t().mm(x_NI)
        ctx.checksums.note(dx_NI, dy_NO, weight_OI)
        ctx.checksums.note(dw_OI, dy_NO.t(), x_NI)
        return dx_NI.view(*gradients[0].shape[:-1], weight_OI.shape[1]), dw_OI, None
