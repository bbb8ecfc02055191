"""Jitter: as late as configured, octets in their order, and no octet altered."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst, Pace
from hil.channel.jitter import Jitter, JitterConfig
from hil.channel.line import Line, LineConfig
from hil.channel.outlet import Outlet
from hil.streams import Streams

SPAN_NS = 30_000_000


def lateness(seed, count, gap_ns):
    """Give by how much each of so many octets was late, each sent a time after the one before."""
    config = JitterConfig(span_ns=SPAN_NS, hold_octets=1)
    line = Line(LineConfig(name="up", rate_bps=8_000_000, jitter=config), Streams(seed))
    late_ns = []
    for index in range(count):
        line.send(b"x", index * gap_ns)
        deadline_ns = line.next_deadline()
        line.receive(deadline_ns)
        late_ns.append(deadline_ns - index * gap_ns - 1000)
    return late_ns


def test_octets_with_pauses_are_late_by_times_spread_evenly_over_the_span():
    late_ns = lateness(1, 4000, NS_PER_S)
    assert min(late_ns) >= 0
    assert max(late_ns) <= SPAN_NS
    assert statistics.mean(late_ns) == pytest.approx(SPAN_NS / 2, abs=4 * SPAN_NS / math.sqrt(12 * 4000))
    assert statistics.pstdev(late_ns) == pytest.approx(SPAN_NS / math.sqrt(12), rel=0.03)


def test_another_seed_is_late_otherwise():
    assert lateness(1, 20, NS_PER_S) != lateness(2, 20, NS_PER_S)


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=20), hold=st.integers(1, 50))
def test_nothing_overtakes(lengths, hold):
    outlet = Outlet()
    jitter = Jitter(outlet, JitterConfig(span_ns=NS_PER_S, hold_octets=hold), Streams(1))
    offset = 0
    for length in lengths:
        jitter.send(Burst(bytes(length), offset, 0, offset, Pace(800_000)))
        offset += length
    arrived = outlet.receive(1 << 60)
    assert [burst.offset for burst in arrived[1:]] == [burst.offset + len(burst.data) for burst in arrived[:-1]]
    ends_ns = [burst.octet_start_ns(index + 1) for burst in arrived for index in range(len(burst.data))]
    assert ends_ns == sorted(ends_ns)


@pytest.mark.parametrize(("span_ns", "hold"), [(0, 1), (5, 0)])
def test_jitter_that_delays_nothing_is_refused(span_ns, hold):
    with pytest.raises(MisuseError, match="expected jitter above 0 ns of above 0 octets together"):
        JitterConfig(span_ns=span_ns, hold_octets=hold)
