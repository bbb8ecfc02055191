"""A safetensors file, written tensor by tensor: nothing is copied as a whole, and other threads go on meanwhile.

The library makes the whole file in memory first, in one piece of work that holds the interpreter. What is written here
is the same file to the octet.

Source: the safetensors format, https://github.com/huggingface/safetensors#format.
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
import torch
from torch import Tensor

from flight.disk import Disk
from flight.jobs.state import tensor_heading, tensor_octets

# Long enough that opening the file counts for nothing, short enough that nobody waits for the interpreter meanwhile.
PIECE_OCTETS = 1 << 20

_LENGTH_OCTETS = 8
# In the order in which the library lays them down.
_DTYPES = {
    torch.int64: "I64",
    torch.float64: "F64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_RANKS = {dtype: rank for rank, dtype in enumerate(_DTYPES)}


def write_tensors(disk: Disk, path: str, tensors: Mapping[str, Tensor]) -> int:
    """Write a file that is not there yet; nothing of it is synced.

    Returns:
        Its length in octets.

    Raises:
        OSError: The disk failed; part of the file may be there.
    """
    length_octets = 0
    for piece in _pieces(tensors):
        disk.append(path, piece)
        length_octets += len(piece)
    return length_octets


def is_written(disk: Disk, path: str, tensors: Mapping[str, Tensor], sha256: Mapping[str, str]) -> bool:
    """Read a file back, and tell whether it holds these tensors.

    Args:
        disk: Where it is. What a kernel still has in its cache is read from there, not from the medium.
        path: Of the file.
        tensors: Of which it is made, for names, dtypes and shapes; their elements are not looked at.
        sha256: Of each, as in `flight.jobs.state.weights_sha256`.

    Raises:
        OSError: The disk failed.
    """
    header = _header(tensors)
    if disk.read(path, 0, len(header)) != header:
        return False
    at = len(header)
    for name in _order(tensors):
        digest = hashlib.sha256(tensor_heading(name, tensors[name]))
        end = at + tensors[name].nbytes
        while at < end:
            piece = disk.read(path, at, min(PIECE_OCTETS, end - at))
            if not piece:
                return False
            digest.update(piece)
            at += len(piece)
        if digest.hexdigest() != sha256[name]:
            return False
    return disk.size(path) == at


def _order(tensors: Mapping[str, Tensor]) -> list[str]:
    """Give the names in the order of the file: wide elements first, so that each lies on its own width."""
    return sorted(tensors, key=lambda name: (_RANKS[tensors[name].dtype], name))


def _header(tensors: Mapping[str, Tensor]) -> bytes:
    places: dict[str, object] = {}
    at = 0
    for name in _order(tensors):
        tensor = tensors[name]
        places[name] = {
            "dtype": _DTYPES[tensor.dtype],
            "shape": tuple(tensor.shape),
            "data_offsets": (at, at + tensor.nbytes),
        }
        at += tensor.nbytes
    encoded = msgspec.json.encode(places)
    encoded += b" " * (-len(encoded) % _LENGTH_OCTETS)
    return len(encoded).to_bytes(_LENGTH_OCTETS, "little") + encoded


def _pieces(tensors: Mapping[str, Tensor]) -> Iterator[bytes]:
    """Give the file in pieces of `PIECE_OCTETS`, the last one shorter."""
    pending = bytearray(_header(tensors))
    for name in _order(tensors):
        octets = tensor_octets(tensors[name])
        at = 0
        while at < len(octets):
            taken = min(PIECE_OCTETS - len(pending), len(octets) - at)
            pending += octets[at : at + taken]
            at += taken
            if len(pending) == PIECE_OCTETS:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)
