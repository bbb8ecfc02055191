"""A capture tells what was sent, what arrived and what became of each octet, and a replay does it again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MalformedError
from hil.channel.breaks import BreakConfig
from hil.channel.burst import NS_PER_S
from hil.channel.capture import KEPT_OCTETS_MAX, CaptureFile, read_truths
from hil.channel.dropouts import Dropout
from hil.channel.fades import FadeConfig
from hil.channel.framing import FramingConfig, FramingPolicy
from hil.channel.jitter import JitterConfig
from hil.channel.line import Line, LineConfig
from hil.channel.replay import OctetsReplayed
from hil.channel.slips import SlipConfig
from hil.channel.truth import Truth
from hil.link.pcapng import Direction, read_pcapng
from hil.streams import Streams

TIMING = {"delay_ns": 20_000_000, "jitter": JitterConfig(span_ns=5_000_000)}
WEATHER = {
    "bit_error_rate": 1e-3,
    "fades": FadeConfig(good_octets=900, bad_octets=40),
    "dropouts": (Dropout(200_000_000, 60_000_000), Dropout(5 * NS_PER_S, NS_PER_S)),
    "framing": FramingConfig(stop_error_rate=0.001, start_error_rate=0.001, policy=FramingPolicy.DISCARD),
    "breaks": BreakConfig(every_ns=4e8, length_ns=4e6),
    "slips": SlipConfig(drop_rate=0.003, duplicate_rate=0.003, insert_rate=0.003),
}


def make_line(seed=1, name="up", file=None, **changes):
    config = LineConfig(name=name, rate_bps=115_200, bits_per_octet=10, **TIMING, **changes)
    return Line(config, Streams(seed), capture=file)


def carry(line, pieces, looks=()):
    """Send pieces one after the other, look at the line at times, and give what was there at each look."""
    arrivals = []
    place = 0
    waiting = sorted(looks)
    for piece in pieces:
        line.send(bytes((place + index) * 11 % 253 for index in range(piece)), max(line.free_at_ns, line._now_ns))
        place += piece
        while waiting and waiting[0] < line.free_at_ns:
            arrivals.append((waiting[0], line.receive(max(waiting.pop(0), line._now_ns))))
    while (deadline_ns := line.next_deadline()) is not None:
        arrivals.append((deadline_ns, line.receive(max(deadline_ns, line._now_ns))))
    line.finish()
    return arrivals


def octets(arrivals):
    return b"".join(data for _, data in arrivals)


def captured(pieces, looks=(), seed=1, **weather):
    written = []
    line = make_line(seed, file=CaptureFile(written.append), **weather)
    arrivals = carry(line, pieces, looks)
    return line, arrivals, b"".join(written)


def test_a_capture_holds_what_was_sent_and_what_arrived_with_their_times():
    line, arrivals, file = captured([3000, 2000, 1], **WEATHER)
    interfaces, packets = read_pcapng(file)
    assert [interface.name for interface in interfaces] == ["up sent", "up received"]
    sent = [packet for packet in packets if packet.interface == 0]
    received = [packet for packet in packets if packet.interface == 1]
    assert [len(packet.data) for packet in sent] == [3000, 2000, 1]
    assert [packet.time_ns for packet in sent] == [0, 260_416_666, 434_027_777]
    assert sent[1].comment == "octets 3000-4999"
    assert b"".join(packet.data for packet in received) == octets(arrivals)
    assert {packet.direction for packet in sent} == {Direction.OUTBOUND}
    assert {packet.direction for packet in received} == {Direction.INBOUND}
    assert [packet.time_ns for packet in received] == sorted(packet.time_ns for packet in received)
    assert line.counts.octets_delivered == len(octets(arrivals))


def test_the_truth_adds_up_to_what_the_line_counted():
    line, _, file = captured([20_000], **WEATHER)
    truth = read_truths(file)["up"]
    counts = line.counts
    # An octet that was put in where the one before it was lost is one that was altered, to whoever looks at both ends.
    assert truth.octets_lost - truth.octets_inserted == counts.octets_lost - counts.octets_inserted
    assert truth.octets_lost == pytest.approx(counts.octets_lost, abs=10)
    assert len(truth.altered) > 100


def test_a_line_that_alters_nothing_has_an_empty_truth():
    _, _, file = captured([500, 700])
    assert read_truths(file) == {"up": Truth()}


def test_a_replay_of_a_capture_does_the_same_to_each_octet_at_the_same_time():
    first, arrivals, file = captured([20_000, 10_000], **WEATHER)
    truth = read_truths(file)["up"]
    assert truth.lost
    assert truth.altered
    assert truth.inserted
    replay = make_line(replay=truth)
    again = carry(replay, [20_000, 10_000])
    assert again == arrivals
    assert replay.counts.octets_in_flight == 0
    assert replay.counts.octets_delivered == first.counts.octets_delivered
    told = [event for event in replay.take_events() if isinstance(event, OctetsReplayed)]
    assert sum(event.lost for event in told) == truth.octets_lost == replay.counts.octets_lost
    assert sum(event.altered for event in told) == len(truth.altered)
    assert sum(event.inserted for event in told) == truth.octets_inserted == replay.counts.octets_inserted
    assert str(told[0]).startswith("up: as captured, ")


def test_a_capture_of_the_replay_has_the_same_truth():
    _, _, file = captured([20_000], **WEATHER)
    truth = read_truths(file)["up"]
    _, _, again = captured([20_000], replay=truth)
    assert read_truths(again)["up"] == truth


def test_octets_beyond_the_capture_pass_as_they_are():
    _, arrivals, file = captured([1000], **WEATHER)
    longer = octets(carry(make_line(replay=read_truths(file)["up"]), [3000]))
    assert longer.startswith(octets(arrivals))
    assert longer.endswith(bytes(index * 11 % 253 for index in range(1000, 3000)))


@settings(deadline=None, max_examples=25)
@given(
    pieces=st.lists(st.integers(1, 2000), min_size=1, max_size=8),
    looks=st.lists(st.integers(0, NS_PER_S), max_size=12),
    seed=st.integers(0, 50),
)
def test_however_calls_are_cut_the_truth_is_the_same_and_a_replay_is_equal(pieces, looks, seed):
    _, whole, file = captured([sum(pieces)], seed=seed, **WEATHER)
    _, cut, cut_file = captured(pieces, looks, seed=seed, **WEATHER)
    assert octets(cut) == octets(whole)
    assert read_truths(cut_file) == read_truths(file)
    replayed = carry(make_line(seed, replay=read_truths(file)["up"]), pieces, looks)
    assert octets(replayed) == octets(whole)


def test_what_is_lost_at_the_end_is_told_in_a_packet_without_octets():
    _, _, file = captured([100], dropouts=(Dropout(0, NS_PER_S),))
    _, packets = read_pcapng(file)
    assert [(packet.data, packet.comment) for packet in packets[1:]] == [(b"", "octets 0-99; lost 0-99")]


def test_octets_that_never_come_are_kept_up_to_a_bound():
    written = []
    config = LineConfig(name="up", rate_bps=10**9, delay_ns=3600 * NS_PER_S)
    line = Line(config, Streams(1), capture=CaptureFile(written.append))
    piece = 1 << 20
    while line.counts.octets_sent <= KEPT_OCTETS_MAX + piece:
        line.send(bytes(piece), line.free_at_ns)
    line.receive(line.free_at_ns)
    truth = read_truths(b"".join(written))["up"]
    assert truth.lost == [(0, line.counts.octets_sent - KEPT_OCTETS_MAX)]


@given(
    lost=st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 100)), max_size=5),
    altered=st.dictionaries(st.integers(0, 10**9), st.integers(1, 255), max_size=5),
    inserted=st.dictionaries(st.integers(0, 10**9), st.binary(min_size=1, max_size=3), max_size=5),
)
def test_words_say_the_truth(lost, altered, inserted):
    truth = Truth(altered=altered, inserted=inserted)
    place = 0
    for gap, length in lost:
        truth.lose(place + gap, place + gap + length)
        place += gap + length
    assert Truth.parse(truth.words(0, 7)) == truth
    assert Truth.parse(truth.words(7, 7)) == truth


@pytest.mark.parametrize(
    "words", ["gone 1", "lost 1-", "lost x", "altered 1^123", "inserted 3+f", "octets 5..6", "lost"]
)
def test_words_that_say_nothing_are_refused(words):
    with pytest.raises(MalformedError, match="expected"):
        Truth.parse(words)
