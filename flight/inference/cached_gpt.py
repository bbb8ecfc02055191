"""A `flight.jobs.model.GPT` that writes: keys and values of the tokens before are kept, so that each token costs one.

It computes what the model computes, for one window and without dropout, in another order of sums: in fp32 its logits
are the model's to within rounding. Positions are absolute, so a window that is full cannot slide: **then the latest
half of its tokens is read anew, at positions from 0 on**, and writing goes on behind them. So the model never sees more
than a whole context and never less than half of one, and one token in T / 2 costs as much as reading T / 2.

Shapes: T positions in the window, N of them new, C width, H heads, D = C / H, V tokens in the vocabulary.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from ccsds.errors import MisuseError
from flight.jobs.model import GPT, Block


class CachedGPT:
    """One window of a model.

    Args:
        model: The model; its weights are copied.
        dtype: What is computed in.
    """

    def __init__(self, model: GPT, dtype: torch.dtype = torch.float32) -> None:
        shape = model.shape
        self.context = shape.context
        self._heads, self._width = shape.heads, shape.width
        size = (shape.layers, shape.heads, shape.context, shape.width // shape.heads)
        self._keys_LHTD = torch.zeros(size, dtype=dtype)
        self._values_LHTD = torch.zeros(size, dtype=dtype)
        self._tokens: list[int] = []
        self._embedding_VC = _copy(model.tokens.weight, dtype)
        self._positions_TC = _copy(model.positions.weight, dtype)
        self._norm_C = _copy(model.norm.weight, dtype)
        self._layers = [_Layer(block, dtype) for block in model.blocks if isinstance(block, Block)]
        self._scale = 1.0 / math.sqrt(shape.width // shape.heads)

    def weights(self) -> Mapping[str, Tensor]:
        """Give the weights as they lie in memory, by name."""
        named = {"tokens": self._embedding_VC, "positions": self._positions_TC, "norm": self._norm_C}
        for number, layer in enumerate(self._layers):
            named |= {f"blocks.{number}.{name}": weight for name, weight in layer.weights().items()}
        return named

    def begin(self) -> None:
        """Empty the window."""
        self._tokens.clear()

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> Tensor:
        """Take tokens behind those that are in the window, and give the logits (V) of the one that comes next.

        Raises:
            MisuseError: There are none.
        """
        if not tokens:
            raise MisuseError("read: expected at least one token, found none")
        together = [*self._tokens, *tokens]
        if len(together) > self.context:
            # Half of what fits is left free, so that many tokens follow before the next time.
            self._tokens.clear()
            tokens = together[-max(self.context // 2, 1) :]
        return self._run(tokens)

    def _run(self, tokens: Sequence[int]) -> Tensor:
        start = len(self._tokens)
        end = start + len(tokens)
        ids_N = torch.tensor(tokens)
        x_NC = self._embedding_VC[ids_N] + self._positions_TC[start:end]
        for number, layer in enumerate(self._layers):
            x_NC = layer.run(x_NC, self._keys_LHTD[number], self._values_LHTD[number], start, self._scale)
        self._tokens += tokens
        last_C = F.layer_norm(x_NC[-1], (self._width,), self._norm_C)
        return self._embedding_VC @ last_C  # (V)


class _Layer:
    """One block of the model.

    Args:
        block: The block.
        dtype: What is computed in.
    """

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        self._attention_norm_C = _copy(block.attention_norm.weight, dtype)
        self._mlp_norm_C = _copy(block.mlp_norm.weight, dtype)
        self._qkv = _copy(block.attention.expand.weight, dtype)  # (3C, C)
        self._project = _copy(block.attention.project.weight, dtype)  # (C, C)
        self._widen = _copy(block.mlp.expand.weight, dtype)  # (4C, C)
        self._narrow = _copy(block.mlp.project.weight, dtype)  # (C, 4C)

    def weights(self) -> Mapping[str, Tensor]:
        """Give its weights by name."""
        return {
            "attention_norm": self._attention_norm_C,
            "mlp_norm": self._mlp_norm_C,
            "attention.expand": self._qkv,
            "attention.project": self._project,
            "mlp.expand": self._widen,
            "mlp.project": self._narrow,
        }

    def run(self, x_NC: Tensor, keys_HTD: Tensor, values_HTD: Tensor, start: int, scale: float) -> Tensor:
        """(N, C) to (N, C); keys and values of the new positions are put where they belong."""
        N, C = x_NC.shape
        H, _, D = keys_HTD.shape
        end = start + N
        h_NC = F.layer_norm(x_NC, (C,), self._attention_norm_C)
        q_HND, k_HND, v_HND = F.linear(h_NC, self._qkv).view(N, 3, H, D).permute(1, 2, 0, 3)
        keys_HTD[:, start:end] = k_HND
        values_HTD[:, start:end] = v_HND
        scores_HNT = (q_HND @ keys_HTD[:, :end].transpose(1, 2)).mul_(scale)
        if N > 1:
            is_later_NT = torch.ones(N, end, dtype=torch.bool).triu_(start + 1)
            scores_HNT.masked_fill_(is_later_NT, -torch.inf)
        y_HND = torch.softmax(scores_HNT, dim=-1) @ values_HTD[:, :end]
        x_NC = x_NC + F.linear(y_HND.transpose(0, 1).reshape(N, C), self._project)
        h_NC = F.layer_norm(x_NC, (C,), self._mlp_norm_C)
        return x_NC + F.linear(F.gelu(F.linear(h_NC, self._widen)), self._narrow)


def _copy(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.detach().to(dtype, copy=True).contiguous()
