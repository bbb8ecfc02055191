"""Bit errors: each bit that arrives is inverted with one fixed probability, independently of all others.

Which bits are inverted is decided by the octet's offset in the stream alone: each block of offsets has its own random
block, so neither the cutting of calls nor what else is drawn changes it.
"""

import math

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst
from hil.channel.channel import Channel, Effect
from hil.streams import Streams

# Octets whose errors are drawn together: long enough that the cost of making a generator is spread over them, short
# enough that little is drawn in vain.
BLOCK_OCTETS = 4096

# Inverted bits are told once for each span of this length, so that a noisy line fills no log.
REPORT_NS = 10 * NS_PER_S


class BitsFlipped(msgspec.Struct, frozen=True, tag=True):
    """Noise inverted bits of a line."""

    line: str
    bits: int
    """Bits inverted from ``start_ns`` on, within `REPORT_NS`."""
    octets: int
    """Octets hit."""
    offset: int
    """Offset of the first octet hit."""
    start_ns: int
    """Start of the span of time."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: noise inverted {self.bits} bits of {self.octets} octets from offset {self.offset} on, "
            f"in {REPORT_NS // NS_PER_S} s from {self.start_ns / NS_PER_S:.3f} s"
        )


class BitErrors(Effect):
    """Independent bit errors.

    Args:
        inner: The channel that it wraps.
        rate: The probability that a bit is inverted, 0 to 0.5.
        streams: Where its draws come from; it uses the stream ``bit_errors``.
        line: The line's name in events.

    Raises:
        MisuseError: The rate is out of range.
    """

    def __init__(self, inner: Channel, rate: float, streams: Streams, line: str) -> None:
        super().__init__(inner)
        if not 0 <= rate <= 0.5:
            raise MisuseError(f"line {line}: expected a bit error rate of 0 to 0.5, found {rate}")
        self.rate = rate
        self.bits_flipped = 0
        self._streams = streams
        self._line = line
        self._block = -1
        self._block_mask = np.zeros(0, dtype=np.uint8)
        self._span = 0
        self._span_bits = 0
        self._span_octets = 0
        self._span_offset = 0

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = self._inner.receive(now_ns)
        if self.rate > 0:
            bursts = [self._disturb(burst) for burst in bursts]
            if now_ns // REPORT_NS > self._span:
                self._close_span()
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._close_span()
        super().finish()

    def _disturb(self, burst: Burst) -> Burst:
        mask = self._mask(burst.offset, len(burst.data))
        hits = np.flatnonzero(mask)
        if len(hits) == 0:
            return burst
        for index in hits.tolist():
            self._note(burst.octet_start_ns(index + 1), burst.offset + index, int(mask[index]).bit_count())
        return burst.altered((np.frombuffer(burst.data, dtype=np.uint8) ^ mask).tobytes())

    def _mask(self, offset: int, length: int) -> np.ndarray:
        mask = np.empty(length, dtype=np.uint8)
        done = 0
        while done < length:
            block, start = divmod(offset + done, BLOCK_OCTETS)
            count = min(BLOCK_OCTETS - start, length - done)
            if block != self._block:
                self._block = block
                self._block_mask = _draw_mask(self._streams.block("bit_errors", block), self.rate)
            mask[done : done + count] = self._block_mask[start : start + count]
            done += count
        return mask

    def _note(self, arrival_ns: int, offset: int, bits: int) -> None:
        span = arrival_ns // REPORT_NS
        if span != self._span or self._span_bits == 0:
            self._close_span()
            self._span = span
            self._span_offset = offset
        self._span_bits += bits
        self._span_octets += 1
        self.bits_flipped += bits

    def _close_span(self) -> None:
        if self._span_bits:
            self._events.append(
                BitsFlipped(
                    line=self._line,
                    bits=self._span_bits,
                    octets=self._span_octets,
                    offset=self._span_offset,
                    start_ns=self._span * REPORT_NS,
                )
            )
        self._span_bits = 0
        self._span_octets = 0


def _draw_mask(generator: np.random.Generator, rate: float) -> np.ndarray:
    """Draw which bits of a block are inverted, by the gaps between them, which are distributed geometrically."""
    bits = BLOCK_OCTETS * 8
    scale = math.log1p(-rate)
    expected = bits * rate
    chunk = int(expected + 6 * math.sqrt(expected)) + 2
    hits: list[np.ndarray] = []
    last = -1
    while last < bits:
        gaps = np.floor(np.log1p(-generator.random(chunk)) / scale)
        # A gap beyond the block is as good as any other beyond it, and keeps the sum within an integer.
        positions = last + np.cumsum(np.minimum(gaps, bits).astype(np.int64) + 1)
        hits.append(positions)
        last = int(positions[-1])
    inverted = np.zeros(bits, dtype=np.uint8)
    found = np.concatenate(hits)
    inverted[found[found < bits]] = 1
    return np.packbits(inverted)
