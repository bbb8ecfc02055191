"""Bit errors at a rate that follows time, and what distance makes of it."""

import math

import pytest

from ccsds.errors import MisuseError
from hil.channel.bit_errors import RATE_STEP_NS
from hil.channel.burst import NS_PER_S
from hil.channel.line import Line, LineConfig
from hil.channel.noise import RATE_MAX, VaryingNoise
from hil.channel.path_loss import bit_error_rate_at, bpsk_bit_error_rate, path_loss_change_db, slant_range_m
from hil.streams import Streams


def bits_in(data):
    return sum(octet.bit_count() for octet in data)


def test_the_rate_is_that_of_the_time_of_arrival():
    # In even seconds a hundredth of all bits are inverted, in odd ones none, and the delay is half a second.
    line = Line(
        LineConfig(
            name="down",
            rate_bps=800_000,
            delay_ns=NS_PER_S // 2,
            bit_error_rate=lambda arrival_ns: 0.0 if arrival_ns // NS_PER_S % 2 else 0.01,
        ),
        Streams(1),
    )
    line.send(bytes(1_000_000), 0)
    hit = [bits_in(line.receive(second * NS_PER_S)) for second in range(1, 12)]
    assert hit[1::2] == [0] * 5
    assert all(abs(count - 8000) < 500 for count in hit[2:10:2])
    assert sum(hit) == line.counts.bits_flipped


@pytest.mark.parametrize("rate", [0.5, 0.3, 1e-2, 3.3e-4, 1e-5])
def test_thinned_noise_has_the_rate_asked_for(rate):
    noise = VaryingNoise(Streams(1), "bit_errors")
    octets = 8_000_000 if rate < 1e-4 else 400_000
    hits = bits_in(noise.mask(7, octets, rate).tobytes())
    expected = octets * 8 * rate
    assert abs(hits - expected) < 4 * math.sqrt(expected * (1 - rate))


def test_a_rate_below_the_ladder_and_one_of_zero_invert_nothing():
    noise = VaryingNoise(Streams(1), "bit_errors")
    for rate in (0.0, 1e-18):
        assert not noise.mask(0, 100_000, rate).any()


def test_a_higher_rate_within_a_step_of_the_ladder_inverts_those_bits_and_more():
    noise = VaryingNoise(Streams(1), "bit_errors")
    low, high = (noise.mask(0, 100_000, rate) for rate in (0.02, 0.03))
    assert not (low & ~high).any()
    assert (high & ~low).any()


def test_a_rate_out_of_range_is_refused_when_it_comes():
    line = Line(
        LineConfig(name="up", rate_bps=8000, bit_error_rate=lambda arrival_ns: arrival_ns / NS_PER_S), Streams(1)
    )
    line.send(bytes(1000), 0)
    line.receive(RATE_STEP_NS * 6 - 1)
    with pytest.raises(MisuseError, match=r"line up: expected a bit error rate of 0 to 0\.5, found 0.6"):
        line.receive(RATE_STEP_NS * 6)


def test_bpsk_has_the_error_rates_of_the_textbooks():
    # Eb/N0 of 6.8, 9.6 and 10.5 dB: 1e-3, 1e-5, 1e-6 as every waterfall curve has it.
    for eb_n0_db, rate in ((6.79, 1e-3), (9.59, 1e-5), (10.53, 1e-6)):
        assert bpsk_bit_error_rate(eb_n0_db) == pytest.approx(rate, rel=0.02)
    assert bpsk_bit_error_rate(-200) == pytest.approx(RATE_MAX)


def test_path_loss_swings_by_twelve_decibels_in_a_pass():
    # The figures of a 500 km orbit: 501 to 2078 km from the zenith down to a mask of 5 degrees.
    low_m, high_m = slant_range_m(math.radians(5), 500_000), slant_range_m(math.radians(90), 500_000)
    assert high_m == pytest.approx(500_000)
    assert low_m == pytest.approx(2_078_000, rel=1e-3)
    assert path_loss_change_db(low_m, high_m) == pytest.approx(12.4, abs=0.05)


def test_the_error_rate_falls_as_the_satellite_comes_closer():
    reference = {"reference_range_m": 2_078_000, "reference_eb_n0_db": 7.0}
    rates = [bit_error_rate_at(range_m, **reference) for range_m in (2_078_000, 1_500_000, 1_000_000)]
    assert rates[0] == bpsk_bit_error_rate(7.0)
    assert rates[0] > 10 * rates[1] > 100 * rates[2]


def test_a_distance_that_is_none_is_refused():
    with pytest.raises(MisuseError, match="expected distances above 0 m, found 0 and 5"):
        path_loss_change_db(0, 5)
