"""A line: what arrives, when, and what it says it did; nothing of it may depend on how calls were cut."""

import hashlib
import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.channel.bit_errors import BitsFlipped
from hil.channel.burst import NS_PER_S
from hil.channel.dropouts import Dropout, OctetsLost
from hil.channel.fades import FadeConfig, OctetsFaded
from hil.channel.line import Line, LineConfig
from hil.channel.rate import WAITING_OCTETS_MAX
from hil.streams import Streams


def make_line(seed=1, **changes):
    return Line(LineConfig(**{"name": "up", "rate_bps": 9600, **changes}), Streams(seed))


def drain(line):
    """Give all octets still to come, each with the time at which it was there at the latest."""
    arrivals = []
    while (deadline_ns := line.next_deadline()) is not None:
        arrivals.append((deadline_ns, line.receive(deadline_ns)))
    return arrivals


def octet_arrivals(line, until_ns, step_ns):
    """Look at a line at equal steps; the time of each octet is the first look at which it was there."""
    return [(now_ns, octet) for now_ns in range(0, until_ns, step_ns) for octet in line.receive(now_ns)]


def test_octets_arrive_after_the_delay_one_octet_time_after_the_other():
    line = make_line(rate_bps=8000, delay_ns=250_000_000)
    line.send(b"abc", 1_000)
    assert line.receive(250_000_000 + 1_000 + 1_000_000 - 1) == b""
    assert line.receive(250_000_000 + 1_000 + 1_000_000) == b"a"
    assert line.receive(250_000_000 + 1_000 + 3_000_000) == b"bc"
    assert line.next_deadline() is None


def test_a_uart_takes_ten_bits_for_an_octet():
    line = make_line(rate_bps=115_200, bits_per_octet=10)
    line.send(bytes(1152), 0)
    assert line.free_at_ns == NS_PER_S // 10
    assert line.next_deadline() == NS_PER_S // 10


def test_the_transmitter_is_ready_when_the_last_octet_has_left():
    line = make_line(rate_bps=8000)
    assert line.transmit_ready(0)
    line.send(b"xy", 5)
    assert not line.transmit_ready(5 + 1_999_999)
    assert line.transmit_ready(5 + 2_000_000)


def test_octets_sent_while_the_line_is_busy_follow_without_a_gap_and_without_drift():
    # A bit takes 8.68 us, so an octet is no whole number of nanoseconds; a million of them must not drift.
    line = make_line(rate_bps=115_200, bits_per_octet=10)
    now_ns = 0
    for _ in range(10_000):
        line.send(bytes(100), now_ns)
        now_ns = line.free_at_ns
        line.receive(now_ns)
    assert now_ns == math.floor(Fraction(1_000_000 * 10 * NS_PER_S, 115_200))
    assert line.counts.octets_delivered == 1_000_000


def test_the_measured_rate_and_delay_are_the_configured_ones():
    line = make_line(rate_bps=64_000, delay_ns=5_000_000)
    for _ in range(20):
        line.send(bytes(400), 0)
    first_ns, last_ns = 0, 0
    received = 0
    for now_ns in range(0, 2 * NS_PER_S, 25_000):
        count = len(line.receive(now_ns))
        if count and not received:
            first_ns = now_ns
        if count:
            last_ns = now_ns
        received += count
    assert received == 8000
    assert first_ns == 5_000_000 + 125_000
    assert (received - 1) * 8 * NS_PER_S / (last_ns - first_ns) == pytest.approx(64_000, rel=1e-4)


def test_an_idle_line_begins_anew_at_the_time_of_sending():
    line = make_line(rate_bps=8000)
    line.send(b"a", 0)
    assert drain(line) == [(1_000_000, b"a")]
    line.send(b"b", 7_000_000)
    assert drain(line) == [(8_000_000, b"b")]


