"""Muon for the matrices of layers, Adam for all else: the optimiser of the recipe `swift`.

A momentum of gradients is made nearly orthogonal, so that an update moves all directions alike. Every matrix is ``C``
wide and cut into squares, which are made orthogonal each by itself, those of a layer in one batch. The safety factor
keeps the greatest singular value within what the polynomials were made for, whatever bfloat16 rounds; without it a run
can diverge in silence.

What such an update can be is known beforehand (`Muon.figures_of`): its singular values are what the polynomials make of
0 to 1, so that no row and no column is longer than the greatest; and, since what multiplies the momentum G is a
polynomial of G G^T, G^T U is symmetric. A fault in the update breaks the one or the other.

It is AdamW's machinery (stretches, places, witness) with another rule for one block: a stretch is a layer's squares.
That is more than the cache of a processor holds, and between what is made of the momentum and what of the weights is
much work: a witness verifies and notes each of the two by itself, right where it is used.

Shapes: S squares of C by C; n columns of a stretch, S C C of them.

Sources: Jordan et al., Muon, https://kellerjordan.github.io/posts/muon/; Amsel et al., The Polar Express, arXiv
2505.16932 (the coefficients).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from flight.jobs.blocks import Block, make_block
from flight.jobs.compute_device import HOST
from flight.jobs.guard.bounds import Figure
from flight.jobs.optimizer import AdamW, Stretch, Witness
from flight.jobs.recipe import TrainingRecipe
from flight.jobs.row_rms import RowRms
from flight.jobs.swift_model import WORKING, SwiftModel
from flight.jobs.swift_recipe import MuonRecipe, NgramRecipe

MOMENTUM = "momentum"
# Of a stretch of layers.
_WEIGHTS_ROW, _MOMENTUM_ROW = 0, 1

# Each makes singular values of 0.001 to 1 more alike: aX + b(XX^T)X + c(XX^T)^2 X.
POLYNOMIALS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
SAFETY = 1.02

# Of singular values: bfloat16 rounds them away from what the polynomials say, and a norm of C numbers rounds again.
_ROUNDING = 1.05


class Muon(AdamW):
    """The optimiser of a `SwiftModel`, whose parameters it lays out in blocks: layers, embedding, head.

    Args:
        model: What is trained.
        training: Rates and decays.
        muon: What is particular to this optimiser.
        ngram: How the rows of the model's table are trained, if it has one.
    """

    def __init__(
        self, model: SwiftModel, training: TrainingRecipe, muon: MuonRecipe, ngram: NgramRecipe | None = None
    ) -> None:
        self._muon = muon
        self._width = model.shape.width
        self._layers = model.shape.layers
        self._singular_max = _ROUNDING * greatest_singular_value(muon.iterations)
        self._rate = 0.0
        self._shares = {
            "tokens.weight": muon.embedding_rate / training.learning_rate,
            "head.weight": muon.head_rate / training.learning_rate,
        }
        super().__init__(model, training)
        # The same direction in each step: what decides nothing need not be drawn anew.
        generator = torch.Generator().manual_seed(0)
        self._probe_C1 = torch.randn(self._width, 1, generator=generator, device=HOST).to(self.device)
        if model.ngram is not None and ngram is not None:
            self.rows = RowRms(model.ngram, ngram, ngram.rate / training.learning_rate)

    def gather(self, witness: Witness | None = None) -> Tensor:
        """Take the gradients out of the model's parameters and touched rows; see `AdamW.gather`."""
        norm = super().gather(witness)
        if self.rows is None:
            return norm
        return torch.hypot(norm, self.rows.gather(witness.rows if witness is not None else None))

    def update(
        self,
        steps_done: int,
        learning_rate: float,
        gradient_norm: float,
        witness: Witness | None = None,
        *,
        twice: bool = False,
    ) -> None:
        """Move weights and touched rows against their gradients; see `AdamW.update`."""
        super().update(steps_done, learning_rate, gradient_norm, witness, twice=twice)
        if self.rows is not None:
            self.rows.update(learning_rate, witness.rows if witness is not None else None, twice=twice)

    def figures_of(self, stretch: int, before_n: Tensor, moved_n: Tensor) -> tuple[Figure, ...]:
        """Give the greatest length of a row or column of a layer's update, and by how much G^T U is not symmetric.

        Both are of the update over the learning rate. The first is a lower bound of the spectral norm; the second is
        asked of one direction.
        """
        of = self._stretches[stretch]
        if of.kinds != (MOMENTUM,) or not self._rate:
            return ()
        if self._training.weight_decay:
            moved_n = torch.add(moved_n, before_n, alpha=self._rate * self._training.weight_decay)
        moved_SCC = moved_n.view(-1, self._width, self._width)
        squares_SCC = moved_SCC.square()
        longest = torch.maximum(squares_SCC.sum(1).max(), squares_SCC.sum(2).max()).sqrt().item() / self._rate
        ahead_SCC = of.gradient_place_n.view_as(moved_SCC)  # `_update_of` has left it there.
        one_SC1 = ahead_SCC.mT @ (moved_SCC @ self._probe_C1)
        other_SC1 = moved_SCC.mT @ (ahead_SCC @ self._probe_C1)
        skew_S = torch.linalg.vector_norm(one_SC1 - other_SC1, dim=(1, 2))
        whole_S = torch.linalg.vector_norm(one_SC1, dim=(1, 2)).add_(1e-30)
        return (
            Figure(name="singular value", value=longest, most=self._singular_max),
            Figure(name="skewness", value=(skew_S / whole_S).max().item()),
        )

    def _lay_out(self, model: nn.Module) -> tuple[Block, ...]:
        named = dict(model.named_parameters())
        layers = {name: weight for name, weight in named.items() if name.startswith("layers.")}
        elements = sum(weight.numel() for weight in layers.values()) // self._layers
        return (
            make_block(layers, decays=True, kinds=(MOMENTUM,), stretch_elements=elements),
            *(make_block({name: named[name]}, decays=False, rate_share=share) for name, share in self._shares.items()),
        )

    def _work_where_it_lies(
        self, index: int, stretch: Stretch, share: Tensor, step: Tensor, learning_rate: float, witness: Witness
    ) -> None:
        if stretch.kinds != (MOMENTUM,):
            super()._work_where_it_lies(index, stretch, share, step, learning_rate, witness)
            return
        weights_n, momentum_n = stretch.rows
        torch.mul(stretch.gradients_n, share, out=stretch.gradient_place_n)
        witness.took(index, stretch.gradient_octets)
        with self._working_on(index, stretch, _MOMENTUM_ROW, witness):
            self._move_momentum(momentum_n, stretch.gradient_place_n)
        # What strikes the momentum from here on is found by the next update, and this one is done again with it.
        update_n = self._update_of(momentum_n, stretch.gradient_place_n)
        with self._working_on(index, stretch, _WEIGHTS_ROW, witness):
            self._move_weights(weights_n, update_n, learning_rate)

    @contextmanager
    def _working_on(self, index: int, stretch: Stretch, row: int, witness: Witness) -> Iterator[None]:
        """Verify a row before it is updated where it lies, and note it afterwards."""
        self.at_work = (stretch.rows[row],)
        try:
            witness.read_row(index, row, stretch.octets_of_row[row])
            yield
            witness.wrote_row(index, row, stretch.octets_of_row[row])
        finally:
            self.at_work = ()

    def _apply(self, stretch: Stretch, rows: Sequence[Tensor], step: Tensor, learning_rate: float) -> None:
        if stretch.kinds != (MOMENTUM,):
            super()._apply(stretch, rows, step, learning_rate)
            return
        weights_n, momentum_n = rows
        self._move_momentum(momentum_n, stretch.gradient_place_n)
        self._move_weights(weights_n, self._update_of(momentum_n, stretch.gradient_place_n), learning_rate)

    def _move_momentum(self, momentum_n: Tensor, gradients_n: Tensor) -> None:
        momentum_n.lerp_(gradients_n, 1 - self._muon.momentum)

    def _update_of(self, momentum_n: Tensor, gradients_n: Tensor) -> Tensor:
        """Give the direction of an update; the momentum that it is made of is left in the place of the gradients."""
        ahead_n = gradients_n.lerp_(momentum_n, self._muon.momentum)  # Nesterov's: the momentum of the step to come.
        return orthogonal(ahead_n.view(-1, self._width, self._width), self._muon.iterations).view(-1)

    def _move_weights(self, weights_n: Tensor, update_n: Tensor, learning_rate: float) -> None:
        self._rate = learning_rate
        if self._training.weight_decay:
            weights_n.mul_(1 - learning_rate * self._training.weight_decay)
        weights_n.add_(update_n, alpha=-learning_rate)


