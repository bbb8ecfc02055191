"""Checksums of files whose octets come in any order: modular, CRC-32C, CRC-32 and null. It never reads a file.

The modular checksum is a sum, so order means nothing to it. A CRC of two neighbouring pieces follows from the CRCs of
the pieces and the length of the second: ``crc(A B) = crc(A) x^(8 |B|) + crc(B)`` modulo the polynomial, so every run of
contiguous octets keeps its own CRC, and runs that meet are joined without their octets.

Source: CCSDS 727.0-B-5 4.2.2 and annex F; SANA registry of CFDP checksum types.
"""

import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

import numpy as np

from ccsds.cfdp.codes import ChecksumType
from ccsds.crc import crc32c
from ccsds.errors import MisuseError

_WORD_MASK = 0xFFFF_FFFF
# Polynomials with the lowest power in the highest bit, as the reflected CRCs have them.
_POLYNOMIALS = {ChecksumType.CRC_32: 0xEDB8_8320, ChecksumType.CRC_32C: 0x82F6_3B78}
_FUNCTIONS: dict[ChecksumType, Callable[[bytes, int], int]] = {
    ChecksumType.CRC_32: zlib.crc32,
    ChecksumType.CRC_32C: crc32c,
}
_ONE = 1 << 31
_X = 1 << 30
# A file is at most 2^64 octets long, which is 2^67 bits.
_LENGTH_BITS_MAX = 67

Run = tuple[int, int, int]
"""Contiguous octets: start, end (not included), and what they sum up to."""


class FileChecksum(Protocol):
    """The checksum of a file that is still coming."""

    def add(self, offset_octets: int, data: bytes) -> None:
        """Take octets that were not taken before."""
        ...

    def value(self) -> int:
        """Give the checksum; it means something once the file is whole."""
        ...

    def runs(self) -> list[Run]:
        """Give what is needed to go on after a reboot."""
        ...


def file_checksum(kind: ChecksumType, runs: Iterable[Run] = ()) -> FileChecksum:
    """Make a checksum.

    Args:
        kind: Its type.
        runs: Of an earlier one of the same type, to go on with it.
    """
    match kind:
        case ChecksumType.MODULAR:
            return _Modular(runs)
        case ChecksumType.NULL:
            return _Null()
        case ChecksumType.CRC_32 | ChecksumType.CRC_32C:
            return _Crc(kind, runs)


def checksum_of(kind: ChecksumType, data: bytes) -> int:
    """Give the checksum of a whole file."""
    checksum = file_checksum(kind)
    checksum.add(0, data)
    return checksum.value()


def join_crcs(kind: ChecksumType, first: int, second: int, second_octets: int) -> int:
    """Give the CRC of two pieces, one after the other.

    Args:
        kind: CRC-32 or CRC-32C.
        first: The CRC of the first piece.
        second: The CRC of the second.
        second_octets: The length of the second.

    Raises:
        MisuseError: It is no CRC.
    """
    if kind not in _POLYNOMIALS:
        raise MisuseError(f"joining checksums: expected CRC-32 or CRC-32C, found {kind.name}")
    return _times(_shift(second_octets, _POLYNOMIALS[kind]), first, _POLYNOMIALS[kind]) ^ second


class _Null:
    def add(self, offset_octets: int, data: bytes) -> None:
        """Take nothing: it is always 0."""

    def value(self) -> int:
        return 0

    def runs(self) -> list[Run]:
        return []


class _Modular:
    """The sum, modulo 2^32, of big-endian words aligned to the file's first octet; what is missing counts as zeros."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._sum = sum(total for _, _, total in runs)

    def add(self, offset_octets: int, data: bytes) -> None:
        before = offset_octets % 4
        after = -(before + len(data)) % 4
        if before or after:
            data = bytes(before) + data + bytes(after)
        self._sum += int(np.frombuffer(data, ">u4").sum(dtype=np.uint64))

    def value(self) -> int:
        return self._sum & _WORD_MASK

    def runs(self) -> list[Run]:
        return [(0, 0, self.value())]


class _Crc:
    """A CRC for every run."""

    def __init__(self, kind: ChecksumType, runs: Iterable[Run]) -> None:
        self._kind = kind
        self._function = _FUNCTIONS[kind]
        # By start: end and CRC. By end: start.
        self._runs: dict[int, tuple[int, int]] = {}
        self._starts: dict[int, int] = {}
        for start, end, crc in runs:
            self._keep(start, end, crc)

    def add(self, offset_octets: int, data: bytes) -> None:
        if not data:
            return
        start, end, crc = offset_octets, offset_octets + len(data), 0
        if start in self._starts:
            start = self._starts.pop(start)
            crc = self._runs.pop(start)[1]
        crc = self._function(data, crc)
        if end in self._runs:
            next_end, next_crc = self._runs.pop(end)
            crc = join_crcs(self._kind, crc, next_crc, next_end - end)
            end = next_end
        self._keep(start, end, crc)

    def value(self) -> int:
        if not self._runs:
            return 0
        return self._runs[min(self._runs)][1]

    def runs(self) -> list[Run]:
        return [(start, end, crc) for start, (end, crc) in sorted(self._runs.items())]

    def _keep(self, start: int, end: int, crc: int) -> None:
        self._runs[start] = (end, crc)
        self._starts[end] = start


def _times(left: int, right: int, polynomial: int) -> int:
    """Multiply two polynomials modulo a third."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & _WORD_MASK
        right = right >> 1 ^ (polynomial if right & 1 else 0)
    return product


@lru_cache(maxsize=2)
def _squarings(polynomial: int) -> tuple[int, ...]:
    """Give x to the powers 1, 2, 4, ... modulo a polynomial."""
    powers = [_X]
    while len(powers) < _LENGTH_BITS_MAX:
        powers.append(_times(powers[-1], powers[-1], polynomial))
    return tuple(powers)


# Gaps are mostly one segment long; the bound only keeps strange lengths from filling memory.
@lru_cache(maxsize=256)
def _shift(octets: int, polynomial: int) -> int:
    """Give x to the power of 8 times ``octets`` modulo a polynomial."""
    power = _ONE
    for bit, squared in enumerate(_squarings(polynomial)[3:]):
        if octets >> bit & 1:
            power = _times(power, squared, polynomial)
    return power
