"""The whole state of a job as named tensors and octets: what can be digested, saved, restored, flipped and compared.

Whatever decides the future of a job is here, and nothing else is. This file knows nothing of what the names mean.
"""

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ccsds.errors import MisuseError


@dataclass(frozen=True, kw_only=True)
class State:
    """Named dense contiguous tensors, and named octets.

    The tensors are the job's own, not copies: they change when it goes on. `clone` gives a snapshot.
    """

    tensors: Mapping[str, Tensor]
    octets: Mapping[str, bytes]

    def __post_init__(self) -> None:
        """Refuse what cannot be digested or saved as it lies in memory.

        Raises:
            MisuseError: Naming the entry.
        """
        for name in self.tensors.keys() & self.octets.keys():
            raise MisuseError(f"state {name!r}: expected one entry, found a tensor and octets")
        for name, tensor in self.tensors.items():
            if tensor.layout is not torch.strided or not tensor.is_contiguous():
                raise MisuseError(f"state {name!r}: expected a dense contiguous tensor, found {tensor.layout}")

    def clone(self) -> "State":
        """Give a copy that does not change when the job goes on."""
        return State(
            tensors={name: tensor.detach().clone() for name, tensor in self.tensors.items()}, octets=dict(self.octets)
        )


def weights_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Digest named tensors, in hexadecimal: what two runs compare to say that their weights are bit-identical.

    One SHA-256 over all tensors in the order of their names (by code point), each as ``name NUL dtype NUL shape NUL
    data``: name and dtype (``float32``) in UTF-8, shape as decimal sizes with commas (``128,64``; empty for a scalar),
    and the elements in row-major order, little-endian, with nothing after them. Dtype and shape give the length of the
    data, and no name holds a NUL, so that no two sets of tensors are written alike.

    Raises:
        MisuseError: A name holds a NUL.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensor_heading(name, tensors[name]))
        digest.update(tensor_octets(tensors[name]))
    return digest.hexdigest()


def tensor_heading(name: str, tensor: Tensor) -> bytes:
    """Give what stands before the elements of a tensor in `weights_sha256`.

    Raises:
        MisuseError: The name holds a NUL.
    """
    if "\0" in name:
        raise MisuseError(f"tensor {name!r}: expected a name without NUL")
    shape = ",".join(str(size) for size in tensor.shape)
    return f"{name}\0{dtype_name(tensor)}\0{shape}\0".encode()


def dtype_name(tensor: Tensor) -> str:
    """Give the dtype without torch's prefix: ``float32``."""
    return str(tensor.dtype).removeprefix("torch.")


def tensor_octets(tensor: Tensor) -> memoryview:
    """Give the elements of a tensor in row-major order, little-endian; a view of it where that is how it lies."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    if sys.byteorder == "big":
        flat = flat.reshape(-1, tensor.element_size()).flip(1).reshape(-1)
    return flat.numpy().data
