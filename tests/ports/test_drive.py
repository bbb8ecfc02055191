"""The drive: a core over a port in real time. What passes is checked, never how long it took."""

import asyncio
import contextlib
import os
import pty
import tempfile
import tty
from pathlib import Path

import pytest

from ccsds.errors import MisuseError
from ports.drive import PortDown, PortUp, drive
from ports.errors import PortLostError
from ports.port import open_port

PATIENCE_S = 20
RATE_BPS = 8_000_000


class Terminal:
    """The smallest core: it sends what it is told to, keeps what comes, and notes what it is asked, in order."""

    def __init__(self):
        self.outgoing = []
        self.deadlines = []
        self.received = b""
        self.pulled_at = []
        self.told_at_pull = []
        self.is_echo = False
        self.events = []
        self.told = []
        self.changed = asyncio.Event()

    def receive(self, data, now_ns):
        self.received += data
        self.note(f"received {len(data)}")
        if self.is_echo:
            self.outgoing.append(data)

    def advance(self, now_ns):
        assert self.deadlines[0] <= now_ns
        self.note(f"did what was due at {self.deadlines.pop(0)}")

    def next_deadline(self):
        return self.deadlines[0] if self.deadlines else None

    def transmit(self, now_ns):
        if not self.outgoing:
            return None
        self.told_at_pull.append(list(self.told))
        self.pulled_at.append(now_ns)
        self.note("transmitted")
        return self.outgoing.pop(0)

    def contact(self, up, now_ns):
        self.note("contact" if up else "no contact")

    def take_events(self):
        events, self.events = self.events, []
        return events

    def note(self, text):
        self.events.append(text)

    def hear(self, events):
        self.told += events
        self.changed.set()

    @property
    def contacts(self):
        return [event for event in self.told if event in ("contact", "no contact")]

    def ports(self, kind):
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, is_true):
        """Wait until something is true of what was heard."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_true():
                if self.task.done():
                    # A drive that ended before its time tells why.
                    self.task.result()
                self.changed.clear()
                await self.changed.wait()


@contextlib.asynccontextmanager
async def driven(port, **changes):
    """Drive a terminal over a port."""
    terminal = Terminal()
    wake = asyncio.Event()
    arguments = {"rate_bps": RATE_BPS, "bits_per_octet": 8, "on_events": terminal.hear, "wake": wake, **changes}
    task = asyncio.create_task(drive(terminal, port, **arguments))
    task.add_done_callback(lambda _: terminal.changed.set())

    def send(*frames):
        terminal.outgoing += frames
        wake.set()

    terminal.send = send
    terminal.wake = wake
    terminal.task = task
    try:
        yield terminal
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def link():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "board"


FRAMES = [bytes([number]) * (number * 37 % 1100 + 1) for number in range(60)]
WHOLE = b"".join(FRAMES)


async def exchange(left, right):
    """Send frames both ways at once; all of them must come, in order."""
    await left.until(lambda: left.contacts[-1:] == ["contact"])
    await right.until(lambda: right.contacts[-1:] == ["contact"])
    left.send(*FRAMES)
    right.send(*FRAMES[::-1])
    await left.until(lambda: len(left.received) >= len(WHOLE))
    await right.until(lambda: len(right.received) >= len(WHOLE))
    assert right.received == WHOLE
    assert left.received == b"".join(FRAMES[::-1])


def test_two_cores_talk_over_a_serial_port_and_a_pseudo_terminal(link):
    async def talk():
        async with driven(f"pty:{link}") as board:
            await board.until(lambda: board.ports(PortDown))
            async with driven(f"serial:{link}") as station:
                await exchange(board, station)

    asyncio.run(talk())


def test_what_led_to_a_frame_is_told_before_that_frame_leaves(link):
    async def talk():
        async with driven(f"pty:{link}") as board:
            await board.until(lambda: board.ports(PortDown))
            board.is_echo = True
            async with driven(f"serial:{link}") as station:
                station.send(b"one")
                await station.until(lambda: station.received == b"one")
        assert "received 3" in board.told_at_pull[0]

    asyncio.run(talk())


def test_two_cores_talk_over_tcp():
    async def talk():
        with contextlib.closing(open_port("tcp-listen:127.0.0.1:0")) as listener:
            async with driven(listener) as board, driven(f"tcp:127.0.0.1:{listener.port}") as station:
                await exchange(board, station)

    asyncio.run(talk())


def test_two_cores_talk_over_udp():
    async def talk():
        # Each end must know the other's number beforehand, so two free ones are looked up first.
        with (
            contextlib.closing(open_port("udp:127.0.0.1:9")) as one,
            contextlib.closing(open_port("udp:127.0.0.1:9")) as two,
        ):
            numbers = one.local_port, two.local_port
        here = f"udp:127.0.0.1:{numbers[0]}?local={numbers[1]}"
        there = f"udp:127.0.0.1:{numbers[1]}?local={numbers[0]}"
        async with driven(here) as board, driven(there) as station:
            await exchange(board, station)

    asyncio.run(talk())


def test_a_port_without_a_descriptor_is_looked_at():
    async def talk():
        async with driven("loop://", rate_bps=1_000_000) as terminal:
            await terminal.until(lambda: terminal.contacts == ["contact"])
            terminal.send(*FRAMES)
            await terminal.until(lambda: len(terminal.received) >= len(WHOLE))
            assert terminal.received == WHOLE

    asyncio.run(talk())


def test_frames_are_pulled_no_faster_than_the_line_lets_them_out(link):
    async def talk():
        async with driven(f"pty:{link}", rate_bps=1_000_000, bits_per_octet=10) as board:
            await board.until(lambda: board.ports(PortDown))
            async with driven(f"serial:{link}") as station:
                await board.until(lambda: board.contacts == ["contact"])
                board.send(*[bytes(1000)] * 12)
                await station.until(lambda: len(station.received) == 12_000)
        # A frame takes 10 ms; one may be pulled up to 5 ms before the line is free, and never earlier.
        first_ns = board.pulled_at[0]
        for index, pulled_ns in enumerate(board.pulled_at):
            assert pulled_ns - first_ns >= index * 10_000_000 - 5_000_000

    asyncio.run(talk())


def test_a_frame_is_chosen_when_the_line_is_free_and_not_before(link):
    async def talk():
        async with driven(f"pty:{link}", rate_bps=20_000) as board:
            await board.until(lambda: board.ports(PortDown))
            async with driven(f"serial:{link}") as station:
                await board.until(lambda: board.contacts == ["contact"])
                board.send(b"long" * 250, b"dull" * 100)
                await board.until(lambda: board.pulled_at)
                board.outgoing.insert(0, b"urgent")
                await station.until(lambda: len(station.received) == 1406)
                assert station.received == b"long" * 250 + b"urgent" + b"dull" * 100

    asyncio.run(talk())


@pytest.mark.parametrize("port", ["serial:/dev/a_board_that_is_not_there", "loop://"])
def test_what_is_due_is_done_in_order_with_and_without_a_port(port):
    async def talk():
        now_ns = 0

        def clock():
            # A clock that goes on by 10 us with each look.
            nonlocal now_ns
            now_ns += 10_000
            return now_ns

        async with driven(port, clock=clock) as terminal:
            terminal.deadlines += [50_000, 60_000, 200_000]
            await terminal.until(lambda: not terminal.deadlines)
        assert [event for event in terminal.told if str(event).startswith("did")] == [
            "did what was due at 50000",
            "did what was due at 60000",
            "did what was due at 200000",
        ]

    asyncio.run(talk())


def test_a_board_that_is_not_there_yet_is_told_once_and_taken_up_when_it_comes(link):
    async def talk():
        async with driven(f"serial:{link}") as station:
            await station.until(lambda: station.ports(PortDown))
            async with driven(f"pty:{link}") as board:
                await exchange(board, station)
                assert station.ports(PortDown) == [PortDown(f"serial:{link}", "No such file or directory")]
                assert station.ports(PortUp) == [PortUp(f"serial:{link}")]

    asyncio.run(talk())


def test_an_unplugged_board_is_told_waited_for_and_taken_up_again(link):
    async def talk():
        async with driven(f"serial:{link}") as station:
            for turn in (1, 2):
                async with driven(f"pty:{link}") as board:
                    await station.until(lambda: station.contacts[-1:] == ["contact"])
                    await board.until(lambda: board.contacts == ["contact"])
                    board.send(b"hello")
                    await station.until(lambda turn=turn: station.received == b"hello" * turn)
                await station.until(lambda: station.contacts[-1:] == ["no contact"])
        assert station.contacts == ["contact", "no contact"] * 2
        assert len(station.ports(PortUp)) == 2
        assert sum("the device is gone" in event.reason for event in station.ports(PortDown)) == 2

    asyncio.run(talk())


def test_a_program_that_leaves_a_pseudo_terminal_does_not_unplug_it(link):
    async def talk():
        async with driven(f"pty:{link}") as board:
            await board.until(lambda: board.ports(PortDown))
            device = os.readlink(link)
            for turn in (1, 2):
                async with driven(f"serial:{link}") as station:
                    await station.until(lambda: station.contacts == ["contact"])
                    station.send(b"hello")
                    await board.until(lambda turn=turn: board.received == b"hello" * turn)
                await board.until(lambda turn=turn: board.contacts == ["contact", "no contact"] * turn)
                assert os.readlink(link) == device
        assert {event.reason for event in board.ports(PortDown)} == {"nobody is at the other end"}

    asyncio.run(talk())


def test_a_tcp_peer_that_leaves_is_followed_by_the_next():
    async def talk():
        with contextlib.closing(open_port("tcp-listen:127.0.0.1:0")) as listener:
            async with driven(listener) as board:
                for turn in (1, 2, 3):
                    async with driven(f"tcp:127.0.0.1:{listener.port}") as station:
                        await exchange_hello(board, station, turn)
                    await board.until(lambda turn=turn: board.contacts == ["contact", "no contact"] * turn)

    async def exchange_hello(board, station, turn):
        await board.until(lambda: board.contacts == ["contact", "no contact"] * (turn - 1) + ["contact"])
        board.send(b"hello")
        await station.until(lambda: station.received == b"hello")

    asyncio.run(talk())


def test_a_tcp_listener_that_leaves_is_waited_for():
    async def talk():
        listener = open_port("tcp-listen:127.0.0.1:0")
        url = f"tcp-listen:127.0.0.1:{listener.port}"
        async with driven(f"tcp:127.0.0.1:{listener.port}") as station:
            await station.until(lambda: station.contacts == ["contact"])
            listener.close()
            await station.until(lambda: station.contacts == ["contact", "no contact"])
            async with driven(url) as board:
                await exchange(board, station)

    asyncio.run(talk())


def test_a_frame_cut_by_a_loss_is_not_continued_after_it():
    async def talk():
        listener = open_port("tcp-listen:127.0.0.1:0")
        with contextlib.closing(listener):
            # More than the system's buffers hold, sent as one frame to a peer that does not read and then leaves.
            async with driven(listener, rate_bps=100_000_000_000) as board:
                peer = open_port(f"tcp:127.0.0.1:{listener.port}")
                await board.until(lambda: board.contacts == ["contact"])
                board.send(bytes(50_000_000))
                await board.until(lambda: board.pulled_at)
                peer.close()
                await board.until(lambda: board.contacts == ["contact", "no contact"])
                async with driven(f"tcp:127.0.0.1:{listener.port}") as station:
                    await board.until(lambda: board.contacts[-1:] == ["contact"])
                    board.send(b"fresh")
                    await station.until(lambda: station.received)
                    assert station.received == b"fresh"

    asyncio.run(talk())


def test_a_peer_that_reads_slowly_gets_everything():
    async def talk():
        with contextlib.closing(open_port("tcp-listen:127.0.0.1:0")) as listener:
            async with driven(listener, rate_bps=100_000_000_000) as board:
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
                await board.until(lambda: board.contacts == ["contact"])
                board.send(*[bytes([number]) * 1_000_000 for number in range(20)])
                for number in range(20):
                    assert await reader.readexactly(1_000_000) == bytes([number]) * 1_000_000
                writer.close()
                await writer.wait_closed()

    asyncio.run(talk())


def test_an_open_port_that_is_lost_ends_the_drive():
    async def talk():
        inner, outer = pty.openpty()
        tty.setraw(outer)
        port = open_port(f"serial:{os.ttyname(outer)}")
        os.close(outer)
        with contextlib.closing(port):
            async with driven(port) as terminal:
                await terminal.until(lambda: terminal.contacts == ["contact"])
                os.close(inner)
                await asyncio.wait([terminal.task], timeout=PATIENCE_S)

    with pytest.raises(PortLostError, match="the device is gone"):
        asyncio.run(talk())


@pytest.mark.parametrize("changes", [{"port": "nonsense"}, {"rate_bps": 0}, {"bits_per_octet": 0}])
def test_what_cannot_be_driven_is_refused(changes):
    async def talk():
        terminal = Terminal()
        arguments = {"port": "pty:", "rate_bps": 1, "bits_per_octet": 8, **changes}
        await drive(terminal, on_events=terminal.hear, wake=asyncio.Event(), **arguments)

    with pytest.raises(MisuseError):
        asyncio.run(talk())


def test_a_url_that_proves_wrong_when_it_is_opened_ends_the_drive(link):
    link.write_text("precious")

    async def talk():
        terminal = Terminal()
        await drive(
            terminal, f"pty:{link}", rate_bps=1, bits_per_octet=8, on_events=terminal.hear, wake=asyncio.Event()
        )

    with pytest.raises(MisuseError, match="expected to make a symbolic link"):
        asyncio.run(talk())


def test_a_drive_that_ends_while_its_port_is_being_opened_leaves_nothing_open(link):
    async def talk():
        task = asyncio.create_task(
            drive(
                Terminal(),
                f"pty:{link}",
                rate_bps=1,
                bits_per_octet=8,
                on_events=lambda _: None,
                wake=asyncio.Event(),
            )
        )
        # One round of the loop starts the opening in its thread; the cancellation comes right behind.
        ready = asyncio.Event()
        asyncio.get_running_loop().call_soon(ready.set)
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(talk())
    assert not link.is_symlink()


def test_events_of_a_port_tell_themselves_in_one_line():
    assert str(PortUp("serial:/dev/ttyUSB0")) == "port serial:/dev/ttyUSB0 is up"
    assert str(PortDown("tcp:board:5", "Connection refused")) == (
        "port tcp:board:5 is down: Connection refused; waiting for it"
    )
