"""Muon for the matrices of layers, Adam for all else: the optimiser of the recipe `swift`.

A momentum of gradients is made nearly orthogonal, so that an update moves all directions alike. Every matrix is ``C``
wide and cut into squares, which are made orthogonal each by itself, those of a layer in one batch. The safety factor
keeps the greatest singular value within what the polynomials were made for, whatever bfloat16 rounds; without it a run
can diverge in silence.

It is AdamW's machinery (stretches, places, witness) with another rule for one block: a stretch is a layer's squares.

Shapes: S squares of C by C; n columns of a stretch, S C C of them.

Sources: Jordan et al., Muon, https://kellerjordan.github.io/posts/muon/; Amsel et al., The Polar Express, arXiv
2505.16932 (the coefficients).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from flight.jobs.blocks import Block, make_block
from flight.jobs.optimizer import AdamW, Stretch, Witness
from flight.jobs.recipe import TrainingRecipe
from flight.jobs.row_rms import RowRms
from flight.jobs.swift_model import WORKING, SwiftModel
from flight.jobs.swift_recipe import MuonRecipe, NgramRecipe

MOMENTUM = "momentum"

# Each makes singular values of 0.001 to 1 more alike: aX + b(XX^T)X + c(XX^T)^2 X.
POLYNOMIALS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
SAFETY = 1.02


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
        self._shares = {
            "tokens.weight": muon.embedding_rate / training.learning_rate,
            "head.weight": muon.head_rate / training.learning_rate,
        }
        super().__init__(model, training)
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

    def _lay_out(self, model: nn.Module) -> tuple[Block, ...]:
        named = dict(model.named_parameters())
        layers = {name: weight for name, weight in named.items() if name.startswith("layers.")}
        elements = sum(weight.numel() for weight in layers.values()) // self._layers
        return (
            make_block(layers, decays=True, kinds=(MOMENTUM,), stretch_elements=elements),
            *(make_block({name: named[name]}, decays=False, rate_share=share) for name, share in self._shares.items()),
        )

    def _apply(self, stretch: Stretch, rows: Sequence[Tensor], step: Tensor, learning_rate: float) -> None:
        if stretch.kinds != (MOMENTUM,):
            super()._apply(stretch, rows, step, learning_rate)
            return
        weights_n, momentum_n = rows
        gradients_n = stretch.gradient_place_n
        momentum_n.lerp_(gradients_n, 1 - self._muon.momentum)
        ahead_n = gradients_n.lerp_(momentum_n, self._muon.momentum)  # Nesterov's: the momentum of the step to come.
        update_SCC = orthogonal(ahead_n.view(-1, self._width, self._width), self._muon.iterations)
        if self._training.weight_decay:
            weights_n.mul_(1 - learning_rate * self._training.weight_decay)
        weights_n.add_(update_SCC.view(-1), alpha=-learning_rate)


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
