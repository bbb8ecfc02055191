"""Ports: every octet passes as it is, nothing waits, and a loss is told from silence."""

import contextlib
import os
import re
import select
import socket
import tempfile
from pathlib import Path

import pytest

from ccsds.errors import MisuseError
from ports.errors import PortLostError
from ports.port import open_port

EVERY_OCTET = bytes(range(256)) * 2
PATIENCE_S = 20


@pytest.fixture
def opened():
    """Open ports that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(url):
            port = open_port(url)
            stack.callback(port.close)
            return port

        yield make


@pytest.fixture
def link():
    """Give a short path, since some systems allow no long ones for devices."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "board"


def take(port, count):
    """Read until so many octets have come."""
    data = b""
    while len(data) < count:
        wait_readable(port)
        data += port.read()
    return data


def wait_readable(port):
    descriptor = port.fileno()
    assert descriptor is not None
    ready, _, _ = select.select([descriptor], [], [], PATIENCE_S)
    assert ready, f"nothing came to {port.name}"


def take_until_lost(port):
    """Read until the port is lost; give the reason."""
    with pytest.raises(PortLostError) as caught:
        while True:
            wait_readable(port)
            port.read()
    return str(caught.value)


def test_a_serial_port_and_a_pseudo_terminal_pass_every_octet_both_ways(opened, link):
    inner = opened(f"pty:{link}")
    outer = opened(f"serial:{link}?baud=115200")
    assert inner.write(EVERY_OCTET) == len(EVERY_OCTET)
    assert take(outer, len(EVERY_OCTET)) == EVERY_OCTET
    assert outer.write(EVERY_OCTET) == len(EVERY_OCTET)
    assert take(inner, len(EVERY_OCTET)) == EVERY_OCTET


def test_a_silent_port_reads_as_nothing(opened, link):
    inner = opened(f"pty:{link}")
    outer = opened(f"serial:{link}")
    assert (inner.read(), outer.read()) == (b"", b"")
    assert inner.is_up
    assert outer.is_up


def test_a_pseudo_terminal_is_up_while_another_program_has_it_open(opened, link):
    inner = opened(f"pty:{link}")
    assert not inner.is_up
    assert inner.fileno() is None
    for _ in range(2):
        outer = opened(f"serial:{link}")
        assert inner.is_up
        outer.write(b"hello")
        outer.close()
        assert not inner.is_up
        assert inner.read() == b"hello"
        assert inner.read() == b""


def test_nothing_stale_waits_in_a_pseudo_terminal_for_whoever_comes_next(opened, link):
    inner = opened(f"pty:{link}")
    assert inner.write(b"stale") == 0
    outer = opened(f"serial:{link}")
    inner.write(b"fresh")
    assert take(outer, 5) == b"fresh"


def test_a_pseudo_terminal_says_where_it_is(opened):
    inner = opened("pty:")
    assert inner.name == f"pty:{inner.path}"
    outer = opened(inner.path)
    outer.write(b"x")
    assert take(inner, 1) == b"x"


def test_the_link_of_a_pseudo_terminal_is_renewed_and_removed(opened, link):
    link.symlink_to("/nonexistent")
    first = opened(f"pty:{link}")
    assert os.readlink(link) == first.path
    first.close()
    assert not link.is_symlink()


def test_the_link_of_another_programs_pseudo_terminal_is_left_alone(opened, link):
    first = opened(f"pty:{link}")
    with pytest.raises(MisuseError, match="expected no other program at"):
        open_port(f"pty:{link}")
    assert os.readlink(link) == first.path


def test_a_link_that_was_left_behind_is_replaced_when_its_number_comes_round_again(opened, link, monkeypatch):
    pair = os.openpty()
    link.symlink_to(os.ttyname(pair[1]))
    monkeypatch.setattr("pty.openpty", lambda: pair)
    inner = opened(f"pty:{link}")
    assert str(link.readlink()) == inner.path
    inner.close()
    assert not link.is_symlink()


def test_a_file_is_never_replaced_by_the_link_of_a_pseudo_terminal(link):
    link.write_text("precious")
    with pytest.raises(MisuseError, match="expected to make a symbolic link, found File exists"):
        open_port(f"pty:{link}")
    assert link.read_text() == "precious"


def test_an_unplugged_serial_device_is_lost_and_can_be_opened_when_it_returns(opened, link):
    board = opened(f"pty:{link}")
    port = opened(f"serial:{link}")
    board.close()
    assert "the device is gone" in take_until_lost(port)
    with pytest.raises(PortLostError):
        port.write(b"x")
    with pytest.raises(PortLostError, match="No such file or directory"):
        open_port(f"serial:{link}")
    board = opened(f"pty:{link}")
    port = opened(f"serial:{link}")
    board.write(b"back")
    assert take(port, 4) == b"back"


