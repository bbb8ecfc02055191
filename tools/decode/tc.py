"""A TC frame as a tree: header, by profile a segment header, packets or a control command to FARM-1, FECF.

Source: CCSDS 232.0-B-4 4.1, 355.0-B-2 4.1 (security header).
"""

from ccsds.crc import CRC16_OCTETS
from ccsds.errors import MalformedError, StarloopError
from ccsds.packet import SequenceFlags, split_packets
from ccsds.tc_frame import HEADER_OCTETS, UNLOCK, TcFrame, TcFrameKind, read_set_vr
from mission.channels import SPACECRAFT_ID, Uplink
from tools.decode.node import Bits, Kind, Node, Walk, name_of
from tools.decode.octets import Octets
from tools.decode.packet import PacketReader
from tools.decode.security import Protection, find_suite, read_protected
from tools.decode.tm import fecf

_HEADER = (
    Bits("version", 2),
    Bits("bypass flag", 1, {0: "FARM-1 checks the sequence", 1: "FARM-1 does not check the sequence"}),
    Bits("control command flag", 1, {0: "data", 1: "command to FARM-1"}),
    Bits("spare", 2),
    Bits("spacecraft id", 10, lambda number: "this mission's" if number == SPACECRAFT_ID else "another mission's"),
    Bits("virtual channel", 6, Uplink),
    Bits("frame length", 10, lambda less_one: f"{less_one + 1} octets"),
    Bits("sequence number N(S)", 8),
)
_FLAGS = {
    SequenceFlags.CONTINUATION: "middle segment",
    SequenceFlags.FIRST: "first segment",
    SequenceFlags.LAST: "last segment",
    SequenceFlags.UNSEGMENTED: "whole packets",
}
_SEGMENT_HEADER = (Bits("sequence flags", 2, {flags.value: text for flags, text in _FLAGS.items()}), Bits("MAP id", 6))


class TcReader:
    """Reads TC frames.

    Args:
        packets: Reads the packets in them.
        protection: How their data fields are protected.
        segmented: The virtual channels whose AD and BD frames begin with a segment header.
    """

    def __init__(self, packets: PacketReader, protection: Protection, segmented: frozenset[int] = frozenset()) -> None:
        self._segmented = segmented
        self._packets = packets
        self._protection = protection

    def read(self, octets: Octets) -> Node:
        """Read one frame and the fill behind it, whole or not."""
        length_octets = frame_length(octets.data)
        frame, fill = octets[:length_octets], octets[length_octets:]
        node = Node("TC frame", frame, Kind.TC_FRAME, label="TC frame that is malformed")
        walk = Walk(frame)
        try:
            self._read(node, walk)
        except StarloopError as error:
            node.problem = node.problem or str(error)
        if walk.left_octets:
            walk.raw("rest", walk.left_octets, f"{walk.left_octets} octets, not read")
        node.children = walk.nodes
        if len(fill):
            node.children.append(Node("fill", fill, meaning=f"{len(fill)} octets"))
        return node

    def _read(self, node: Node, walk: Walk) -> None:
        header = walk.bits("TC frame header", *_HEADER)
        try:
            frame = TcFrame.decode(node.octets.data)
        except MalformedError as error:
            node.problem = str(error)
            data = walk.take("data field", max(0, walk.left_octets - CRC16_OCTETS))
            walk.nodes += [Node("data field", data, meaning=f"{len(data)} octets, not read")] if len(data) else []
        else:
            channel = f"virtual channel {frame.virtual_channel} {name_of(Uplink, frame.virtual_channel)}"
            node.meaning = f"{frame.kind.name}, {channel}"
            node.label = f"TC frame {frame.kind.name} on {channel}"
            if frame.kind is TcFrameKind.AD:
                node.meaning += f", N(S) {header['sequence number N(S)']}"
            data = walk.take("data field", walk.left_octets - CRC16_OCTETS)
            if frame.kind is TcFrameKind.BC:
                command = Node("control command", data, meaning=_command(frame.data))
                node.meaning += f", {command.meaning}"
                walk.nodes.append(command)
            else:
                if frame.virtual_channel in self._segmented:
                    walk.nodes += self._segment(node, data)
                else:
                    walk.nodes += self._data(node, data)
        walk.nodes.append(fecf(node.octets, walk.take("FECF", CRC16_OCTETS)))

    def _segment(self, node: Node, octets: Octets) -> list[Node]:
        """Read a segment: its header, and packets or a part of one."""
        walk = Walk(octets)
        header = walk.bits("segment header", *_SEGMENT_HEADER)
        flags = SequenceFlags(header["sequence flags"])
        node.meaning += f", MAP {header['MAP id']} {_FLAGS[flags]}"
        data = walk.take("data", walk.left_octets)
        return [*walk.nodes, *self._data(node, data, is_part=flags is not SequenceFlags.UNSEGMENTED)]

    def _data(self, node: Node, data: Octets, is_part: bool = False) -> list[Node]:
        suite = None
        if self._protection is not Protection.AUTO or not _are_packets(data.data):
            suite = find_suite(data.data, self._protection)
        nodes, clear = ([], data) if suite is None else read_protected(data, suite)
        node.meaning += f", {nodes[0].meaning}" if nodes else ""
        if is_part:
            part = Node("part of a packet", clear, meaning=f"{len(clear)} octets")
            return [*nodes, part] if len(clear) else nodes
        return nodes + self._packets.read_all(clear)


def frame_length(data: bytes) -> int:
    """Give the length of the frame that begins so by its header, or of all that is there if the header is cut."""
    return (int.from_bytes(data[2:4], "big") & 0x3FF) + 1 if len(data) >= HEADER_OCTETS else len(data)


def _command(data: bytes) -> str:
    if data == UNLOCK:
        return "Unlock"
    vr = read_set_vr(data)
    return "unknown command" if vr is None else f"Set V(R) to {vr}"


def _are_packets(data: bytes) -> bool:
    try:
        return all(split_packets(data))
    except MalformedError:
        return False
