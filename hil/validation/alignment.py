"""Alignment: which octets of a known stream are missing in what arrived, found from the octets alone.

The stream is of random octets, so that a few of them say where they are. Nothing that the line counted is looked at.
"""

import numpy as np

# So many octets that follow a gap are looked for in the stream, and how far; fewer of them if the next gap is near, and
# not so far, since fewer octets stand in more places by chance.
_KEYS = ((8, 1 << 24), (6, 1 << 20), (5, 1 << 16), (4, 1 << 14), (3, 1 << 11))

# Octets compared at once.
_STRIDE = 1 << 16


def random_octets(seed: int, length: int, low: int = 0) -> bytes:
    """Give a stream that says where it is.

    Args:
        seed: Of the stream.
        length: Octets.
        low: The least value of an octet.
    """
    return np.random.default_rng(seed).integers(low, 256, length, dtype=np.uint8).tobytes()


def find_gaps(sent: bytes, arrived: bytes) -> list[tuple[int, int]]:
    """Give the ranges of a stream that did not arrive, each from its first octet to the one after its last."""
    gaps: list[tuple[int, int]] = []
    here = there = 0
    while there < len(arrived):
        same = _common_octets(sent, here, arrived, there)
        here += same
        there += same
        if there == len(arrived):
            break
        found = -1
        for length, reach in _KEYS:
            found = sent.find(arrived[there : there + length], here + 1, here + reach)
            if found >= 0:
                break
        if found < 0:
            # Gaps on both sides of an octet or two: they are taken for part of one.
            there += 1
            continue
        gaps.append((here, found))
        here = found
    if here < len(sent):
        gaps.append((here, len(sent)))
    return gaps


def _common_octets(sent: bytes, here: int, arrived: bytes, there: int) -> int:
    """Give for how many octets the two are the same from two places on."""
    length = min(len(sent) - here, len(arrived) - there)
    for start in range(0, length, _STRIDE):
        stop = min(start + _STRIDE, length)
        one, other = sent[here + start : here + stop], arrived[there + start : there + stop]
        if one != other:
            differing = np.frombuffer(one, dtype=np.uint8) != np.frombuffer(other, dtype=np.uint8)
            return start + int(differing.argmax())
    return length


def hit_bits(sent: bytes, arrived: bytes) -> np.ndarray:
    """Give for each octet how many of its bits arrived inverted."""
    mask = np.frombuffer(sent, dtype=np.uint8) ^ np.frombuffer(arrived, dtype=np.uint8)
    return np.unpackbits(mask[:, None], axis=1).sum(axis=1)
