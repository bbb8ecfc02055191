"""Octets down to their bits: a dump, and the fields of a layout with the bits that each is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from ground.console.figures import esc

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
            bits, value = bits_of(octets, field), str(value_of(octets, field))
        else:
            content = octets[field.first // 8 : (field.first + field.length) // 8]
            bits, value = f"{len(content)} octets", content[:SHOWN_OCTETS_MAX].hex(" ")
        found.append((field.place, field.name, bits, f"{value}  {field.meaning}".rstrip()))
    return found
