"""Packets into the data fields of TM frames, and back. One object of each kind serves one virtual channel.

Packets lie end to end and may span frames; each frame tells where in it the first packet starts, so that a receiver
that missed one can go on. `TmFramer` never chooses what to send: give it the most urgent packet when it has room.
`PacketAssembler` never raises, and never gives a packet with a hole.

Source: CCSDS 132.0-B-3 4.1.4 (data field), 4.2.2 and 4.3.2 (packet processing and extraction).
"""

from collections import deque

import msgspec

from ccsds.errors import MisuseError
from ccsds.packet import (
    APID_MAX,
    HEADER_OCTETS,
    IDLE_APID,
    PACKET_OCTETS_MAX,
    PACKET_OCTETS_MIN,
    idle_packet,
    packet_length,
)
from ccsds.tm_frame import FRAME_OCTETS_MAX, NO_PACKET_START, ONLY_IDLE

# Octets that wait for frames in the framer: what its owner may hand over before it takes frames out. Sixteen of the
# longest packets; queues that wait for a contact belong to the owner, who knows what is urgent.
PENDING_OCTETS_MAX = 16 * PACKET_OCTETS_MAX
# What the assembler remembers to tell between two calls of `take_events`; later ones are only counted.
EVENTS_MAX = 256

_COUNTS = 256


