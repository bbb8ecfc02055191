"""PUS-C telecommands, telemetry and ST[01] reports: golden octets, round trips, and spacepackets both ways."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ecss.fields import PacketFieldEnum
from spacepackets.ecss.pus_1_verification import (
    FailureNotice,
    ManagedParamsVerification,
    Service1Tm,
    VerificationParams,
)
from spacepackets.ecss.req_id import RequestId as TheirRequestId
from spacepackets.ecss.tc import PusTc
from spacepackets.ecss.tm import ManagedParams, PusTm

from ccsds.crc import crc16
from ccsds.errors import MalformedError, MisuseError
from ccsds.pus.telecommand import ALL_ACKS, AckFlags, RequestId, Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.time import cuc_decode, cuc_encode

octet = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFF)
apids = st.integers(0, 0x7FF)
counts = st.integers(0, 0x3FFF)
# Times that the wire can hold exactly.
times = st.binary(min_size=6, max_size=6).map(cuc_decode)

telecommands = st.builds(
    Telecommand,
    apid=apids,
    sequence_count=counts,
    service=octet,
    subtype=octet,
    source_id=word,
    ack=st.integers(0, 15).map(AckFlags),
    data=st.binary(max_size=60),
)
telemetry = st.builds(
    Telemetry,
    apid=apids,
    sequence_count=counts,
    service=octet,
    subtype=octet,
    message_counter=word,
    destination_id=word,
    time_tai_ns=times,
    data=st.binary(max_size=60),
)
request_ids = st.builds(RequestId, apid=apids, sequence_count=counts)


@st.composite
def reports(draw):
    stage = draw(st.sampled_from(VerificationStage))
    return VerificationReport(
        stage=stage,
        request_id=draw(request_ids),
        step=draw(word) if stage.has_step else None,
        failure_code=draw(word) if stage.is_failure else None,
        failure_text=draw(st.text(max_size=50)) if stage.is_failure else "",
    )


GOLDEN_OCTETS = bytes.fromhex("1842c00500062f110100009d76")
GOLDEN = Telecommand(apid=0x42, sequence_count=5, service=17, subtype=1)


def with_crc(octets: bytes) -> bytes:
    return octets + crc16(octets).to_bytes(2, "big")


# Telecommands


def test_the_known_connection_test_encodes_and_decodes():
    assert GOLDEN.encode() == GOLDEN_OCTETS
    assert Telecommand.decode(GOLDEN_OCTETS) == GOLDEN


def test_the_acknowledgement_bits_go_from_acceptance_up_to_completion():
    flags = [AckFlags.ACCEPTANCE, AckFlags.START, AckFlags.PROGRESS, AckFlags.COMPLETION]
    octets = [msgspec.structs.replace(GOLDEN, ack=flag).encode()[6] for flag in flags]
    assert octets == [0x21, 0x22, 0x24, 0x28]
    assert ALL_ACKS == 0b1111


@given(telecommands)
def test_every_telecommand_survives_a_round_trip(telecommand):
    assert Telecommand.decode(telecommand.encode()) == telecommand


@given(telecommands)
def test_spacepackets_reads_our_telecommands_and_writes_the_same(telecommand):
    octets = telecommand.encode()
    theirs = PusTc.unpack(octets)
    assert theirs.apid == telecommand.apid
    assert theirs.seq_count == telecommand.sequence_count
    assert theirs.service == telecommand.service
    assert theirs.source_id == telecommand.source_id
    assert bytes(theirs.app_data) == telecommand.data
    written = PusTc(
        service=telecommand.service,
        message_subtype=telecommand.subtype,
        apid=telecommand.apid,
        app_data=telecommand.data,
        seq_count=telecommand.sequence_count,
        source_id=telecommand.source_id,
        ack_flags=int(telecommand.ack),
    )
    assert bytes(written.pack()) == octets
    assert Telecommand.decode(bytes(written.pack())) == telecommand


@given(request_ids)
def test_a_request_id_is_the_first_four_octets_of_the_packet(request_id):
    telecommand = Telecommand(request_id.apid, request_id.sequence_count, 17, 1)
    assert telecommand.request_id == request_id
    assert request_id.encode() == telecommand.encode()[:4]
    assert RequestId.decode(request_id.encode()) == request_id
    assert TheirRequestId.unpack(request_id.encode()).as_u32() == int.from_bytes(request_id.encode(), "big")


def test_a_wrong_crc_is_refused_by_its_name():
    with pytest.raises(MalformedError, match="expected CRC-16 9d76, found 9d77"):
        Telecommand.decode(GOLDEN_OCTETS[:-1] + b"\x77")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("0842c00500062f11010000", "0x1800"),
        ("1042c00500062f11010000", "0x1800"),
        ("9842c00500062f11010000", "0x1800"),
        ("1842400500062f11010000", "sequence flags 3"),
        ("1842c00500061f11010000", "PUS version 2, found 1"),
        ("1842c00500052f110100", "expected 13 octets or more, found 12"),
    ],
)
def test_a_telecommand_of_another_kind_is_refused_though_its_crc_is_right(octets, reason):
    with pytest.raises(MalformedError, match=reason):
        Telecommand.decode(with_crc(bytes.fromhex(octets)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"apid": 2048},
        {"sequence_count": -1},
        {"sequence_count": 16_384},
        {"service": 256},
        {"subtype": -1},
        {"source_id": 65_536},
        {"ack": 16},
        {"data": bytes(65_530)},
    ],
)
def test_a_telecommand_that_has_no_octets_cannot_be_made(wrong):
    with pytest.raises(MisuseError, match="telecommand: expected"):
        msgspec.structs.replace(GOLDEN, **wrong)


def test_the_longest_telecommand_survives_a_round_trip():
    longest = msgspec.structs.replace(GOLDEN, data=bytes(65_529))
    assert Telecommand.decode(longest.encode()) == longest


# Telemetry


def test_a_known_report_encodes_and_decodes():
    report = Telemetry(0x42, 3, 17, 2, 9, 1, cuc_decode(bytes.fromhex("812345678000")), b"ok")
    octets = with_crc(bytes.fromhex("0842c0030010" + "201102" + "00090001" + "812345678000" + "6f6b"))
    assert report.encode() == octets
    assert Telemetry.decode(octets) == report


@given(telemetry)
def test_every_report_survives_a_round_trip(report):
    assert Telemetry.decode(report.encode()) == report


@given(telemetry)
def test_spacepackets_reads_our_telemetry_and_writes_the_same(report):
    octets = report.encode()
    theirs = PusTm.unpack(octets, timestamp_len=6)
    assert theirs.apid == report.apid
    assert theirs.seq_count == report.sequence_count
    assert theirs.service == report.service
    assert bytes(theirs.timestamp) == cuc_encode(report.time_tai_ns)
    assert bytes(theirs.tm_data) == report.data
    written = PusTm(
        service=report.service,
        message_subtype=report.subtype,
        timestamp=cuc_encode(report.time_tai_ns),
        source_data=report.data,
        apid=report.apid,
        seq_count=report.sequence_count,
        message_counter=report.message_counter,
        destination_id=report.destination_id,
    )
    assert bytes(written.pack()) == octets
    assert Telemetry.decode(bytes(written.pack())) == report


def test_a_time_between_ticks_is_sent_rounded_down():
    report = Telemetry(1, 0, 3, 25, 0, 0, 2_000_000_000_123_456_789, b"")
    received = Telemetry.decode(report.encode())
    assert cuc_encode(report.time_tai_ns) == cuc_encode(received.time_tai_ns)
    assert 0 <= report.time_tai_ns - received.time_tai_ns < 15_259


@pytest.mark.parametrize(
    "wrong",
    [
        {"apid": 2048},
        {"apid": -1},
        {"sequence_count": 16_384},
        {"sequence_count": -1},
        {"service": 256},
        {"subtype": 256},
        {"message_counter": 65_536},
        {"destination_id": -1},
        {"time_tai_ns": -1},
        {"time_tai_ns": (1 << 32) * 1_000_000_000},
        {"data": bytes(65_522)},
    ],
)
def test_a_report_that_has_no_octets_cannot_be_encoded(wrong):
    report = Telemetry(1, 0, 3, 25, 0, 0, 0, b"")
    with pytest.raises(MisuseError, match="telemetry: expected fields within their bits"):
        msgspec.structs.replace(report, **wrong).encode()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("1842c003000e20110200090001812345678000", "type telemetry"),
        ("0042c003000e20110200090001812345678000", "secondary header"),
        ("08428003000e20110200090001812345678000", "no segments"),
        ("0842c003000e10110200090001812345678000", "PUS version 2, found 1"),
        ("0842c003000e30110200090001812345678000", "PUS version 2, found 3"),
    ],
)
def test_telemetry_of_another_kind_is_refused_though_its_crc_is_right(octets, reason):
    with pytest.raises(MalformedError, match=reason):
        Telemetry.decode(with_crc(bytes.fromhex(octets)))


# ST[01] reports


@given(reports())
def test_every_verification_report_survives_a_round_trip(report):
    assert VerificationReport.decode(report.stage, report.encode()) == report


@given(reports())
def test_spacepackets_writes_the_same_verification_reports(report):
    theirs = Service1Tm(
        apid=1,
        subservice=None,
        message_subtype=int(report.stage),
        timestamp=bytes(6),
        verif_params=VerificationParams(
            req_id=TheirRequestId.unpack(report.request_id.encode()),
            step_id=None if report.step is None else PacketFieldEnum(pfc=16, val=report.step),
            failure_notice=None
            if report.failure_code is None
            else FailureNotice(PacketFieldEnum(pfc=16, val=report.failure_code), report.failure_text.encode()),
        ),
    )
    packet = Telemetry.decode(bytes(theirs.pack()))
    assert (packet.service, packet.subtype) == (1, report.stage)
    assert packet.data == report.encode()
    read = Service1Tm.unpack(bytes(theirs.pack()), ManagedParams(timestamp_len=6), ManagedParamsVerification(2, 2))
    assert bytes(read.tc_req_id.pack()) == report.request_id.encode()


def test_the_stages_are_the_subtypes_of_the_standard():
    assert [stage.value for stage in VerificationStage] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [stage for stage in VerificationStage if stage.is_failure] == [
        VerificationStage.ACCEPTANCE_FAILED,
        VerificationStage.START_FAILED,
        VerificationStage.PROGRESS_FAILED,
        VerificationStage.COMPLETION_FAILED,
    ]


@pytest.mark.parametrize(
    ("stage", "octets", "reason"),
    [
        (0, "1842c005", "subtype 1 to 8, found 0"),
        (9, "1842c005", "subtype 1 to 8, found 9"),
        (1, "1842c00500", "ACCEPTED report: expected 4 to 4 octets, found 5"),
        (5, "1842c00500", "PROGRESSED report: expected 6 to 6 octets, found 5"),
        (2, "1842c00500", "expected 6 to 206 octets, found 5"),
        (2, "1842c0050001ff", "UTF-8"),
        (1, "0842c005", "0x1800"),
        (2, "1842c0050001" + "61" * 201, "expected 6 to 206 octets, found 207"),
    ],
)
def test_a_report_that_is_not_laid_out_as_its_subtype_is_refused(stage, octets, reason):
    with pytest.raises(MalformedError, match=reason):
        VerificationReport.decode(stage, bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("stage", "wrong", "reason"),
    [
        (VerificationStage.ACCEPTED, {"step": 1}, "expected no step, found 1"),
        (VerificationStage.ACCEPTED, {"failure_code": 1}, "expected no failure code, found 1"),
        (VerificationStage.ACCEPTED, {"failure_text": "no"}, "expected no failure text"),
        (VerificationStage.PROGRESSED, {}, "expected a step, found None"),
        (VerificationStage.START_FAILED, {}, "expected a failure code, found None"),
        (VerificationStage.START_FAILED, {"failure_code": 65_536}, "failure code 0 to 65535"),
        (VerificationStage.START_FAILED, {"failure_code": 1, "failure_text": "é" * 101}, "found 202"),
        (VerificationStage.START_FAILED, {"failure_code": 1, "failure_text": "\ud800"}, "Unicode"),
    ],
)
def test_a_report_that_contradicts_its_stage_cannot_be_made(stage, wrong, reason):
    with pytest.raises(MisuseError, match=reason):
        VerificationReport(stage=stage, request_id=RequestId(1, 1), **wrong)


@pytest.mark.parametrize(("apid", "count"), [(2048, 0), (0, 16_384), (-1, 0)])
def test_a_request_id_that_has_no_octets_cannot_be_made(apid, count):
    with pytest.raises(MisuseError, match="telecommand: expected"):
        RequestId(apid, count)
