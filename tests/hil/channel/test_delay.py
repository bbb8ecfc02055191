"""Delay that follows the time of sending: it is the one asked for, and nothing overtakes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S, Burst, Pace
from hil.channel.delay import BLOCK_OCTETS, Delay
from hil.channel.line import Line, LineConfig
from hil.channel.outlet import Outlet
from hil.streams import Streams

LIGHT_M_PER_S = 299_792_458


def arrival_of(line, sent_ns):
    """Send one octet and give how long it took to arrive."""
    line.send(b"x", sent_ns)
    deadline_ns = line.next_deadline()
    assert line.receive(deadline_ns) == b"x"
    return deadline_ns - sent_ns


def test_each_octet_takes_the_delay_of_the_time_at_which_it_was_sent():
    line = Line(LineConfig(name="up", rate_bps=8_000_000, delay_ns=lambda sent_ns: sent_ns // 1000), Streams(1))
    for second in range(1, 9):
        assert arrival_of(line, second * NS_PER_S) == second * 1_000_000 + 1_000


@pytest.mark.parametrize("speed_m_s", [7_500, -7_500])
def test_the_delay_of_a_satellite_is_followed_to_a_tenth_of_an_octet_without_a_pause_in_the_stream(speed_m_s):
    def delay_ns(sent_ns):
        return round((1_500_000 + speed_m_s * sent_ns / NS_PER_S) / LIGHT_M_PER_S * NS_PER_S)

    outlet = Outlet()
    delay = Delay(outlet, delay_ns)
    pace = Pace(1_000_000)
    for index in range(0, 12_000_000, 1_000_000):
        delay.send(Burst(bytes(1_000_000), index, 0, index, pace))
    for burst in outlet.receive(1000 * NS_PER_S):
        for index in (0, len(burst.data) - 1):
            sent_ns = pace.duration_ns(burst.offset + index)
            assert burst.octet_start_ns(index) - sent_ns == pytest.approx(
                delay_ns(sent_ns), abs=pace.duration_ns(1) / 9
            )


@settings(deadline=None)
@given(
    delays=st.lists(st.integers(0, 10**9), min_size=1, max_size=8), lengths=st.lists(st.integers(1, 9000), min_size=1)
)
def test_nothing_overtakes_whatever_the_delay_does(delays, lengths):
    outlet = Outlet()
    calls = iter(range(10**6))
    delay = Delay(outlet, lambda sent_ns: delays[next(calls) % len(delays)])
    offset = 0
    for number, length in enumerate(lengths):
        delay.send(Burst(bytes(length), offset, offset * 8000 + number * 1_000_000, 0, Pace(1_000_000)))
        offset += length
    end_ns = 0
    for burst in outlet.receive(1 << 60):
        assert burst.octet_start_ns(1) >= end_ns
        end_ns = burst.end_ns


def test_a_fixed_delay_cuts_no_burst():
    outlet = Outlet()
    Delay(outlet, 5).send(Burst(bytes(3 * BLOCK_OCTETS), 0, 0, 0, Pace(8_000_000)))
    assert [len(burst.data) for burst in outlet.receive(1 << 60)] == [3 * BLOCK_OCTETS]


def test_a_negative_delay_is_refused_when_it_comes():
    line = Line(LineConfig(name="up", rate_bps=8000, delay_ns=lambda sent_ns: 5_000_000 - sent_ns), Streams(1))
    line.send(b"x", 0)
    with pytest.raises(MisuseError, match="expected a delay of 0 ns or more, found -3"):
        line.send(b"x", 5_000_003)
