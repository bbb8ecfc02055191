"""What a particle does to an object that several things in memory share: it is another one for all of them."""

import ctypes

# Where CPython keeps the lowest 30 bits of a whole number, behind its reference count, type and length.
_DIGITS_OFFSET_OCTETS = 24


def flip(number: int, bit: int = 3) -> None:
    """Flip a bit of a whole number where it lies. It must be no constant, or all that use it are struck, too."""
    assert number > 1 << 30, "expected a number that the interpreter does not share"
    ctypes.c_uint32.from_address(id(number) + _DIGITS_OFFSET_OCTETS).value ^= 1 << bit


def fresh(number: int) -> int:
    """Give a whole number as an object of its own."""
    return int(str(number))
