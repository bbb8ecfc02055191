"""Frame loss: the bit error rate at which a share of frames is lost, whatever code protects them.

Bit errors are independent, so an octet is hit with 1 - (1 - p)^8, and a Reed-Solomon codeword is lost when more of its
octets are hit than it corrects (a sum over the binomial distribution). A frame is lost with any of its codewords. What
finds the beginning of a frame is left out: it tolerates errors, or the frame is long against it.
"""

import math
from dataclasses import dataclass

from ccsds.errors import MisuseError

# The halving of an interval of 0 to 0.5 ends at the precision of its numbers.
_HALVINGS = 200


@dataclass(frozen=True, kw_only=True)
class FrameCode:
    """What protects a frame.

    Raises:
        MisuseError: It protects nothing, or corrects more than there is.
    """

    codeword_octets: int
    """Octets of a codeword, parity included; of the whole frame if there is no code."""
    correctable_octets: int = 0
    """Octets that can be put right in each codeword."""
    codewords: int = 1
    """Codewords of a frame."""

    def __post_init__(self) -> None:
        """Refuse a code that cannot be."""
        if self.codewords < 1 or not 0 <= self.correctable_octets < self.codeword_octets:
            raise MisuseError(
                f"expected 1 or more codewords that correct less than their length, found {self.codewords} of "
                f"{self.codeword_octets} octets that correct {self.correctable_octets}"
            )

    def loss(self, bit_error_rate: float) -> float:
        """Give the share of frames lost at a bit error rate of 0 to 0.5."""
        if bit_error_rate <= 0:
            return 0.0
        log_good = 8 * math.log1p(-bit_error_rate)
        log_bad = math.log(-math.expm1(log_good))
        length = self.codeword_octets
        kept = math.fsum(
            math.exp(_log_binomial(length, hit) + hit * log_bad + (length - hit) * log_good)
            for hit in range(self.correctable_octets + 1)
        )
        return -math.expm1(self.codewords * math.log(min(max(kept, 1e-300), 1.0)))

    def bit_error_rate(self, loss: float) -> float:
        """Give the bit error rate at which a share of frames is lost; the inverse of `loss`.

        Raises:
            MisuseError: The share is not 0 or above and below 1.
        """
        if not 0 <= loss < 1:
            raise MisuseError(f"expected a share of frames of 0 or above and below 1, found {loss}")
        if loss == 0:
            return 0.0
        low, high = 0.0, 0.5
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.loss(middle) < loss else (low, middle)
        return high


def _log_binomial(count: int, taken: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(taken + 1) - math.lgamma(count - taken + 1)
