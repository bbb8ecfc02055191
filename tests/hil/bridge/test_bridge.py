"""A bridge between two open ports: octets pass at the line's pace, and a port that vanishes is an event."""

import contextlib
import os
import select
import socket
import tempfile
from pathlib import Path

import pytest

from hil.bridge.bridge import WAITING_OCTETS_MAX, Bridge, OctetsDiscarded
from hil.channel.burst import NS_PER_S
from hil.channel.dropouts import Dropout
from hil.channel.line import Line, LineConfig
from hil.rig.plug import Plug
from hil.streams import Streams
from ports.drive import RETRY_NS_MIN, PortDown, PortUp
from ports.errors import PortLostError
from ports.port import open_port

PATIENCE_S = 20
RATE_BPS = 115_200


class Loop:
    """Two pseudo-terminals, the bridge between them, and a program at the far side of each."""

    def __init__(self, stack, folder, **options):
        self.stack = stack
        self.paths = {name: Path(folder) / name for name in ("ground", "board")}
        self.lines = [
            Line(LineConfig(name=name, rate_bps=RATE_BPS, bits_per_octet=10), Streams(1)) for name in ("up", "down")
        ]
        plugs = [Plug(f"pty:{path}") for path in self.paths.values()]
        self.bridge = Bridge(*plugs, *self.lines, **options)
        stack.callback(self.bridge.close)
        self.events = []
        self.now_ns = 0
        self.turn(0)
        self.ground, self.board = self.open("ground"), self.open("board")
        self.turn(0)

    def open(self, name):
        port = open_port(f"serial:{self.paths[name]}")
        self.stack.callback(port.close)
        return port

    def take_in(self, now_ns, up=0, down=0):
        """Turn until so many octets in all have gone onto the lines: the system hands them over in its own time."""
        while [line.counts.octets_sent for line in self.lines] != [up, down]:
            assert select.select(self.bridge.descriptors(now_ns)[0], [], [], PATIENCE_S)[0], "nothing came"
            self.turn(now_ns)

    def turn(self, now_ns):
        self.now_ns = now_ns
        self.bridge.turn(now_ns)
        self.events += self.bridge.take_events()


@pytest.fixture
def make_loop():
    with contextlib.ExitStack() as stack:

        def make(**options):
            return Loop(stack, stack.enter_context(tempfile.TemporaryDirectory()), **options)

        yield make


def take(port, count):
    """Read until so many octets have come."""
    data = b""
    while len(data) < count:
        assert select.select([port.fileno()], [], [], PATIENCE_S)[0], f"nothing came to {port.name}"
        data += port.read()
    return data


def is_silent(port):
    return port.read() == b""


def test_octets_pass_at_the_pace_of_the_line_in_both_directions(make_loop):
    loop = make_loop()
    loop.ground.write(bytes(range(200)))
    loop.board.write(b"abc")
    loop.take_in(0, up=200, down=3)
    octet_ns = 10 * NS_PER_S // RATE_BPS
    loop.turn(100 * octet_ns + 100)
    assert take(loop.board, 100) == bytes(range(100))
    assert take(loop.ground, 3) == b"abc"
    loop.turn(150 * octet_ns + 100)
    assert take(loop.board, 50) == bytes(range(100, 150))
    assert is_silent(loop.board)


def test_a_turn_is_due_every_two_milliseconds_while_octets_are_on_the_line(make_loop):
    loop = make_loop()
    assert loop.bridge.next_deadline(0) is None
    loop.ground.write(bytes(200))
    loop.take_in(0, up=200)
    assert loop.bridge.next_deadline(0) == 2_000_000
    loop.turn(17_362_000)
    assert loop.bridge.next_deadline(loop.now_ns) is None


def test_a_sender_that_is_faster_than_the_line_waits(make_loop):
    loop = make_loop()
    loop.ground.write(bytes(230))
    loop.take_in(0, up=230)
    # The line is busy for 19.97 ms, and is read up to 20 ms ahead; with some more octets it is no longer.
    loop.ground.write(bytes(100))
    loop.take_in(0, up=330)
    loop.ground.write(b"next")
    free_at_ns = loop.lines[0].free_at_ns
    assert len(loop.bridge.descriptors(0)[0]) == 1, "the port whose line is busy is not watched"
    loop.turn(free_at_ns - 20_000_001)
    assert loop.lines[0].counts.octets_sent == 330
    assert loop.bridge.next_deadline(loop.now_ns) == free_at_ns - 20_000_000
    loop.take_in(free_at_ns - 20_000_000, up=334)


