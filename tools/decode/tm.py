"""A TM frame as a tree: header, packets (also those that span frames), CLCW, FECF.

Source: CCSDS 132.0-B-3 4.1, 232.0-B-4 4.2 (CLCW), 355.0-B-2 4.1 (security header).
"""

from ccsds.clcw import Clcw
from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import StarloopError
from ccsds.packet import HEADER_OCTETS as PACKET_HEADER_OCTETS
from ccsds.packet import packet_length
from ccsds.tm_frame import NO_PACKET_START, OCF_OCTETS, ONLY_IDLE, TmFrame
from mission.channels import SPACECRAFT_ID, Downlink
from tools.decode.assembly import Assembly
from tools.decode.node import Bits, Kind, Node, Walk, name_of
from tools.decode.octets import Octets
from tools.decode.packet import PacketReader
from tools.decode.security import Protection, find_suite, read_protected

_FLAG = {0: "no", 1: "yes"}
_POINTERS = {NO_PACKET_START: "no packet starts here", ONLY_IDLE: "only idle data"}

_HEADER = (
    Bits("version", 2),
    Bits("spacecraft id", 10, lambda number: "this mission's" if number == SPACECRAFT_ID else "another mission's"),
    Bits("virtual channel", 3, Downlink),
    Bits("OCF flag", 1, _FLAG),
    Bits("master channel count", 8),
    Bits("virtual channel count", 8),
    Bits("secondary header flag", 1, _FLAG),
    Bits("synchronisation flag", 1, {0: "octets"}),
    Bits("packet order flag", 1),
    Bits("segment length", 2),
    Bits("first header pointer", 11, lambda place: _POINTERS.get(place, "octet of the data field")),
)
_CLCW = (
    Bits("control word type", 1, {0: "CLCW"}),
    Bits("CLCW version", 2),
    Bits("status", 3),
    Bits("COP in effect", 2, {1: "COP-1"}),
    Bits("TC virtual channel", 6),
    Bits("spare", 2),
    Bits("no RF available", 1, _FLAG),
    Bits("no bit lock", 1, _FLAG),
    Bits("lockout", 1, _FLAG),
    Bits("wait", 1, _FLAG),
    Bits("retransmit", 1, _FLAG),
    Bits("FARM-B counter", 2),
    Bits("spare", 1),
    Bits("report value N(R)", 8, "the AD frame that is expected next"),
)


class TmReader:
    """Reads the frames of one stream, in order.

    Args:
        packets: Reads the packets in them.
        protection: How their data fields are protected.
    """

    def __init__(self, packets: PacketReader, protection: Protection) -> None:
        self._packets = packets
        self._protection = protection
        self._assemblies: dict[int, Assembly] = {}

    def read(self, octets: Octets) -> Node:
        """Read one frame, whole or not."""
        node = Node("TM frame", octets, Kind.TM_FRAME, label="TM frame that is malformed")
        walk = Walk(octets)
        try:
            self._read(node, walk)
        except StarloopError as error:
            node.problem = node.problem or str(error)
        node.children = walk.nodes
        return node

    def _read(self, node: Node, walk: Walk) -> None:
        header = walk.bits("TM frame header", *_HEADER)
        channel, has_ocf = header["virtual channel"], bool(header["OCF flag"])
        node.meaning = (
            f"virtual channel {channel} {name_of(Downlink, channel)}, count {header['virtual channel count']}"
        )
        try:
            TmFrame.decode(node.octets.data, has_ocf)
            node.label = f"TM frame on virtual channel {channel} {name_of(Downlink, channel)}"
        except StarloopError as error:
            node.problem = str(error)
        tail_octets = CRC16_OCTETS + (OCF_OCTETS if has_ocf else 0)
        data = walk.take("data field", max(0, walk.left_octets - tail_octets))
        walk.nodes += self._data(node, data, header)
        if has_ocf:
            walk.nodes.append(read_clcw(walk.take("OCF", OCF_OCTETS)))
        walk.nodes.append(fecf(node.octets, walk.take("FECF", CRC16_OCTETS)))

    def _data(self, node: Node, data: Octets, header: dict[str, int]) -> list[Node]:
        if node.problem:
            return [Node("data field", data, meaning=f"{len(data)} octets, not read")] if len(data) else []
        channel, pointer = header["virtual channel"], header["first header pointer"]
        assembly = self._assemblies.setdefault(channel, Assembly(self._packets))
        if pointer == ONLY_IDLE:
            node.meaning += ", idle"
            lost = assembly.count(header["virtual channel count"], data)
            return [*lost, Node("idle data", data, meaning=f"{len(data)} octets of fill")]
        suite = None if self._is_clear(data.data, pointer) else find_suite(data.data, self._protection)
        if suite is None:
            return assembly.receive(data, pointer, header["virtual channel count"])
        nodes, clear = read_protected(data, suite)
        node.meaning += f", {nodes[0].meaning}"
        if len(clear):
            return nodes + assembly.receive(clear, pointer, header["virtual channel count"])
        return assembly.count(header["virtual channel count"], data) + nodes

    def _is_clear(self, data: bytes, pointer: int) -> bool:
        """Tell whether a packet that ends with a right CRC-16 stands where the pointer says."""
        if self._protection is not Protection.AUTO or pointer + PACKET_HEADER_OCTETS > len(data):
            return False
        end = pointer + packet_length(data[pointer : pointer + PACKET_HEADER_OCTETS])
        return end <= len(data) and not data[pointer] >> 5 and not crc16(data[pointer:end])


def read_clcw(octets: Octets) -> Node:
    """Read an operational control field."""
    node = Node("CLCW", octets, Kind.CLCW, label="CLCW")
    walk = Walk(octets)
    try:
        fields = walk.bits("CLCW", *_CLCW)
        raised = [name for name in ("no RF available", "no bit lock", "lockout", "wait", "retransmit") if fields[name]]
        node.meaning = f"TC virtual channel {fields['TC virtual channel']}, N(R) {fields['report value N(R)']}, " + (
            ", ".join(raised) or "no flag set"
        )
        Clcw.decode(octets.data)
    except StarloopError as error:
        node.problem, node.label = str(error), "CLCW that is malformed"
    node.children = walk.nodes
    return node


def fecf(frame: Octets, found: Octets) -> Node:
    """Read the frame error control field, which is last."""
    expected = crc16(frame.data[:-CRC16_OCTETS])
    is_right = expected.to_bytes(CRC16_OCTETS, "big") == found.data
    return Node("FECF", found, value=found.data.hex(), meaning="right" if is_right else f"expected {expected:04x}")
