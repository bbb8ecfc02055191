"""What a UART's receiver does wrong: framing errors and their aftermath, breaks, and a FIFO that overruns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.channel.breaks import BreakConfig, LineBroken
from hil.channel.burst import NS_PER_S
from hil.channel.framing import FramingConfig, FramingPolicy, OctetsMisframed, Received, Receiver
from hil.channel.line import Line, LineConfig
from hil.channel.overruns import FifoConfig, OctetsOverrun
from hil.channel.spells import Spells
from hil.streams import Streams

SENT = np.random.default_rng(5).bytes(200_000)
BAUD = 115_200


def uart(data=SENT, seed=1, **config):
    """Send octets without a pause; give those that arrive, and the line."""
    line = Line(LineConfig(name="down", rate_bps=BAUD, bits_per_octet=10, **config), Streams(seed))
    line.send(data, 0)
    arrived = line.receive(line.free_at_ns)
    line.finish()
    return arrived, line


@given(data=st.binary(max_size=40))
def test_a_receiver_in_step_reads_what_was_sent(data):
    receiver = Receiver()
    for octet in data:
        received = receiver.take(octet, misses_start=False, misreads_stop=False)
        assert (received.value, received.has_stop, receiver.is_in_step) == (octet, True, True)


def test_a_missed_start_bit_lets_the_receiver_read_across_the_octets():
    # The receiver sees 1 10101010 1, then 0 11110000 1. The first edge from 1 to 0 is within 0x55, at its second bit;
    # the eight bits after that one are 10101010, up to the start bit of the next octet, and the bit after them is 1.
    receiver = Receiver()
    assert receiver.take(0x55, misses_start=True, misreads_stop=False) is None
    assert not receiver.is_in_step
    assert receiver.take(0x0F, misses_start=False, misreads_stop=False) == Received(0x55, True)
    # The next edge is within 0x0F; 000, 1, 0 and the first bits of 0xF5 follow, then a 0 where a stop bit should be.
    assert receiver.take(0xF5, misses_start=False, misreads_stop=False) == Received(0b10101000, False)


def test_a_missed_start_bit_of_an_octet_without_an_edge_costs_that_octet_alone():
    receiver = Receiver()
    assert receiver.take(0xFF, misses_start=True, misreads_stop=False) is None
    assert receiver.is_in_step


@pytest.mark.parametrize(
    ("policy", "lost"), [(FramingPolicy.NULL, False), (FramingPolicy.DISCARD, True), (FramingPolicy.KEEP, False)]
)
def test_a_misread_stop_bit_costs_one_octet_at_most_and_by_the_policy(policy, lost):
    arrived, line = uart(framing=FramingConfig(stop_error_rate=0.01, policy=policy))
    told = line.take_events()
    errors = sum(event.stop_errors for event in told)
    assert abs(errors - 2000) < 4 * math.sqrt(2000)
    assert sum(event.lost for event in told) == line.counts.octets_lost == (errors if lost else 0)
    if policy is FramingPolicy.KEEP:
        assert arrived == SENT
    elif policy is FramingPolicy.NULL:
        differing = [index for index, octet in enumerate(arrived) if octet != SENT[index]]
        assert len(differing) == sum(event.altered for event in told) == pytest.approx(errors, rel=0.02)
        assert {arrived[index] for index in differing} == {0}
    else:
        assert len(arrived) == len(SENT) - errors


def test_missed_start_bits_alter_more_than_themselves_but_a_pause_ends_it():
    line = Line(
        LineConfig(
            name="down",
            rate_bps=BAUD,
            bits_per_octet=10,
            framing=FramingConfig(start_error_rate=0.002, policy=FramingPolicy.DISCARD),
        ),
        Streams(1),
    )
    whole = 0
    for start in range(0, 200_000, 100):
        message = SENT[start : start + 100]
        line.send(message, line.free_at_ns + NS_PER_S)
        whole += line.receive(line.free_at_ns) == message
    line.finish()
    told = [event for event in line.take_events() if isinstance(event, OctetsMisframed)]
    errors = sum(event.start_errors for event in told)
    assert abs(errors - 400) < 4 * math.sqrt(400)
    assert sum(event.lost + event.altered for event in told) > 2 * errors
    # No message suffers for another one: only those with a missed start bit of their own.
    expected = 0.998**100
    assert abs(whole - 2000 * expected) < 4 * math.sqrt(2000 * expected * (1 - expected))


def test_a_break_takes_the_octets_it_hits_and_leaves_a_null():
    config = BreakConfig(every_ns=3e8, length_ns=2e7)
    arrived, line = uart(bytes([255]) * 200_000, breaks=config)
    told = line.take_events()
    assert all(isinstance(event, LineBroken) for event in told)
    breaks = sum(event.breaks for event in told)
    assert arrived.count(0) == breaks == sum(event.nulls for event in told)
    assert len(arrived) == 200_000 - line.counts.octets_lost
    share = (line.counts.octets_lost + breaks) / 200_000
    # Each break hits an octet more than it lasts, in the mean: a part of one at each end.
    octet_ns = 10 * NS_PER_S / BAUD
    assert share == pytest.approx((2e7 + octet_ns) / 3.2e8, rel=5 / math.sqrt(breaks))


def test_a_break_may_leave_nothing():
    arrived, _ = uart(bytes([255]) * 200_000, breaks=BreakConfig(every_ns=3e8, length_ns=2e7, reads_null=False))
    assert 0 not in arrived


def test_a_fifo_keeps_its_first_octets_and_loses_the_others_of_a_stall():
    config = FifoConfig(octets=8, stall_every_ns=5e7, stall_ns=2e6)
    arrived, line = uart(fifo=config)
    octet_ns = 10 * NS_PER_S / BAUD
    lost = 0
    for _, start_ns, end_ns in Spells(Streams(1).scoped("channel/down"), "overruns", 5e7, 2e6).between(
        0, line.free_at_ns
    ):
        ended = [math.ceil(edge_ns / octet_ns - 1e-9) for edge_ns in (start_ns, min(end_ns, line.free_at_ns))]
        lost += max(ended[1] - ended[0] - 8, 0)
    assert lost == pytest.approx(line.counts.octets_lost, abs=5)
    assert len(arrived) == 200_000 - line.counts.octets_lost
    told = line.take_events()
    assert all(isinstance(event, OctetsOverrun) for event in told)
    assert sum(event.lost for event in told) == line.counts.octets_lost > 1000


def test_only_a_uart_has_a_receiver_that_can_do_so():
    for config in (
        {"framing": FramingConfig(stop_error_rate=0.1)},
        {"breaks": BreakConfig(every_ns=1e9, length_ns=1e6)},
        {"fifo": FifoConfig(stall_every_ns=1e9, stall_ns=1e6)},
    ):
        with pytest.raises(MisuseError, match="line down: expected 10 bits an octet for framing, breaks and a FIFO"):
            LineConfig(name="down", rate_bps=9600, **config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FramingConfig(), "expected rates of framing errors"),
        (lambda: FramingConfig(start_error_rate=0.6), "expected rates of framing errors"),
        (lambda: BreakConfig(every_ns=0, length_ns=1), "breaks: expected mean times above 0"),
        (lambda: FifoConfig(octets=0, stall_every_ns=1, stall_ns=1), "expected a FIFO of 1 octet or more, found 0"),
        (lambda: FifoConfig(stall_every_ns=1, stall_ns=0), "stalls: expected mean times above 0"),
    ],
)
def test_receivers_that_cannot_be_are_refused(make, message):
    with pytest.raises(MisuseError, match=message):
        make()