def test_a_pulled_cable_hangs_up_both_ports_and_a_replugged_one_can_be_opened_again(make_loop):
    loop = make_loop(pulls=[Dropout(NS_PER_S, NS_PER_S)])
    assert loop.bridge.next_deadline(0) == NS_PER_S
    loop.turn(NS_PER_S)
    for port in (loop.ground, loop.board):
        with pytest.raises(PortLostError):
            while True:
                port.read()
    assert not any(path.exists() for path in loop.paths.values())
    assert loop.bridge.next_deadline(NS_PER_S) == 2 * NS_PER_S
    loop.turn(2 * NS_PER_S)
    loop.ground.close()
    loop.board.close()
    ground, board = loop.open("ground"), loop.open("board")
    loop.turn(2 * NS_PER_S)
    ground.write(b"again")
    loop.take_in(2 * NS_PER_S + 1, up=5)
    loop.turn(3 * NS_PER_S)
    assert take(board, 5) == b"again"
    told = [event for source, event in loop.events if source == "port"]
    assert [event.reason for event in told if isinstance(event, PortDown)].count("the cable is pulled") == 2
    assert sum(isinstance(event, PortUp) for event in told) == 4


def test_a_port_that_vanishes_is_told_and_opened_again_when_it_is_back(make_loop):
    # The bridge is itself at the far side of a terminal here, as at an adapter that is unplugged.
    loop = make_loop()
    link = loop.paths["ground"].parent / "adapter"
    adapter = open_port(f"pty:{link}")
    plug = Plug(f"serial:{link}")
    plug.advance(0)
    assert plug.is_up
    adapter.close()
    assert plug.read(0) == b""
    assert not plug.is_up
    assert plug.next_deadline() == RETRY_NS_MIN
    plug.advance(RETRY_NS_MIN)
    assert not plug.is_up
    adapter = open_port(f"pty:{link}")
    loop.stack.callback(adapter.close)
    loop.stack.callback(plug.close)
    plug.advance(plug.next_deadline())
    assert plug.is_up
    kinds = [type(event) for event in plug.take_events()]
    assert kinds == [PortUp, PortDown, PortDown, PortUp]


def test_a_tcp_peer_sees_a_pulled_cable_as_a_peer_that_left():
    with socket.create_server(("127.0.0.1", 0)) as server:
        plug = Plug(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        plug.advance(0)
        peer, _ = server.accept()
        plug.pull()
        peer.settimeout(PATIENCE_S)
        assert peer.recv(1) == b""
        peer.close()
        plug.replug(5)
        again, _ = server.accept()
        assert plug.is_up
        plug.close()
        again.close()


def test_the_loss_of_a_port_that_was_handed_over_open_is_its_owners():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = open_port(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        plug = Plug(port)
        peer.close()
        assert select.select([port.fileno()], [], [], PATIENCE_S)[0]
        with pytest.raises(PortLostError, match="the peer has left"):
            plug.read(0)
        port.close()


def test_octets_that_nobody_takes_are_thrown_away_from_the_oldest_on_and_told(make_loop):
    loop = make_loop()
    loop.board.close()
    # The kernel may take a moment to tell that the far side was closed; nothing is written after it has.
    while len(loop.bridge.descriptors(loop.now_ns)[0]) == 2:
        os.sched_yield()
    sent = 0
    while sent < WAITING_OCTETS_MAX + 5_000:
        sent += loop.ground.write(bytes(1_000))
        loop.turn(max(loop.lines[0].free_at_ns, loop.now_ns))
    loop.turn(loop.now_ns + 60 * NS_PER_S)
    loop.bridge.finish()
    discarded = [event for _, event in loop.events + loop.bridge.take_events() if isinstance(event, OctetsDiscarded)]
    delivered = loop.lines[0].counts.octets_delivered
    assert sum(event.count for event in discarded) == delivered - WAITING_OCTETS_MAX > 0
    assert str(discarded[0]).startswith("up: ")
