"""Matrix products with what follows them done on the way out of the cache: oneDNN's, where torch was built with it.

Each is what its docstring says, rounded once; elsewhere it is done in two steps. Not differentiable: whoever uses them
writes the way back himself (`flight.jobs.swift_model`). All products of one weight, forward and backward, are asked of
one `LinearProducts`, so that a guard can come between (`made_by`).

Shapes: N positions, I inputs, O outputs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

# torch has no public name for them; its compiler makes calls of them.
_HAS_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise") and torch.backends.mkldnn.is_available()


class LinearProducts:
    """The products of ``y = x W^T`` in one pass.

    Args:
        weight_OI: As it is multiplied.
    """

    def __init__(self, weight_OI: Tensor) -> None:
        self.weight_OI = weight_OI

    def outputs(self, x_NI: Tensor) -> Tensor:
        """Give ``x W^T``."""
        return x_NI @ self.weight_OI.t()

    def outputs_relu(self, x_NI: Tensor) -> Tensor:
        """Give ``relu(x W^T)``."""
        if _is_fused(x_NI):
            return torch.ops.mkldnn._linear_pointwise(x_NI, self.weight_OI, None, "relu", [], "")
        return (x_NI @ self.weight_OI.t()).relu_()

    def outputs_unbent(self, x_NI: Tensor) -> Tensor:
        """Give ``x W^T`` with the bits that `outputs_relu` has where they are positive."""
        if _is_fused(x_NI):
            return torch.ops.mkldnn._linear_pointwise(x_NI, self.weight_OI, None, "none", [], "")
        return x_NI @ self.weight_OI.t()

    def outputs_plus(self, x_NI: Tensor, other_NO: Tensor) -> Tensor:
        """Give ``x W^T + other``."""
        if _is_fused(x_NI):
            return torch.ops.mkldnn._linear_pointwise(x_NI, other_NO, self.weight_OI, None, "add")
        return torch.addmm(other_NO, x_NI, self.weight_OI.t())

    def inputs_back(self, dy_NO: Tensor) -> Tensor:
        """Give ``dy W``, the gradient of ``x``."""
        return dy_NO @ self.weight_OI

    def inputs_back_times(self, dy_NO: Tensor, other_NI: Tensor) -> Tensor:
        """Give ``(dy W) other``, element by element."""
        if _is_fused(dy_NO):
            return torch.ops.mkldnn._linear_pointwise(dy_NO, other_NI, self.weight_OI.t(), None, "mul")
        return (dy_NO @ self.weight_OI).mul_(other_NI)

    def weight_back(self, dy_NO: Tensor, x_NI: Tensor) -> Tensor:
        """Give ``dy^T x``, the gradient of ``W``."""
        return dy_NO.t() @ x_NI

    def transposed_weight_back(self, dy_NO: Tensor, x_NI: Tensor) -> Tensor:
        """Give ``x^T dy``, the gradient of ``W^T``."""
        return x_NI.t() @ dy_NO


Maker = Callable[[Tensor, Tensor], LinearProducts]
"""Makes what is asked for the products of a weight, given the weight as it is multiplied and as it is trained."""


def _plain(weight_OI: Tensor, trained: Tensor) -> LinearProducts:
    return LinearProducts(weight_OI)


_maker: Maker = _plain


def products_of(weight_OI: Tensor, trained: Tensor) -> LinearProducts:
    """Give what is asked for the products of a weight in this pass.

    Args:
        weight_OI: As it is multiplied.
        trained: As it is trained, in whatever shape.
    """
    return _maker(weight_OI, trained)


@contextmanager
def made_by(maker: Maker) -> Iterator[None]:
    """Have another one make what is asked in the passes that begin within."""
    global _maker
    before, _maker = _maker, maker
    try:
        yield
    finally:
        _maker = before


def _is_fused(x: Tensor) -> bool:
    return _HAS_FUSED and x.is_cpu
