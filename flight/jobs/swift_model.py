"""The model of the recipe ``swift``: a pure transformer that learns a small text in few steps of few operators.

Pre-norm, and no norm has weights; attention with rotary positions and normed queries and keys; an MLP with the square
of ReLU; whatever writes to the residual stream, and the head, begin at zero; the head is not the embedding; logits are
bent to stay within a cap. Weights are in single precision, and rounded to bfloat16 whenever they are used; activations
are bfloat16 throughout. On small widths a processor spends its time not in products but between them, so the ways back
are written out, with as few passes over memory as they need.

What a position begins with is the embedding of its token and a share of that of the token before (the smear): one look
back that attention need not learn. Only half of the dimensions of a head turn with the position (half-truncated RoPE):
the first half of them.

Shapes: B windows in a batch, T positions in a window, N = B T, C width, H heads, D = C / H, R dimensions that turn, F
width of the MLP, V tokens in the vocabulary.

Sources: Jordan et al., modded-nanogpt, https://github.com/KellerJordan/modded-nanogpt (the architecture); So et al.,
Primer, arXiv 2109.08668 (squared ReLU); Henry et al., Query-key normalization, arXiv 2010.04245; Su et al., RoFormer,
arXiv 2104.09864.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from flight.jobs.fused_linear import products_of
from flight.jobs.model import Shape
from flight.jobs.ngram import NgramTable
from flight.jobs.ngram_counts import NgramCounts
from flight.jobs.swift_recipe import NgramRecipe, SwiftRecipe

WORKING = torch.bfloat16
"""What is computed in."""

_NORM_EPSILON = 1e-6


class SwiftModel(nn.Module):
    """Token ids to logits of the next token at every position.

    Args:
        shape: Sizes; ``dropout`` means nothing.
        recipe: What is particular to this model.
        generator: Where the initial weights are drawn from.
        ngram: The table of n-grams that is added to the embedding, if there is to be one.
    """

    def __init__(
        self, shape: Shape, recipe: SwiftRecipe, generator: torch.Generator, ngram: NgramRecipe | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        self._logit_cap = recipe.logit_cap
        self._smear = recipe.smear
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.ngram = NgramTable(shape.vocabulary, shape.width, ngram) if ngram is not None else None
        self.counts: NgramCounts | None = None
        """What is mixed into what the model predicts once it is asked; training knows nothing of it."""
        self.layers = nn.ModuleList(Layer(shape, recipe) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)
        self._draw_weights(recipe.embedding_deviation, generator)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Give logits (B, T, V), in single precision, for token ids (B, T)."""
        return self._mixed(tokens_BT, self._logits(tokens_BT)).view(*tokens_BT.shape, -1)

    def last(self, tokens_1T: Tensor) -> Tensor:
        """Give the logits (V) of the token after one window; bit for bit those of `forward` at its last position."""
        return self._mixed(tokens_1T, self._logits(tokens_1T)[-1:])[0]

    def loss(self, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
        """Give the mean cross-entropy, in nats a token, of predicting ``targets_BT``."""
        return F.cross_entropy(self(tokens_BT).flatten(0, 1), targets_BT.flatten())

    def _mixed(self, tokens_BT: Tensor, logits_NV: Tensor) -> Tensor:
        return logits_NV if self.counts is None or self.training else self.counts.mix(tokens_BT, logits_NV)

    def _logits(self, tokens_BT: Tensor) -> Tensor:
        """Give what the network itself says, (N, V)."""
        x_BTC = F.embedding(tokens_BT, self.tokens.weight.to(WORKING))
        if self._smear:
            x_BTC = x_BTC + self._smear * F.pad(x_BTC[:, :-1], (0, 0, 1, 0))
        x_NC = x_BTC.flatten(0, 1)
        if self.ngram is not None:
            x_NC = x_NC + self.ngram(tokens_BT).to(WORKING)
        x_NC = _Norm.apply(x_NC)
        for layer in self.layers:
            x_NC = layer(x_NC, tokens_BT.shape)
        logits_NV = _Head.apply(_Norm.apply(x_NC), self.head.weight).float()
        return torch.tanh(logits_NV / self._logit_cap) * self._logit_cap

    def _draw_weights(self, embedding_deviation: float, generator: torch.Generator) -> None:
        for name, weight in self.named_parameters():
            if name == "tokens.weight":
                nn.init.normal_(weight, std=embedding_deviation, generator=generator)
            elif name.endswith("expand"):
                bound = math.sqrt(3) / 2 / math.sqrt(self.shape.width)
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            else:
                nn.init.zeros_(weight)  # Also the rows of n-grams.


class Layer(nn.Module):
    """Attention, then the MLP, each added to what came in.

    All of its matrices are ``C`` wide, so that they can be cut into squares.
    """

    _cosines: Tensor
    _sines: Tensor
    _mask: Tensor

    def __init__(self, shape: Shape, recipe: SwiftRecipe) -> None:
        super().__init__()
        C, F_ = shape.width, recipe.expansion * shape.width
        self.attention = nn.ParameterDict(
            {"expand": torch.empty(3 * C, C), "project": torch.empty(C, C)}  # (3 C, C), queries first; (C, C)
        )
        self.mlp = nn.ParameterDict({"expand": torch.empty(F_, C), "project": torch.empty(F_, C)})  # both (F, C)
        self._heads, self._scale = shape.heads, recipe.attention_scale
        cosines_TR, sines_TR = _rotation(shape.context, C // shape.heads, recipe.rope_base)
        self.register_buffer("_cosines", cosines_TR.to(WORKING), persistent=False)
        self.register_buffer("_sines", sines_TR.to(WORKING), persistent=False)
        mask_TT = torch.full((shape.context, shape.context), -math.inf).triu(1)
        self.register_buffer("_mask", mask_TT.to(WORKING), persistent=False)

    def forward(self, x_NC: Tensor, shape_BT: torch.Size) -> Tensor:
        """(N, C) to (N, C)."""
        T = shape_BT[1]
        fixed = self._cosines[:T], self._sines[:T], self._mask[:T, :T], self._scale, self._heads
        x_NC = _Attention.apply(x_NC, self.attention["expand"], self.attention["project"], T, fixed)
        return _MLP.apply(x_NC, self.mlp["expand"], self.mlp["project"])


class _Head(torch.autograd.Function):
    """``x W^T``."""

    @staticmethod
    def forward(ctx: Any, x_NC: Tensor, head_VC: Tensor) -> Tensor:
        ctx.head = products_of(head_VC.to(WORKING), head_VC)
        ctx.save_for_backward(x_NC)
        return ctx.head.outputs(x_NC)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (dy_NV,) = gradients
        (x_NC,) = ctx.saved_tensors
        return ctx.head.inputs_back(dy_NV), ctx.head.weight_back(dy_NV, x_NC).float()


class _Norm(torch.autograd.Function):
    """``x`` over the root of its mean square, along the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        normed, inverse = _norm(x)
        ctx.save_for_backward(normed, inverse)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return _norm_backward(gradients[0], *ctx.saved_tensors)


class _MLP(torch.autograd.Function):
    """``x + relu(norm(x) E^T)^2 P``."""

    @staticmethod
    def forward(ctx: Any, x_NC: Tensor, expand_FC: Tensor, project_FC: Tensor) -> Tensor:
        ctx.expand = products_of(expand_FC.to(WORKING), expand_FC)
        ctx.project = products_of(project_FC.to(WORKING).t(), project_FC)
        normed_NC, inverse_N1 = _norm(x_NC)
        root_NF = ctx.expand.outputs_relu(normed_NC)
        squared_NF = root_NF * root_NF
        ctx.save_for_backward(normed_NC, inverse_N1, root_NF, squared_NF)
        return ctx.project.outputs_plus(squared_NF, x_NC)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (dy_NC,) = gradients
        normed_NC, inverse_N1, root_NF, squared_NF = ctx.saved_tensors
        dproject_FC = ctx.project.transposed_weight_back(dy_NC, squared_NF)
        # Half of it: the other factor of the square's 2 is given to the small tensors at the end.
        half_NF = ctx.project.inputs_back_times(dy_NC, root_NF)
        dexpand_FC = ctx.expand.weight_back(half_NF, normed_NC).float().mul_(2)
        dx_NC = _norm_backward(ctx.expand.inputs_back(half_NF), normed_NC, 2 * inverse_N1)
        return dx_NC.add_(dy_NC), dexpand_FC, dproject_FC.float()


class _Attention(torch.autograd.Function):
    """``x + attention(norm(x)) P^T``: every position looks at itself and those before it.

    A plain product, softmax and product: at this size they are faster, forward and backward, than torch's fused way.
    """

    @staticmethod
    def forward(ctx: Any, x_NC: Tensor, expand_3CC: Tensor, project_CC: Tensor, T: int, fixed: Any) -> Tensor:
        cosines_TR, sines_TR, mask_TT, scale, H = fixed
        N, C = x_NC.shape
        B, D = N // T, C // H
        ctx.expand = products_of(expand_3CC.to(WORKING), expand_3CC)
        ctx.project = products_of(project_CC.to(WORKING), project_CC)
        normed_NC, inverse_N1 = _norm(x_NC)
        qkv_BT3HD = ctx.expand.outputs(normed_NC).view(B, T, 3 * H, D)
        qk_BT2HD, qk_inverse = _norm(qkv_BT3HD[:, :, : 2 * H])
        turned_BT2HD = _turn(qk_BT2HD.clone(), cosines_TR, sines_TR)
        q_GTD, k_GTD = _by_head(turned_BT2HD[:, :, :H]), _by_head(turned_BT2HD[:, :, H:])  # G = B H
        v_GTD = _by_head(qkv_BT3HD[:, :, 2 * H :])
        weights_GTT = torch.softmax(torch.baddbmm(mask_TT, q_GTD, k_GTD.mT, alpha=scale), -1)
        y_NC = torch.bmm(weights_GTT, v_GTD).view(B, H, T, D).transpose(1, 2).reshape(N, C)
        ctx.save_for_backward(normed_NC, inverse_N1, qk_BT2HD, qk_inverse, q_GTD, k_GTD, v_GTD, weights_GTT, y_NC)
        ctx.fixed = fixed
        return ctx.project.outputs_plus(y_NC, x_NC)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (dx_NC,) = gradients
        normed_NC, inverse_N1, qk_BT2HD, qk_inverse, q_GTD, k_GTD, v_GTD, weights_GTT, y_NC = ctx.saved_tensors
        cosines_TR, sines_TR, _, scale, H = ctx.fixed
        B, T, _, D = qk_BT2HD.shape
        dproject_CC = ctx.project.weight_back(dx_NC, y_NC)
        dy_GTD = _by_head(ctx.project.inputs_back(dx_NC).view(B, T, H, D))
        dscores_GTT = torch._softmax_backward_data(  # pyright: ignore[reportPrivateImportUsage]
            torch.bmm(dy_GTD, v_GTD.mT), weights_GTT, -1, WORKING
        ).mul_(scale)
        dqkv_BT3HD = torch.empty(B, T, 3 * H, D, dtype=WORKING, device=dx_NC.device)
        dqkv_BT3HD[:, :, :H] = _by_position(torch.bmm(dscores_GTT, k_GTD), B)
        dqkv_BT3HD[:, :, H : 2 * H] = _by_position(torch.bmm(dscores_GTT.mT, q_GTD), B)
        dqkv_BT3HD[:, :, 2 * H :] = _by_position(torch.bmm(weights_GTT.mT, dy_GTD), B)
        dqk_BT2HD = _turn(dqkv_BT3HD[:, :, : 2 * H], cosines_TR, -sines_TR)  # Back by the same angle.
        dqk_BT2HD.copy_(_norm_backward(dqk_BT2HD, qk_BT2HD, qk_inverse))
        dqkv_N3C = dqkv_BT3HD.view(B * T, -1)
        dexpand_3CC = ctx.expand.weight_back(dqkv_N3C, normed_NC)
        back_NC = _norm_backward(ctx.expand.inputs_back(dqkv_N3C), normed_NC, inverse_N1)
        return back_NC.add_(dx_NC), dexpand_3CC.float(), dproject_CC.float(), None, None


def _norm(x: Tensor) -> tuple[Tensor, Tensor]:
    """Give ``x`` normed along its last dimension, and what it was multiplied with."""
    inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    inverse = inverse.mul_(x.shape[-1] ** -0.5).add_(_NORM_EPSILON).reciprocal_()
    return x * inverse, inverse


def _norm_backward(dnormed: Tensor, normed: Tensor, inverse: Tensor) -> Tensor:
    """Take a gradient back through `_norm`."""
    along = torch.linalg.vecdot(dnormed, normed).mul_(-1 / normed.shape[-1]).unsqueeze(-1)
    return torch.addcmul(dnormed, normed, along).mul_(inverse)


def _rotation(context: int, D: int, base: float) -> tuple[Tensor, Tensor]:
    """Give cosines and sines of the angles at each position, (T, 1, R) with R = D / 2."""
    frequencies = (1 / base) ** torch.linspace(0, 1, D // 4)
    angles = torch.outer(torch.arange(context).float(), frequencies)
    return torch.cat((angles.cos(), angles.cos()), 1)[:, None], torch.cat((angles.sin(), -angles.sin()), 1)[:, None]


def _turn(x_BTHD: Tensor, cosines_TR: Tensor, sines_TR: Tensor) -> Tensor:
    """Turn the first dimensions of each head by the angle of its position, in place."""
    R = cosines_TR.shape[-1]
    turning = x_BTHD[..., :R]
    turned = torch.roll(turning, R // 2, -1).mul_(sines_TR)
    turning.mul_(cosines_TR).add_(turned)
    return x_BTHD


def _by_head(x_BTHD: Tensor) -> Tensor:
    """(B, T, H, D) to (B H, T, D); a view where there is one head."""
    B, T, H, D = x_BTHD.shape
    return x_BTHD.transpose(1, 2).reshape(B * H, T, D)


def _by_position(x_GTD: Tensor, B: int) -> Tensor:
    """(B H, T, D) to (B, T, H, D)."""
    G, T, D = x_GTD.shape
    return x_GTD.view(B, G // B, T, D).transpose(1, 2)
