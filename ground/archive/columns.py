"""Numbers of a block as octets, and back: what an archive keeps of one field, or of the times of a block.

Whole numbers are kept as their differences; the octets of all numbers are sorted by their significance, which puts
those that hardly change side by side, and compressed by zstandard with a checksum. So a damaged column is found when it
is read. A field that a report does not have is not-a-number. It reads no file.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
import zstandard

from ccsds.errors import MalformedError

# One report of a bounded packet has a few kilobytes; a block that claims more is none of ours.
BLOCK_OCTETS_MAX = 1 << 30

_WHOLE = b"i"
_REAL = b"f"
_OCTETS = 8
_INT64_MAX = (1 << 63) - 1


def compress(octets: bytes) -> bytes:
    """Compress octets, with a checksum of them."""
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(octets)


def decompress(octets: bytes) -> bytes:
    """Give what `compress` was given.

    Raises:
        MalformedError: It is damaged.
    """
    if not isinstance(octets, bytes):
        raise MalformedError(f"expected octets that were compressed, found {type(octets).__name__}")
    try:
        claimed = zstandard.frame_content_size(octets)
        if not 0 <= claimed <= BLOCK_OCTETS_MAX:
            raise MalformedError(f"expected 0 to {BLOCK_OCTETS_MAX} octets compressed, found a claim of {claimed}")
        return zstandard.ZstdDecompressor().decompress(octets)
    except zstandard.ZstdError as error:
        raise MalformedError(f"expected octets as they were compressed, found: {error}") from None


def encode_numbers(numbers: np.ndarray) -> bytes:
    """Give numbers, of 64 bits each, as octets."""
    kind = _WHOLE if numbers.dtype == np.int64 else _REAL
    if kind == _WHOLE:
        numbers = np.diff(numbers, prepend=np.int64(0))
    sorted_octets = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, _OCTETS).T.tobytes()
    return kind + compress(sorted_octets)


def decode_numbers(octets: bytes) -> np.ndarray:
    """Give the numbers again, as int64 or float64.

    Raises:
        MalformedError: They are damaged.
    """
    kind, plain = octets[:1], decompress(octets[1:])
    if kind not in (_WHOLE, _REAL) or len(plain) % _OCTETS:
        raise MalformedError(f"expected whole or real numbers of {_OCTETS} octets, found {kind!r} and {len(plain)}")
    together = np.ascontiguousarray(np.frombuffer(plain, np.uint8).reshape(_OCTETS, -1).T).reshape(-1)
    if kind == _REAL:
        return together.view(np.float64)
    return np.cumsum(together.view(np.int64), dtype=np.int64)


def numbers_of(values: Mapping[str, Any]) -> dict[str, int | float]:
    """Give those values of a report that are numbers, members of enumerations by theirs."""
    return {name: _plain_number(value) for name, value in values.items() if isinstance(value, int | float)}


def columns_of(reports: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Give a column for each field of some reports that is a number in any of them."""
    names = tuple(reports[0])
    if all(tuple(report) == names for report in reports):
        table = zip(names, zip(*(report.values() for report in reports), strict=True), strict=True)
    else:
        names = dict.fromkeys(name for report in reports for name in report)
        table = ((name, tuple(report.get(name) for report in reports)) for name in names)
    columns = {}
    for name, column in table:
        kinds = set(map(type, column))
        # A member of an enumeration takes an array ten times as long as its number.
        if any(issubclass(kind, Enum) for kind in kinds):
            column = tuple(value.value if isinstance(value, Enum) else value for value in column)
            kinds = set(map(type, column))
        if any(issubclass(kind, int | float) for kind in kinds):
            columns[name] = _array(column, kinds)
    return columns


def _array(column: Sequence[Any], kinds: Iterable[type]) -> np.ndarray:
    if all(issubclass(kind, int) for kind in kinds):
        try:
            return np.array(column, dtype=np.int64)
        except OverflowError:
            pass
    if all(issubclass(kind, int | float) for kind in kinds):
        return np.array(column, dtype=np.float64)
    return np.array([each if isinstance(each, int | float) else np.nan for each in column], dtype=np.float64)


def _plain_number(value: int | float) -> int | float:
    return value.value if isinstance(value, Enum) else value
