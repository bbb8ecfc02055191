"""AdamW on blocks: torch's own fused update, in stretches that stay in the cache, with a witness of what is used.

A witness verifies each stretch right before it is updated, which takes it to the cache, and notes it right after. So a
bit that flips in the memory of State is found before it is used, or overwritten; what flips in the cache meanwhile is a
fault of arithmetic. Where an update may have to be done again, the stretch is copied to a place first, and back at the
end. A witness can also note the gradients as they are gathered, and verify them as they are taken to a place of their
own. How a stretch is seen and digested is a matter of its memory (`flight.jobs.memory`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from flight.jobs.blocks import Block, lay_out
from flight.jobs.guard.bounds import Figure
from flight.jobs.guard.finding import StruckError
from flight.jobs.memory import Digest, Memory, Rows, memory_of
from flight.jobs.recipe import TrainingRecipe
from flight.jobs.row_rms import RowRms, RowWatcher
from mission.jobs import Struck

EPSILON = 1e-8

# As in `torch.nn.utils.clip_grad_norm_`, whose bits these are.
_NORM_EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class StretchPlace:
    """Which part of State a stretch is."""

    block: int
    columns: slice
    name: str
    """Of the parameters that have a part in it."""


class Witness(Protocol):
    """Sees State as the optimiser reads and writes it, stretch by stretch, always in the same order."""

    @property
    def rows(self) -> RowWatcher | None:
        """Sees the rows of a table; None if there is none."""
        ...

    def gathered(self, gradients: Sequence[Rows]) -> None:
        """Take note of the gradients of all stretches, if they are watched."""
        ...

    def took(self, stretch: int, gradients: Rows) -> None:
        """Verify the gradients of a stretch, if they are watched.

        Raises:
            flight.jobs.guard.finding.StruckError: They are not what was gathered.
        """
        ...

    def read(self, stretch: int, rows: Rows) -> None:
        """Verify what was read of a stretch.

        Raises:
            flight.jobs.guard.finding.StruckError: It is not what was written there.
        """
        ...

    def read_row(self, stretch: int, row: int, rows: Rows) -> None:
        """Verify what was read of one row of a stretch, as `read` does.

        Args:
            stretch: Which.
            row: Which of its rows.
            rows: That row alone.
        """
        ...

    @property
    def judges_updates(self) -> bool:
        """Whether an update may be odd, so that it would have to be done again."""
        ...

    def is_odd(self, stretch: int, before_n: Tensor, after_n: Tensor) -> bool:
        """Tell whether an update of weights is to be done twice for what it looks like."""
        ...

    def digest(self, rows: Rows) -> Digest:
        """Digest a stretch."""
        ...

    def wrote(self, stretch: int, rows: Rows) -> Digest:
        """Take note of what is written there."""
        ...

    def wrote_row(self, stretch: int, row: int, rows: Rows) -> None:
        """Take note of what is written to one row of a stretch."""
        ...


class AdamW:
    """The optimiser of one model, whose parameters it lays out in blocks.

    Args:
        model: What is trained.
        training: Rates and decays.

    Source: Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101.
    """

    rows: RowRms | None = None
    """What trains the rows of a table, if the model has one."""
    at_work: Sequence[Tensor] = ()
    """The rows that are being updated where they lie, from when they are verified until they are noted.

    For whoever strikes memory on trial (`hil.faults.place`): what lies there is neither verified again nor noted yet.
    """

    def __init__(self, model: nn.Module, training: TrainingRecipe) -> None:
        self.blocks = self._lay_out(model)
        self._training = training
        self._gradients = _in_order(model, self.blocks)
        self.device = self.blocks[0].rows_RN.device
        self.memory = memory_of(self.device)
        """How stretches are seen, copied and digested."""
        length = max(len(block.rows_RN) * block.stretch_elements for block in self.blocks)
        place = torch.empty(length, device=self.device)
        gradient_place = torch.empty(max(block.stretch_elements for block in self.blocks), device=self.device)
        self._stretches = [
            Stretch(self.blocks, number, start, place, gradient_place, self.memory)
            for number, block in enumerate(self.blocks)
            for start in range(0, block.gradients_N.numel(), block.stretch_elements)
        ]

    def gather(self, witness: Witness | None = None) -> Tensor:
        """Take the gradients out of the model's parameters; nothing of them lives on there.

        Args:
            witness: Who takes note of them, or nobody.

        Returns:
            Their norm.
        """
        for block in self.blocks:
            for parameter, place in zip(block.parameters.values(), block.gradients, strict=True):
                assert parameter.grad is not None  # Every parameter takes part in the loss.
                place.copy_(parameter.grad)
                parameter.grad = None
        if witness is not None:
            witness.gathered(self.gradient_octets)
        # After they were noted: what is struck from here on is found, whatever it does to the norm.
        return get_total_norm(self._gradients)

    def update(
        self,
        steps_done: int,
        learning_rate: float,
        gradient_norm: float,
        witness: Witness | None = None,
        *,
        twice: bool = False,
    ) -> None:
        """Move the weights against the gradients that were gathered, shortened to their greatest norm.

        Args:
            steps_done: Updates before this one.
            learning_rate: Of this update.
            gradient_norm: As `gather` gave it.
            witness: Who verifies what is read and takes note of what is written, or nobody.
            twice: Whether to do it twice and compare, with a witness.

        Raises:
            flight.jobs.guard.finding.StruckError: A stretch or its gradients are not what they were, or it did not come
                out twice; those before it are updated already.
        """
        step, share = self._scalars(steps_done, gradient_norm)
        # Numbers of their own for the second way, or what strikes them would come out twice.
        step_again, share_again = self._scalars(steps_done, gradient_norm) if twice else (step, share)
        for index, stretch in enumerate(self._stretches):
            if witness is None:
                torch.mul(stretch.gradients_n, share, out=stretch.gradient_place_n)
                self._apply(stretch, stretch.rows, step, learning_rate)
                continue
            if not (twice or witness.judges_updates):
                self._work_where_it_lies(index, stretch, share, step, learning_rate, witness)
                continue
            self._work(index, stretch, share, step, learning_rate, witness)
            if twice or witness.is_odd(index, stretch.rows[0], stretch.place[0]):
                first = witness.digest(stretch.place_octets)
                self._work(index, stretch, share_again, step_again, learning_rate, witness)
                if witness.wrote(index, stretch.place_octets) != first:
                    raise StruckError(Struck.UPDATE, stretch.name)
            else:
                witness.wrote(index, stretch.place_octets)
            self.memory.copy(stretch.place_octets, stretch.row_octets)

    def figures_of(self, stretch: int, before_n: Tensor, moved_n: Tensor) -> tuple[Figure, ...]:
        """Give what else tells a sound update of a stretch that was just done from another, beside its size.

        Args:
            stretch: Which.
            before_n: Its weights before.
            moved_n: By how much they moved.
        """
        return ()

    def octets_of(self, blocks: Sequence[Tensor]) -> list[Rows]:
        """Give the octets of each stretch of blocks, or of copies of them, in order; they are views.

        Args:
            blocks: In the order and the shapes of ``self.blocks``.
        """
        return [self.memory.see(blocks[each.block][:, each.columns]) for each in self._stretches]

    @property
    def octets(self) -> list[Rows]:
        """The octets of each stretch, in order."""
        return [stretch.row_octets for stretch in self._stretches]

    @property
    def gradient_octets(self) -> list[Rows]:
        """The octets of the gradients of each stretch, as they were gathered, in order."""
        return [stretch.gradient_octets for stretch in self._stretches]

    def places(self) -> tuple[StretchPlace, ...]:
        """Give where each stretch lies, in order."""
        return tuple(StretchPlace(block=each.block, columns=each.columns, name=each.name) for each in self._stretches)

    def name_of(self, stretch: int) -> str:
        """Name the parameters that have a part in a stretch."""
        return self._stretches[stretch].name

    def _lay_out(self, model: nn.Module) -> tuple[Block, ...]:
        return lay_out(model)

    def _scalars(self, steps_done: int, gradient_norm: float) -> tuple[Tensor, Tensor]:
        """Give the number of the update, and what is left of each gradient."""
        norm = torch.tensor(gradient_norm, device=self.device)
        share = (self._training.gradient_norm_max / (norm + _NORM_EPSILON)).clamp(max=1.0)
        return torch.tensor(float(steps_done + 1), device=self.device), share

    def _work_where_it_lies(
        self, index: int, stretch: "Stretch", share: Tensor, step: Tensor, learning_rate: float, witness: Witness
    ) -> None:
        """Verify, update and note a stretch, which stays in the cache from the first to the last."""
        torch.mul(stretch.gradients_n, share, out=stretch.gradient_place_n)
        witness.took(index, stretch.gradient_octets)
        self.at_work = stretch.rows
        try:
            # On a device a digest is several operations: what flips between them is as late as after them.
            witness.read(index, stretch.row_octets)
            self._apply(stretch, stretch.rows, step, learning_rate)
            witness.wrote(index, stretch.row_octets)
        finally:
            self.at_work = ()

    def _work(
        self, index: int, stretch: "Stretch", share: Tensor, step: Tensor, learning_rate: float, witness: Witness
    ) -> None:
        """Take a stretch and its gradients to their places, and update it there."""
        torch.mul(stretch.gradients_n, share, out=stretch.gradient_place_n)
        witness.took(index, stretch.gradient_octets)
        self.memory.copy(stretch.row_octets, stretch.place_octets)
        witness.read(index, stretch.place_octets)
        self._apply(stretch, stretch.place, step, learning_rate)

    def _apply(self, stretch: "Stretch", rows: Sequence[Tensor], step: Tensor, learning_rate: float) -> None:
        training = self._training
        weights_n, mean_n, square_n = rows
        # The operator behind torch.optim.AdamW(fused=True); a test holds them equal bit for bit. The optimiser around
        # it would take longer than the update of a stretch.
        torch._fused_adamw_(  # pyright: ignore[reportPrivateImportUsage]
            [weights_n],
            [stretch.gradient_place_n],
            [mean_n],
            [square_n],
            [],
            [step],
            lr=learning_rate * stretch.rate_share,
            beta1=training.beta1,
            beta2=training.beta2,
            weight_decay=training.weight_decay if stretch.decays else 0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


class Stretch:
    """Some columns of a block, and the place where they are worked on."""

    def __init__(
        self, blocks: Sequence[Block], block: int, start: int, place: Tensor, gradient_place: Tensor, memory: Memory
    ) -> None:
        of = blocks[block]
        self.block = block
        self.columns = slice(start, min(start + of.stretch_elements, of.gradients_N.numel()))
        self.name = " ".join(of.names_in(self.columns))
        self.kinds, self.decays, self.rate_share = of.kinds, of.decays, of.rate_share
        # Views are made once: making them in each step would take as long as digesting what they show.
        rows_Rn = of.rows_RN[:, self.columns]
        place_Rn = place[: rows_Rn.numel()].view(rows_Rn.shape)
        self.rows, self.row_octets = rows_Rn.unbind(), memory.see(rows_Rn)
        self.octets_of_row = [memory.see(row_n.unsqueeze(0)) for row_n in self.rows]
        self.place, self.place_octets = place_Rn.unbind(), memory.see(place_Rn)
        self.gradients_n = of.gradients_N[self.columns]
        self.gradient_octets = memory.see(self.gradients_n.unsqueeze(0))
        self.gradient_place_n = gradient_place[: self.gradients_n.numel()]


def _in_order(model: nn.Module, blocks: Sequence[Block]) -> list[Tensor]:
    """Give where the gradients of all parameters are gathered, in the order of the model."""
    places: Mapping[str, Tensor] = {
        name: place for block in blocks for name, place in zip(block.parameters, block.gradients, strict=True)
    }
    return [places[name] for name, _ in model.named_parameters() if name in places]
