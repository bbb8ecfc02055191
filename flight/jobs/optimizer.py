"""AdamW on blocks: torch's own fused update, in stretches that stay in the cache, with a witness of what is used.

With a witness each stretch is copied to a place in the cache, verified there, updated there, noted, and copied back.
So what is used is what was verified, and a bit that flips in the memory of State is either found or overwritten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from flight.jobs.blocks import Block, lay_out
from flight.jobs.guard.finding import StruckError
from flight.jobs.recipe import TrainingRecipe
from flight.jobs.state import tensor_octets
from mission.jobs import Struck

# With its gradients a stretch has 256 KiB: it stays in a core's second-level cache (512 KiB and more) while it is
# verified, updated and noted, so that all of that costs one way from memory and back.
STRETCH_ELEMENTS = 16 << 10

EPSILON = 1e-8


@dataclass(frozen=True, kw_only=True)
class StretchPlace:
    """Which part of State a stretch is."""

    block: int
    columns: slice
    name: str
    """Of the parameters that have a part in it."""


class Witness(Protocol):
    """Sees State as the optimiser reads and writes it, stretch by stretch, always in the same order."""

    def read(self, stretch: int, octets: memoryview) -> None:
        """Verify what was read of a stretch.

        Raises:
            flight.jobs.guard.finding.StruckError: It is not what was written there.
        """
        ...

    def wrote(self, stretch: int, octets: memoryview) -> None:
        """Take note of what is written there."""
        ...


class AdamW:
    """The optimiser of one model, whose parameters it lays out in blocks.

    Args:
        model: What is trained.
        training: Rates and decays.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """

    def __init__(self, model: nn.Module, training: TrainingRecipe) -> None:
        self.blocks = lay_out(model)
        self._training = training
        place = torch.empty(3 * STRETCH_ELEMENTS)
        self._stretches = [
            _Stretch(self.blocks, number, start, place)
            for number, block in enumerate(self.blocks)
            for start in range(0, block.gradients_N.numel(), STRETCH_ELEMENTS)
        ]

    def gather(self) -> None:
        """Take the gradients out of the model's parameters; nothing of them lives on there."""
        for block in self.blocks:
            for parameter, place in zip(block.parameters.values(), block.gradients, strict=True):
                assert parameter.grad is not None  # Every parameter takes part in the loss.
                place.copy_(parameter.grad)
                parameter.grad = None

    def update(
        self, steps_done: int, learning_rate: float, witness: Witness | None = None, *, twice: bool = False
    ) -> None:
        """Move the weights against the gradients that were gathered.

        Args:
            steps_done: Updates before this one.
            learning_rate: Of this update.
            witness: Who verifies what is read and takes note of what is written, or nobody.
            twice: Whether to do it twice and compare, with a witness.

        Raises:
            flight.jobs.guard.finding.StruckError: A stretch is not what was written, or did not come out twice; those
                before it are updated already.
        """
        step = torch.tensor(float(steps_done + 1))
        for index, stretch in enumerate(self._stretches):
            if witness is None:
                self._apply(stretch, stretch.rows, step, learning_rate)
                continue
            self._work(index, stretch, step, learning_rate, witness)
            if twice:
                first_3n = stretch.place_3n.clone()
                self._work(index, stretch, step, learning_rate, witness)
                if not torch.equal(first_3n, stretch.place_3n):
                    raise StruckError(Struck.UPDATE, stretch.name)
            witness.wrote(index, stretch.place_octets)
            stretch.rows_3n.copy_(stretch.place_3n)

    def stretches_of(self, blocks: Sequence[Tensor]) -> Iterator[memoryview]:
        """Give the stretches of blocks, or of copies of them, one after the other in one place.

        Args:
            blocks: In the order and the shapes of ``self.blocks``.
        """
        for stretch in self._stretches:
            stretch.place_3n.copy_(blocks[stretch.block][:, stretch.columns])
            yield stretch.place_octets

    def places(self) -> tuple[StretchPlace, ...]:
        """Give where each stretch lies, in order."""
        return tuple(StretchPlace(block=each.block, columns=each.columns, name=each.name) for each in self._stretches)

    def name_of(self, stretch: int) -> str:
        """Name the parameters that have a part in a stretch."""
        return self._stretches[stretch].name

    def _work(self, index: int, stretch: "_Stretch", step: Tensor, learning_rate: float, witness: Witness) -> None:
        """Take a stretch to its place, and update it there."""
        stretch.place_3n.copy_(stretch.rows_3n)
        witness.read(index, stretch.place_octets)
        self._apply(stretch, stretch.place, step, learning_rate)

    def _apply(self, stretch: "_Stretch", rows: Sequence[Tensor], step: Tensor, learning_rate: float) -> None:
        training = self._training
        weights_n, mean_n, square_n = rows
        # The operator behind torch.optim.AdamW(fused=True); a test holds them equal bit for bit. The optimiser around
        # it would take longer than the update of a stretch.
        torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage]
            [weights_n],
            [stretch.gradients_n],
            [mean_n],
            [square_n],
            [],
            [step],
            lr=learning_rate,
            beta1=training.beta1,
            beta2=training.beta2,
            weight_decay=training.weight_decay if stretch.decays else 0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


class _Stretch:
    """Some columns of a block, and the place where they are worked on."""

    def __init__(self, blocks: Sequence[Block], block: int, start: int, place: Tensor) -> None:
        of = blocks[block]
        self.block = block
        self.columns = slice(start, start + STRETCH_ELEMENTS)
        self.name = " ".join(of.names_in(self.columns))
        self.decays = of.decays
        self.rows_3n = of.rows_3N[:, self.columns]
        self.gradients_n = of.gradients_N[self.columns]
        self.place_3n = place[: self.rows_3n.numel()].view(self.rows_3n.shape)
        self.place_octets = tensor_octets(self.place_3n)
        # Made once: a step has some fifty stretches, and making views would take as long as digesting them.
        self.rows = self.rows_3n.unbind()
        self.place = self.place_3n.unbind()