def test_the_measured_bit_error_rate_is_the_configured_one_within_its_interval():
    for rate in (1e-5, 1e-3, 0.1, 0.5):
        line = make_line(rate_bps=50_000_000, bit_error_rate=rate)
        octets = 4_000_000 if rate < 1e-4 else 400_000
        flipped = 0
        for _ in range(octets // 1000):
            line.send(bytes(1000), line.free_at_ns)
            flipped += sum(octet.bit_count() for octet in line.receive(line.free_at_ns))
        assert flipped == line.counts.bits_flipped
        low, high = wilson_interval(flipped, octets * 8, sigmas=3.5)
        assert low <= rate <= high, f"{rate}: measured {low} to {high}"


def test_bit_errors_hit_each_bit_alike_and_in_no_pattern():
    line = make_line(rate_bps=50_000_000, bit_error_rate=0.02)
    line.send(bytes(200_000), 0)
    [(_, data)] = drain(line)
    for bit in range(8):
        hits = sum(octet >> bit & 1 for octet in data)
        low, high = wilson_interval(hits, len(data), sigmas=3.5)
        assert low <= 0.02 <= high
    pairs = sum(bool(left) and bool(right) for left, right in itertools.pairwise(data))
    low, high = wilson_interval(pairs, len(data) - 1, sigmas=3.5)
    assert low <= (1 - 0.98**8) ** 2 <= high


def test_bit_errors_do_not_depend_on_the_octets_sent():
    clear, full = make_line(bit_error_rate=0.01), make_line(bit_error_rate=0.01)
    clear.send(bytes(9000), 0)
    full.send(b"\xff" * 9000, 0)
    [(_, zeros)], [(_, ones)] = drain(clear), drain(full)
    assert bytes(octet ^ 0xFF for octet in ones) == zeros
    assert any(zeros)


def test_both_directions_and_other_seeds_have_other_errors():
    lines = [make_line(bit_error_rate=0.01), make_line(bit_error_rate=0.01, name="down")]
    lines.append(make_line(seed=2, bit_error_rate=0.01))
    for line in lines:
        line.send(bytes(5000), 0)
    assert len({drain(line)[0][1] for line in lines}) == 3


def test_a_line_without_errors_alters_nothing():
    line = make_line()
    line.send(bytes(range(256)) * 40, 0)
    assert drain(line)[0][1] == bytes(range(256)) * 40
    line.finish()
    assert line.take_events() == []


def test_a_dropout_cuts_a_burst_in_its_middle():
    # An octet takes 1 ms; "c" to "e" are over by 5 ms, "b" is hit by the beginning, "f" by the end.
    line = make_line(rate_bps=8000, dropouts=(Dropout(1_500_000, 4_000_000),))
    line.send(b"abcdefgh", 0)
    assert drain(line) == [(8_000_000, b"agh")]


def test_a_dropout_between_two_octets_takes_none_of_its_neighbours():
    line = make_line(rate_bps=8000, dropouts=(Dropout(1_000_000, 2_000_000),))
    line.send(b"abcd", 0)
    assert drain(line)[0][1] == b"ad"


def test_a_dropout_that_begins_now_takes_what_is_on_its_way():
    line = make_line(rate_bps=8000, delay_ns=250_000_000)
    line.send(b"abcd", 0)
    assert line.receive(252_000_000) == b"ab"
    line.drop(252_000_000, 1_000)
    assert line.receive(260_000_000) == b"d"


def test_overlapping_dropouts_lose_each_octet_once():
    line = make_line(rate_bps=8000, dropouts=(Dropout(0, 3_000_000), Dropout(2_000_000, 3_000_000)))
    line.drop(1_000_000, 500_000)
    line.send(b"abcdefgh", 0)
    assert drain(line)[0][1] == b"fgh"
    assert line.counts.octets_lost == 5


def test_each_octet_sent_is_delivered_lost_or_in_flight():
    line = make_line(rate_bps=8000, dropouts=(Dropout(2_000_000, 2_000_000),))
    line.send(b"abcdefgh", 0)
    assert line.receive(6_000_000) == b"abef"
    counts = line.counts
    assert (counts.octets_sent, counts.octets_delivered, counts.octets_lost, counts.octets_in_flight) == (8, 4, 2, 2)


def test_a_dropout_is_told_once_when_it_is_over():
    line = make_line(rate_bps=8000, dropouts=(Dropout(2_000_000, 6_000_000),))
    line.send(b"abcd", 0)
    line.send(b"efghijkl", 5_000_000)
    assert line.receive(5_000_000) == b"ab"
    assert line.take_events() == []
    line.receive(15_000_000)
    assert line.take_events() == [
        OctetsLost(line="up", count=5, offset=2, start_ns=2_000_000, end_ns=8_000_000),
    ]
    assert line.take_events() == []


def test_a_dropout_that_meets_nothing_is_not_told():
    line = make_line(dropouts=(Dropout(0, 5),))
    line.receive(NS_PER_S)
    line.finish()
    assert line.take_events() == []


def test_inverted_bits_are_told_once_in_ten_seconds_and_add_up():
    line = make_line(rate_bps=80_000, bit_error_rate=1e-3)
    told = []
    for second in range(35):
        line.send(bytes(10_000), second * NS_PER_S)
        line.receive((second + 1) * NS_PER_S)
        told += line.take_events()
    assert [event.start_ns // NS_PER_S for event in told] == [0, 10, 20]
    line.finish()
    told += line.take_events()
    assert all(isinstance(event, BitsFlipped) for event in told)
    assert sum(event.bits for event in told) == line.counts.bits_flipped > 0


def test_events_tell_themselves_in_one_line():
    lost = OctetsLost(line="up", count=93, offset=1200, start_ns=12_345_000_000, end_ns=12_400_000_000)
    flipped = BitsFlipped(line="down", bits=4, octets=3, offset=7, start_ns=20 * NS_PER_S)
    assert str(lost) == "up: a dropout took 93 octets from offset 1200 on, from 12.345 s to 12.400 s"
    assert str(flipped) == "down: noise inverted 4 bits of 3 octets from offset 7 on, in 10 s from 20.000 s"


def test_the_digest_is_that_of_the_octets_sent_before_they_were_altered():
    line = make_line(bit_error_rate=0.1, dropouts=(Dropout(0, NS_PER_S),))
    line.send(b"hello ", 0)
    line.send(b"world", NS_PER_S)
    assert line.sent_sha256 == hashlib.sha256(b"hello world").digest()


pieces_of = st.lists(st.integers(1, 400), min_size=1, max_size=12)
spans = st.lists(st.tuples(st.integers(0, 900_000_000), st.integers(1, 200_000_000)), max_size=4)


@settings(deadline=None)
@given(pieces=pieces_of, looks=st.lists(st.integers(0, 4 * NS_PER_S), max_size=30), spans=spans, data=st.data())
def test_cutting_the_calls_differently_changes_neither_octets_nor_times_nor_events(pieces, looks, spans, data):
    """One line is sent everything at once and looked at regularly, the other is sent pieces and looked at anywhere."""
    config = {
        "rate_bps": 9600,
        "bits_per_octet": 10,
        "delay_ns": 3_000_001,
        "bit_error_rate": 0.003,
        "dropouts": tuple(Dropout(start_ns, duration_ns) for start_ns, duration_ns in spans),
    }
    octets = bytes(index % 251 for index in range(sum(pieces)))
    whole, cut = make_line(**config), make_line(**config)
    whole.send(octets, 0)
    whole_octets = b"".join(part for _, part in drain(whole))

    # A piece may be handed over at any time before the line would fall idle, and the line looked at in between.
    now_ns, position, cut_octets = 0, 0, b""
    for piece in pieces:
        cut.send(octets[position : position + piece], now_ns)
        position += piece
        now_ns = data.draw(st.integers(now_ns, cut.free_at_ns))
        cut_octets += cut.receive(now_ns)
    for look_ns in sorted(look for look in looks if look >= now_ns):
        cut_octets += cut.receive(look_ns)
        counts = cut.counts
        assert len(cut_octets) == counts.octets_delivered
    cut_octets += b"".join(part for _, part in drain(cut))

    assert cut_octets == whole_octets
    assert cut.counts == whole.counts
    assert cut.sent_sha256 == whole.sent_sha256
    assert cut.free_at_ns == whole.free_at_ns
    whole.finish()
    cut.finish()
    assert sorted(map(str, cut.take_events())) == sorted(map(str, whole.take_events()))


@settings(deadline=None)
@given(pieces=pieces_of, data=st.data())
def test_each_octet_arrives_at_the_same_time_however_it_was_sent(pieces, data):
    config = {"rate_bps": 9600, "bits_per_octet": 10, "delay_ns": 777, "bit_error_rate": 0.01}
    config["dropouts"] = (Dropout(20_000_000, 30_000_000),)
    octets = bytes(sum(pieces))
    whole, cut = make_line(**config), make_line(**config)
    whole.send(octets, 0)
    position = 0
    for piece in pieces:
        cut.send(octets[position : position + piece], 0)
        position += piece
    step_ns = data.draw(st.integers(900_000, 20_000_000))
    until_ns = whole.free_at_ns + 2 * step_ns
    assert octet_arrivals(cut, until_ns, step_ns) == octet_arrivals(whole, until_ns, step_ns)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Up link"}, "line's name"),
        ({"rate_bps": 0}, "line up: expected rate_bps above 0, found 0"),
        ({"bits_per_octet": -1}, "line up: expected bits_per_octet above 0, found -1"),
        ({"delay_ns": -5}, "line up: expected delay_ns of 0 or more, found -5"),
        ({"bit_error_rate": 0.6}, "line up: expected bit_error_rate of 0 to 0.5, found 0.6"),
    ],
)
def test_a_line_that_cannot_be_is_refused(changes, message):
    with pytest.raises(MisuseError, match=message):
        make_line(**changes)