def test_a_serial_device_serves_one_program_at_a_time(opened, link):
    opened(f"pty:{link}")
    opened(f"serial:{link}")
    with pytest.raises(PortLostError, match="another program has it open"):
        open_port(f"serial:{link}")


def test_a_full_port_takes_a_part_and_then_nothing(opened, link):
    inner = opened(f"pty:{link}")
    opened(f"serial:{link}")
    taken = 0
    while count := inner.write(bytes(1 << 16)):
        taken += count
    assert 0 < taken < 1 << 20


def test_tcp_passes_every_octet_both_ways(opened):
    listener = opened("tcp-listen:127.0.0.1:0")
    assert not listener.is_up
    peer = opened(f"tcp:127.0.0.1:{listener.port}")
    peer.write(EVERY_OCTET)
    assert take(listener, len(EVERY_OCTET)) == EVERY_OCTET
    assert listener.is_up
    assert listener.write(EVERY_OCTET) == len(EVERY_OCTET)
    assert take(peer, len(EVERY_OCTET)) == EVERY_OCTET
    assert peer.read() == b""


def test_a_listening_port_serves_the_next_peer_when_the_first_leaves(opened):
    listener = opened("tcp-listen:127.0.0.1:0")
    first = opened(f"tcp:127.0.0.1:{listener.port}")
    first.write(b"first")
    assert take(listener, 5) == b"first"
    second = opened(f"tcp:127.0.0.1:{listener.port}")
    second.write(b"second")
    assert listener.read() == b""
    first.close()
    wait_readable(listener)
    assert listener.read() == b""
    assert not listener.is_up
    assert listener.write(b"x") == 0
    assert take(listener, 6) == b"second"
    assert listener.is_up


def test_a_peer_that_leaves_is_a_lost_port(opened):
    listener = opened("tcp-listen:127.0.0.1:0")
    peer = opened(f"tcp:127.0.0.1:{listener.port}")
    wait_readable(listener)
    listener.read()
    listener.close()
    assert take_until_lost(peer) == "the peer has left"
    with pytest.raises(PortLostError, match="Connection refused"):
        open_port(f"tcp:127.0.0.1:{listener.port}")


def test_an_address_in_use_is_told(opened):
    listener = opened("tcp-listen:127.0.0.1:0")
    with pytest.raises(PortLostError, match="Address already in use"):
        open_port(f"tcp-listen:127.0.0.1:{listener.port}")


def test_udp_passes_datagrams_both_ways_and_takes_none_of_a_stranger(opened):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        peer.settimeout(PATIENCE_S)
        peer.bind(("127.0.0.1", 0))
        port = opened(f"udp:127.0.0.1:{peer.getsockname()[1]}")
        assert port.name.endswith(f"?local={port.local_port}")
        address = ("127.0.0.1", port.local_port)
        stranger.sendto(b"strange", address)
        peer.sendto(EVERY_OCTET[:300], address)
        peer.sendto(EVERY_OCTET[300:], address)
        assert take(port, len(EVERY_OCTET)) == EVERY_OCTET
        assert port.write(b"one datagram") == 12
        assert peer.recv(1000) == b"one datagram"
        assert port.write(bytes(70_000)) == 65_507
        assert len(peer.recv(1 << 17)) == 65_507


def test_udp_does_not_mind_that_nobody_listens(opened):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        number = peer.getsockname()[1]
    port = opened(f"udp:127.0.0.1:{number}")
    for _ in range(5):
        assert port.write(b"anybody?") == 8
        assert port.read() == b""
    assert port.is_up


def test_what_pyserial_opens_passes_through_to_it(opened):
    port = opened("loop://?baud=9600")
    assert port.fileno() is None
    assert port.write(EVERY_OCTET) == len(EVERY_OCTET)
    assert port.read() == EVERY_OCTET
    assert port.read() == b""


def test_a_port_of_pyserial_that_goes_away_is_lost(opened):
    listener = opened("tcp-listen:127.0.0.1:0")
    port = opened(f"socket://127.0.0.1:{listener.port}")
    port.write(b"x")
    assert take(listener, 1) == b"x"
    listener.close()
    with pytest.raises(PortLostError):
        while True:
            port.read()
    with pytest.raises(PortLostError):
        open_port(f"socket://127.0.0.1:{listener.port}")


@pytest.mark.parametrize("url", ["loop://?nonsense=1", "rfc2217://hub:4000?nonsense=1"])
def test_a_url_that_pyserial_refuses_is_a_mistake_of_the_caller(url):
    with pytest.raises(MisuseError, match=re.escape(f"link URL {url!r}: pyserial")):
        open_port(url)
