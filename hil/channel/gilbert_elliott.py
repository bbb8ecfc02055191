"""Gilbert-Elliott: a line that is good for a while, then bad for a while, each with its own bit error rate.

The two states follow each other in time, not by octets: a fading radio gets no better or worse for being silent. Both
times are distributed exponentially (E. N. Gilbert, 1960, and E. O. Elliott, 1963, have the chain by bits; this is its
limit in continuous time). An octet is in the state that rules when its last bit arrives.
"""

from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst
from hil.channel.channel import Channel, Effect
from hil.channel.frame_loss import FrameCode
from hil.channel.noise import Noise
from hil.channel.spells import Spells, check_spells
from hil.channel.tally import Tally, in_span
from hil.streams import Streams

# No measured parameters for UHF from low orbit were found; these are an assumption, to be replaced by whoever has some.
GOOD_NS_DEFAULT = 20 * NS_PER_S
BAD_NS_DEFAULT = NS_PER_S // 2
GOOD_FRAME_LOSS_DEFAULT = 1e-3
BAD_FRAME_LOSS_DEFAULT = 0.5


@dataclass(frozen=True, kw_only=True)
class GilbertElliottConfig:
    """How long each state lasts in the mean, and how it errs.

    Raises:
        MisuseError: A time or a rate is out of range.
    """

    good_ns: float = GOOD_NS_DEFAULT
    bad_ns: float = BAD_NS_DEFAULT
    good_bit_error_rate: float
    bad_bit_error_rate: float

    def __post_init__(self) -> None:
        """Refuse states that cannot be."""
        check_spells(self.good_ns, self.bad_ns, "bursts of noise")
        for rate in (self.good_bit_error_rate, self.bad_bit_error_rate):
            if not 0 <= rate <= 0.5:
                raise MisuseError(f"bursts of noise: expected a bit error rate of 0 to 0.5, found {rate}")

    @classmethod
    def of_frames(
        cls,
        code: FrameCode,
        *,
        good_ns: float = GOOD_NS_DEFAULT,
        bad_ns: float = BAD_NS_DEFAULT,
        good_loss: float = GOOD_FRAME_LOSS_DEFAULT,
        bad_loss: float = BAD_FRAME_LOSS_DEFAULT,
    ) -> Self:
        """Give the states in which a share of frames is lost.

        Args:
            code: What protects a frame.
            good_ns: Mean time of the good state.
            bad_ns: Mean time of the bad state.
            good_loss: Share of frames lost that lie wholly in the good state.
            bad_loss: Share of frames lost that lie wholly in the bad state.
        """
        return cls(
            good_ns=good_ns,
            bad_ns=bad_ns,
            good_bit_error_rate=code.bit_error_rate(good_loss),
            bad_bit_error_rate=code.bit_error_rate(bad_loss),
        )

    @property
    def mean_bit_error_rate(self) -> float:
        """The bit error rate over all time."""
        good = self.good_ns * self.good_bit_error_rate + self.bad_ns * self.bad_bit_error_rate
        return good / (self.good_ns + self.bad_ns)


class NoiseBurst(msgspec.Struct, frozen=True, tag=True):
    """A line of two states inverted bits."""

    line: str
    offset: int
    """Offset of the first octet hit."""
    start_ns: int
    """Start of the span of time."""
    bits: int = 0
    """Bits inverted."""
    octets: int = 0
    """Octets hit."""
    bad_bits: int = 0
    """Bits inverted in the bad state."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: noise in bursts inverted {self.bits} bits ({self.bad_bits} of them in the bad state) of "
            f"{self.octets} octets from offset {self.offset} on, {in_span(self.start_ns)}"
        )


class GilbertElliott(Effect):
    """Bit errors in bursts.

    Args:
        inner: The channel that it wraps.
        config: How long and how bad.
        streams: Where its draws come from; it uses the streams ``bursts/…``.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, config: GilbertElliottConfig, streams: Streams, line: str) -> None:
        super().__init__(inner)
        self._spells = Spells(streams, "bursts/spells", config.good_ns, config.bad_ns)
        self._good = Noise(streams, "bursts/good", config.good_bit_error_rate)
        self._bad = Noise(streams, "bursts/bad", config.bad_bit_error_rate)
        self._tally = Tally(NoiseBurst, line, self._add_event)

    @property
    def bits_flipped(self) -> int:
        """Bits inverted up to now."""
        return self._tally.totals["bits"]

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = [self._disturb(burst) for burst in self._inner.receive(now_ns)]
        self._tally.advance(now_ns)
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._tally.close()
        super().finish()

    def _disturb(self, burst: Burst) -> Burst:
        mask = self._good.mask(burst.offset, len(burst.data))
        is_bad = np.zeros(len(burst.data), dtype=bool)
        for _, start_ns, end_ns in self._spells.between(burst.start_ns, burst.end_ns + 1):
            first, last = burst.count_ended_by(start_ns - 1), burst.count_ended_by(end_ns - 1)
            mask[first:last] = self._bad.mask(burst.offset + first, last - first)
            is_bad[first:last] = True
        hits = np.flatnonzero(mask)
        if len(hits) == 0:
            return burst
        for index in hits.tolist():
            bits = int(mask[index]).bit_count()
            self._tally.note(
                burst.octet_start_ns(index + 1),
                burst.offset + index,
                bits=bits,
                octets=1,
                bad_bits=bits if is_bad[index] else 0,
            )
        return burst.altered((np.frombuffer(burst.data, dtype=np.uint8) ^ mask).tobytes())
