"""Bit errors: each bit that arrives is inverted with some probability, independently of all others.

The probability is fixed, or follows the time of arrival, as elevation and path loss have it (`hil.channel.path_loss`).
Which bits are inverted is decided by `hil.channel.noise`, by offset.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst
from hil.channel.channel import Channel, Effect
from hil.channel.noise import Noise, VaryingNoise
from hil.streams import Streams

# Inverted bits are told once for each span of this length, so that a noisy line fills no log.
REPORT_NS = 10 * NS_PER_S

# A rate that follows time is looked up once for each span of this length. Overhead, a satellite in low orbit moves by
# a tenth of a degree in it, and path loss by less than 0.02 dB.
RATE_STEP_NS = NS_PER_S // 10


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
        rate: The probability that a bit is inverted, 0 to 0.5; or what gives that for a time of arrival.
        streams: Where its draws come from; it uses ``bit_errors``, or ``bit_errors/…`` if the rate follows time.
        line: The line's name in events.

    Raises:
        MisuseError: The rate is out of range.
    """

    def __init__(self, inner: Channel, rate: float | Callable[[int], float], streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._line = line
        self.rate = rate
        self.bits_flipped = 0
        self._fixed = None if callable(rate) else Noise(streams, "bit_errors", self._checked(rate))
        self._varying = VaryingNoise(streams, "bit_errors")
        # The span of time whose rate was looked up last.
        self._step = -1
        self._step_rate = 0.0
        self._span = 0
        self._span_bits = 0
        self._span_octets = 0
        self._span_offset = 0

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = self._inner.receive(now_ns)
        if self.rate != 0:
            bursts = [self._disturb(burst) for burst in bursts]
            if now_ns // REPORT_NS > self._span:
                self._close_span()
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._close_span()
        super().finish()

    def _disturb(self, burst: Burst) -> Burst:
        mask = self._mask(burst)
        hits = np.flatnonzero(mask)
        if len(hits) == 0:
            return burst
        for index in hits.tolist():
            self._note(burst.octet_start_ns(index + 1), burst.offset + index, int(mask[index]).bit_count())
        return burst.altered((np.frombuffer(burst.data, dtype=np.uint8) ^ mask).tobytes())

    def _mask(self, burst: Burst) -> np.ndarray:
        if self._fixed is not None:
            return self._fixed.mask(burst.offset, len(burst.data))
        parts = []
        start = 0
        while start < len(burst.data):
            step = burst.octet_start_ns(start + 1) // RATE_STEP_NS
            stop = max(burst.count_ended_by((step + 1) * RATE_STEP_NS - 1), start + 1)
            parts.append(self._varying.mask(burst.offset + start, stop - start, self._rate_in(step)))
            start = stop
        return np.concatenate(parts)

    def _rate_in(self, step: int) -> float:
        """Give the rate in a span of time, which is that at its beginning."""
        if step != self._step:
            assert callable(self.rate)
            self._step = step
            self._step_rate = self._checked(self.rate(step * RATE_STEP_NS))
        return self._step_rate

    def _checked(self, rate: float) -> float:
        if not 0 <= rate <= 0.5:
            raise MisuseError(f"line {self._line}: expected a bit error rate of 0 to 0.5, found {rate}")
        return rate

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
