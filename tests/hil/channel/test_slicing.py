"""However calls are cut, each effect does the same: equal octets at equal times, equal counts, equal events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.channel.breaks import BreakConfig
from hil.channel.burst import NS_PER_S
from hil.channel.dropouts import Dropout
from hil.channel.fades import FadeConfig
from hil.channel.framing import FramingConfig, FramingPolicy
from hil.channel.gilbert_elliott import GilbertElliottConfig
from hil.channel.jitter import JitterConfig
from hil.channel.line import Line, LineConfig
from hil.channel.overruns import FifoConfig
from hil.channel.slips import SlipConfig
from hil.streams import Streams

# Rates are far above those of a real line, so that a few thousand octets meet everything.
EFFECTS = {
    "nothing": {},
    "delay": {"delay_ns": 3_000_001},
    "delay that grows": {"delay_ns": lambda sent_ns: 1_000_000 + sent_ns // 50},
    "delay that shrinks": {"delay_ns": lambda sent_ns: max(300_000_000 - sent_ns // 3, 0)},
    "bit errors": {"bit_error_rate": 0.003},
    "bit errors that follow time": {"bit_error_rate": lambda arrival_ns: 0.02 * (arrival_ns % NS_PER_S) / NS_PER_S},
    "fades": {"fades": FadeConfig(good_octets=200, bad_octets=20)},
    "dropouts": {"dropouts": (Dropout(100_000_000, 50_000_000), Dropout(400_000_000, 1))},
    "cable pulls": {"cable_pulls": (Dropout(60_000_000, 30_000_000), Dropout(600_000_000, 90_000_000))},
    "jitter": {"jitter": JitterConfig(span_ns=40_000_000, hold_octets=23)},
    "bursts": {
        "bursts": GilbertElliottConfig(
            good_ns=60_000_000, bad_ns=20_000_000, good_bit_error_rate=0.0005, bad_bit_error_rate=0.05
        )
    },
    "framing": {"framing": FramingConfig(stop_error_rate=0.002, start_error_rate=0.002, policy=FramingPolicy.DISCARD)},
    "breaks": {"breaks": BreakConfig(every_ns=70_000_000, length_ns=3_000_000)},
    "fifo": {"fifo": FifoConfig(octets=4, stall_every_ns=30_000_000, stall_ns=8_000_000)},
    "slips": {"slips": SlipConfig(drop_rate=0.004, duplicate_rate=0.003, insert_rate=0.005)},
}
ALL = {name: value for effect in EFFECTS.values() for name, value in effect.items()}
VARYING = {**ALL, "bit_error_rate": 0.001, "delay_ns": EFFECTS["delay that grows"]["delay_ns"]}
COURSES = {**EFFECTS, "all": ALL, "all, otherwise": VARYING}

# Each run of octets: the time for which the line is idle before it, and the pieces in which it is handed over.
runs_of = st.lists(
    st.tuples(st.integers(0, 300_000_000), st.lists(st.integers(1, 1500), min_size=1, max_size=8)),
    min_size=1,
    max_size=4,
)
looks_of = st.lists(st.integers(0, 6 * NS_PER_S), max_size=20)


def course(config, runs, looks, *, draw=None):
    """Give all that a line did: what had arrived at each look, what it counted, what it told.

    Without ``draw`` each run is handed over in one piece. With it, in the given pieces, each at any time before the
    line falls idle, and the line is looked at at more times than asked.
    """
    line = Line(LineConfig(name="up", rate_bps=96_000, bits_per_octet=10, **config), Streams(1))
    waiting = sorted(looks)
    seen, arrived, events, sent = [], bytearray(), [], 0

    def look(now_ns):
        arrived.extend(line.receive(now_ns))
        events.extend(line.take_events())

    def look_up_to(now_ns):
        while waiting and waiting[0] <= now_ns:
            look(waiting[0])
            seen.append((waiting.pop(0), bytes(arrived)))

    now_ns = 0
    for gap_ns, pieces in runs:
        now_ns = line.free_at_ns + gap_ns
        look_up_to(now_ns)
        for piece in pieces if draw else [sum(pieces)]:
            line.send(bytes((sent + index) * 7 % 251 for index in range(piece)), now_ns)
            sent += piece
            if draw:
                now_ns = draw(st.integers(now_ns, line.free_at_ns))
                look_up_to(now_ns)
                look(now_ns)
    look_up_to(6 * NS_PER_S)
    while (deadline_ns := line.next_deadline()) is not None:
        look(max(deadline_ns, 6 * NS_PER_S))
    look(20 * NS_PER_S)
    line.finish()
    events.extend(line.take_events())
    return seen, bytes(arrived), line.counts, sorted(map(str, events)), line.sent_sha256


@pytest.mark.parametrize("effect", COURSES)
@settings(deadline=None, max_examples=25)
@given(runs=runs_of, looks=looks_of, data=st.data())
def test_cutting_the_calls_differently_changes_nothing(effect, runs, looks, data):
    config = COURSES[effect]
    assert course(config, runs, looks, draw=data.draw) == course(config, runs, looks)


@pytest.mark.parametrize("effect", COURSES)
def test_every_octet_sent_is_accounted_for(effect):
    _, arrived, counts, events, _ = course(COURSES[effect], [(0, [5_000]), (70_000_000, [5_000])], [])
    assert counts.octets_in_flight == 0
    assert counts.octets_delivered == len(arrived)
    assert (events == []) == (effect.startswith(("nothing", "delay", "jitter")))
