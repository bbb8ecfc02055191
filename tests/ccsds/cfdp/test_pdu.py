"""PDUs: golden octets both ways, spacepackets as an oracle both ways, and every truncation and flipped bit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.cfdp import (
    ChecksumType as OracleChecksum,
)
from spacepackets.cfdp import (
    CrcFlag,
    EntityIdTlv,
    LargeFileFlag,
    PduConfig,
)
from spacepackets.cfdp import (
    TransmissionMode as OracleMode,
)
from spacepackets.cfdp.pdu import (
    AckPdu,
    EofPdu,
    FinishedPdu,
    KeepAlivePdu,
    MetadataPdu,
    NakPdu,
    PromptPdu,
)
from spacepackets.cfdp.pdu.ack import TransactionStatus as OracleStatus
from spacepackets.cfdp.pdu.file_data import FileDataParams, FileDataPdu
from spacepackets.cfdp.pdu.finished import FinishedParams
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.cfdp.pdu.metadata import MetadataParams
from spacepackets.cfdp.pdu.prompt import ResponseRequired
from spacepackets.util import ByteFieldU16, ByteFieldU32

from ccsds.cfdp.codes import (
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
from ccsds.cfdp.directives import Ack, Eof, FileData, Finished, KeepAlive, Metadata, Nak, Prompt
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.tlv import (
    FaultHandlerOverride,
    FilestoreAction,
    FilestoreRequest,
    FilestoreResponse,
    FlowLabel,
    MessageToUser,
)
from ccsds.errors import MalformedError, MisuseError

DOWN = Direction.TOWARD_RECEIVER
UP = Direction.TOWARD_SENDER


def header(direction=DOWN, **fields):
    return PduHeader(direction, TransmissionMode.ACKNOWLEDGED, 1, 7, 2, **fields)


OPTIONS = (
    FilestoreRequest(FilestoreAction.RENAME_FILE, "a", "b"),
    FilestoreRequest(FilestoreAction.CREATE_DIRECTORY, "d"),
    MessageToUser(b"hello"),
    FaultHandlerOverride(ConditionCode.FILE_SIZE_ERROR, HandlerCode.IGNORE),
    FlowLabel(b"\x01"),
)
RESPONSES = (
    FilestoreResponse(FilestoreAction.RENAME_FILE, 1, "a", "b", "no such file"),
    FilestoreResponse(FilestoreAction.CREATE_FILE, 0, "c"),
)
BODIES = {
    "file data": (DOWN, FileData(5, b"payload")),
    "metadata": (DOWN, Metadata(1000, "src.bin", "dst.bin", 2, True, OPTIONS)),
    "eof": (DOWN, Eof(ConditionCode.NO_ERROR, 0xE3069283, 1000)),
    "eof cancel": (DOWN, Eof(ConditionCode.CANCEL_REQUEST_RECEIVED, 1, 2, 258)),
    "finished": (
        UP,
        Finished(ConditionCode.FILESTORE_REJECTION, DeliveryCode.COMPLETE, FileStatus.RETAINED, RESPONSES, 2),
    ),
    "ack of eof": (UP, Ack(DirectiveCode.EOF, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE)),
    "ack of finished": (DOWN, Ack(DirectiveCode.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.TERMINATED)),
    "nak": (UP, Nak(0, 1000, ((0, 0), (100, 200), (300, 900)))),
    "prompt": (DOWN, Prompt(PromptResponse.KEEP_ALIVE)),
    "keep alive": (UP, KeepAlive(513)),
}

GOLDEN = {
    "200016110001000700020743000003e8077372632e62696e076473742e62696e": Pdu(
        header(sequence_octets=2), Metadata(1000, "src.bin", "dst.bin", 3, True)
    ),
    "280019110001000700020800000000000003e8000000000000000000000064000000c8": Pdu(
        header(UP, sequence_octets=2), Nak(0, 1000, ((0, 0), (100, 200)))
    ),
}


@pytest.mark.parametrize(("octets", "pdu"), GOLDEN.items())
def test_golden_octets_both_ways(octets, pdu):
    assert pdu.encode().hex() == octets
    assert Pdu.decode(bytes.fromhex(octets)) == pdu


@pytest.mark.parametrize("has_crc", [False, True])
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", BODIES)
def test_every_pdu_comes_back_as_it_was(kind, is_large, has_crc):
    direction, body = BODIES[kind]
    pdu = Pdu(header(direction, is_large=is_large, has_crc=has_crc), body)
    assert Pdu.decode(pdu.encode()) == pdu


def test_segment_metadata_comes_back_as_it_was():
    body = FileData(5, b"payload", b"about it", RecordContinuation.START)
    pdu = Pdu(header(has_segment_metadata=True), body)
    assert Pdu.decode(pdu.encode()) == pdu
    with pytest.raises(MisuseError, match="segment metadata flag"):
        Pdu(header(), body)


@pytest.mark.parametrize("kind", BODIES)
def test_every_truncation_is_malformed(kind):
    direction, body = BODIES[kind]
    octets = Pdu(header(direction), body).encode()
    for length in range(len(octets)):
        with pytest.raises(MalformedError):
            Pdu.decode(octets[:length])


@pytest.mark.parametrize("kind", BODIES)
def test_every_flipped_bit_is_malformed_with_a_crc_and_never_anything_else_without(kind):
    direction, body = BODIES[kind]
    for has_crc in (True, False):
        octets = Pdu(header(direction, has_crc=has_crc), body).encode()
        for bit in range(8 * len(octets)):
            damaged = bytearray(octets)
            damaged[bit // 8] ^= 0x80 >> bit % 8
            try:
                pdu = Pdu.decode(bytes(damaged))
            except MalformedError:
                continue
            # Without the flag in the first octet there is no CRC to be wrong.
            assert not has_crc or bit == 6
            pdu.encode()


@given(st.binary(max_size=80))
def test_noise_is_malformed_or_a_pdu(octets):
    try:
        Pdu.decode(octets).encode()
    except MalformedError:
        pass


ORACLE_DOWN = {
    "eof": lambda c: EofPdu(c, file_checksum=bytes.fromhex("e3069283"), file_size=1000),
    "metadata": lambda c: MetadataPdu(
        c,
        MetadataParams(
            closure_requested=True,
            checksum_type=OracleChecksum.CRC_32,
            file_size=1000,
            source_file_name="src.bin",
            dest_file_name="dst.bin",
        ),
    ),
    "file data": lambda c: FileDataPdu(c, FileDataParams(file_data=b"payload", offset=5, segment_metadata=None)),
    "prompt": lambda c: PromptPdu(c, ResponseRequired.KEEP_ALIVE),
}
ORACLE_UP = {
    "nak": lambda c: NakPdu(c, 0, 1000, [(0, 0), (100, 200), (300, 900)]),
    "keep alive": lambda c: KeepAlivePdu(c, 513),
    "finished": lambda c: FinishedPdu(c, FinishedParams.success_params()),
    "finished, fault": lambda c: FinishedPdu(
        c,
        FinishedParams(
            condition_code=ConditionCode.FILE_CHECKSUM_FAILURE,
            delivery_code=DeliveryCode.INCOMPLETE,
            file_status=FileStatus.DISCARDED,
            fault_location=EntityIdTlv(b"\x02"),
        ),
    ),
    "ack of eof": lambda c: AckPdu(c, DirectiveCode.EOF, ConditionCode.NO_ERROR, OracleStatus.ACTIVE),
}
OURS = {
    "eof": Eof(ConditionCode.NO_ERROR, 0xE3069283, 1000),
    "metadata": Metadata(1000, "src.bin", "dst.bin", 3, True),
    "file data": FileData(5, b"payload"),
    "prompt": Prompt(PromptResponse.KEEP_ALIVE),
    "nak": Nak(0, 1000, ((0, 0), (100, 200), (300, 900))),
    "keep alive": KeepAlive(513),
    "finished": Finished(ConditionCode.NO_ERROR, DeliveryCode.COMPLETE, FileStatus.RETAINED),
    "finished, fault": Finished(
        ConditionCode.FILE_CHECKSUM_FAILURE, DeliveryCode.INCOMPLETE, FileStatus.DISCARDED, (), 2
    ),
    "ack of eof": Ack(DirectiveCode.EOF, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE),
}


@pytest.mark.parametrize("has_crc", [False, True])
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("kind", OURS)
def test_spacepackets_writes_and_reads_the_same_octets(kind, is_large, has_crc):
    config = PduConfig(
        ByteFieldU16(1),
        ByteFieldU16(2),
        ByteFieldU32(7),
        OracleMode.ACKNOWLEDGED,
        LargeFileFlag.LARGE if is_large else LargeFileFlag.NORMAL,
        CrcFlag.WITH_CRC if has_crc else CrcFlag.NO_CRC,
    )
    make = ORACLE_DOWN.get(kind) or ORACLE_UP[kind]
    theirs = bytes(make(config).pack())
    ours = Pdu(header(DOWN if kind in ORACLE_DOWN else UP, is_large=is_large, has_crc=has_crc), OURS[kind])
    assert ours.encode() == theirs
    assert Pdu.decode(theirs) == ours
    assert bytes(PduFactory.from_raw(ours.encode()).pack()) == theirs
