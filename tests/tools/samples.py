"""One sample of each form that the protocol analyser reads, and how tests look at what it makes of one."""

import io
import json

from ccsds.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.directives import Ack, Eof, FileData, Finished, KeepAlive, Metadata, Nak, Prompt
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.tlv import FaultHandlerOverride, FilestoreAction, FilestoreRequest, FilestoreResponse, MessageToUser
from ccsds.clcw import Clcw
from ccsds.cltu import cltu_encode
from ccsds.packet import PacketType, SpacePacket, idle_packet
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.association import Link, SecurityAssociation
from ccsds.sdls.header import Layout as SecurityLayout
from ccsds.sync import TmEncoder
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from mission.definition import DICTIONARY
from mission.profiles import PROFILES
from tools.decode.__main__ import Decoder
from tools.decode.form import Form
from tools.decode.pcap import PcapWriter
from tools.decode.security import Protection
from tools.decode.show import Summary, lines, to_json

NS_PER_S = 1_000_000_000
SERIAL = PROFILES["serial"]
TAI_NS = 2_100_000_000 * NS_PER_S
CLCW = Clcw(virtual_channel=0, report_value=7, lockout=True, farm_b_counter=2)
HEADER = PduHeader(Direction.TOWARD_RECEIVER, TransmissionMode.ACKNOWLEDGED, 1, 7, 2, has_crc=True)


def telecommand(name, count=5, **arguments):
    command = DICTIONARY.command(name)
    data = command.arguments.encode(arguments)
    return Telecommand(0x42, count, command.service, command.subtype, source_id=9, data=data).encode()


def telemetry(service, subtype, data=b"", count=1):
    return Telemetry(0x42, count, service, subtype, 3, 0, TAI_NS, data).encode()


def event(name, **values):
    declared = DICTIONARY.events[name]
    return telemetry(5, declared.severity, declared.id.to_bytes(2, "big") + declared.fields.encode(values))


def housekeeping(number, **values):
    return telemetry(3, 25, bytes([number]) + DICTIONARY.structures[number].layout.encode(values))


JOBS = {
    "jobs_waiting": 2,
    "job_id": 7,
    "job_state": "RUNNING",
    "job_step": 120,
    "job_loss": 2.5,
    "job_tokens_per_s": float("nan"),
    "worker_restarts": 0,
    "faults_mended": 0,
}
BODIES = {
    "CFDP Metadata": Metadata(
        1000,
        "a.bin",
        "b.bin",
        2,
        closure_requested=True,
        options=(
            FilestoreRequest(FilestoreAction.RENAME_FILE, "b.bin", "c.bin"),
            MessageToUser(b"hello"),
            FaultHandlerOverride(ConditionCode.FILE_SIZE_ERROR, HandlerCode.IGNORE),
        ),
    ),
    "CFDP File Data": FileData(512, bytes(range(100))),
    "CFDP EOF": Eof(ConditionCode.CANCEL_REQUEST_RECEIVED, 0x1234ABCD, 1000, fault_location=2),
    "CFDP Finished": Finished(
        ConditionCode.NO_ERROR,
        DeliveryCode.COMPLETE,
        FileStatus.RETAINED,
        (FilestoreResponse(FilestoreAction.RENAME_FILE, 0, "b.bin", "c.bin", "done"),),
    ),
    "CFDP ACK": Ack(DirectiveCode.EOF, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE),
    "CFDP NAK": Nak(0, 1000, ((0, 0), (100, 300))),
    "CFDP Prompt": Prompt(PromptResponse.KEEP_ALIVE),
    "CFDP Keep Alive": KeepAlive(640),
}


def tm_frame(data, pointer=0, count=0, channel=0):
    data = data + idle_packet(max(7, SERIAL.tm_data_octets - len(data))) if pointer == 0 else data
    assert len(data) == SERIAL.tm_data_octets
    return TmFrame(0x2A, channel, count, count, pointer, data, CLCW.encode()).encode()


def tc_frame(*packets, kind=TcFrameKind.AD, number=4):
    return TcFrame(kind, 0x2A, 0, number, b"".join(packets)).encode()


def cfdp_packet(pdu):
    return SpacePacket(PacketType.TELEMETRY, 0x7FD, 1, pdu, has_secondary_header=False).encode()


def protect(suite, data, spi=5, counter=1234):
    layout = SecurityLayout(SecurityAssociation(spi=spi, link=Link.TC, virtual_channel=0, suite=suite))
    return layout.security_header(counter) + data + bytes(range(16))


SUBMIT = telecommand("job.submit", job_id=7, recipe="nanogpt", corpus="tinyshakespeare", seed=3)
METADATA = Pdu(HEADER, BODIES["CFDP Metadata"]).encode()
SAMPLES = {
    Form.TM_STREAM: TmEncoder(SERIAL.tm_coding).encode(tm_frame(housekeeping(2, **JOBS))),
    Form.TC_STREAM: cltu_encode(tc_frame(SUBMIT)),
    Form.TM_FRAME: tm_frame(event("booted", boot_count=3, dictionary_digest=bytes(8))),
    Form.TC_FRAME: tc_frame(SUBMIT, telecommand("test.connection")),
    Form.PACKET: housekeeping(2, **JOBS) + cfdp_packet(METADATA),
    Form.CFDP: b"".join(Pdu(HEADER, body).encode() for body in BODIES.values()),
}


def decode(data, form=None, profile=None, protection=Protection.AUTO):
    return list(Decoder(form, profile, protection).decode(data)[2])


def show(nodes):
    """Do all that the program does with trees."""
    summary, capture = Summary(), io.BytesIO()
    summary.add(nodes)
    PcapWriter(capture).write(nodes)
    text = "\n".join("".join(piece.text for piece in line) for node in nodes for line in lines(node, whole_hex=True))
    json.dumps([to_json(node) for node in nodes], allow_nan=False)
    return text, summary, capture.getvalue()


def problems(nodes):
    return [node.problem for top in nodes for node in top.walk() if node.problem]
