"""A CFDP PDU as a tree: its header, and the directive or file data that follows.

Source: CCSDS 727.0-B-5 5.
"""

from collections.abc import Callable

from ccsds.cfdp.codes import (
    ChecksumType,
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    RecordContinuation,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.header import FIELD_OCTETS_MAX, FIXED_OCTETS, ID_OCTETS_MAX, PduType
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.tlv import WITH_TWO_NAMES, FilestoreAction, TlvType
from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, StarloopError
from tools.decode.node import Bits, Kind, Node, Walk, name_of
from tools.decode.octets import Octets

# The longest header, and the most that its length field can tell.
_PDU_OCTETS_MAX = FIXED_OCTETS + 3 * ID_OCTETS_MAX + FIELD_OCTETS_MAX

_FLAG = {0: "no", 1: "yes"}
_SPARE_4 = Bits("spare", 4)


def read_pdus(octets: Octets) -> list[Node]:
    """Read PDUs that stand one after the other."""
    nodes: list[Node] = []
    at = 0
    while at < len(octets):
        rest = octets[at : at + _PDU_OCTETS_MAX]
        length = pdu_length(rest.data)
        nodes.append(read_pdu(rest[:length]))
        at += min(length, len(rest))
    return nodes


def pdu_length(data: bytes) -> int:
    """Give the length of the PDU that begins so by its header, or of all that is there if the header is cut."""
    if len(data) < FIXED_OCTETS:
        return len(data)
    sizes = data[3]
    return FIXED_OCTETS + 2 * ((sizes >> 4 & 7) + 1) + (sizes & 7) + 1 + int.from_bytes(data[1:3], "big")


def read_pdu(octets: Octets) -> Node:
    """Read one PDU, whole or not."""
    node = Node("CFDP PDU", octets, Kind.PDU, label="CFDP PDU that is malformed")
    walk = Walk(octets)
    try:
        _read(node, walk)
    except StarloopError as error:
        node.problem = str(error)
    if walk.left_octets:
        walk.raw("rest", walk.left_octets, f"{walk.left_octets} octets, not read")
    try:
        Pdu.decode(octets.data)
    except StarloopError as error:
        node.problem = str(error)
    node.children = walk.nodes
    return node


def _read(node: Node, walk: Walk) -> None:
    header = walk.bits(
        "CFDP header",
        Bits("version", 3),
        Bits("PDU type", 1, PduType),
        Bits("direction", 1, Direction),
        Bits("transmission mode", 1, TransmissionMode),
        Bits("CRC flag", 1, _FLAG),
        Bits("large file flag", 1, _FLAG),
        Bits("data field length", 16),
        Bits("segmentation control", 1, {0: "record boundaries not preserved", 1: "record boundaries preserved"}),
        Bits("entity id length", 3, lambda less_one: f"{less_one + 1} octets"),
        Bits("segment metadata flag", 1, _FLAG),
        Bits("sequence number length", 3, lambda less_one: f"{less_one + 1} octets"),
    )
    if header["version"] != 1:
        raise MalformedError(f"CFDP header: expected version 1, found {header['version']}")
    entity_octets = header["entity id length"] + 1
    source = walk.number("source entity", entity_octets)
    sequence = walk.number("transaction sequence number", header["sequence number length"] + 1)
    destination = walk.number("destination entity", entity_octets)
    node.meaning = f"transaction {source}/{sequence} to {destination}"
    if walk.left_octets > header["data field length"]:
        raise MalformedError(
            f"CFDP PDU: expected {header['data field length']} octets after the header, found {walk.left_octets}"
        )
    checksum_octets = CRC16_OCTETS if header["CRC flag"] else 0
    body = Walk(walk.take("data field", max(0, walk.left_octets - checksum_octets)))
    try:
        if header["PDU type"] == PduType.FILE_DATA:
            said = _file_data(body, header)
            node.name, node.label = "CFDP File Data", "CFDP File Data"
        else:
            code = body.number("directive code", 1, DirectiveCode)
            if code not in _DIRECTIVES:
                raise MalformedError(f"CFDP PDU: expected a directive code, found {code:02x}")
            title, read = _DIRECTIVES[code]
            node.name, node.label = f"CFDP {title}", f"CFDP {title}"
            said = read(body, 8 if header["large file flag"] else 4)
        node.meaning = f"{said}; {node.meaning}"
    finally:
        if body.left_octets:
            body.raw("rest", body.left_octets, f"{body.left_octets} octets, not read")
        walk.nodes += body.nodes
    if checksum_octets:
        expected = crc16(node.octets.data[:-CRC16_OCTETS])
        found = walk.take("CRC-16", CRC16_OCTETS)
        is_right = found.data == expected.to_bytes(CRC16_OCTETS, "big")
        meaning = "right" if is_right else f"expected {expected:04x}"
        walk.nodes.append(Node("CRC-16", found, value=found.data.hex(), meaning=meaning))


def _file_data(walk: Walk, header: dict[str, int]) -> str:
    if header["segment metadata flag"]:
        sizes = walk.bits(
            "segment metadata",
            Bits("record continuation", 2, RecordContinuation),
            Bits("segment metadata length", 6),
        )
        walk.raw("segment metadata", sizes["segment metadata length"])
    offset = walk.number("offset", 8 if header["large file flag"] else 4, unit="octets")
    count = walk.left_octets
    walk.raw("file data", count)
    return f"octets {offset} to {offset + count} of the file"


def _metadata(walk: Walk, size_octets: int) -> str:
    walk.bits(
        "Metadata flags",
        Bits("reserved", 1),
        Bits("closure requested", 1, _FLAG),
        Bits("reserved", 2),
        Bits("checksum type", 4, ChecksumType),
    )
    size = walk.number("file size", size_octets, unit="octets")
    source = _name(walk, "source file name")
    destination = _name(walk, "destination file name")
    _options(walk)
    if not source and not destination:
        return "no file"
    return f"{source!r} as {destination!r}, {size} octets"


def _eof(walk: Walk, size_octets: int) -> str:
    condition = walk.bits("EOF flags", Bits("condition code", 4, ConditionCode), _SPARE_4)["condition code"]
    checksum = walk.take("checksum", 4)
    walk.nodes.append(Node("checksum", checksum, value=checksum.data.hex()))
    size = walk.number("file size", size_octets, unit="octets")
    _options(walk)
    return f"{name_of(ConditionCode, condition)}, {size} octets, checksum {checksum.data.hex()}"


def _finished(walk: Walk, size_octets: int) -> str:
    flags = walk.bits(
        "Finished flags",
        Bits("condition code", 4, ConditionCode),
        Bits("spare", 1),
        Bits("delivery code", 1, DeliveryCode),
        Bits("file status", 2, FileStatus),
    )
    _options(walk)
    return ", ".join(
        (
            name_of(ConditionCode, flags["condition code"]),
            name_of(DeliveryCode, flags["delivery code"]),
            name_of(FileStatus, flags["file status"]),
        )
    )


def _ack(walk: Walk, size_octets: int) -> str:
    flags = walk.bits(
        "ACK flags",
        Bits("acknowledged directive", 4, DirectiveCode),
        Bits("directive subtype", 4),
        Bits("condition code", 4, ConditionCode),
        Bits("spare", 2),
        Bits("transaction status", 2, TransactionStatus),
    )
    directive = name_of(DirectiveCode, flags["acknowledged directive"])
    return f"of {directive}, {name_of(ConditionCode, flags['condition code'])}"


def _nak(walk: Walk, size_octets: int) -> str:
    walk.number("start of scope", size_octets, unit="octets")
    walk.number("end of scope", size_octets, unit="octets")
    count = missing = 0
    while walk.left_octets:
        start = walk.number("start of a missing part", size_octets, unit="octets")
        end = walk.number("end of a missing part", size_octets, unit="octets")
        if start == end == 0:
            walk.nodes[-1].meaning = "the Metadata is missing"
        count, missing = count + 1, missing + max(0, end - start)
    return f"{count} parts missing, {missing} octets"


def _prompt(walk: Walk, size_octets: int) -> str:
    wanted = walk.bits("Prompt", Bits("response required", 1, PromptResponse), Bits("spare", 7))["response required"]
    return f"wants {name_of(PromptResponse, wanted)}"


def _keep_alive(walk: Walk, size_octets: int) -> str:
    return f"{walk.number('progress', size_octets, unit='octets')} octets so far"


def _options(walk: Walk) -> None:
    """Read the type, length, value parts that end a directive."""
    while walk.left_octets:
        whole = walk.unread
        kind = int.from_bytes(whole[:1].data, "big")
        inner = Walk(whole[: 2 + int.from_bytes(whole[1:2].data, "big")])
        node = Node(name_of(TlvType, kind), whole[: len(inner.unread)])
        walk.nodes.append(node)
        walk.take("option", len(inner.unread))
        node.children = inner.nodes
        inner.number("option type", 1, TlvType)
        count = inner.number("option length", 1, unit="octets")
        if inner.left_octets < count:
            raise MalformedError(f"{node.name}: expected {count} octets of value, found {inner.left_octets}")
        if kind in (TlvType.FILESTORE_REQUEST, TlvType.FILESTORE_RESPONSE):
            node.meaning = _filestore(inner, kind == TlvType.FILESTORE_RESPONSE)
        elif kind == TlvType.FAULT_HANDLER_OVERRIDE:
            inner.bits("override", Bits("condition code", 4, ConditionCode), Bits("handler code", 4, HandlerCode))
        elif kind == TlvType.ENTITY_ID:
            node.meaning = f"entity {inner.number('entity id', inner.left_octets)}"
        inner.raw("value", inner.left_octets)


def _filestore(walk: Walk, is_response: bool) -> str:
    flags = walk.bits("action", Bits("action code", 4, FilestoreAction), Bits("status code", 4))
    said = f"{name_of(FilestoreAction, flags['action code'])} {_name(walk, 'first file name')!r}"
    if flags["action code"] in WITH_TWO_NAMES:
        said += f", {_name(walk, 'second file name')!r}"
    if is_response:
        said += f": status {flags['status code']}"
        message = _name(walk, "filestore message") if walk.left_octets else ""
        said += f", {message}" if message else ""
    return said


def _name(walk: Walk, name: str) -> str:
    count = walk.number(f"{name} length", 1, unit="octets")
    return walk.text(name, count)


_DIRECTIVES: dict[int, tuple[str, Callable[[Walk, int], str]]] = {
    DirectiveCode.EOF: ("EOF", _eof),
    DirectiveCode.FINISHED: ("Finished", _finished),
    DirectiveCode.ACK: ("ACK", _ack),
    DirectiveCode.METADATA: ("Metadata", _metadata),
    DirectiveCode.NAK: ("NAK", _nak),
    DirectiveCode.PROMPT: ("Prompt", _prompt),
    DirectiveCode.KEEP_ALIVE: ("Keep Alive", _keep_alive),
}
