"""Where State lies, in the memory of the processor or of another device: how it is seen, copied and digested there.

What the processor reaches is digested by XXH3, 128 bits, in less time than it takes to come from memory. On another
device nothing of State leaves it to be digested: a digest is the sum of all words of 32 bits, each times an odd number
of its own, modulo 2^64, by torch's integers. No single bit goes unseen by it, and several do with a chance of about
2^-32. That sum is also the digest of each row of a table, in either memory, and comes out the same in both: integers
have no rounding, whoever adds them in whatever order.

Shapes: R rows of a stretch, n columns; U rows of a table, C width. All elements have 32 bits.

Source: Lemire and Kaser, Strongly universal string hashing is fast, Computer Journal 57 (2014), for the sum.
"""

import functools
import hashlib
from typing import Any, Protocol

import numpy as np
import torch
import xxhash
from torch import Tensor

from flight.jobs.compute_device import HOST
from flight.jobs.state import tensor_octets

Rows = tuple[Any, ...]
"""Views of the rows of a stretch, as their memory gave them: octets of each row, or a tensor of all their words."""
Digest = tuple[bytes, ...]
"""Of each row."""

_DIGEST_OCTETS = 8


class Memory(Protocol):
    """One kind of memory. It keeps nothing of a job, and digests what is there the same way ever after."""

    def see(self, rows_Rn: Tensor) -> Rows:
        """Give a view of rows, through which they are copied and digested."""
        ...

    def copy(self, source: Rows, place: Rows) -> None:
        """Copy rows to rows of the same shape."""
        ...

    def digest(self, rows: Rows) -> Digest:
        """Digest rows, each by itself."""
        ...

    def digest_each(self, weights_UC: Tensor, squares_U: Tensor) -> np.ndarray:
        """Digest rows of a table one by one, each with its mean square; (U,), 64 bits."""
        ...


class HostMemory:
    """The memory that the processor reaches."""

    def see(self, rows_Rn: Tensor) -> Rows:
        """See `Memory`."""
        return tuple(tensor_octets(row_n) for row_n in rows_Rn)

    def copy(self, source: Rows, place: Rows) -> None:
        """See `Memory`; torch would take half as long again to find out how."""
        for octets, room in zip(source, place, strict=True):
            room[:] = octets

    def digest(self, rows: Rows) -> Digest:
        """See `Memory`."""
        return tuple(map(xxhash.xxh3_128_digest, rows))

    def digest_each(self, weights_UC: Tensor, squares_U: Tensor) -> np.ndarray:
        """See `Memory`."""
        factors = _factors(weights_UC.shape[1] + 1)
        words_UC, words_U = weights_UC.detach().numpy().view(np.int32), squares_U.numpy().view(np.int32)
        return np.einsum("uc,c->u", words_UC, factors[:-1]) + words_U * factors[-1:]


class DeviceMemory:
    """The memory of another device, which torch reaches alone; it digests what is in any other as well."""

    def __init__(self) -> None:
        self._factors: dict[torch.device, Tensor] = {}
        """In each memory in which something was digested, as many as were needed."""

    def see(self, rows_Rn: Tensor) -> Rows:
        """See `Memory`."""
        return (rows_Rn.detach().view(torch.int32),)

    def copy(self, source: Rows, place: Rows) -> None:
        """See `Memory`."""
        place[0].copy_(source[0])

    def digest(self, rows: Rows) -> Digest:
        """See `Memory`; the processor waits for it."""
        (words_Rn,) = rows
        factors_n = self._factors_on(words_Rn.device, words_Rn.shape[1])
        sums = (words_Rn * factors_n).sum(1).tolist()
        return tuple(each.to_bytes(_DIGEST_OCTETS, "little", signed=True) for each in sums)

    def digest_each(self, weights_UC: Tensor, squares_U: Tensor) -> np.ndarray:
        """See `Memory`; the processor waits for them."""
        words_UC, words_U = weights_UC.detach().view(torch.int32), squares_U.view(torch.int32)
        factors = self._factors_on(words_UC.device, words_UC.shape[1] + 1)
        return ((words_UC * factors[:-1]).sum(1) + words_U * factors[-1:]).cpu().numpy()

    def _factors_on(self, device: torch.device, count: int) -> Tensor:
        factors = self._factors.get(device)
        if factors is None or len(factors) < count:
            # Of a power of two, so that rows of ever another number do not have them made anew in each step.
            factors = torch.from_numpy(_factors(1 << (count - 1).bit_length())).to(device)
            self._factors[device] = factors
        return factors[:count]


def memory_of(device: torch.device) -> Memory:
    """Give the memory of a device."""
    return HostMemory() if device.type == HOST.type else DeviceMemory()


@functools.lru_cache(maxsize=8)
def _factors(count: int) -> np.ndarray:
    """Give odd numbers that look drawn, the same ones always; fewer of them are the first of more."""
    octets = hashlib.shake_256(b"row digests").digest(8 * count)
    return np.frombuffer(octets, "<i8").astype(np.int64) | 1
