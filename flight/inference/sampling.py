"""How the next token is drawn from logits: by temperature, among the k likeliest, among those that make up p.

Shapes: V tokens in the vocabulary.
"""

import torch
from torch import Tensor

from flight.inference.messages import Sampling


def draw(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Give the next token; the same logits, sampling and state of the generator give the same.

    Of tokens that are equally likely, the one with the lower number goes first.

    Raises:
        FloatingPointError: The logits are not finite: no model that is well gives such.
    """
    logits_V = logits_V.float()
    if not torch.isfinite(logits_V).any() or torch.isnan(logits_V).any():
        raise FloatingPointError("expected finite logits, found none or not-a-number")
    if sampling.temperature == 0.0:
        return int(logits_V.argmax())
    logits_V = logits_V / sampling.temperature
    if 0 < sampling.top_k < len(logits_V):
        kept_K = logits_V.sort(descending=True, stable=True).indices[: sampling.top_k]
        logits_V = torch.full_like(logits_V, -torch.inf).index_copy(0, kept_K, logits_V[kept_K])
    chances_V = torch.softmax(logits_V, dim=-1)
    if sampling.top_p < 1.0:
        sorted_V, order_V = chances_V.sort(descending=True, stable=True)
        before_V = sorted_V.cumsum(0) - sorted_V
        # The likeliest is always kept, however small p is.
        is_kept_V = before_V < max(sampling.top_p, torch.finfo(before_V.dtype).tiny)
        chances_V = torch.zeros_like(chances_V).index_copy(0, order_V, sorted_V * is_kept_V)
    return int(torch.multinomial(chances_V, 1, generator=generator))
