"""Packing with loss, for a link that may end any time: what changed since a base, the most important first.

Each layer takes the weights that are farthest from where they should be, a share of all, and moves each of them by a
multiple of a step of its tensor, told in one octet. What is left of all weights is where the next layer begins. So
every layer that arrived whole makes a model that can be used, and says how far it got; the sender has made the same
ones and tells their SHA-256, so that arithmetic that differs is found out.

Memory holds some copies of the model, which is what makes this a tool for small models and for the ground.
"""

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from ccsds.errors import MalformedError, MisuseError
from packing.container import BLOCK_OCTETS, Head, Kind, LayerHead, read_blocks, read_head, write_block, write_head
from packing.exact import LEVEL, check_base, digest_of
from packing.layout import Element, Tensor, tensors_of
from packing.source import Source

# Each layer takes about five times as many weights as the one before, and the last one takes all that are not right.
SHARES = (0.01, 0.05, 0.25, 1.0)

# Steps that one octet tells, either way.
_STEPS_MAX = 127

_BODY = struct.Struct(">fII")

_NAMES = {Element.FLOAT16: "F16", Element.BFLOAT16: "BF16", Element.FLOAT32: "F32"}

Weights = list[NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Approximation:
    """What the layers that arrived make of a base."""

    data: bytes
    """A safetensors file, whose SHA-256 is as its sender said."""
    layers: int
    """How many of them arrived whole."""
    layers_in_all: int
    error: float
    """Root of the mean squared error that is left, over that of the base: 1 at the base, 0 exact."""


def pack_layers(source: Source, base: Source, shares: Sequence[float] = SHARES) -> Iterator[bytes]:
    """Pack the difference of a model from its base, in layers.

    Args:
        source: The model, a safetensors file.
        base: What the other end holds already, with the same tensors.
        shares: The share of all weights that each layer moves, above 0, up to 1.

    Yields:
        The packed file, piece by piece.

    Raises:
        MalformedError: One of the two is no safetensors file.
        MisuseError: The tensors are others, or hold what has no layers; or a share is none.
        OSError: A file could not be read.
    """
    if not shares or any(not 0 < share <= 1 for share in shares):
        raise MisuseError(f"shares: expected some above 0 and up to 1, found {list(shares)}")
    tensors = _alike(source, base)
    target, weights = _read(source, tensors_of(source)), _read(base, tensors_of(base))
    begin = _distance(target, weights)
    bodies: list[bytes] = []
    layers: list[LayerHead] = []
    data = b""
    for share in shares:
        count = len(bodies)
        bodies += _layer(target, weights, share)
        data = _file(tensors, weights, len(layers) + 1)
        error = _distance(target, weights) / begin if begin else 0.0
        layers.append(LayerHead(len(bodies) - count, hashlib.sha256(data).digest(), error))
    yield write_head(
        Head(
            kind=Kind.LAYERS,
            length_octets=len(data),
            sha256=layers[-1].sha256,
            base_sha256=digest_of(base),
            layers=tuple(layers),
        )
    )
    for body in bodies:
        yield write_block(body)


def unpack_layers(source: Source, base: Source) -> Approximation:
    """Give what the layers that arrived make of the base.

    Args:
        source: The packed file, or as much of it as is there.
        base: What it was packed against.

    Raises:
        MalformedError: Not one layer is whole, or what it makes is not what its sender made.
        MisuseError: It is packed otherwise, or against another base.
        OSError: A file could not be read.
    """
    head, at = read_head(source)
    if head.kind is not Kind.LAYERS or not head.layers:
        raise MisuseError(f"packed file: expected one in layers, found {head.kind.name}")
    base = check_base(head, base)
    tensors = tensors_of(base)
    weights = _read(base, tensors)
    blocks = read_blocks(source, at)
    done = 0
    for layer in head.layers:
        bodies = _whole(blocks, layer.blocks)
        if bodies is None:
            break
        _apply(bodies, weights)
        done += 1
    if not done:
        raise MalformedError(f"packed file: expected a first layer of {head.layers[0].blocks} blocks, found it cut off")
    last = head.layers[done - 1]
    data = _file(tensors, weights, done)
    found = hashlib.sha256(data).digest()
    if found != last.sha256:
        raise MalformedError(f"layer {done}: expected SHA-256 {last.sha256.hex()[:16]}, found {found.hex()[:16]}")
    return Approximation(data=data, layers=done, layers_in_all=len(head.layers), error=last.error)


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
            for start in range(0, len(rest_n), BLOCK_OCTETS // 2):
                part = slice(start, start + BLOCK_OCTETS // 2)
                bodies.append(_write(number, start, step, rest_n[part], chosen_n[part]))
    _apply(bodies, weights)
    return bodies


def _write(
    number: int, start: int, step: np.float32, rest_n: NDArray[np.float32], chosen_n: NDArray[np.bool_]
) -> bytes:
    steps_n = np.rint(rest_n[chosen_n] / step).astype(np.int8) if step else np.zeros(int(chosen_n.sum()), dtype=np.int8)
    plain = np.packbits(chosen_n).tobytes() + steps_n.tobytes()
    return _BODY.pack(float(step), number, start) + zstandard.ZstdCompressor(level=LEVEL).compress(plain)


def _apply(bodies: Sequence[bytes], weights: Weights) -> None:
    """Move weights as blocks tell.

    Raises:
        MalformedError: A block tells of what there is not.
    """
    for body in bodies:
        step, number, start = _BODY.unpack_from(body)
        if number >= len(weights) or start >= len(weights[number]):
            raise MalformedError(f"layer: expected one of {len(weights)} tensors, found element {start} of {number}")
        part_n = weights[number][start : start + BLOCK_OCTETS // 2]
        mask_octets = -(-len(part_n) // 8)
        try:
            plain = zstandard.ZstdDecompressor().decompress(
                body[_BODY.size :], max_output_size=mask_octets + len(part_n)
            )
        except zstandard.ZstdError as error:
            raise MalformedError(f"layer: expected steps of {len(part_n)} weights, found {error}") from None
        chosen_n = np.unpackbits(np.frombuffer(plain[:mask_octets], dtype=np.uint8))[: len(part_n)].astype(bool)
        steps_n = np.frombuffer(plain[mask_octets:], dtype=np.int8)
        if len(plain) < mask_octets or len(steps_n) != int(chosen_n.sum()):
            raise MalformedError(f"layer: expected {int(chosen_n.sum())} steps, found {len(steps_n)}")
        part_n[chosen_n] += steps_n.astype(np.float32) * np.float32(step)


def _whole(blocks: Iterator[bytes], count: int) -> list[bytes] | None:
    """Give so many blocks, or None if they did not all arrive."""
    bodies = []
    for _ in range(count):
        try:
            bodies.append(next(blocks))
        except (StopIteration, MalformedError):
            return None
    return bodies


def _file(tensors: Sequence[Tensor], weights: Weights, layers: int) -> bytes:
    """Write a safetensors file that says what it is: a model in so many layers, not the one that was trained."""
    places: dict[str, object] = {"__metadata__": {"starloop_layers": str(layers)}}
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
    octets = [_narrow(each, tensor.element) for tensor, each in zip(tensors, weights, strict=True)]
    return len(header).to_bytes(8, "little") + header + b"".join(octets)
