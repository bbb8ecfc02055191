"""Which bits flip together."""

import pytest

from hil.faults.flip import BITS_MAX, Flip, Spread, draw_flip
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


def test_a_strike_of_more_octets_than_there_are_is_refused_rather_than_laid_elsewhere():
    octets = bytearray(4)
    with pytest.raises(IndexError):
        Flip(spread=Spread.BIT, masks=((5, 1),)).strike(memoryview(octets))
    assert not any(octets)


def test_within_fewer_octets_it_wraps_and_no_bit_flips_back():
    octets = bytearray(4)
    Flip(spread=Spread.LINE, masks=((1, 3), (5, 6), (7, 8))).within(4).strike(memoryview(octets))
    assert list(octets) == [0, 7, 0, 8]
