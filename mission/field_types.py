"""The types of single values: how one number, word or string of octets is written, checked and read.

`construct` declares the layouts; its errors do not leave `mission.fields`. All numbers are big-endian
(ECSS-E-ST-70-41C 7.3). Text and octet strings carry a 16-bit length before them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

import construct


@dataclass(frozen=True)
class UInt:
    """An unsigned integer of 8, 16, 32 or 64 bits."""

    bits: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.BytesInteger(self.bits // 8)

    def check(self, value: Any) -> int:
        """Give the value as it is encoded, or raise ``ValueError`` with what was expected."""
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << self.bits:
            raise ValueError(f"an integer from 0 to {(1 << self.bits) - 1}")
        return value

    def parse(self, text: str) -> int:
        """Read the value from what an operator typed."""
        return int(text, 0)


@dataclass(frozen=True)
class Int:
    """A signed integer of 8, 16, 32 or 64 bits, in two's complement."""

    bits: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.BytesInteger(self.bits // 8, signed=True)

    def check(self, value: Any) -> int:
        """Give the value as it is encoded, or raise ``ValueError`` with what was expected."""
        highest = (1 << self.bits - 1) - 1
        if isinstance(value, bool) or not isinstance(value, int) or not -highest - 1 <= value <= highest:
            raise ValueError(f"an integer from {-highest - 1} to {highest}")
        return value

    def parse(self, text: str) -> int:
        """Read the value from what an operator typed."""
        return int(text, 0)


@dataclass(frozen=True)
class Float:
    """An IEEE 754 number of 32 or 64 bits; not-a-number stands for "none yet"."""

    bits: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.FormatField(">", "f" if self.bits == 32 else "d")

    def check(self, value: Any) -> float:
        """Give the value as it is encoded, or raise ``ValueError`` with what was expected."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("a number")
        if self.bits == 32 and math.isfinite(value) and abs(value) > 3.4028234e38:
            raise ValueError("a number within single precision")
        return float(value)

    def parse(self, text: str) -> float:
        """Read the value from what an operator typed."""
        return float(text)


@dataclass(frozen=True)
class Enumerated:
    """One of a closed set of named numbers."""

    members: type[IntEnum]
    bits: int = 8

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.BytesInteger(self.bits // 8)

    def check(self, value: Any) -> IntEnum:
        """Give the member, from a member, its number or its name; ``ValueError`` with what was expected."""
        try:
            return self.members[value.upper()] if isinstance(value, str) else self.members(value)
        except (KeyError, ValueError, TypeError):
            raise ValueError(f"one of {', '.join(member.name for member in self.members)}") from None

    def parse(self, text: str) -> IntEnum:
        """Read the value from what an operator typed: a name or a number."""
        return self.check(int(text) if text.isdigit() else text)


@dataclass(frozen=True)
class Text:
    """UTF-8 text of a bounded length."""

    octets_max: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.Prefixed(construct.Int16ub, construct.GreedyBytes)

    def check(self, value: Any) -> str:
        """Give the text, or raise ``ValueError`` with what was expected."""
        if not isinstance(value, str) or len(value.encode(errors="surrogatepass")) > self.octets_max:
            raise ValueError(f"text of at most {self.octets_max} octets")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("text that can be written as UTF-8") from None
        return value

    def parse(self, text: str) -> str:
        """Read the value from what an operator typed."""
        return text


@dataclass(frozen=True)
class Octets:
    """An octet string of a bounded length, such as a digest."""

    octets_max: int

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.Prefixed(construct.Int16ub, construct.GreedyBytes)

    def check(self, value: Any) -> bytes:
        """Give the octets, which may be said in hexadecimal, or raise ``ValueError`` with what was expected."""
        if isinstance(value, str):
            try:
                value = self.parse(value)
            except ValueError:
                raise ValueError(f"at most {self.octets_max} octets, or their hexadecimal digits") from None
        if not isinstance(value, bytes) or len(value) > self.octets_max:
            raise ValueError(f"at most {self.octets_max} octets")
        return value

    def parse(self, text: str) -> bytes:
        """Read the value from what an operator typed, in hexadecimal."""
        return bytes.fromhex(text)


@dataclass(frozen=True)
class Reference:
    """The number of one declared thing, which an operator may name instead."""

    what: str
    """What is referred to: ``parameter``, ``event``."""
    numbers: Mapping[str, int]
    """The number of each, by name."""
    bits: int = 16

    def construct(self) -> construct.Construct:
        """Give the octet layout."""
        return construct.BytesInteger(self.bits // 8)

    def check(self, value: Any) -> int:
        """Give the number, from itself or the name; ``ValueError`` with what was expected."""
        number = self.numbers.get(value) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int) or number not in self._known:
            raise ValueError(f"a declared {self.what}")
        return number

    def parse(self, text: str) -> int:
        """Read the value from what an operator typed: a name or a number."""
        return self.check(int(text) if text.isdigit() else text)

    @cached_property
    def _known(self) -> frozenset[int]:
        return frozenset(self.numbers.values())
