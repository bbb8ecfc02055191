"""Noise: which bits of a stream are inverted at a given rate, each bit independently of all others.

Which they are is decided by the octet's offset alone, and by the rate where that changes: each block of offsets has its
own random block, so neither the cutting of calls nor what else is drawn changes it.
"""

import math

import numpy as np

from hil.streams import Streams

# Octets whose errors are drawn together: long enough that the cost of making a generator is spread over them, short
# enough that little is drawn in vain.
BLOCK_OCTETS = 4096
_BLOCK_BITS = BLOCK_OCTETS * 8

# Rates that change are drawn from the next higher one of a ladder, each step of it a quarter of the one before, and
# thinned. The lowest step inverts one bit in 5e14, which is 100 days at 50 Mbit/s; below that nothing is inverted.
RATE_MAX = 0.5
_LADDER = 4.0
_STEPS_MAX = 24


class Noise:
    """Bits inverted at one rate.

    Args:
        streams: Where its draws come from.
        name: The stream that it uses.
        rate: The probability that a bit is inverted, 0 to `RATE_MAX`.
    """

    def __init__(self, streams: Streams, name: str, rate: float) -> None:
        self._streams = streams
        self._name = name
        self._rate = rate
        self._block = -1
        self._block_mask = np.zeros(BLOCK_OCTETS, dtype=np.uint8)

    def mask(self, offset: int, length: int) -> np.ndarray:
        """Give the bits to invert of ``length`` octets from ``offset`` on, an octet each."""
        if self._rate <= 0:
            return np.zeros(length, dtype=np.uint8)
        mask = np.empty(length, dtype=np.uint8)
        done = 0
        while done < length:
            block, start = divmod(offset + done, BLOCK_OCTETS)
            count = min(BLOCK_OCTETS - start, length - done)
            if block != self._block:
                self._block = block
                generator = self._streams.block(self._name, block)
                self._block_mask = _packed(draw_positions(generator, self._rate, _BLOCK_BITS))
            mask[done : done + count] = self._block_mask[start : start + count]
            done += count
        return mask


class VaryingNoise:
    """Bits inverted at a rate that changes.

    Args:
        streams: Where its draws come from.
        name: Put before the names of the streams that it uses, one for each step of the ladder.
    """

    def __init__(self, streams: Streams, name: str) -> None:
        self._streams = streams
        self._name = name
        # By step: the block drawn last, the bits that it may invert, and how much of the step's rate each one needs.
        self._drawn: dict[int, tuple[int, np.ndarray, np.ndarray]] = {}

    def mask(self, offset: int, length: int, rate: float) -> np.ndarray:
        """Give the bits to invert of ``length`` octets from ``offset`` on at a rate of 0 to `RATE_MAX`."""
        mask = np.zeros(length, dtype=np.uint8)
        if rate <= 0:
            return mask
        step = int(math.log(RATE_MAX / rate) / math.log(_LADDER))
        if step > _STEPS_MAX:
            return mask
        share = rate / (RATE_MAX * _LADDER**-step)
        done = 0
        while done < length:
            block, start = divmod(offset + done, BLOCK_OCTETS)
            count = min(BLOCK_OCTETS - start, length - done)
            bits, needed = self._candidates(step, block)
            first, last = np.searchsorted(bits, [start * 8, (start + count) * 8])
            hits = bits[first:last][needed[first:last] < share] - start * 8
            np.bitwise_or.at(mask, done + (hits >> 3), (0x80 >> (hits & 7)).astype(np.uint8))
            done += count
        return mask

    def _candidates(self, step: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = self._drawn.get(step)
        if drawn is None or drawn[0] != block:
            generator = self._streams.block(f"{self._name}/{step}", block)
            bits = draw_positions(generator, RATE_MAX * _LADDER**-step, _BLOCK_BITS)
            drawn = self._drawn[step] = (block, bits, generator.random(len(bits)))
        return drawn[1], drawn[2]


def draw_positions(generator: np.random.Generator, rate: float, count: int) -> np.ndarray:
    """Draw which of ``count`` trials succeed, by the gaps between them, which are distributed geometrically."""
    scale = math.log1p(-rate)
    expected = count * rate
    chunk = int(expected + 6 * math.sqrt(expected)) + 2
    hits: list[np.ndarray] = []
    last = -1
    while last < count:
        gaps = np.floor(np.log1p(-generator.random(chunk)) / scale)
        # A gap beyond the last trial is as good as any other beyond it, and keeps the sum within an integer.
        positions = last + np.cumsum(np.minimum(gaps, count).astype(np.int64) + 1)
        hits.append(positions)
        last = int(positions[-1])
    found = np.concatenate(hits)
    return found[found < count]


def _packed(positions: np.ndarray) -> np.ndarray:
    inverted = np.zeros(_BLOCK_BITS, dtype=np.uint8)
    inverted[positions] = 1
    return np.packbits(inverted)
