"""Every truncation and every single-bit flip of each wire type: refused with a reason, or understood as another."""

from collections.abc import Callable

import pytest

from ccsds.clcw import Clcw
from ccsds.errors import MalformedError
from ccsds.packet import PacketType, SpacePacket, split_packets
from ccsds.pus.telecommand import RequestId, Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.time import cds_decode, cds_encode, cuc_decode, cuc_encode
from ccsds.tm_frame import TmFrame

TAI_NS = 2_173_000_000_123_456_789
PACKET = SpacePacket(PacketType.TELEMETRY, 0x42, 77, bytes(range(20)))
TELECOMMAND = Telecommand(0x42, 5, 128, 1, 7, data=bytes(range(30)))
TELEMETRY = Telemetry(0x42, 5, 3, 25, 9, 7, TAI_NS, bytes(range(43)))
REPORT = VerificationReport(VerificationStage.PROGRESS_FAILED, TELECOMMAND.request_id, 3, 6, "the beam is öff")
TC_FRAME = TcFrame(TcFrameKind.AD, 0x2A, 0, 9, TELECOMMAND.encode())
TM_FRAME = TmFrame(0x2A, 0, 1, 2, 0, TELEMETRY.encode(), Clcw(virtual_channel=0).encode())

Decoder = Callable[[bytes], object]
PROTECTED: list[tuple[str, bytes, Decoder]] = [
    ("telecommand", TELECOMMAND.encode(), Telecommand.decode),
    ("telemetry", TELEMETRY.encode(), Telemetry.decode),
    ("tc frame", TC_FRAME.encode(), TcFrame.decode),
    ("tm frame", TM_FRAME.encode(), TmFrame.decode),
    ("tm frame without ocf", TmFrame(1, 0, 1, 2, 0, b"abc").encode(), lambda data: TmFrame.decode(data, has_ocf=False)),
]
UNPROTECTED: list[tuple[str, bytes, Decoder]] = [
    ("packet", PACKET.encode(), SpacePacket.decode),
    ("packets", PACKET.encode() + TELECOMMAND.encode(), lambda data: list(split_packets(data))),
    ("request id", TELECOMMAND.request_id.encode(), RequestId.decode),
    ("clcw", Clcw(virtual_channel=5, report_value=9).encode(), Clcw.decode),
    ("cuc time", cuc_encode(TAI_NS), cuc_decode),
    ("cds time", cds_encode(0), cds_decode),
    *(
        (f"report {stage}", REPORT.encode(), lambda data, stage=stage: VerificationReport.decode(stage, data))
        for stage in range(11)
    ),
]


SPARE_BITS = {"clcw": [8, 16, 17]}
"""Bits that mean nothing, counted from the last."""


def names(cases: list[tuple[str, bytes, Decoder]]) -> list[str]:
    return [name for name, _, _ in cases]


def flips(octets: bytes) -> list[bytes]:
    number = int.from_bytes(octets, "big")
    return [(number ^ 1 << bit).to_bytes(len(octets), "big") for bit in range(8 * len(octets))]


def refuses(decode: Decoder, octets: bytes) -> bool:
    """Tell whether octets are refused; any error but `MalformedError` is let through and fails the test."""
    try:
        decode(octets)
    except MalformedError as error:
        return str(error) != ""
    return False


@pytest.mark.parametrize(("name", "octets", "decode"), PROTECTED, ids=names(PROTECTED))
def test_with_a_crc_every_single_bit_flip_is_refused_with_a_reason(name, octets, decode):
    assert not refuses(decode, octets)
    assert [bit for bit, flipped in enumerate(flips(octets)) if not refuses(decode, flipped)] == []


@pytest.mark.parametrize(("name", "octets", "decode"), PROTECTED, ids=names(PROTECTED))
def test_with_a_crc_every_truncation_is_refused_with_a_reason(name, octets, decode):
    assert [length for length in range(len(octets)) if not refuses(decode, octets[:length])] == []


@pytest.mark.parametrize(("name", "octets", "decode"), UNPROTECTED, ids=names(UNPROTECTED))
def test_without_a_crc_every_flip_but_of_a_spare_bit_is_refused_or_understood_as_something_else(name, octets, decode):
    original = None if refuses(decode, octets) else decode(octets)
    unnoticed = [
        bit for bit, flipped in enumerate(flips(octets)) if not refuses(decode, flipped) and decode(flipped) == original
    ]
    assert unnoticed == SPARE_BITS.get(name, [])


@pytest.mark.parametrize(
    ("name", "octets", "decode"),
    [case for case in UNPROTECTED if case[0] in ("packet", "request id", "clcw", "cuc time", "cds time")],
)
def test_without_a_crc_every_truncation_of_a_fixed_length_is_refused(name, octets, decode):
    assert [length for length in range(len(octets)) if not refuses(decode, octets[:length])] == []


@pytest.mark.parametrize("length", range(len(REPORT.encode())))
def test_a_truncated_report_is_refused_or_has_a_shorter_text(length):
    try:
        report = VerificationReport.decode(REPORT.stage, REPORT.encode()[:length])
    except MalformedError:
        assert length < 8 or length == len(REPORT.encode()) - 3
    else:
        assert REPORT.failure_text.startswith(report.failure_text)
        assert (report.request_id, report.step, report.failure_code) == (REPORT.request_id, 3, 6)
