"""Packets out of the data fields of one virtual channel, with where in the input each octet stood.

It follows `ccsds.tm_packets.PacketAssembler`, which keeps no places and takes idle packets out; a test holds the
packets of both equal.

Source: CCSDS 132.0-B-3 4.3.2.
"""

from ccsds.packet import HEADER_OCTETS, PACKET_OCTETS_MIN, packet_length
from ccsds.tm_frame import NO_PACKET_START
from ccsds.tm_packets import FrameGap
from tools.decode.node import Kind, Node
from tools.decode.octets import Octets
from tools.decode.packet import PacketReader

_COUNTS = 256


class Assembly:
    """Gathers whole packets from the frames of one virtual channel."""

    def __init__(self, reader: PacketReader) -> None:
        self._reader = reader
        self._next_count: int | None = None
        # The beginning of a packet that goes on in a later frame.
        self._partial = Octets(b"", ())

    def receive(self, data: Octets, pointer: int, vc_count: int) -> list[Node]:
        """Take the packets' part of the next frame.

        Args:
            data: Its data field.
            pointer: Where the first packet in it starts, or `NO_PACKET_START`.
            vc_count: Its virtual channel count.
        """
        nodes = self.count(vc_count, data)
        if pointer == NO_PACKET_START:
            return nodes + self._go_on(data)
        if pointer >= len(data):
            problem = f"expected a first header pointer into {len(data)} octets, found {pointer}"
            return nodes + self._lose(data, problem)
        return nodes + self._finish(data[:pointer]) + self._split(data[pointer:])

    def count(self, vc_count: int, octets: Octets) -> list[Node]:
        """Take the virtual channel count of a frame; give a node if frames were missed before it."""
        expected, self._next_count = self._next_count, (vc_count + 1) % _COUNTS
        if expected in (None, vc_count):
            return []
        gap = FrameGap(expected, vc_count)
        loss = Node("frames missed", octets[:0], Kind.LOSS, value=gap.frames_count, problem=str(gap))
        loss.label = "gap in the virtual channel count"
        lost = self._partial
        self._partial = octets[:0]
        return [loss, *(self._lose(lost, "a frame in the middle of the packet was missed") if len(lost) else [])]

    def _go_on(self, data: Octets) -> list[Node]:
        if not len(self._partial):
            return self._lose(data, "expected the middle of a packet whose beginning is known")
        whole = self._partial + data
        if len(whole) < _length_octets(whole.data):
            self._partial = whole
            meaning = f"{len(whole)} of {_length_octets(whole.data)} octets so far"
            return [Node("middle of a packet", data, meaning=meaning)]
        return self._finish(data)

    def _finish(self, data: Octets) -> list[Node]:
        if not len(self._partial):
            return self._lose(data, "expected the beginning of a packet, found its end") if len(data) else []
        whole, self._partial = self._partial + data, data[:0]
        if len(whole) != _length_octets(whole.data):
            problem = "a packet's length and the next first header pointer disagree"
            return self._lose(whole, problem)
        return [self._reader.read(whole)]

    def _split(self, data: Octets) -> list[Node]:
        nodes: list[Node] = []
        at = 0
        while at < len(data):
            rest = data[at:]
            version = rest.data[0] >> 5
            if version:
                return nodes + self._lose(rest, f"expected packet version 0, found {version}")
            length_octets = _length_octets(rest.data)
            if len(rest) < length_octets:
                self._partial = rest
                of = f" of {length_octets}" if len(rest) >= HEADER_OCTETS else ""
                nodes.append(Node("beginning of a packet", rest, meaning=f"{len(rest)}{of} octets, goes on"))
                return nodes
            nodes.append(self._reader.read(rest[:length_octets]))
            at += length_octets
        return nodes

    def _lose(self, octets: Octets, problem: str) -> list[Node]:
        self._partial = octets[:0]
        label = "octets of packets that are not whole"
        return [Node("octets not used", octets, Kind.LOSS, value=len(octets), problem=problem, label=label)]


def _length_octets(beginning: bytes) -> int:
    return packet_length(beginning) if len(beginning) >= HEADER_OCTETS else PACKET_OCTETS_MIN
