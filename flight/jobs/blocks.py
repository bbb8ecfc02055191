"""Where weights and their moments lie in memory: in a few blocks, such as one of all matrices and one of all vectors.

A block is some rows: weights, then a row for each of their moments (for AdamW mean gradients and mean squared
gradients). Each parameter has the same columns in every row, and the model's parameters are views of the first. A few
large blocks in place of hundreds of small tensors make it cheap to verify all of State in every step.

Shapes: N columns of a block, padding included; R rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flight.jobs.compute_device import HOST

# Every parameter begins on a cache line, as torch's own allocations do: where it lies must not change how it is summed.
ALIGNMENT_ELEMENTS = 16

MOMENTS = ("exp_avg", "exp_avg_sq")

# With its gradients a stretch of three rows has 512 KiB: it stays in a core's second-level cache (512 KiB to 2 MiB)
# while it is verified, updated and noted, so that all of that costs one way from memory and back.
STRETCH_ELEMENTS = 32 << 10

# On a GPU nothing stays in a cache anyway, and the processor waits for each digest: a stretch is what makes that wait
# short beside the work, and what is made on the way (8 octets an element) small beside State.
DEVICE_STRETCH_ELEMENTS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Block:
    """The parameters of one kind, with their moments."""

    parameters: Mapping[str, nn.Parameter]
    """By name, in the order of the model."""
    decays: bool
    """Whether weight decay shrinks them: matrices, not vectors."""
    rows_RN: Tensor
    moments: tuple[tuple[Tensor, ...], ...]
    """Views of the rows after the first, in the shapes of the parameters."""
    kinds: tuple[str, ...]
    """What the moments are called."""
    gradients_N: Tensor
    """Where the optimiser finds their gradients; no part of State."""
    gradients: tuple[Tensor, ...]
    """Views of ``gradients_N``."""
    starts: tuple[int, ...]
    """The first column of each parameter."""
    stretch_elements: int
    """Columns that are updated at once."""
    rate_share: float = 1.0
    """Its learning rate over that of the recipe."""

    def names_in(self, columns: slice) -> list[str]:
        """Name the parameters that have a part in some columns."""
        ends = (*self.starts[1:], self.gradients_N.numel())
        names = zip(self.parameters, self.starts, ends, strict=True)
        return [name for name, start, end in names if start < columns.stop and end > columns.start]


def stretch_elements_on(device: torch.device) -> int:
    """Give how many columns are updated at once, where nothing else is said."""
    return STRETCH_ELEMENTS if device.type == HOST.type else DEVICE_STRETCH_ELEMENTS


def lay_out(model: nn.Module) -> tuple[Block, ...]:
    """Move the parameters of a model into blocks; its parameters become views of them."""
    named = dict(model.named_parameters())
    matrices = {name: weight for name, weight in named.items() if weight.dim() >= 2}
    vectors = {name: weight for name, weight in named.items() if weight.dim() < 2}
    return tuple(make_block(each, decays=each is matrices) for each in (matrices, vectors) if each)


def make_block(
    parameters: Mapping[str, nn.Parameter],
    *,
    decays: bool,
    kinds: tuple[str, ...] = MOMENTS,
    stretch_elements: int = 0,
    rate_share: float = 1.0,
) -> Block:
    """Move some parameters into a block of their own, on the device where they are.

    Args:
        parameters: See `Block`, as the rest.
        decays: Whether weight decay shrinks them.
        kinds: What their moments are called.
        stretch_elements: Columns that are updated at once; 0 for as many as the device likes.
        rate_share: Their learning rate over that of the recipe.
    """
    places: list[tuple[int, torch.Size]] = []
    length = 0
    for weight in parameters.values():
        places.append((length, weight.shape))
        length += -(-weight.numel() // ALIGNMENT_ELEMENTS) * ALIGNMENT_ELEMENTS

    def views(row_N: Tensor) -> tuple[Tensor, ...]:
        return tuple(row_N[start : start + shape.numel()].view(shape) for start, shape in places)

    device = next(iter(parameters.values())).device
    rows_RN = torch.zeros(1 + len(kinds), length, device=device)
    gradients_N = torch.zeros(length, device=device)
    weights, *moments = map(views, rows_RN)
    for parameter, weight in zip(parameters.values(), weights, strict=True):
        weight.copy_(parameter.detach())
        parameter.data = weight
    return Block(
        parameters=parameters,
        decays=decays,
        rows_RN=rows_RN,
        moments=tuple(zip(*moments, strict=True)),
        kinds=kinds,
        gradients_N=gradients_N,
        gradients=views(gradients_N),
        starts=tuple(start for start, _ in places),
        stretch_elements=stretch_elements or stretch_elements_on(device),
        rate_share=rate_share,
    )
