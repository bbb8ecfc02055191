"""The codec of a layout: the octets that `construct` declares, written and read with `struct` alone.

`mission.fields` declares each layout with `construct`, which also says what is wrong with octets that do not fit. What
fits goes through here, at a fifth of the cost; a test has both write and read the same for every layout there is. It
checks nothing: values were checked before they are written, and are after they are read.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

FORMATS = {8: "B", 16: "H", 32: "I", 64: "Q"}
"""By bits, how `struct` calls an unsigned integer; signed ones in small letters."""

_COUNT = struct.Struct(">B")
_LENGTH = struct.Struct(">H")


class NotFittingError(Exception):
    """Octets are no such layout; why, `construct` says better."""


class Step(Protocol):
    """A part of a layout."""

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Give the octets of this part of the values."""
        ...

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """Put what stands at a place into the values, and give where the next part begins.

        Raises:
            NotFittingError: Or `struct.error`: it ends too soon.
        """
        ...


class Numbers:
    """Numbers, one after another.

    Args:
        numbers: The name of each, and how `struct` calls it.
    """

    def __init__(self, numbers: Iterable[tuple[str, str]]) -> None:
        named = tuple(numbers)
        self._names = tuple(name for name, _ in named)
        self._struct = struct.Struct(">" + "".join(code for _, code in named))

    def write(self, values: Mapping[str, Any]) -> bytes:
        """See `Step.write`."""
        return self._struct.pack(*[values[name] for name in self._names])

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See `Step.read`."""
        values.update(zip(self._names, self._struct.unpack_from(data, at), strict=True))
        return at + self._struct.size


@dataclass(frozen=True, slots=True)
class Measured:
    """Octets, or text, behind their length."""

    name: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]

    def write(self, values: Mapping[str, Any]) -> bytes:
        """See `Step.write`."""
        octets = self.encode(values[self.name])
        return _LENGTH.pack(len(octets)) + octets

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See `Step.read`."""
        (length_octets,) = _LENGTH.unpack_from(data, at)
        start = at + _LENGTH.size
        end = start + length_octets
        if end > len(data):
            raise NotFittingError
        values[self.name] = self.decode(data[start:end])
        return end


@dataclass(frozen=True, slots=True)
class Listed:
    """Numbers of one type behind their count."""

    name: str
    code: str

    def write(self, values: Mapping[str, Any]) -> bytes:
        """See `Step.write`."""
        items = values[self.name]
        return struct.pack(f">B{len(items)}{self.code}", len(items), *items)

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See `Step.read`."""
        (count,) = _COUNT.unpack_from(data, at)
        code = f">{count}{self.code}"
        values[self.name] = list(struct.unpack_from(code, data, at + _COUNT.size))
        return at + _COUNT.size + struct.calcsize(code)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Rows of one layout behind their count."""

    name: str
    row: "Codec"

    def write(self, values: Mapping[str, Any]) -> bytes:
        """See `Step.write`."""
        rows = values[self.name]
        return _COUNT.pack(len(rows)) + b"".join([self.row.encode(row) for row in rows])

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See `Step.read`."""
        (count,) = _COUNT.unpack_from(data, at)
        at += _COUNT.size
        rows = values[self.name] = []
        for _ in range(count):
            row: dict[str, Any] = {}
            at = self.row.read(data, at, row)
            rows.append(row)
        return at


class Codec:
    """The codec of one layout.

    Args:
        steps: Its parts, in order.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = tuple(steps)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Write values that were checked."""
        return b"".join([step.write(values) for step in self._steps])

    def decode(self, data: bytes) -> dict[str, Any]:
        """Read values that fill ``data`` exactly, as they stand there.

        Raises:
            NotFittingError: They do not.
        """
        values: dict[str, Any] = {}
        try:
            at = self.read(data, 0, values)
        except (struct.error, UnicodeDecodeError):
            raise NotFittingError from None
        if at != len(data):
            raise NotFittingError
        return values

    def read(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See `Step.read`."""
        for step in self._steps:
            at = step.read(data, at, values)
        return at
