"""The time report packet: one layout both ways, every truncation and every wrong field refused."""

import pytest

from ccsds.errors import MalformedError, MisuseError
from ccsds.pus.time_report import TimeReport

REPORT = TimeReport(rate_exponent=4, tai_ns=2_000_000_000_500_000_000, status=3, frame_count=0x90)
PACKET = bytes.fromhex("0000c007 000a 04 1f 77359400 800000 03 90".replace(" ", ""))


def test_the_layout_is_the_standards_with_the_frame_count_behind_it():
    assert REPORT.encode(7) == PACKET
    assert TimeReport.decode(PACKET) == REPORT


def test_every_truncation_is_malformed():
    for length in range(len(PACKET)):
        with pytest.raises(MalformedError):
            TimeReport.decode(PACKET[:length])


@pytest.mark.parametrize(
    ("position", "octet", "reason"),
    [
        (0, 0x08, "without a secondary header"),
        (0, 0x10, "telemetry of application 0"),
        (1, 0x42, "application 0"),
        (6, 9, "rate of 0 to 8, found 9"),
        (7, 0x1E, "P-field 0x1f, found 0x1e"),
        (15, 16, "status of 0 to 15, found 16"),
    ],
)
def test_a_wrong_field_is_malformed(position, octet, reason):
    packet = bytearray(PACKET)
    packet[position] = octet
    with pytest.raises(MalformedError, match=reason):
        TimeReport.decode(bytes(packet))


@pytest.mark.parametrize("field", ["rate_exponent", "status", "frame_count"])
def test_what_has_no_octets_is_refused(field):
    fields = {"rate_exponent": 0, "tai_ns": 0, "status": 0, "frame_count": 0, field: 256}
    with pytest.raises(MisuseError, match="found"):
        TimeReport(**fields).encode(0)
