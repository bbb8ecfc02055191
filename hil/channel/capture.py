"""Capture: what went onto a line and what came off it, with the truth of what was altered between. It alters nothing.

It stands between the transmitter and all effects, and sees when each octet leaves and when it arrives. Each direction
has two interfaces in the capture, such as ``up sent`` and ``up received``; a packet there is what was handed over
together. Its comment says which octets of the direction it holds, and for received ones what became of all up to there
(`hil.channel.truth`), also of those that never arrived: where only such are to be told, the packet is empty.
"""

from collections import deque
from collections.abc import Callable

from hil.channel.burst import Burst
from hil.channel.channel import Channel, Effect
from hil.channel.truth import Truth, join_truths
from hil.link.pcapng import Direction, Interface, Packet, SectionHeader, read_pcapng

# Octets of a received packet: the words of what became of each of them fit into the 65,535 octets of a comment.
PACKET_OCTETS_MAX = 2048

# Octets that were sent and may still arrive, kept to be compared: a second and a half at 50 Mbit/s. Those beyond are
# taken for lost, as they are by any line whose delay is less.
KEPT_OCTETS_MAX = 10_000_000


class CaptureFile:
    """The blocks of one capture of both directions.

    Args:
        write: Takes the octets of the file, in order.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._interfaces = 0
        write(SectionHeader("starloop hil").encode())

    def add_line(self, line: str) -> int:
        """Describe the two interfaces of a line; give the number of that for sent octets, the other is the next."""
        self._write(Interface(f"{line} sent", f"octets as they left the transmitter of line {line}").encode())
        self._write(Interface(f"{line} received", f"octets as they arrived from line {line}").encode())
        self._interfaces += 2
        return self._interfaces - 2

    def add_packet(self, packet: Packet) -> None:
        """Write a packet."""
        self._write(packet.encode())


class Capture(Effect):
    """The capture of one line.

    Args:
        inner: The channel that it wraps.
        file: Where it goes.
        line: The line's name.
    """

    def __init__(self, inner: Channel, file: CaptureFile, line: str) -> None:
        super().__init__(inner)
        self._file = file
        self._sent = file.add_line(line)
        # Octets sent and neither arrived nor known to be lost, in order.
        self._kept: deque[Burst] = deque()
        self._kept_octets = 0
        # The offset after the last octet of which it is known what became.
        self._known = 0
        self._now_ns = 0
        self._begin_packet()

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        words = Truth().words(burst.offset, burst.offset + len(burst.data))
        self._file.add_packet(Packet(self._sent, burst.start_ns, burst.data, words, Direction.OUTBOUND))
        self._kept.append(burst)
        self._kept_octets += len(burst.data)
        if self._kept_octets > KEPT_OCTETS_MAX:
            self._give_up(burst.offset + len(burst.data) - KEPT_OCTETS_MAX)
        self._inner.send(burst)

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        bursts = self._inner.receive(now_ns)
        self._now_ns = now_ns
        for burst in bursts:
            for start in range(0, len(burst.data), PACKET_OCTETS_MAX):
                self._compare(burst.part(start, min(start + PACKET_OCTETS_MAX, len(burst.data))))
        if self._kept and self._inner.next_deadline() is None:
            # Nothing is on the line any more.
            self._give_up(self._kept[-1].offset + len(self._kept[-1].data))
        self._end_packet()
        return bursts

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
        self._end_packet()
        super().finish()

    def _compare(self, burst: Burst) -> None:
        """Find out what became of the octets up to the end of a burst that arrived."""
        if len(self._data) + len(burst.data) > PACKET_OCTETS_MAX:
            self._end_packet()
        self._data += burst.data
        self._time_ns = burst.end_ns
        end = burst.offset + len(burst.data)
        if end <= self._known:
            self._truth.insert(burst.offset, burst.data)
            return
        if burst.offset > self._known:
            self._lose(burst.offset)
        sent = self._take(end)
        if sent != burst.data:
            for index, (before, after) in enumerate(zip(sent, burst.data, strict=True)):
                if before != after:
                    self._truth.altered[burst.offset + index] = before ^ after

    def _lose(self, stop: int) -> None:
        self._truth.lose(self._known, stop)
        self._take(stop)

    def _give_up(self, stop: int) -> None:
        """Take all up to an offset for lost."""
        if stop > self._known:
            self._lose(stop)

    def _take(self, stop: int) -> bytes:
        """Take the octets sent up to an offset out of those kept."""
        parts: list[bytes] = []
        while self._known < stop:
            burst = self._kept[0]
            count = min(stop - burst.offset, len(burst.data))
            parts.append(burst.data[:count])
            if count == len(burst.data):
                self._kept.popleft()
            else:
                self._kept[0] = burst.part(count, len(burst.data))
            self._known += count
            self._kept_octets -= count
        return b"".join(parts)

    def _begin_packet(self) -> None:
        self._data = b""
        self._truth = Truth()
        self._first = self._known
        self._time_ns = self._now_ns

    def _end_packet(self) -> None:
        if self._data or self._known > self._first:
            words = self._truth.words(self._first, self._known)
            self._file.add_packet(Packet(self._sent + 1, self._time_ns, self._data, words, Direction.INBOUND))
        self._begin_packet()


def read_truths(capture: bytes) -> dict[str, Truth]:
    """Give what became of the octets of each line of a capture, by its name.

    Raises:
        MalformedError: It is no capture of lines.
    """
    interfaces, packets = read_pcapng(capture)
    return {
        interface.name.removesuffix(" received"): join_truths(
            Truth.parse(packet.comment) for packet in packets if packet.interface == number
        )
        for number, interface in enumerate(interfaces)
        if interface.name.endswith(" received")
    }
