"""Packing with loss, for a link that may end any time: what changed since a base, the most important first.

Each layer takes the weights that are farthest from where they should be, a share of all, and moves each of them by a
multiple of a step of its tensor, told in one octet. What is left of all weights is where the next layer begins. So
every layer that arrived whole makes a model that can be used, and says how far it got; the sender has made the same
ones and tells their SHA-256, so that arithmetic that differs is found out.

To pack takes some copies of the model in memory, which makes that a tool for the ground. To unpack takes a block or
two, however large the model is.
"""

import hashlib
import json
import math
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import zstandard
from numpy.typing import NDArray

from ccsds.errors import MalformedError, MisuseError
from packing.container import (
    BLOCK_OCTETS,
    LAYERS_MAX,
    Head,
    Kind,
    LayerHead,
    block_end,
    decompress,
    read_blocks,
    read_head,
    write_block,
    write_head,
)
from packing.exact import LEVEL, check_base
from packing.layout import Element, Tensor, header_digest, metadata_of, tensors_of
from packing.source import Source, digesting

LAYERS_KEY = "starloop_layers"
"""In the metadata of a model that was made of layers: how many. What else its metadata says is of the trained one."""

# Each layer takes about five times as many weights as the one before, and the last one takes all that are not right.
SHARES = (0.01, 0.05, 0.25, 1.0)

# Steps that one octet tells, either way.
_STEPS_MAX = 127

# What a block of a layer tells of: elements of one tensor that follow each other.
_PART = BLOCK_OCTETS // 2

_BODY = struct.Struct(">fII")

_NAMES = {Element.FLOAT16: "F16", Element.BFLOAT16: "BF16", Element.FLOAT32: "F32"}

Weights = list[NDArray[np.float32]]


def pack_layers(source: Source, base: Source, shares: Sequence[float] = SHARES) -> Iterator[bytes]:
    """Pack the difference of a model from its base, in layers.

    Args:
        source: The model, a safetensors file.
        base: What the other end holds already, with the same tensors.
        shares: The share of all weights that each layer moves, above 0, up to 1.

    Yields:
        The packed file, piece by piece; empty ones where it only read.

    Raises:
        MalformedError: One of the two is no safetensors file.
        MisuseError: The tensors are others, or hold what has no layers, or no number; or a share is none.
        OSError: A file could not be read.
    """
    if not 0 < len(shares) <= LAYERS_MAX or any(not 0 < share <= 1 for share in shares):
        raise MisuseError(f"shares: expected 1 to {LAYERS_MAX} above 0 and up to 1, found {list(shares)}")
    tensors, metadata = _alike(source, base), metadata_of(source)
    target, weights = _read(source, tensors_of(source)), _read(base, tensors_of(base))
    begin = _distance(target, weights)
    bodies: list[bytes] = []
    layers: list[LayerHead] = []
    length_octets = 0
    for share in shares:
        count = len(bodies)
        bodies += _layer(target, weights, share)
        header = _header(tensors, metadata, len(layers) + 1)
        digest = hashlib.sha256(header)
        for tensor, each in zip(tensors, weights, strict=True):
            digest.update(_narrow(each, tensor.element))
        length_octets = len(header) + sum(tensor.end - tensor.start for tensor in tensors)
        error = _distance(target, weights) / begin if begin else 0.0
        layers.append(LayerHead(len(bodies) - count, digest.digest(), error))
        yield b""
    yield write_head(
        Head(
            kind=Kind.LAYERS,
            length_octets=length_octets,
            sha256=layers[-1].sha256,
            base_sha256=(yield from digesting(base, BLOCK_OCTETS)),
            base_octets=base.length_octets,
            base_header_sha256=header_digest(base),
            metadata=metadata,
            layers=tuple(layers),
        )
    )
    for body in bodies:
        yield write_block(body)


