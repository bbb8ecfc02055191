"""Which bits flip together."""

import pytest

from hil.faults.flip import BITS_MAX, Spread, draw_flip
from hil.streams import Streams


@pytest.mark.parametrize("spread", Spread)
@pytest.mark.parametrize("length_octets", [1, 7, 64, 1000])
def test_the_bits_of_a_strike_lie_together_and_flip_back_when_struck_twice(spread, length_octets):
    for seed in range(30):
        drawn = draw_flip(Streams(seed).block("flip", 0), spread, length_octets)
        octets = bytearray(length_octets)
        drawn.strike(memoryview(octets))
        bits = sum(octet.bit_count() for octet in octets)
        assert 1 <= bits <= (1 if spread is Spread.BIT else BITS_MAX)
        offsets = [offset for offset, octet in enumerate(octets) if octet]
        if length_octets == 1000 and offsets[-1] + spread.value < 1000:
            assert offsets[-1] - offsets[0] < spread.value
        drawn.strike(memoryview(octets))
        assert not any(octets)


def test_every_octet_can_be_struck():
    struck = {draw_flip(Streams(seed).block("flip", 0), Spread.BIT, 5).masks[0][0] for seed in range(200)}
    assert struck == set(range(5))
