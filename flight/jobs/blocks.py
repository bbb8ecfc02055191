"""Where weights and their moments lie in memory: in two blocks, one of all matrices and one of all vectors.

A block is three rows: weights, mean gradients, mean squared gradients. Each parameter has the same columns in every
row, and the model's parameters are views of the first. Two large blocks in place of hundreds of small tensors make it
cheap to verify all of State in every step.

Shapes: N columns of a block, padding included.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# Every parameter begins on a cache line, as torch's own allocations do: where it lies must not change how it is summed.
ALIGNMENT_ELEMENTS = 16

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, kw_only=True)
class Block:
    """The parameters of one kind, with their moments."""

    parameters: Mapping[str, nn.Parameter]
    """By name, in the order of the model."""
    decays: bool
    """Whether weight decay shrinks them: matrices, not vectors."""
    rows_3N: Tensor
    moments: tuple[tuple[Tensor, Tensor], ...]
    """Views of the last two rows, in the shapes of the parameters."""
    gradients_N: Tensor
    """Where the optimiser finds their gradients; no part of State."""
    gradients: tuple[Tensor, ...]
    """Views of ``gradients_N``."""
    starts: tuple[int, ...]
    """The first column of each parameter."""

    def names_in(self, columns: slice) -> list[str]:
        """Name the parameters that have a part in some columns."""
        ends = (*self.starts[1:], self.gradients_N.numel())
        names = zip(self.parameters, self.starts, ends, strict=True)
        return [name for name, start, end in names if start < columns.stop and end > columns.start]


def lay_out(model: nn.Module) -> tuple[Block, ...]:
    """Move the parameters of a model into blocks; its parameters become views of them."""
    named = dict(model.named_parameters())
    matrices = {name: weight for name, weight in named.items() if weight.dim() >= 2}
    vectors = {name: weight for name, weight in named.items() if weight.dim() < 2}
    return tuple(_block(each, each is matrices) for each in (matrices, vectors) if each)


def _block(parameters: Mapping[str, nn.Parameter], decays: bool) -> Block:
    places: list[tuple[int, torch.Size]] = []
    length = 0
    for weight in parameters.values():
        places.append((length, weight.shape))
        length += -(-weight.numel() // ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS

    def views(row_N: Tensor) -> tuple[Tensor, ...]:
        return tuple(row_N[start : start + shape.numel()].view(shape) for start, shape in places)

    rows_3N = torch.zeros(3, length)
    gradients_N = torch.zeros(length)
    weights, mean, square = map(views, rows_3N)
    for parameter, weight in zip(parameters.values(), weights, strict=True):
        weight.copy_(parameter.detach())
        parameter.data = weight
    return Block(
        parameters=parameters,
        decays=decays,
        rows_3N=rows_3N,
        moments=tuple(zip(mean, square, strict=True)),
        gradients_N=gradients_N,
        gradients=views(gradients_N),
        starts=tuple(start for start, _ in places),
    )
