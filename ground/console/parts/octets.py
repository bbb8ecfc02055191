"""Octets down to their bits: a dump, and the fields of a layout with the bits that each is made of."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ground.console.figures import cut, esc
from ground.events import SHOWN_CHARACTERS_MAX, one_line
from mission.field_types import Enumerated, Float, Int, Text
from mission.fields import FieldType

OCTETS_PER_LINE = 16

# A dump of a TM frame is 14 lines; the largest has 70.
DUMP_OCTETS_MAX = 2_048

# Of a field that is longer, only its first octets are shown beside it; all are in the dump.
SHOWN_BITS_MAX = 64
SHOWN_OCTETS_MAX = 8


@dataclass(frozen=True, slots=True)
class Bits:
    """A field of some octets: where it is, how long, what it is called and what it means."""

    name: str
    first: int
    """Of its bits, from the first of all octets."""
    length: int
    meaning: str = ""
    kind: FieldType | None = None
    """What its bits stand for; a number without a sign, if it is not said."""

    @property
    def place(self) -> str:
        """Octet and bit at which it begins."""
        return f"{self.first // 8}.{self.first % 8}"


def dump(octets: bytes, marked: range = range(0)) -> str:
    """Give octets as HTML, 16 a line, with some of them marked."""
    lines = []
    for start in range(0, min(len(octets), DUMP_OCTETS_MAX), OCTETS_PER_LINE):
        line = octets[start : start + OCTETS_PER_LINE]
        pairs = " ".join(
            f"<b>{octet:02x}</b>" if start + place in marked else f"{octet:02x}" for place, octet in enumerate(line)
        )
        blank = "   " * (OCTETS_PER_LINE - len(line))
        ink = "".join(chr(octet) if 32 <= octet < 127 else "·" for octet in line)
        lines.append(f'<span class="at">{start:04x}</span>  {pairs}{blank}  <span class="ink">{esc(ink)}</span>')
    if len(octets) > DUMP_OCTETS_MAX:
        lines.append(f'<span class="at">and {len(octets) - DUMP_OCTETS_MAX} more</span>')
    return f'<div class="octets">{"<br>".join(lines)}</div>'


def value_of(octets: bytes, field: Bits) -> int:
    """Give the number that a field's bits make."""
    whole = int.from_bytes(octets)
    return whole >> (8 * len(octets) - field.first - field.length) & ((1 << field.length) - 1)


def told(number: int, field: Bits) -> str:
    """Give what a field's bits stand for, as text."""
    match field.kind:
        case Float(bits):
            (real,) = struct.unpack(">f" if bits == 32 else ">d", number.to_bytes(bits // 8))
            return f"{real:.7g}"
        case Int(bits):
            return str(number - (1 << bits) if number >> (bits - 1) else number)
        case Enumerated(members) if number in list(members):
            return f"{number} {members(number).name}"
        case Text():
            return one_line(number.to_bytes(field.length // 8).decode(errors="replace"))
        case _:
            return str(number)


def bits_of(octets: bytes, field: Bits) -> str:
    """Give a field's bits in their octets as HTML: what belongs to others is a dot."""
    first_octet, last_octet = field.first // 8, (field.first + field.length - 1) // 8
    shown = []
    for octet in range(first_octet, last_octet + 1):
        word = ""
        for bit in range(8 * octet, 8 * octet + 8):
            if field.first <= bit < field.first + field.length:
                word += "1" if octets[octet] >> (7 - bit % 8) & 1 else "0"
            else:
                word += "·"
        shown.append(word)
    return " ".join(shown)


def fields(octets: bytes, layout: Sequence[Bits]) -> list[tuple[str, str, str, str]]:
    """Give place, name, bits and value of each field of a layout that is whole, as text."""
    found = []
    for field in layout:
        if field.first + field.length > 8 * len(octets):
            break
        if field.length <= SHOWN_BITS_MAX:
            bits, value = bits_of(octets, field), told(value_of(octets, field), field)
        else:
            content = octets[field.first // 8 : (field.first + field.length) // 8]
            bits, value = f"{len(content)} octets", content[:SHOWN_OCTETS_MAX].hex(" ")
            if isinstance(field.kind, Text):
                value = one_line(cut(content.decode(errors="replace"), SHOWN_CHARACTERS_MAX))
        found.append((field.place, field.name, bits, f"{value}  {field.meaning}".rstrip()))
    return found
