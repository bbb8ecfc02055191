"""Planes of octets: what is alike in floating-point numbers is brought together, so that it packs.

Weights of a trained model have exponents within a narrow range (some 2.6 bits of information in 8) and mantissas that
are noise. A number is turned left by one bit, so that its exponent fills whole octets and its sign goes to the end;
then the first octets of all numbers follow each other, then the second ones, and so on. From numbers that are compared
with a base, the base is subtracted first, as integers, so that those that hardly moved are mostly zeros.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from packing.layout import Element

# Of one of the four unsigned widths.
Bits: TypeAlias = NDArray[Any]

_UNSIGNED = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4"), 8: np.dtype("<u8")}


def split(octets: bytes, element: Element, base: bytes | None = None) -> list[bytes]:
    """Give the planes of a row of elements, the most significant first.

    Args:
        octets: Whole elements.
        element: What they are.
        base: As many octets to subtract, if they are told as a difference.
    """
    turned_n = _turn(octets, element)
    if base is not None:
        turned_n = _zigzag(turned_n - _turn(base, element))
    planes_wn = turned_n.view(np.uint8).reshape(-1, element.width_octets).T
    return [planes_wn[index].tobytes() for index in reversed(range(element.width_octets))]


def join(planes: list[bytes], element: Element, base: bytes | None = None) -> bytes:
    """Give the octets of which `split` made planes."""
    width = element.width_octets
    octets_nw = np.empty((len(planes[0]), width), dtype=np.uint8)
    for index, plane in zip(reversed(range(width)), planes, strict=True):
        octets_nw[:, index] = np.frombuffer(plane, dtype=np.uint8)
    turned_n = octets_nw.reshape(-1).view(_UNSIGNED[width])
    if base is not None:
        turned_n = _unzigzag(turned_n) + _turn(base, element)
    return _turn_back(turned_n, element).tobytes()


def _turn(octets: bytes, element: Element) -> Bits:
    bits_n: Bits = np.frombuffer(octets, dtype=_UNSIGNED[element.width_octets])
    if element is Element.OCTETS:
        return bits_n
    return (bits_n << 1) | (bits_n >> (8 * element.width_octets - 1))


def _turn_back(turned_n: Bits, element: Element) -> Bits:
    if element is Element.OCTETS:
        return turned_n
    return (turned_n >> 1) | (turned_n << (8 * element.width_octets - 1))


def _zigzag(difference_n: Bits) -> Bits:
    """Give small numbers for small differences of either sign: 0, -1, 1, -2 become 0, 1, 2, 3."""
    width = difference_n.dtype.itemsize
    signed_n = difference_n.view(np.dtype(f"<i{width}"))
    return (difference_n << 1) ^ (signed_n >> (8 * width - 1)).view(difference_n.dtype)


def _unzigzag(zigzag_n: Bits) -> Bits:
    one = zigzag_n.dtype.type(1)
    return (zigzag_n >> one) ^ (~(zigzag_n & one) + one)
