"""Which bits of some octets flip together: one, several of a word, several of a cache line, a burst over lines.

Positions are drawn for a length, within which they lie, so that every part can be struck in every way.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

WORD_OCTETS = 4
LINE_OCTETS = 64
# What one strike upsets in a row of DRAM reaches over neighbouring lines; four is a wide one.
BURST_OCTETS = 4 * LINE_OCTETS
# More bits at once are found as easily as these.
BITS_MAX = 8


class Spread(Enum):
    """How far the bits of one strike lie apart at most, in octets."""

    BIT = 1
    WORD = WORD_OCTETS
    LINE = LINE_OCTETS
    BURST = BURST_OCTETS


@dataclass(frozen=True, kw_only=True)
class Flip:
    """The bits of one strike."""

    spread: Spread
    masks: tuple[tuple[int, int], ...]
    """Offset of an octet, and the bits that flip in it; each offset once."""

    def strike(self, octets: memoryview) -> None:
        """Flip them.

        Raises:
            IndexError: There are fewer octets than they were drawn for.
        """
        for offset, mask in self.masks:
            octets[offset] ^= mask

    def within(self, length_octets: int) -> "Flip":
        """Give the same in octets that may be fewer than it was drawn for: it wraps, and each bit flips once."""
        masks: dict[int, int] = {}
        for offset, mask in self.masks:
            masks[offset % length_octets] = masks.get(offset % length_octets, 0) | mask
        return replace(self, masks=tuple(sorted(masks.items())))

    def __str__(self) -> str:
        """Tell it in one line."""
        bits = sum(mask.bit_count() for _, mask in self.masks)
        return f"{bits} bit{'s' if bits > 1 else ''} from octet {self.masks[0][0]}"


def draw_flip(chance: np.random.Generator, spread: Spread, length_octets: int) -> Flip:
    """Draw the bits of a strike at a uniformly random place.

    Args:
        chance: Where it is drawn from.
        spread: How far apart the bits lie.
        length_octets: Of what is struck, 1 or more.
    """
    count = 1 if spread is Spread.BIT else int(chance.integers(2, BITS_MAX + 1))
    start = int(chance.integers(length_octets)) // spread.value * spread.value
    width_bits = 8 * min(spread.value, length_octets)
    masks: dict[int, int] = {}
    for bit in chance.choice(width_bits, size=min(count, width_bits), replace=False).tolist():
        offset = (start + bit // 8) % length_octets
        masks[offset] = masks.get(offset, 0) | 1 << bit % 8
    return Flip(spread=spread, masks=tuple(sorted(masks.items())))
