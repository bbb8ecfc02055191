"""Matrix products with what follows them done on the way out of the cache: oneDNN's, where torch was built with it.

Each is what its docstring says, rounded once; elsewhere it is done in two steps. Not differentiable: whoever uses them
writes the way back himself (`flight.jobs.swift_model`).

Shapes: N positions, I inputs, O outputs.
"""

import torch
from torch import Tensor

# torch has no public name for them; its compiler makes calls of them.
_HAS_FUSED = hasattr(torch.ops.mkldnn, "_linear_pointwise") and torch.backends.mkldnn.is_available()


def linear_relu(x_NI: Tensor, weight_OI: Tensor) -> Tensor:
    """Give ``relu(x W^T)``."""
    if _HAS_FUSED and x_NI.is_cpu:
        return torch.ops.mkldnn._linear_pointwise(x_NI, weight_OI, None, "relu", [], "")
    return torch.mm(x_NI, weight_OI.t()).relu_()


def linear_add(x_NI: Tensor, weight_OI: Tensor, other_NO: Tensor) -> Tensor:
    """Give ``x W^T + other``."""
    if _HAS_FUSED and x_NI.is_cpu:
        return torch.ops.mkldnn._linear_pointwise(x_NI, other_NO, weight_OI, None, "add")
    return torch.addmm(other_NO, x_NI, weight_OI.t())


def linear_times(x_NI: Tensor, weight_OI: Tensor, other_NO: Tensor) -> Tensor:
    """Give ``(x W^T) other``, element by element."""
    if _HAS_FUSED and x_NI.is_cpu:
        return torch.ops.mkldnn._linear_pointwise(x_NI, other_NO, weight_OI, None, "mul")
    return torch.mm(x_NI, weight_OI.t()).mul_(other_NO)
