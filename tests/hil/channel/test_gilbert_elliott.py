"""A line of two states in time, each with its own bit error rate, and what a frame loss is in bits."""

import itertools
import math

import numpy as np
import pytest

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S
from hil.channel.frame_loss import FrameCode
from hil.channel.gilbert_elliott import GilbertElliottConfig, NoiseBurst
from hil.channel.line import Line, LineConfig
from hil.channel.spells import MEAN_NS_MAX, Spells
from hil.streams import Streams


def bits_in(data):
    return sum(octet.bit_count() for octet in data)


def spells_until(spells, end_ns, step_ns):
    """Give all spells up to a time, asked for step by step."""
    found = {}
    for now_ns in range(0, end_ns, step_ns):
        for number, start_ns, stop_ns in spells.between(now_ns, now_ns + step_ns):
            found[number] = (start_ns, stop_ns)
    return found


def test_spells_have_the_mean_lengths_and_gaps_asked_for_and_are_exponential():
    found = spells_until(Spells(Streams(1), "x", 2e9, 5e8), 10_000 * NS_PER_S, NS_PER_S)
    edges = np.array([found[number] for number in sorted(found)])
    lengths, gaps = edges[:-1, 1] - edges[:-1, 0], edges[1:, 0] - edges[:-1, 1]
    for drawn, mean in ((lengths, 5e8), (gaps, 2e9)):
        assert drawn.mean() == pytest.approx(mean, abs=4 * mean / math.sqrt(len(drawn)))
        assert drawn.std() == pytest.approx(mean, rel=0.06)


def test_spells_are_the_same_whoever_asks():
    fine, coarse = (Spells(Streams(1), "x", 2e9, 5e8) for _ in range(2))
    assert spells_until(fine, 500 * NS_PER_S, NS_PER_S // 50) == spells_until(coarse, 500 * NS_PER_S, 100 * NS_PER_S)
    late = Spells(Streams(1), "x", 2e9, 5e8).between(400 * NS_PER_S, 500 * NS_PER_S)
    again = Spells(Streams(1), "x", 2e9, 5e8)
    again.between(0, 400 * NS_PER_S)
    assert late == again.between(400 * NS_PER_S, 500 * NS_PER_S)


def test_both_states_have_their_bit_error_rate_at_their_times():
    config = GilbertElliottConfig(good_ns=2e9, bad_ns=1e9, good_bit_error_rate=1e-4, bad_bit_error_rate=0.02)
    line = Line(LineConfig(name="down", rate_bps=800_000, bursts=config), Streams(3))
    spells = Spells(Streams(3).scoped("channel/down"), "bursts/spells", 2e9, 1e9)
    seconds = 30
    line.send(bytes(100_000), 0)
    bits = {True: 0, False: 0}
    hits = {True: 0, False: 0}
    step_ns = NS_PER_S // 200
    for now_ns in range(step_ns, seconds * NS_PER_S, step_ns):
        if line.free_at_ns <= now_ns:
            line.send(bytes(100_000), line.free_at_ns)
        data = line.receive(now_ns)
        around = spells.between(now_ns - step_ns, now_ns)
        if not around:
            state = False
        elif around[0][1] <= now_ns - step_ns and around[0][2] >= now_ns:
            state = True
        else:
            continue  # The state changes within.
        bits[state] += 8 * len(data)
        hits[state] += bits_in(data)
    for state, rate in ((True, 0.02), (False, 1e-4)):
        expected = bits[state] * rate
        assert expected > 500
        assert abs(hits[state] - expected) < 4 * math.sqrt(expected)


def test_noise_is_told_by_spans_of_ten_seconds_and_adds_up():
    config = GilbertElliottConfig(good_ns=2e9, bad_ns=1e9, good_bit_error_rate=0.0, bad_bit_error_rate=0.01)
    line = Line(LineConfig(name="down", rate_bps=80_000, bursts=config), Streams(1))
    flipped = 0
    for second in range(40):
        line.send(bytes(10_000), second * NS_PER_S)
        flipped += bits_in(line.receive((second + 1) * NS_PER_S))
    line.finish()
    told = line.take_events()
    assert all(isinstance(event, NoiseBurst) for event in told)
    assert len(told) == 4
    assert sum(event.bits for event in told) == sum(event.bad_bits for event in told) == flipped > 0
    assert line.counts.bits_flipped == flipped
    assert "down: noise in bursts inverted" in str(told[0])


@pytest.mark.parametrize(
    "code",
    [
        FrameCode(codeword_octets=1024),
        FrameCode(codeword_octets=255, correctable_octets=16),
        FrameCode(codeword_octets=255, correctable_octets=16, codewords=5),
    ],
)
@pytest.mark.parametrize("loss", [1e-3, 0.5])
def test_a_line_with_the_bit_error_rate_of_a_frame_loss_loses_that_share_of_frames(code, loss):
    rate = code.bit_error_rate(loss)
    assert code.loss(rate) == pytest.approx(loss)
    # Count octets hit instead of bits: they are independent, and hit with the probability that a bit of theirs is.
    hit = np.random.default_rng(1).binomial(code.codeword_octets, 1 - (1 - rate) ** 8, size=(20_000, code.codewords))
    lost = int((hit > code.correctable_octets).any(axis=1).sum())
    assert abs(lost - 20_000 * loss) < 4 * math.sqrt(20_000 * loss * (1 - loss))


def test_the_assumed_defaults_are_those_of_the_notes():
    code = FrameCode(codeword_octets=255, correctable_octets=16)
    config = GilbertElliottConfig.of_frames(code)
    assert (config.good_ns, config.bad_ns) == (20 * NS_PER_S, NS_PER_S // 2)
    assert code.loss(config.good_bit_error_rate) == pytest.approx(1e-3)
    assert code.loss(config.bad_bit_error_rate) == pytest.approx(0.5)
    share = 0.5 / 20.5
    expected = share * config.bad_bit_error_rate + (1 - share) * config.good_bit_error_rate
    assert config.mean_bit_error_rate == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"good_ns": 0}, "expected mean times above 0"),
        ({"bad_ns": MEAN_NS_MAX + 1}, "expected mean times above 0"),
        ({"bad_bit_error_rate": 0.6}, r"expected a bit error rate of 0 to 0\.5, found 0\.6"),
    ],
)
def test_states_that_cannot_be_are_refused(changes, message):
    with pytest.raises(MisuseError, match=message):
        GilbertElliottConfig(**{"good_bit_error_rate": 0.0, "bad_bit_error_rate": 0.1, **changes})


def test_codes_and_losses_that_cannot_be_are_refused():
    with pytest.raises(MisuseError, match="expected 1 or more codewords"):
        FrameCode(codeword_octets=10, correctable_octets=10)
    with pytest.raises(MisuseError, match="expected a share of frames of 0 or above and below 1, found 1"):
        FrameCode(codeword_octets=10).bit_error_rate(1)


def test_more_noise_loses_more_frames():
    code = FrameCode(codeword_octets=255, correctable_octets=16, codewords=5)
    losses = [code.loss(rate) for rate in (0.0, 1e-3, 4e-3, 6e-3, 1e-2, 0.5)]
    assert all(before < after for before, after in itertools.pairwise(losses[:5]))
    assert (losses[0], losses[-1]) == (0.0, 1.0)
