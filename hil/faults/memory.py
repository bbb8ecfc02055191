"""What a particle does to the memory of the flight process: a bit of a value that its books hold flips.

The books (`flight.books`) are the queue of jobs, the schedule, what became of commands, and all else that is durable on
board, as live Python objects. What flips is a value in them: a number, a text, octets, a truth value, or a key by which
something is found. What holds values together (pointers, types, reference counts) is left alone: a flip there ends the
interpreter or does nothing that can be told in advance, and ``reset_spacecraft`` stands for that. So do flips of code.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any

import msgspec
import numpy as np

from flight.books.book import Book

# CPython keeps whole numbers in digits of 30 bits; what is durable on board fits in 64 with its sign.
_DIGIT_BITS = 30
_NUMBER_BITS_MAX = 63
_FLOAT = struct.Struct(">d")

Put = Callable[[Any], None]
"""Puts another value in the place of one."""


def strike_book(book: Book, chance: np.random.Generator) -> str | None:
    """Flip a bit of one value of a book, each value as likely; say which, or None if it holds none."""
    values = list(_values(vars(book), lambda _: None, ""))
    # A drawn value may have no neighbour one bit away: an enumeration has gaps.
    for place in chance.permutation(len(values)).tolist():
        where, value, put = values[place]
        struck = _flip(value, chance)
        if struck is not None:
            put(struck)
            return where
    return None


def books_with_values(books: Mapping[str, Book]) -> list[str]:
    """Give the names of the books in which there is something to strike."""
    return [name for name, book in books.items() if _has_value(book)]


def _has_value(book: Book) -> bool:
    return next(_values(vars(book), lambda _: None, ""), None) is not None


def _values(thing: Any, put: Put, where: str) -> Iterator[tuple[str, Any, Put]]:
    """Give each value that a thing holds: where it is, what it is, and what puts another one there."""
    if isinstance(thing, bool | int | float | str | bytes | Enum):
        yield where, thing, put
    elif isinstance(thing, dict):
        # An ordered dict looks up each key that it gives, and does not find one that was struck where it lies.
        for key, value in dict.items(thing):
            inner = f"{where}[{_short(key)}]" if where else str(key)
            yield from _values(value, partial(_put_beside, thing, key), inner)
            if where:
                yield from _values(key, partial(_rename, thing, key), f"{where}, key {_short(key)}")
    elif isinstance(thing, list | deque):
        for place, value in enumerate(thing):
            yield from _values(value, partial(thing.__setitem__, place), f"{where}[{place}]")
    elif isinstance(thing, tuple):
        for place, value in enumerate(thing):
            yield from _values(value, partial(_put_in_tuple, thing, place, put), f"{where}[{place}]")
    elif isinstance(thing, set):
        for value in sorted(thing, key=repr):
            yield from _values(value, partial(_put_in_set, thing, value), f"{where}, member {_short(value)}")
    elif isinstance(thing, msgspec.Struct):
        for name in thing.__struct_fields__:
            yield from _values(
                getattr(thing, name), partial(msgspec.structs.force_setattr, thing, name), f"{where}.{name}"
            )
    elif thing is not None:
        for name in vars(thing) if hasattr(thing, "__dict__") else thing.__slots__:
            yield from _values(getattr(thing, name), partial(object.__setattr__, thing, name), f"{where}.{name}")


def _flip(value: Any, chance: np.random.Generator) -> Any:
    """Give a value with one bit flipped, or None if no such value can be."""
    match value:
        case Enum():
            near = [each for each in type(value) if _is_one_bit_away(each.value, value.value)]
            return near[int(chance.integers(len(near)))] if near else None
        case bool():
            return not value
        case int():
            digits = max(1, -(-value.bit_length() // _DIGIT_BITS))
            return value ^ 1 << int(chance.integers(min(digits * _DIGIT_BITS, _NUMBER_BITS_MAX)))
        case float():
            octets = bytearray(_FLOAT.pack(value))
            _flip_octet(octets, chance, 8)
            return _FLOAT.unpack(octets)[0]
        case bytes() if value:
            octets = bytearray(value)
            _flip_octet(octets, chance, 8)
            return bytes(octets)
        case str() if value.isascii() and value:
            octets = bytearray(value.encode())
            _flip_octet(octets, chance, 7)
            return octets.decode()
        case _:
            return None


def _flip_octet(octets: bytearray, chance: np.random.Generator, bits: int) -> None:
    octets[int(chance.integers(len(octets)))] ^= 1 << int(chance.integers(bits))


def _is_one_bit_away(one: Any, other: Any) -> bool:
    return isinstance(one, int) and isinstance(other, int) and (one ^ other).bit_count() == 1


def _put_beside(things: dict[Any, Any], key: Any, value: Any) -> None:
    """Put another value beside a key, also if that is not found any more."""
    _refill(things, [(each, value if each is key else held) for each, held in dict.items(things)])


def _rename(things: dict[Any, Any], key: Any, renamed: Any) -> None:
    """Put another key in the place of one."""
    _refill(things, [(renamed if each is key else each, held) for each, held in dict.items(things)])


def _refill(things: dict[Any, Any], entries: list[tuple[Any, Any]]) -> None:
    """Hold other entries, in their order."""
    things.clear()
    things.update(entries)


def _put_in_tuple(things: tuple[Any, ...], place: int, put: Put, value: Any) -> None:
    put((*things[:place], value, *things[place + 1 :]))


def _put_in_set(things: set[Any], member: Any, value: Any) -> None:
    things.remove(member)
    things.add(value)


def _short(thing: Any) -> str:
    return str(thing) if isinstance(thing, int | str) and not isinstance(thing, Enum) else type(thing).__name__
