"""`hil bridge`: two ports and a link between them, ended by a signal; ports that go and come."""

import json
import os
import select
import signal
import subprocess
import sys
import time
import tty

import pytest

from ccsds.errors import MisuseError
from hil.bridge.service import BridgeService, bridge_link

PATIENCE_S = 20.0


class Terminal:
    """A device that can be plugged in and out: a pseudo-terminal whose far end a symbolic link leads to."""

    def __init__(self, path):
        self._path = path

    def plug_in(self):
        # The outer end stays open here too, so that reading waits and does not fail while nobody else has it open.
        self.descriptor, self._outer = os.openpty()
        tty.setraw(self._outer)
        self._path.symlink_to(os.ttyname(self._outer))

    def pull_out(self):
        os.close(self._outer)
        os.close(self.descriptor)
        self._path.unlink()


@pytest.fixture
def terminals(tmp_path):
    ends = [Terminal(tmp_path / name) for name in ("board", "ground")]
    for end in ends:
        end.plug_in()
    return ends


@pytest.fixture
def service(tmp_path, terminals):
    told = []
    (tmp_path / "out").mkdir()
    link = bridge_link(None, None, {})
    urls = (f"serial:{tmp_path / 'board'}", f"serial:{tmp_path / 'ground'}")
    with BridgeService(*urls, link, 1, tmp_path / "out", lambda seconds, text: told.append(text)) as service:
        service.told = told
        yield service


def take(descriptor, count):
    """Read so many octets, or give up."""
    data = b""
    while len(data) < count:
        assert select.select([descriptor], [], [], PATIENCE_S)[0], f"{len(data)} octets of {count} came"
        data += os.read(descriptor, count)
    return data


def run_until(service, condition):
    give_up_s = time.monotonic() + PATIENCE_S
    service.run(lambda: condition() or time.monotonic() > give_up_s, lambda: None)
    assert condition(), service.told


def test_octets_pass_both_ways_and_are_counted_and_captured(service, terminals, tmp_path):
    board, ground = terminals
    os.write(ground.descriptor, b"command")
    os.write(board.descriptor, b"telemetry")
    counts = service.counts
    run_until(service, lambda: counts()["up"].octets_delivered == 7 and counts()["down"].octets_delivered == 9)
    assert take(board.descriptor, 7) == b"command"
    assert take(ground.descriptor, 9) == b"telemetry"
    service._stack.close()
    assert (tmp_path / "out" / "uplink.bin").read_bytes() == b"command"
    assert (tmp_path / "out" / "downlink.bin").read_bytes() == b"telemetry"


def test_a_port_that_vanishes_is_an_event_and_is_taken_up_again(service, terminals):
    board, ground = terminals
    run_until(service, lambda: service.board.is_up and service.ground.is_up)
    board.pull_out()
    run_until(service, lambda: any("is down" in text for text in service.told))
    os.write(ground.descriptor, b"into the void")
    board.plug_in()
    run_until(service, lambda: service.board.is_up)
    os.write(board.descriptor, b"here again")
    run_until(service, lambda: service.counts()["down"].octets_delivered == 10)
    assert take(ground.descriptor, 10) == b"here again"


def ignore_interrupts():
    """As a shell has it that starts a program in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_ends_cleanly_when_it_is_asked_to_and_says_what_came_of_it(tmp_path, terminals, number):
    board, ground = terminals
    command = [sys.executable, "-m", "hil", "bridge", f"serial:{tmp_path / 'board'}", f"serial:{tmp_path / 'ground'}"]
    options = ["--bit-error-rate", "0.01", "--seed", "3", "--out", str(tmp_path / "run")]
    program = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=ignore_interrupts,
    )
    said = []
    try:
        assert program.stdout is not None
        # A device that is opened forgets what had come before.
        while sum(" is up" in line for line in said) < 2:
            said.append(program.stdout.readline())
            assert said[-1], said
        os.write(ground.descriptor, bytes(500))
        arrived = take(board.descriptor, 500)
        program.send_signal(number)
        said.append(program.communicate(timeout=PATIENCE_S)[0])
    finally:
        program.kill()
        program.communicate()
    assert program.returncode == 0, said
    assert "Traceback" not in said[-1] and "bridge ended after" in said[-1]
    assert 10 < sum(octet.bit_count() for octet in arrived) < 80
    assert (tmp_path / "run" / "uplink.bin").read_bytes() == bytes(500)
    kinds = [json.loads(line)["type"] for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert kinds.count("PortUp") == 2 and "BitsFlipped" in kinds


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tcp:nowhere", "pty:"], "link URL 'tcp:nowhere': expected HOST:PORT"),
        (["pty:/tmp/x", "pty:/tmp/x"], "expected two ports, found pty:/tmp/x twice"),
        (["pty:", "pty:", "--profile", "laser"], "unknown link profile 'laser'"),
        (["pty:", "pty:", "--scenario", "none"], "unknown scenario 'none'"),
        (["pty:", "pty:", "--out", "/dev/null"], "--out /dev/null: expected a directory, found a file"),
    ],
)
def test_wrong_input_gets_one_line(arguments, told, monkeypatch, capsys):
    from hil.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(["bridge", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"hil: {told}") and said.count("\n") == 1


def test_the_link_of_a_scenario_is_taken_and_changed():
    link = bridge_link("uart_bench", None, {"delay_s": 0.5})
    assert (link.profile, link.up.delay_s, link.down.delay_s, link.up.bit_error_rate) == ("serial", 0.5, 0.5, 1e-6)


def test_what_a_bridge_cannot_know_is_refused():
    with pytest.raises(MisuseError, match="no dropouts before a step"):
        BridgeService("pty:", "pty:", bridge_link("uart_bench", None, {}), 1, None, lambda *_: None)
