"""Tables of hashed n-grams: a vector for the last 2 tokens, for the last 3, and so on, added to the token embedding.

A pair of tokens has a row of its own; longer n-grams share rows by a hash. All rows lie in one table. A step touches
some thousand of them: those are taken out of the table, used, and updated (`flight.jobs.row_rms`); the rest stays as it
is.

A window knows nothing of what came before it: there, a token of its own stands for the unknown.

Shapes: B windows in a batch, T positions in a window, N = B T, K orders, R rows of the table, U rows that a step
touches, C width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from flight.jobs.swift_recipe import NgramRecipe

# Odd, so that no token is lost in the product; of SplitMix64 (Steele et al., Fast splittable pseudorandom number
# generators, OOPSLA 2014), as numbers of 63 bits.
_STEP_MULTIPLIER = 0x1E3779B97F4A7C15
_MIX_MULTIPLIER = 0x3F58476D1CE4E5B9
_MIX_SHIFTS = (31, 29)


class NgramTable(nn.Module):
    """The rows, and which of them a token sees.

    Args:
        vocabulary: Tokens that there are.
        width: Numbers in a row.
        recipe: How many rows for which orders.
    """

    def __init__(self, vocabulary: int, width: int, recipe: NgramRecipe) -> None:
        super().__init__()
        self._unknown = vocabulary
        self._orders = range(2, recipe.order_max + 1)
        self._hashed_rows = recipe.rows
        self._pairs = (vocabulary + 1) * vocabulary
        self._dropout = recipe.dropout
        rows = self._pairs + (len(self._orders) - 1) * recipe.rows
        # No gradient of its own size is ever made: it has one for the rows that a step touches.
        self.rows = nn.Parameter(torch.zeros(rows, width), requires_grad=False)
        self.touched: Touched | None = None
        """What this pass uses; None outside of one."""

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Give the sum of what every position sees, (N, C)."""
        if not self.training or self.touched is None:
            return F.embedding_bag(self.places(tokens_BT), self.rows, mode="sum")
        sum_NC = F.embedding_bag(self.touched.inverse_NK, self.touched.weights_UC, mode="sum")
        if self._dropout:
            sum_NC = sum_NC * (torch.rand(len(sum_NC), 1, device=sum_NC.device) >= self._dropout)
        return sum_NC

    def places(self, tokens_BT: Tensor) -> Tensor:
        """Give the rows of the n-grams that end at each position, (N, K)."""
        B, T = tokens_BT.shape
        longest = self._orders[-1]
        padded = F.pad(tokens_BT, (longest - 1, 0), value=self._unknown)
        before = [padded[:, longest - 1 - back : longest - 1 - back + T] for back in range(longest)]
        places = [before[1] * self._unknown + before[0]]
        hashed = places[0]
        for order in self._orders[1:]:
            hashed = hashed * _STEP_MULTIPLIER + before[order - 1] + 1  # Modulo 2^64, as torch multiplies.
            mixed = (hashed ^ (hashed >> _MIX_SHIFTS[0])) * _MIX_MULTIPLIER
            mixed = mixed ^ (mixed >> _MIX_SHIFTS[1])
            places.append(self._pairs + (order - 3) * self._hashed_rows + (mixed & (self._hashed_rows - 1)))
        return torch.stack(places, -1).view(B * T, -1)


class Touched:
    """The rows that one pass uses.

    Args:
        places_NK: Which rows every position sees.
    """

    def __init__(self, places_NK: Tensor) -> None:
        self.rows_U, self.inverse_NK = torch.unique(places_NK, return_inverse=True)
        self.weights_UC = torch.empty(0, device=places_NK.device)
        """A copy of them, which takes the gradient."""