@pytest.mark.parametrize(("start_ns", "duration_ns"), [(-1, 5), (0, 0), (3, -1)])
def test_a_dropout_that_cannot_be_is_refused(start_ns, duration_ns):
    with pytest.raises(MisuseError, match="expected a dropout from 0 ns or later that lasts above 0 ns"):
        make_line().drop(start_ns, duration_ns)


def test_a_dropout_of_the_past_is_refused():
    line = make_line()
    line.receive(10)
    with pytest.raises(MisuseError, match="line up: expected a dropout from 10 ns on, found one from 9 ns on"):
        line.drop(9, 5)


def test_time_does_not_go_back():
    line = make_line()
    line.receive(10)
    with pytest.raises(MisuseError, match="line up: expected a time of 10 ns or later, found 9"):
        line.send(b"x", 9)


def test_more_than_a_line_may_hold_is_refused():
    line = make_line()
    line.send(bytes(WAITING_OCTETS_MAX), 0)
    with pytest.raises(MisuseError, match="octets waiting for the line"):
        line.send(b"xx", 0)


def wilson_interval(hits, trials, sigmas):
    """Give the interval in which the probability of a binomial lies (Wilson, 1927)."""
    share = hits / trials
    centre = share + sigmas**2 / (2 * trials)
    half = sigmas * math.sqrt(share * (1 - share) / trials + sigmas**2 / (4 * trials**2))
    return (centre - half) / (1 + sigmas**2 / trials), (centre + half) / (1 + sigmas**2 / trials)


