"""Two directions that share the air: never both on it, a turn-round between them, and a turn for each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S
from hil.channel.half_duplex import Air, HalfDuplexConfig
from hil.channel.line import Line, LineConfig
from hil.streams import Streams

MS = 1_000_000
TURN_ROUND_NS = 30 * MS
DELAY_NS = 5 * MS


def make_pair(talk_ns=NS_PER_S, **changes):
    air = Air(HalfDuplexConfig(turn_round_ns=TURN_ROUND_NS, talk_ns=talk_ns))
    configs = [LineConfig(name=name, rate_bps=8000, delay_ns=DELAY_NS, **changes) for name in ("up", "down")]
    return [Line(config, Streams(1), air) for config in configs]


def test_a_direction_waits_until_the_other_has_arrived_and_both_have_turned_round():
    up, down = make_pair()
    up.send(bytes(10), 0)
    assert down.free_at_ns == 10 * MS + DELAY_NS + TURN_ROUND_NS
    assert not down.transmit_ready(down.free_at_ns - 1)
    assert down.transmit_ready(down.free_at_ns)
    down.send(b"x", 0)
    assert down.next_deadline() == 10 * MS + DELAY_NS + TURN_ROUND_NS + MS + DELAY_NS
    assert up.free_at_ns == down.next_deadline() + TURN_ROUND_NS


def test_a_direction_that_talks_goes_on_without_a_gap():
    up, _ = make_pair()
    up.send(bytes(10), 0)
    assert up.free_at_ns == 10 * MS
    up.send(bytes(10), 10 * MS)
    assert up.free_at_ns == 20 * MS


def test_what_is_handed_over_after_the_other_has_taken_its_turn_waits_for_the_next():
    up, down = make_pair()
    up.send(bytes(10), 0)
    down.send(bytes(10), 1)
    up.send(b"x", 2)
    assert up.receive(14 * MS + DELAY_NS) == bytes(10)
    assert up.next_deadline() == (15 + 30 + 10 + 5 + 30 + 1 + 5) * MS


def test_a_direction_alone_is_not_held_up_but_for_a_pause_after_each_talk():
    up, _ = make_pair(talk_ns=100 * MS)
    for _ in range(3):
        up.send(bytes(50), up.free_at_ns)
    assert up.free_at_ns == (100 + DELAY_NS // MS + 60 + 50) * MS


@pytest.mark.parametrize("talk_ns", [1, 100 * MS])
def test_two_that_always_have_something_to_say_take_turns(talk_ns):
    up, down = make_pair(talk_ns=talk_ns)
    now_ns = 0
    while now_ns < 60 * NS_PER_S:
        for line in (up, down):
            if line.free_at_ns <= now_ns:
                line.send(bytes(40), now_ns)
        now_ns = min(each for each in (up.free_at_ns, down.free_at_ns) if each > now_ns)
    sent = [line.counts.octets_sent for line in (up, down)]
    assert abs(sent[0] - sent[1]) <= 160
    talk_s = max(talk_ns / NS_PER_S, 0.04)
    talk_s = -(-talk_s // 0.04) * 0.04
    assert sum(sent) / 60 == pytest.approx(1000 * talk_s / (talk_s + 0.035), rel=0.03)


@settings(deadline=None, max_examples=30)
@given(
    sends=st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 60), st.integers(0, 200 * MS)), max_size=25),
)
def test_the_two_are_never_on_the_air_at_once(sends):
    pair = make_pair(talk_ns=100 * MS)
    spans = []
    now_ns = 0
    for which, length, gap_ns in sends:
        now_ns += gap_ns
        line = pair[which]
        pending = line.next_deadline() or 0
        line.send(bytes(length), now_ns)
        while line.next_deadline() is not None and line.next_deadline() <= pending:
            line.receive(max(pending, now_ns))
        end_ns = pair[which]._rate.free_at_ns
        spans.append((end_ns - length * MS, end_ns + DELAY_NS, which))
        now_ns = max(now_ns, *(each._now_ns for each in pair))
    spans.sort()
    for index, (start_ns, _, which) in enumerate(spans):
        for _, end_ns, other in spans[:index]:
            assert which == other or start_ns >= end_ns + TURN_ROUND_NS


@settings(deadline=None, max_examples=30)
@given(talks=st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=5), min_size=1, max_size=6), data=st.data())
def test_in_which_pieces_a_talk_is_handed_over_changes_nothing(talks, data):
    """The directions talk in turn; each talk is handed over at once, or in pieces while it is on the air."""
    arrivals = []
    for cut in (False, True):
        pair = make_pair()
        now_ns = 0
        for number, pieces in enumerate(talks):
            line = pair[number % 2]
            for index, piece in enumerate(pieces if cut else [sum(pieces)]):
                line.send(bytes(piece), now_ns)
                if cut and index < len(pieces) - 1:
                    now_ns = data.draw(st.integers(now_ns, line._rate.free_at_ns))
            now_ns = line._rate.free_at_ns
        counts = [(line.free_at_ns, line.counts.octets_sent) for line in pair]
        seen = [[len(line.receive(now)) for now in range(now_ns, now_ns + 300 * MS, 7 * MS)] for line in pair]
        arrivals.append((counts, seen))
    assert arrivals[0] == arrivals[1]


@pytest.mark.parametrize(("turn_round_ns", "talk_ns"), [(-1, 1), (0, 0)])
def test_turns_that_cannot_be_are_refused(turn_round_ns, talk_ns):
    with pytest.raises(MisuseError, match="expected a turn-round of 0 ns or more and talks above 0 ns"):
        HalfDuplexConfig(turn_round_ns=turn_round_ns, talk_ns=talk_ns)
