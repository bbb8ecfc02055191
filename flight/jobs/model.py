"""A plain GPT in the architecture of nanoGPT: token ids in, logits out. Torch only; it never trains itself.

Pre-norm transformer: LayerNorm without bias, causal self-attention, a GELU MLP four times as wide, and a head that
shares its weights with the token embedding. No linear layer has a bias. It knows nothing of text, files or recipes.

Shapes: B windows in a batch, T positions in a window, C width, H heads, D = C / H, V tokens in the vocabulary.

Source: A. Karpathy, nanoGPT, https://github.com/karpathy/nanoGPT (`bias=False`); weights as in Radford et al., GPT-2.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

INITIAL_DEVIATION = 0.02
"""Standard deviation of fresh weights."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The sizes of a model."""

    vocabulary: int
    context: int
    """Positions that the model can see (T at most)."""
    layers: int
    heads: int
    width: int
    dropout: float = 0.0
    """Share of activations dropped while training."""


class GPT(nn.Module):
    """Token ids to logits of the next token at every position.

    Args:
        shape: Sizes.
        generator: Where the initial weights are drawn from.
    """

    def __init__(self, shape: Shape, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)  # also the head
        self.positions = nn.Embedding(shape.context, shape.width)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, bias=False)
        self._draw_weights(generator)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Give logits (B, T, V) for token ids (B, T)."""
        positions_T = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)
        x_BTC = self.dropout(self.tokens(tokens_BT) + self.positions(positions_T))
        for block in self.blocks:
            x_BTC = block(x_BTC)
        return F.linear(self.norm(x_BTC), self.tokens.weight)  # (B, T, V)

    def loss(self, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
        """Give the mean cross-entropy, in nats a token, of predicting ``targets_BT``."""
        return F.cross_entropy(self(tokens_BT).flatten(0, 1), targets_BT.flatten())

    def _draw_weights(self, generator: torch.Generator) -> None:
        # Each block adds to the residual stream twice; scaling those projections keeps its variance at one.
        residual_deviation = INITIAL_DEVIATION / math.sqrt(2 * self.shape.layers)
        for name, weight in self.named_parameters():
            if weight.dim() >= 2:
                deviation = residual_deviation if name.endswith("project.weight") else INITIAL_DEVIATION
                nn.init.normal_(weight, std=deviation, generator=generator)


class Block(nn.Module):
    """One layer: attention, then the MLP, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width, bias=False)
        self.attention = Attention(shape)
        self.mlp_norm = nn.LayerNorm(shape.width, bias=False)
        self.mlp = MLP(shape)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        x_BTC = x_BTC + self.attention(self.attention_norm(x_BTC))
        return x_BTC + self.mlp(self.mlp_norm(x_BTC))


class Attention(nn.Module):
    """Causal self-attention: every position looks at itself and those before it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.expand = nn.Linear(shape.width, 3 * shape.width, bias=False)  # queries, keys, values of all heads
        self.project = nn.Linear(shape.width, shape.width, bias=False)
        self.residual_dropout = nn.Dropout(shape.dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        B, T, C = x_BTC.shape
        qkv_BT3HD = self.expand(x_BTC).view(B, T, 3, self.heads, C // self.heads)
        q_BHTD, k_BHTD, v_BHTD = qkv_BT3HD.permute(2, 0, 3, 1, 4)
        y_BHTD = F.scaled_dot_product_attention(
            q_BHTD, k_BHTD, v_BHTD, is_causal=True, dropout_p=self.dropout if self.training else 0.0
        )
        return self.residual_dropout(self.project(y_BHTD.transpose(1, 2).reshape(B, T, C)))


class MLP(nn.Module):
    """Each position by itself: widen, bend, narrow."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.expand = nn.Linear(shape.width, 4 * shape.width, bias=False)
        self.project = nn.Linear(4 * shape.width, shape.width, bias=False)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        return self.dropout(self.project(F.gelu(self.expand(x_BTC))))
