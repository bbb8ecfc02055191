"""In which order the blocks of a text are seen: each once an epoch, from another offset and in another order in each.

What step sees which blocks follows from a key and the step, so that nothing else has to be remembered: an epoch goes
through its blocks in strides of a number that has no factor in common with theirs. Neighbours in a batch lie far apart.
"""

import hashlib
import math

import torch
from torch import Tensor

from ccsds.errors import MisuseError
from flight.jobs.compute_device import HOST

ORDER_KEY_OCTETS = 16


class BlockOrder:
    """The order of one job.

    Args:
        key: Of all its choices; part of State.
        tokens: In the training split.
        context: Tokens in a block.
        batch: Blocks in a step.

    Raises:
        MisuseError: The split has not enough blocks for one step.
    """

    def __init__(self, key: bytes, tokens: int, context: int, batch: int) -> None:
        self.key = key
        self._context = context
        self._batch = batch
        # As many as there are from any offset, with the token after each.
        self._blocks = (tokens - context) // context
        if self._blocks < batch:
            needed = (batch + 1) * context
            raise MisuseError(f"corpus: expected at least {needed} tokens in the training split, found {tokens}")
        self._steps_per_epoch = self._blocks // batch

    def starts(self, step: int) -> Tensor:
        """Give where the blocks of a step begin, (B,).

        Args:
            step: Steps done before it.
        """
        epoch, number = divmod(step, self._steps_per_epoch)
        digest = hashlib.sha256(self.key + epoch.to_bytes(8, "little")).digest()
        offset = int.from_bytes(digest[:8], "little") % self._context
        first = int.from_bytes(digest[8:16], "little") % self._blocks
        stride = _coprime(int.from_bytes(digest[16:24], "little"), self._blocks)
        places_B = torch.arange(number * self._batch, (number + 1) * self._batch, device=HOST)
        return (first + places_B * stride) % self._blocks * self._context + offset


def _coprime(number: int, to: int) -> int:
    """Give the next number from some on, below another one, that has no factor in common with that."""
    number %= to
    while math.gcd(number, to) != 1:
        number += 1
    return number
