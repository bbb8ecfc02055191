"""Down to the bits: fields of real frames and packets, against what their own code reads."""

import pytest

from ccsds.clcw import Clcw
from ccsds.pus.telemetry import Telemetry
from ccsds.tm_frame import TmFrame
from ground.console.packets import Frame
from ground.console.pages import packets as page
from ground.console.parts.octets import Bits, bits_of, dump, fields, value_of

CLCW = Clcw(virtual_channel=0, retransmit=True, farm_b_counter=2, report_value=0xA5)
FRAME = TmFrame(0x2A, 2, 17, 200, 3, bytes(range(20)), CLCW.encode())


def values(octets: bytes, layout) -> dict[str, int]:
    return {each.name: value_of(octets, each) for each in layout}


def test_the_header_of_a_frame_reads_as_its_own_code_reads_it():
    found = values(FRAME.encode(), page._TM_FRAME)
    assert found["spacecraft id"] == FRAME.spacecraft_id
    assert found["virtual channel"] == FRAME.virtual_channel
    assert found["master channel count"] == FRAME.mc_count
    assert found["virtual channel count"] == FRAME.vc_count
    assert found["first header pointer"] == FRAME.first_header_pointer
    assert (found["OCF flag"], found["segment length id"]) == (1, 3)


def test_the_header_of_a_packet_reads_as_its_own_code_reads_it():
    packet = Telemetry(0x42, 1_234, 128, 130, 77, 0x1234, 5_000_000_000, b"data")
    found = values(packet.encode(), page._TELEMETRY)
    assert (found["APID"], found["sequence count"]) == (packet.apid, packet.sequence_count)
    assert (found["service"], found["subtype"]) == (packet.service, packet.subtype)
    assert (found["message type counter"], found["destination id"]) == (77, 0x1234)
    assert (found["PUS version"], found["time, seconds of TAI"]) == (2, 5)


def test_a_frame_is_shown_with_its_clcw():
    shown = page._frame(Frame(1, 0, 2, 0, FRAME.encode()), "0.2")
    assert "CLCW: report value N(R)" in shown
    assert ">165<" in shown.replace(" ", "")


@pytest.mark.parametrize(
    ("first", "length", "bits"),
    [(0, 8, "10100101"), (4, 4, "····0101"), (6, 4, "······01 11······"), (15, 1, "·······0")],
)
def test_bits_of_others_are_dots(first, length, bits):
    assert bits_of(bytes([0xA5, 0xC2]), Bits("x", first, length)) == bits


def test_a_field_that_is_not_whole_is_not_shown():
    assert fields(b"\x01", [Bits("a", 0, 8), Bits("b", 8, 8)]) == [("0.0", "a", "00000001", "1")]


def test_what_came_from_outside_cannot_become_part_of_the_page():
    assert "<script" not in dump(b"<script>alert()")