class TmFramer:
    """Packs packets into data fields of one length.

    Args:
        data_octets: Length of the data field of each frame.
    """

    def __init__(self, data_octets: int) -> None:
        if not 1 <= data_octets <= FRAME_OCTETS_MAX:
            raise MisuseError(
                f"TM framer: expected a data field of 1 to {FRAME_OCTETS_MAX} octets, found {data_octets}"
            )
        self._data_octets = data_octets
        self._pending = bytearray()
        # Where in the pending octets packets start, and how many of these octets are not fill.
        self._starts: deque[int] = deque()
        self._wanted_octets = 0

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a frame without fill."""
        return len(self._pending) >= self._data_octets

    @property
    def has_packets(self) -> bool:
        """Whether octets of a packet wait, other than fill."""
        return self._wanted_octets > 0

    @property
    def room_octets(self) -> int:
        """What the next frame has room for."""
        return max(0, self._data_octets - len(self._pending))

    def put(self, packet: bytes) -> None:
        """Append one packet.

        Raises:
            MisuseError: It is no whole packet, or too much waits already.
        """
        if len(packet) < PACKET_OCTETS_MIN or packet_length(packet) != len(packet):
            raise MisuseError(f"TM framer: expected one whole packet, found {len(packet)} octets {packet[:6].hex()}")
        if len(self._pending) + len(packet) > PENDING_OCTETS_MAX:
            raise MisuseError(f"TM framer: expected up to {PENDING_OCTETS_MAX} octets waiting, take frames first")
        self._append(packet)
        self._wanted_octets = len(self._pending)

    def take(self, flush: bool = False) -> tuple[int, bytes] | None:
        """Give the first header pointer and the data field of the next frame.

        Args:
            flush: Whether to fill a frame up with an idle packet if it is not full, so that nothing is kept waiting.
                Fill that does not fit is carried over and goes out before the next packet.

        Returns:
            None if there are no packets, or not enough for a frame and `flush` is off.
        """
        missing_octets = self._data_octets - len(self._pending)
        if missing_octets > 0:
            if not flush or not self._wanted_octets:
                return None
            self._append(idle_packet(max(missing_octets, PACKET_OCTETS_MIN)))
        data = bytes(self._pending[: self._data_octets])
        del self._pending[: self._data_octets]
        pointer = self._starts[0] if self._starts and self._starts[0] < self._data_octets else NO_PACKET_START
        self._starts = deque(start - self._data_octets for start in self._starts if start >= self._data_octets)
        self._wanted_octets = max(0, self._wanted_octets - self._data_octets)
        return pointer, data

    def _append(self, packet: bytes) -> None:
        self._starts.append(len(self._pending))
        self._pending += packet


class FrameGap(msgspec.Struct, frozen=True, tag=True):
    """The virtual channel count jumped. By 256 or more it cannot be told."""

    expected: int
    found: int

    @property
    def frames_count(self) -> int:
        """How many frames did not come, modulo 256."""
        return (self.found - self.expected) % _COUNTS

    def __str__(self) -> str:
        return f"expected virtual channel count {self.expected}, found {self.found}: {self.frames_count} frames missed"


class OctetsDropped(msgspec.Struct, frozen=True, tag=True):
    """Octets of frames that came were not used, since no whole packet could be made of them."""

    octets: int
    reason: str

    def __str__(self) -> str:
        return f"dropped {self.octets} octets: {self.reason}"


class PacketAssembler:
    """Gathers whole packets from frames of one virtual channel; idle packets are taken out and counted."""

    def __init__(self) -> None:
        self._next_count: int | None = None
        # The beginning of a packet whose end is in a later frame; empty if there is none, or it is not known where
        # packets start.
        self._partial = bytearray()
        self._events: list[FrameGap | OctetsDropped] = []
        self.packets_count = 0
        self.idle_packets_count = 0
        self.missed_frames_count = 0
        self.dropped_octets_count = 0

    def receive(self, data: bytes, first_header_pointer: int, vc_count: int) -> list[bytes]:
        """Take the next frame that came.

        Args:
            data: Its data field.
            first_header_pointer: Where the first packet in it starts, `NO_PACKET_START` or `ONLY_IDLE`.
            vc_count: Its virtual channel count.

        Returns:
            The packets that are now whole, in order.
        """
        self._check_count(vc_count)
        if first_header_pointer == ONLY_IDLE:
            return []
        if first_header_pointer == NO_PACKET_START:
            return self._continue(data)
        if not 0 <= first_header_pointer < len(data):
            self._lose(f"expected a first header pointer into {len(data)} octets, found {first_header_pointer}", data)
            return []
        return self._finish(data[:first_header_pointer]) + self._split(data[first_header_pointer:])

    def take_events(self) -> list[FrameGap | OctetsDropped]:
        """Give what went wrong since the last call, at most `EVENTS_MAX` things."""
        taken, self._events = self._events, []
        return taken

    def _check_count(self, vc_count: int) -> None:
        expected, self._next_count = self._next_count, (vc_count + 1) % _COUNTS
        if expected is None or expected == vc_count:
            return
        missed = FrameGap(expected, vc_count)
        self.missed_frames_count += missed.frames_count
        self._tell(missed)
        self._lose("a frame in the middle of the packet was missed", b"")

    def _continue(self, data: bytes) -> list[bytes]:
        """Use a frame in which no packet starts."""
        if not self._partial:
            # Before the first pointer that is the ordinary case: there is nothing that these octets belong to.
            self._lose("expected the middle of a packet whose beginning is known", data)
            return []
        if len(self._partial) + len(data) < _length_octets(self._partial, data):
            self._partial += data
            return []
        return self._finish(data)

    def _finish(self, data: bytes) -> list[bytes]:
        """Use the end of a packet, which must be exactly there."""
        if not self._partial:
            if data:
                self._lose("expected the beginning of a packet, found its end", data)
            return []
        if len(self._partial) + len(data) != _length_octets(self._partial, data):
            self._lose("a packet's length and the next first header pointer disagree", data)
            return []
        packet = bytes(self._partial + data)
        self._partial = bytearray()
        return self._accept(packet)

    def _split(self, data: bytes) -> list[bytes]:
        """Use octets that begin with a packet."""
        packets: list[bytes] = []
        position = 0
        while position < len(data):
            if data[position] >> 5:
                self._lose(f"expected packet version 0, found {data[position] >> 5}", data[position:])
                return packets
            rest = data[position : position + PACKET_OCTETS_MAX]
            if len(rest) < _length_octets(rest, b""):
                self._partial = bytearray(rest)
                return packets
            packet = rest[: _length_octets(rest, b"")]
            packets += self._accept(bytes(packet))
            position += len(packet)
        return packets

    def _accept(self, packet: bytes) -> list[bytes]:
        if (packet[0] << 8 | packet[1]) & APID_MAX == IDLE_APID:
            self.idle_packets_count += 1
            return []
        self.packets_count += 1
        return [packet]

    def _lose(self, reason: str, data: bytes) -> None:
        """Drop the packet that was begun, and octets; from here to the next pointer it is unknown where packets are."""
        octets = len(self._partial) + len(data)
        self._partial = bytearray()
        if octets:
            self.dropped_octets_count += octets
            self._tell(OctetsDropped(octets, reason))

    def _tell(self, event: FrameGap | OctetsDropped) -> None:
        if len(self._events) < EVENTS_MAX:
            self._events.append(event)


def _length_octets(partial: bytes | bytearray, more: bytes) -> int:
    """Give the length of the packet that begins so; while its header is cut, one octet more than the header has."""
    header = bytes(partial[:HEADER_OCTETS]) + bytes(more[:HEADER_OCTETS])
    return packet_length(header) if len(header) >= HEADER_OCTETS else PACKET_OCTETS_MIN