def sent_in_frames(frames, octets, *, seed=1, **fades):
    """Send frames without a pause; give which of them did not arrive whole, and the line."""
    config = FadeConfig.of_frames(frame_octets=octets, **fades)
    line = make_line(seed, rate_bps=8_000_000, fades=config)
    lost = []
    for _ in range(frames):
        line.send(bytes(octets), line.free_at_ns)
        lost.append(len(line.receive(line.free_at_ns)) < octets)
    return lost, line


@pytest.mark.parametrize(("loss", "burst_frames"), [(0.02, 1), (0.02, 4), (0.2, 2.5)])
def test_fades_take_the_configured_share_of_frames_in_bursts_of_the_configured_length(loss, burst_frames):
    frames = 30_000
    lost, line = sent_in_frames(frames, 255, loss=loss, burst_frames=burst_frames)
    # Losses come in bursts, so there are fewer independent ones than frames; and two fades may cost the same frame.
    low, high = wilson_interval(sum(lost), frames, sigmas=4 * math.sqrt(burst_frames))
    assert low <= loss <= high * (1 + loss)
    bursts = sum(now and not before for before, now in itertools.pairwise([False, *lost]))
    assert sum(lost) / bursts == pytest.approx(burst_frames, rel=0.25)
    counts = line.counts
    assert counts.fades >= bursts
    assert counts.octets_faded == counts.octets_lost == counts.octets_sent - counts.octets_delivered > 0


@given(cuts=st.lists(st.integers(1, 500), min_size=1, max_size=30))
@settings(max_examples=50)
def test_which_octets_fade_depends_on_their_offset_alone(cuts):
    config = FadeConfig(good_octets=100, bad_octets=30)
    whole = make_line(rate_bps=8_000_000, fades=config)
    data = bytes(range(256)) * (sum(cuts) // 256 + 1)
    data = data[: sum(cuts)]
    whole.send(data, 0)
    expected = whole.receive(whole.free_at_ns)
    line = make_line(rate_bps=8_000_000, fades=config)
    received, place = b"", 0
    for cut in cuts:
        line.send(data[place : place + cut], line.free_at_ns + 1000)
        received += line.receive(line.free_at_ns)
        place += cut
    assert received == expected
    assert line.counts.octets_faded == whole.counts.octets_faded


def test_fades_are_told_by_spans_of_ten_seconds_and_add_up():
    _, line = sent_in_frames(100_000, 255, loss=0.02, burst_frames=3)
    line.finish()
    told = [event for event in line.take_events() if isinstance(event, OctetsFaded)]
    assert len(told) == 3
    assert sum(event.count for event in told) == line.counts.octets_faded
    assert sum(event.fades for event in told) == line.counts.fades
    assert str(told[0]).startswith(f"up: {told[0].fades} fades took {told[0].count} octets from offset ")


@pytest.mark.parametrize(("loss", "burst_frames"), [(0, 1), (1, 1), (0.5, 0.9)])
def test_fades_that_cannot_be_are_refused(loss, burst_frames):
    with pytest.raises(MisuseError, match="expected a loss above 0 and below 1 and bursts of 1 or more"):
        FadeConfig.of_frames(loss=loss, burst_frames=burst_frames, frame_octets=255)
    with pytest.raises(MisuseError, match="expected above 0 octets between fades"):
        FadeConfig(good_octets=0, bad_octets=1)
