"""What came after the same words in the training text, counted: chances that those of a network are mixed with.

For every length of context up to some, the places of the training text that had the same tokens before them are
counted by the token that follows. Counts of longer contexts are smoothed with those of shorter ones. Nothing is learned
here, and nothing in training depends on it: what a network learned, and what the text has, are mixed only where the
model is asked. So the text is a part of the model, and has to come down with it.

All contexts lie in one array: codes of the last tokens before each place, the last token the most significant digit, in
order. Whatever ends in the same tokens then lies together, however many of them are compared.

The processor counts, wherever the network is.

Shapes: M places of the text, B windows in a batch, T positions in a window, N = B T, U different contexts of one
length, V tokens in the vocabulary.

Sources: Liu et al., Infini-gram, arXiv 2401.17377 (counts of any order by a suffix array, mixed with a network in a
line); Ney, Essen and Kneser, On structuring probabilistic dependences in stochastic language modelling, 1994 (absolute
discounting); MacKay and Peto, A hierarchical Dirichlet language model, 1995 (the prior).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from flight.jobs.compute_device import HOST
from flight.jobs.swift_recipe import COUNTS_KEPT_MAX, CountsRecipe

# One less than an integer has without its sign, so that the code after the last one is one too.
_CODE_BITS_MAX = 62


class NgramCounts:
    """The counts of one text.

    Args:
        tokens_M: The training text.
        vocabulary: Tokens that there are.
        recipe: How long contexts may be (as far as 62 bits hold their tokens), how they are smoothed, and their share.
    """

    def __init__(self, tokens_M: Tensor, vocabulary: int, recipe: CountsRecipe) -> None:
        self._recipe = recipe
        self._vocabulary = vocabulary
        # Two more digits: for what came before the text, and before a window. They are never the same context.
        self._before_text, self._before_window, self._base = vocabulary, vocabulary + 1, vocabulary + 2
        self._longest = min(recipe.order_max - 1, int(_CODE_BITS_MAX / math.log2(self._base)))
        codes_M = self._codes(tokens_M[:-1].long().unsqueeze(0), self._before_text)
        self._codes_M, order_M = torch.sort(codes_M)
        self._next_M = tokens_M[1:].long()[order_M]
        # One more of each, so that nothing is impossible.
        counts_V = torch.bincount(tokens_M, minlength=vocabulary).float() + 1
        self._chances_V = counts_V / counts_V.sum()
        self._tables = self._short_tables()

    def tensors(self) -> dict[str, Tensor]:
        """Give what is counted by, by name, as it lies in memory."""
        return {
            "counts.codes": self._codes_M,
            "counts.next": self._next_M,
            "counts.chances": self._chances_V,
            **{f"counts.chances.{length}": table_UV for length, (_, table_UV) in enumerate(self._tables, 1)},
            **{f"counts.contexts.{length}": contexts_U for length, (contexts_U, _) in enumerate(self._tables, 1)},
        }

    def mix(self, tokens_BT: Tensor, logits_NV: Tensor) -> Tensor:
        """Give the logarithms of chances of which the counted ones have the recipe's share, (N, V).

        Where there are logits of fewer than all positions, they are those of the last.
        """
        share = self._recipe.share
        # Not by logaddexp, which gives other bits where its array ends than in the middle.
        chances_NV = self.chances(tokens_BT.to(HOST), len(logits_NV)).to(logits_NV.device)
        return (torch.softmax(logits_NV, -1) * (1 - share) + chances_NV * share).log()

    def chances(self, tokens_BT: Tensor, last: int = 0) -> Tensor:
        """Give the chances of the token after each position, (N, V), from it and those before it in its window.

        Args:
            tokens_BT: The windows.
            last: How many of all positions are asked, from the end; 0 for all.
        """
        codes_N = self._codes(tokens_BT, self._before_window)[-last:]
        chances_NV = self._chances_V.expand(len(codes_N), -1)
        for length, (contexts_U, table_UV) in enumerate(self._tables, 1):
            place_N, is_known_N = _find(contexts_U, codes_N // self._unit(length))
            chances_NV = torch.where(is_known_N.unsqueeze(1), table_UV[place_N], chances_NV)
        for length in range(len(self._tables) + 1, self._longest + 1):
            unit = self._unit(length)
            contexts_U, context_N = torch.unique(codes_N // unit, return_inverse=True)
            chances_NV = self._smooth(self._counts(contexts_U, unit)[context_N], chances_NV)
        return chances_NV

    def _short_tables(self) -> list[tuple[Tensor, Tensor]]:
        """Give all contexts, sorted, and the chances after them, (U, V), for the lengths of which they are few."""
        tables: list[tuple[Tensor, Tensor]] = []
        left = COUNTS_KEPT_MAX
        for length in range(1, self._longest + 1):
            contexts_U = torch.unique_consecutive(self._codes_M // self._unit(length))
            left -= len(contexts_U) * self._vocabulary
            if left < 0:
                break
            if tables:
                place_U, _ = _find(tables[-1][0], contexts_U // self._base)
                shorter_UV = tables[-1][1][place_U]
            else:
                shorter_UV = self._chances_V.expand(len(contexts_U), -1)
            tables.append((contexts_U, self._smooth(self._counts(contexts_U, self._unit(length)), shorter_UV)))
        return tables

    def _unit(self, length: int) -> int:
        """Give what a code is divided by for the code of the context of some length."""
        return self._base ** (self._longest - length)

    def _codes(self, tokens_BT: Tensor, before: int) -> Tensor:
        """Give the code of the longest context that ends at each position, (N,)."""
        T = tokens_BT.shape[1]
        padded = F.pad(tokens_BT, (self._longest - 1, 0), value=before)
        codes_BT = torch.zeros_like(tokens_BT)
        for start in range(self._longest - 1, -1, -1):
            codes_BT.mul_(self._base).add_(padded[:, start : start + T])
        return codes_BT.flatten()

    def _counts(self, contexts_U: Tensor, unit: int) -> Tensor:
        """Give how often each token came after each context, (U, V)."""
        first_U = torch.searchsorted(self._codes_M, contexts_U * unit)
        length_U = torch.searchsorted(self._codes_M, (contexts_U + 1) * unit) - first_U
        context = torch.repeat_interleave(length_U)
        # A row of places after the other: from its first on.
        places = torch.arange(len(context), device=HOST) + (first_U - (length_U.cumsum(0) - length_U))[context]
        counts = torch.bincount(
            context * self._vocabulary + self._next_M[places], minlength=len(contexts_U) * self._vocabulary
        )
        return counts.view(-1, self._vocabulary).float()

    def _smooth(self, counts_NV: Tensor, shorter_NV: Tensor) -> Tensor:
        """Give chances by counts, less a discount, and by those after shorter contexts, which get what is left."""
        total_N1 = counts_NV.sum(1, keepdim=True)
        kinds_N1 = (counts_NV > 0).sum(1, keepdim=True)
        left_N1 = self._recipe.discount * kinds_N1 + self._recipe.prior
        # In place: all contexts of a length are smoothed at once, and this is most of what making the counts takes.
        counted_NV = counts_NV.sub_(self._recipe.discount).clamp_(min=0)
        return counted_NV.add_(left_N1 * shorter_NV).div_(total_N1 + self._recipe.prior)


def _find(sorted_U: Tensor, wanted_N: Tensor) -> tuple[Tensor, Tensor]:
    """Give where some codes are among others, and whether they are."""
    place_N = torch.searchsorted(sorted_U, wanted_N).clamp_(max=len(sorted_U) - 1)
    return place_N, sorted_U[place_N] == wanted_N
