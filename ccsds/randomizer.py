"""The pseudo-random sequences that whiten TM codeblocks and TC frames, so that a receiver finds bit transitions.

It only xors: applying a sequence twice gives the data back, and nothing here knows frames, markers or codes. The
TM sequences follow CCSDS 131.0-B-5 section 10 (255 bits, and 131,071 bits for long codeblocks), the TC sequence
CCSDS 231.0-B-4 section 6. Each starts anew with each codeblock or frame, at its first octet.
"""

from enum import Enum
from functools import cache

import numpy as np
import numpy.typing as npt


class TmRandomizer(Enum):
    """Which sequence whitens a TM codeblock; the two ends must choose alike."""

    NONE = "none"
    PERIOD_255 = "x^8 + x^7 + x^5 + x^3 + 1"
    PERIOD_131071 = "x^17 + x^14 + 1"


def tm_randomize(data: bytes) -> bytes:
    """Xor a TM codeblock with the 255-bit sequence, which also takes it off again.

    Source: CCSDS 131.0-B-5 section 10
    """
    return _xor(data, tm_sequence(TmRandomizer.PERIOD_255, len(data)))


def tm_randomize_131071(data: bytes) -> bytes:
    """Xor a TM codeblock with the 131,071-bit sequence, which also takes it off again.

    Source: CCSDS 131.0-B-5 section 10
    """
    return _xor(data, tm_sequence(TmRandomizer.PERIOD_131071, len(data)))


def tc_randomize(data: bytes) -> bytes:
    """Xor a TC frame with the TC sequence, which also takes it off again.

    Source: CCSDS 231.0-B-4 section 6
    """
    return _xor(data, _fit(_tc_period(), len(data)))


def tm_sequence(randomizer: TmRandomizer, length_octets: int) -> npt.NDArray[np.uint8]:
    """Give the first octets of a TM sequence; none of them is set for ``TmRandomizer.NONE``.

    Returns:
        Octets, shape (length_octets,), which may be a read-only view of a shared sequence.
    """
    match randomizer:
        case TmRandomizer.NONE:
            return np.zeros(length_octets, np.uint8)
        case TmRandomizer.PERIOD_255:
            return _fit(_tm_255_period(), length_octets)
        case TmRandomizer.PERIOD_131071:
            return _fit(_tm_131071_period(), length_octets)


def _xor(data: bytes, sequence: npt.NDArray[np.uint8]) -> bytes:
    return np.bitwise_xor(np.frombuffer(data, np.uint8), sequence).tobytes()


def _fit(period: npt.NDArray[np.uint8], length_octets: int) -> npt.NDArray[np.uint8]:
    """Cut or repeat a whole period; a view, and so free of cost, for anything as long as a frame."""
    return period[:length_octets] if length_octets <= len(period) else np.resize(period, length_octets)


@cache
def _tm_255_period() -> npt.NDArray[np.uint8]:
    # Sixteen periods, so that the longest interleaved codeblock (2,040 octets) is still cut from it.
    return _period(length_bits=255, taps=(0, 3, 5, 7), start="11111111", copies=16)


@cache
def _tm_131071_period() -> npt.NDArray[np.uint8]:
    return _period(length_bits=131_071, taps=(0, 14), start="00011100011100011", copies=1)


@cache
def _tc_period() -> npt.NDArray[np.uint8]:
    # Five periods, so that the longest TC frame (1,024 octets) is still cut from it.
    return _period(length_bits=255, taps=(0, 1, 2, 3, 4, 6), start="11111111", copies=5)


def _period(*, length_bits: int, taps: tuple[int, ...], start: str, copies: int) -> npt.NDArray[np.uint8]:
    """Run a linear recurrence and pack it into octets.

    Args:
        length_bits: The period. It is odd, so the same number of octets holds it eight times and then repeats.
        taps: The exponents of the polynomial but the highest: bit n + degree is the xor of the bits n + tap.
        start: The first bits of the sequence, as many as the degree.
        copies: How often the packed octets are repeated.
    """
    bits = [int(bit) for bit in start]
    while len(bits) < length_bits:
        place = len(bits) - len(start)
        following = 0
        for tap in taps:
            following ^= bits[place + tap]
        bits.append(following)
    sequence = np.tile(np.packbits(np.tile(np.array(bits, np.uint8), 8)), copies)
    sequence.setflags(write=False)
    return sequence
