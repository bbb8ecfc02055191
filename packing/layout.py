"""How a safetensors file is laid out: stretches of octets with elements of one kind, from its first to its last octet.

It knows offsets and kinds, and reads no weight.

Source: the safetensors format, https://github.com/huggingface/safetensors#format.
"""

import hashlib
import json
from enum import IntEnum
from typing import Any

import msgspec

from ccsds.errors import MalformedError
from packing.source import Source

# The library's own limit: a header of this length describes some million tensors.
HEADER_OCTETS_MAX = 100_000_000

_LENGTH_OCTETS = 8


class Element(IntEnum):
    """What a stretch holds; the numbers are those of the packed file."""

    OCTETS = 0
    """Anything: text, integers, truth values."""
    FLOAT16 = 1
    BFLOAT16 = 2
    FLOAT32 = 3
    FLOAT64 = 4

    @property
    def width_octets(self) -> int:
        """Length of one element."""
        return _WIDTHS[self]


_WIDTHS = {Element.OCTETS: 1, Element.FLOAT16: 2, Element.BFLOAT16: 2, Element.FLOAT32: 4, Element.FLOAT64: 8}
_NAMES = {"F16": Element.FLOAT16, "BF16": Element.BFLOAT16, "F32": Element.FLOAT32, "F64": Element.FLOAT64}


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """Octets of one kind."""

    element: Element
    length_octets: int


class Tensor(msgspec.Struct, frozen=True):
    """One tensor of a file."""

    name: str
    element: Element
    shape: tuple[int, ...]
    start: int
    """Offset of its first octet in the file."""
    end: int


def tensors_of(source: Source) -> list[Tensor]:
    """Read which tensors a safetensors file holds, in the order in which they lie there.

    Raises:
        MalformedError: It is no safetensors file, or one that is cut off; it says what was expected where.
        OSError: It could not be read.
    """
    octets = _header(source)
    begin = _LENGTH_OCTETS + len(octets)
    header = _parse(octets)
    header.pop("__metadata__", None)
    try:
        tensors = [_tensor(name, entry, begin) for name, entry in header.items()]
    except (ValueError, KeyError, TypeError) as error:
        raise _not_a_header(error) from None
    tensors.sort(key=lambda tensor: (tensor.start, tensor.end))
    at = begin
    for tensor in tensors:
        if tensor.start != at or tensor.end < at:
            raise MalformedError(f"model file: expected tensor {tensor.name} at octet {at}, found it at {tensor.start}")
        at = tensor.end
    if at != source.length_octets:
        raise MalformedError(f"model file: expected {at} octets, found {source.length_octets}")
    return tensors


def metadata_of(source: Source) -> dict[str, str]:
    """Give what the header of a safetensors file says of the whole, by key.

    Raises:
        MalformedError: It is no safetensors file.
        OSError: It could not be read.
    """
    found = _parse(_header(source)).get("__metadata__", {})
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise MalformedError("model file: expected texts in its __metadata__, found something else")
    return found


def header_digest(source: Source) -> bytes:
    """Give the SHA-256 of the header of a safetensors file; of any other, nothing.

    Raises:
        OSError: It could not be read.
    """
    try:
        return hashlib.sha256(_header(source)).digest()
    except MalformedError:
        return b""


def stretches_of(source: Source) -> list[Stretch]:
    """Give the stretches of a file: of a safetensors file by its header, of any other one of plain octets."""
    try:
        tensors = tensors_of(source)
    except MalformedError:
        return [Stretch(Element.OCTETS, source.length_octets)] if source.length_octets else []
    begin = tensors[0].start if tensors else source.length_octets
    stretches = [Stretch(Element.OCTETS, begin)]
    for tensor in tensors:
        last, length_octets = stretches[-1], tensor.end - tensor.start
        if tensor.element is last.element:
            stretches[-1] = Stretch(last.element, last.length_octets + length_octets)
        elif length_octets:
            stretches.append(Stretch(tensor.element, length_octets))
    return stretches


def _header(source: Source) -> bytes:
    """Give the header of a safetensors file as it lies there.

    Raises:
        MalformedError: It has none.
    """
    prefix = source.read(0, _LENGTH_OCTETS)
    header_octets = int.from_bytes(prefix, "little")
    if len(prefix) < _LENGTH_OCTETS or header_octets > min(HEADER_OCTETS_MAX, source.length_octets - _LENGTH_OCTETS):
        raise MalformedError(
            f"model file: expected the length of a header that fits into {source.length_octets} octets, found "
            f"{header_octets}"
        )
    return source.read(_LENGTH_OCTETS, header_octets)


def _parse(octets: bytes) -> dict[str, Any]:
    try:
        header = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise _not_a_header(error) from None
    if not isinstance(header, dict):
        raise _not_a_header(TypeError(f"a {type(header).__name__}"))
    return header


def _not_a_header(error: Exception) -> MalformedError:
    return MalformedError(f"model file: expected a safetensors header, found {type(error).__name__}: {error}")


def _tensor(name: str, entry: dict[str, Any], begin: int) -> Tensor:
    start, end = entry["data_offsets"]
    element, shape = _NAMES.get(entry["dtype"], Element.OCTETS), tuple(entry["shape"])
    if not all(type(each) is int and each >= 0 for each in (*shape, start, end)):  # JSON's true is no number.
        raise ValueError(f"tensor {name} with shape {shape} at {start} to {end}")
    return Tensor(name=name, element=element, shape=shape, start=begin + start, end=begin + end)