def greatest_singular_value(iterations: int) -> float:
    """Give the greatest singular value that `orthogonal` makes of any matrix, but for rounding."""
    values = torch.linspace(0, 1 / SAFETY, 100_001, dtype=torch.float64, device=HOST)
    for a, b, c in POLYNOMIALS[:iterations]:
        values = a * values + b * values**3 + c * values**5
    return values.max().item()


def orthogonal(x_SCC: Tensor, iterations: int) -> Tensor:
    """Give the nearly orthogonal matrices that are nearest to some, in bfloat16.

    Args:
        x_SCC: The matrices.
        iterations: Of Newton and Schulz, with another polynomial in each.
    """
    x_SCC = x_SCC.to(WORKING)
    norm_S11 = torch.linalg.vector_norm(x_SCC, dim=(1, 2), keepdim=True)
    x_SCC = x_SCC * norm_S11.mul_(SAFETY).add_(1e-6).reciprocal_()
    for a, b, c in POLYNOMIALS[:iterations]:
        square_SCC = torch.bmm(x_SCC, x_SCC.mT)
        polynomial_SCC = torch.baddbmm(square_SCC, square_SCC, square_SCC, beta=b, alpha=c)
        x_SCC = torch.baddbmm(x_SCC, polynomial_SCC, x_SCC, beta=a)
    return x_SCC