class LayeredModel:
    """What the layers that arrived make of a base.

    Args:
        source: The packed file, or as much of it as is there.
        base: What it was packed against.

    Raises:
        MalformedError: It is no packed file, not one layer of it is there, or the base is no safetensors file.
        MisuseError: It is packed otherwise.
        OSError: A file could not be read.
    """

    def __init__(self, source: Source, base: Source) -> None:
        self._source = source
        self._base = base
        self._head, self._begin = read_head(source)
        check_first_layer(source, self._head, self._begin)
        self._tensors = tensors_of(base)
        self._places: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.layers = 0
        """How many of them arrived whole; known once a piece with something in it was given."""
        self.layers_in_all = len(self._head.layers)

    @property
    def sha256(self) -> bytes:
        """Of the model; known when `layers` is."""
        return self._head.layers[self.layers - 1].sha256 if self.layers else b""

    @property
    def error(self) -> float:
        """Root of the mean squared error that is left, over that of the base: 1 at the base, 0 exact."""
        return self._head.layers[self.layers - 1].error if self.layers else 1.0

    def pieces(self) -> Iterator[bytes]:
        """Give the model as a safetensors file.

        Yields:
            It, piece by piece; empty ones where it only read. It may be used once the last piece was given without an
            error.

        Raises:
            MalformedError: Not one layer is whole, or what it makes is not what its sender made.
            MisuseError: The base is another one.
            OSError: A file could not be read.
        """
        yield from check_base(self._head, self._base)
        yield from self._find_layers()
        header = _header(self._tensors, self._head.metadata, self.layers)
        digest = hashlib.sha256(header)
        yield header
        for number, tensor in enumerate(self._tensors):
            width = tensor.element.width_octets
            for start in range(0, (tensor.end - tensor.start) // width, _PART):
                at = tensor.start + start * width
                octets = self._base.read(at, min(_PART * width, tensor.end - at))
                part_n = _widen(octets, tensor.element)
                for place in self._places.get((number, start), ()):
                    _apply(next(read_blocks(self._source, place)), part_n)
                piece = _narrow(part_n, tensor.element)
                digest.update(piece)
                yield piece
        if digest.digest() != self.sha256:
            raise MalformedError(
                f"layer {self.layers}: expected SHA-256 {self.sha256.hex()[:16]}, found {digest.hexdigest()[:16]}"
            )

    def _find_layers(self) -> Iterator[bytes]:
        """Find the layers that are whole, and where what they tell of each part of a tensor lies."""
        blocks, at = read_blocks(self._source, self._begin), self._begin
        for layer in self._head.layers:
            places: list[tuple[tuple[int, int], int]] = []
            for _ in range(layer.blocks):
                try:
                    body = next(blocks)
                except (StopIteration, MalformedError):
                    break
                places.append((self._part_of(body), at))
                at = block_end(self._source, at)
                yield b""
            if len(places) < layer.blocks:
                break
            for part, place in places:
                self._places[part].append(place)
            self.layers += 1
        if not self.layers:
            raise _cut_off(self._head)

    def _part_of(self, body: bytes) -> tuple[int, int]:
        """Give the tensor, and the first of its elements, that a block tells of.

        Raises:
            MalformedError: There is none.
        """
        if len(body) < _BODY.size:
            raise MalformedError(f"layer: expected a block of {_BODY.size} octets or more, found {len(body)}")
        _, number, start = _BODY.unpack_from(body)
        tensor = self._tensors[number] if number < len(self._tensors) else None
        if tensor is None or start % _PART or start * tensor.element.width_octets >= tensor.end - tensor.start:
            raise MalformedError(
                f"layer: expected a part of one of {len(self._tensors)} tensors, found element {start} of {number}"
            )
        return number, start


def check_first_layer(source: Source, head: Head, offset_octets: int) -> None:
    """Make sure by the lengths of its blocks that a first layer is there; it reads none of them.

    Args:
        source: The packed file, or as much of it as is there.
        head: Its head.
        offset_octets: Of its first block.

    Raises:
        MalformedError: It is not.
        MisuseError: The file is packed otherwise.
        OSError: It could not be read.
    """
    if head.kind is not Kind.LAYERS or not head.layers:
        raise MisuseError(f"packed file: expected one in layers, found {head.kind.name}")
    at = offset_octets
    for _ in range(head.layers[0].blocks):
        at = block_end(source, at)
        if at > source.length_octets:
            raise _cut_off(head)


def _cut_off(head: Head) -> MalformedError:
    return MalformedError(f"packed file: expected a first layer of {head.layers[0].blocks} blocks, found it cut off")


def _alike(source: Source, base: Source) -> list[Tensor]:
    tensors, others = tensors_of(source), tensors_of(base)
    kinds, expected = ([(each.name, each.element, each.shape) for each in them] for them in (tensors, others))
    if kinds != expected:
        raise MisuseError("base: expected a model with the same tensors in the same order, found another")
    for tensor in tensors:
        if tensor.element not in _NAMES:
            raise MisuseError(f"tensor {tensor.name}: expected floating point of 16 or 32 bits, which layers can move")
    return tensors


def _read(source: Source, tensors: Sequence[Tensor]) -> Weights:
    return [_widen(source.read(each.start, each.end - each.start), each.element) for each in tensors]


def _widen(octets: bytes, element: Element) -> NDArray[np.float32]:
    match element:
        case Element.BFLOAT16:
            return (np.frombuffer(octets, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
        case Element.FLOAT16:
            return np.frombuffer(octets, dtype="<f2").astype(np.float32)
        case _:
            return np.frombuffer(octets, dtype="<f4").copy()


def _narrow(weights_n: NDArray[np.float32], element: Element) -> bytes:
    match element:
        case Element.BFLOAT16:  # To the nearest, ties to even.
            bits_n = weights_n.view(np.uint32)
            return ((bits_n + 0x7FFF + ((bits_n >> 16) & 1)) >> 16).astype("<u2").tobytes()
        case Element.FLOAT16:
            return weights_n.astype("<f2").tobytes()
        case _:
            return weights_n.astype("<f4").tobytes()


def _distance(target: Weights, weights: Weights) -> float:
    return math.sqrt(
        sum(float(np.sum((one.astype(np.float64) - other) ** 2)) for one, other in zip(target, weights, strict=True))
    )


def _layer(target: Weights, weights: Weights, share: float) -> list[bytes]:
    """Move the weights that are farthest off, and give the blocks that tell it."""
    rests = [one - other for one, other in zip(target, weights, strict=True)]
    sizes_n = np.abs(np.concatenate(rests)) if rests else np.zeros(0, dtype=np.float32)
    kept = max(1, round(share * len(sizes_n)))
    threshold = np.partition(sizes_n, len(sizes_n) - kept)[len(sizes_n) - kept] if len(sizes_n) else np.float32(0)
    bodies = []
    for number, rest_n in enumerate(rests):
        chosen_n = (np.abs(rest_n) >= threshold) & (rest_n != 0)
        if chosen_n.any():
            step = np.float32(np.abs(rest_n[chosen_n]).max() / _STEPS_MAX)
            for start in range(0, len(rest_n), _PART):
                part = slice(start, start + _PART)
                bodies.append(_write(number, start, step, rest_n[part], chosen_n[part]))
    for body in bodies:
        _, number, start = _BODY.unpack_from(body)
        _apply(body, weights[number][start : start + _PART])
    return bodies


def _write(
    number: int, start: int, step: np.float32, rest_n: NDArray[np.float32], chosen_n: NDArray[np.bool_]
) -> bytes:
    steps_n = np.rint(rest_n[chosen_n] / step).astype(np.int8) if step else np.zeros(int(chosen_n.sum()), dtype=np.int8)
    plain = np.packbits(chosen_n).tobytes() + steps_n.tobytes()
    return _BODY.pack(float(step), number, start) + zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def _apply(body: bytes, part_n: NDArray[np.float32]) -> None:
    """Move the weights of a part as a block tells.

    Raises:
        MalformedError: It tells of others.
    """
    step, _, _ = _BODY.unpack_from(body)
    mask_octets = -(-len(part_n) // 8)
    plain = decompress(body[_BODY.size :], mask_octets + len(part_n), zstandard.ZstdDecompressor())
    chosen_n = np.unpackbits(np.frombuffer(plain[:mask_octets], dtype=np.uint8))[: len(part_n)].astype(bool)
    steps_n = np.frombuffer(plain[mask_octets:], dtype=np.int8)
    if len(plain) < mask_octets or len(steps_n) != int(chosen_n.sum()):
        raise MalformedError(f"layer: expected {int(chosen_n.sum())} steps, found {len(steps_n)}")
    part_n[chosen_n] += steps_n.astype(np.float32) * np.float32(step)


def _header(tensors: Sequence[Tensor], metadata: Mapping[str, str], layers: int) -> bytes:
    """Write the header of a safetensors file that says what it is: a model in so many layers, not the trained one."""
    places: dict[str, object] = {"__metadata__": {**metadata, LAYERS_KEY: str(layers)}}
    at = 0
    for tensor in tensors:
        length_octets = tensor.end - tensor.start
        places[tensor.name] = {
            "dtype": _NAMES[tensor.element],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + length_octets],
        }
        at += length_octets
    header = json.dumps(places, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header
