"""A space packet as a tree: its header, the PUS header, the mission's words, or a CFDP PDU.

Source: CCSDS 133.0-B-2 4.1, ECSS-E-ST-70-41C 7.4.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, StarloopError
from ccsds.packet import (
    HEADER_OCTETS,
    IDLE_APID,
    PACKET_OCTETS_MAX,
    PacketType,
    SequenceFlags,
    SpacePacket,
    packet_length,
)
from ccsds.pus import verification
from ccsds.pus.telecommand import AckFlags, Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.time import CUC_OCTETS, cuc_decode, unix_ns_from_tai
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Severity
from mission.housekeeping import KIND_OF_REPORT
from mission.time import TimeStatus
from tools.decode.cfdp import read_pdu
from tools.decode.node import Bits, Kind, Node, Walk, name_of, words
from tools.decode.octets import Octets
from tools.decode.words import (
    EVENT_SERVICE,
    Requests,
    read_event,
    read_housekeeping,
    read_layout,
    read_verification,
)

CFDP_APID = 0x7FD
"""Packets of this application carry a CFDP PDU each."""

_TC_HEADER = (
    Bits("PUS version", 4, {2: "PUS-C"}),
    Bits("acknowledgement flags", 4, lambda flags: _acks(flags)),
    Bits("service", 8),
    Bits("subtype", 8),
    Bits("source id", 16),
)
_TM_HEADER = (
    Bits("PUS version", 4, {2: "PUS-C"}),
    Bits("time reference status", 4, {each: words(each.name) for each in TimeStatus}),
    Bits("service", 8),
    Bits("subtype", 8),
    Bits("message type counter", 16),
    Bits("destination id", 16, {0: "all"}),
)


class PacketReader:
    """Reads packets; it remembers the telecommands among them for the reports that follow."""

    def __init__(self) -> None:
        self._requests = Requests()

    def read_all(self, octets: Octets) -> list[Node]:
        """Read packets that stand one after the other."""
        nodes: list[Node] = []
        at = 0
        while at < len(octets):
            rest = octets[at : at + PACKET_OCTETS_MAX]
            length = packet_length(rest.data) if len(rest) >= HEADER_OCTETS else len(rest)
            nodes.append(self.read(rest[:length]))
            at += length
        return nodes

    def read(self, octets: Octets) -> Node:
        """Read one packet, whole or not."""
        node = Node("packet", octets, Kind.PACKET, label="packet that is malformed")
        walk = Walk(octets)
        try:
            self._read(node, walk)
            node.problem = _verdict(octets.data)
        except StarloopError as error:
            node.problem = str(error)
            if walk.left_octets:
                rest = walk.rest()
                walk.nodes.append(Node("rest", rest, meaning=f"{len(rest)} octets, not read"))
        node.children = walk.nodes
        return node

    def _read(self, node: Node, walk: Walk) -> None:
        header = walk.bits(
            "packet header",
            Bits("version", 3),
            Bits("type", 1, PacketType),
            Bits("secondary header flag", 1),
            Bits("APID", 11, _apid),
            Bits("sequence flags", 2, SequenceFlags),
            Bits("sequence count", 14),
            Bits("data length", 16, lambda less_one: f"{less_one + 1} octets of data"),
        )
        kind, apid = PacketType(header["type"]), header["APID"]
        node.name = f"{words(kind.name)} packet"
        node.meaning = f"APID {_apid(apid)}, count {header['sequence count']}"
        node.label = f"{words(kind.name)} packet of APID {apid:#x}"
        length_octets = HEADER_OCTETS + header["data length"] + 1
        if header["version"] or len(node.octets) != length_octets:
            # What follows stands somewhere else than where it is looked for.
            SpacePacket.decode(node.octets.data)
        if apid == IDLE_APID:
            node.name, node.kind, node.label = "idle packet", Kind.IDLE_PACKET, "idle packet"
            walk.raw("fill", walk.left_octets)
        elif apid == CFDP_APID and not header["secondary header flag"]:
            pdu = read_pdu(walk.rest())
            walk.nodes.append(pdu)
            node.meaning, node.label = f"{node.meaning}: {pdu.meaning}", "packet with a CFDP PDU"
        elif not header["secondary header flag"]:
            walk.raw("user data", walk.left_octets)
        elif kind is PacketType.TELECOMMAND:
            self._telecommand(node, walk)
        else:
            self._telemetry(node, walk)

    def _telecommand(self, node: Node, walk: Walk) -> None:
        header = walk.bits("telecommand secondary header", *_TC_HEADER)
        service, subtype = header["service"], header["subtype"]
        node.name, node.label = f"telecommand [{service},{subtype}]", f"telecommand [{service},{subtype}]"

        def read(inner: Walk) -> None:
            command = DICTIONARY.command_of(service, subtype)
            node.name, node.label = f"{node.name} {command.name}", f"telecommand {command.name}"
            request = Telecommand.decode(node.octets.data).request_id
            self._requests.note(request, f"{command.name} ({request}, sent at octet {node.octets.first})")
            read_layout(inner, command.arguments)

        _read_body(node, walk, read)

    def _telemetry(self, node: Node, walk: Walk) -> None:
        header = walk.bits("telemetry secondary header", *_TM_HEADER)
        octets = walk.take("time", CUC_OCTETS)
        walk.nodes.append(Node("time", octets, value=utc(cuc_decode(octets.data)), unit="UTC", meaning="CUC 4+2"))
        service, subtype = header["service"], header["subtype"]
        node.name, node.label = f"telemetry [{service},{subtype}]", f"telemetry [{service},{subtype}]"
        _read_body(node, walk, lambda inner: self._report(node, inner, service, subtype))

    def _report(self, node: Node, walk: Walk, service: int, subtype: int) -> None:
        if service == verification.SERVICE:
            node.name += " verification"
            node.meaning = read_verification(walk, subtype, self._requests)
            node.label = f"verification {name_of(verification.VerificationStage, subtype)}"
        elif service == EVENT_SERVICE and subtype in Severity.__members__.values():
            node.name += " event"
            node.meaning = read_event(walk, subtype)
            node.label = node.meaning.partition(":")[0]
        elif (service, subtype) in KIND_OF_REPORT:
            node.name += " housekeeping"
            node.meaning = node.label = read_housekeeping(walk, KIND_OF_REPORT[service, subtype])
        else:
            report = DICTIONARY.report_of(service, subtype)
            node.name += f" {report.name}"
            node.label, node.meaning = f"report {report.name}", report.description
            read_layout(walk, report.fields)


def _read_body(node: Node, walk: Walk, read: Callable[[Walk], None]) -> None:
    """Read what stands between the headers of a PUS packet and its CRC-16, which is last and judged first."""
    if walk.left_octets < CRC16_OCTETS:
        raise MalformedError(f"packet: expected {CRC16_OCTETS} octets of CRC-16 at its end, found {walk.left_octets}")
    data = walk.take("data", walk.left_octets - CRC16_OCTETS)
    checksum = walk.take("CRC-16", CRC16_OCTETS)
    inner = Walk(data)
    problem = _verdict(node.octets.data)
    if not problem:
        try:
            read(inner)
        except StarloopError as error:
            problem = str(error)
    if inner.left_octets:
        inner.raw("data", inner.left_octets, f"{inner.left_octets} octets, not read")
    expected = crc16(node.octets.data[:-CRC16_OCTETS])
    is_right = expected == int.from_bytes(checksum.data, "big")
    meaning = "right" if is_right else f"expected {expected:04x}"
    walk.nodes += [*inner.nodes, Node("CRC-16", checksum, value=checksum.data.hex(), meaning=meaning)]
    if problem:
        raise MalformedError(problem)


def _verdict(packet: bytes) -> str:
    """Say what is wrong with a packet by the decoder that the link itself uses, or nothing."""
    try:
        whole = SpacePacket.decode(packet)
        if whole.has_secondary_header and whole.apid != IDLE_APID:
            (Telecommand if whole.packet_type is PacketType.TELECOMMAND else Telemetry).decode(packet)
    except StarloopError as error:
        return str(error)
    return ""


def _apid(apid: int) -> str:
    if apid in Apid.__members__.values():
        return Apid(apid).name
    return {CFDP_APID: "CFDP", IDLE_APID: "idle"}.get(apid, hex(apid))


def _acks(flags: int) -> str:
    return ", ".join(words(each.name or "") for each in AckFlags(flags)) or "none"


def utc(tai_ns: int) -> str:
    """Give a time for a person: UTC to the microsecond."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=unix_ns_from_tai(tai_ns) // 1000)).strftime(
        "%Y-%m-%dT%H:%M:%S.%f"
    )
