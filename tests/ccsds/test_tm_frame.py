"""TM frames: golden octets, round trips, and spacepackets as an independent implementation."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.tm_frame import TmTransferFrame

from ccsds.clcw import Clcw
from ccsds.crc import crc16
from ccsds.errors import MalformedError, MisuseError
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE, TmFrame, tm_overhead_octets


@st.composite
def frames(draw):
    data = draw(st.binary(min_size=1, max_size=60))
    return TmFrame(
        spacecraft_id=draw(st.integers(0, 1023)),
        virtual_channel=draw(st.integers(0, 7)),
        mc_count=draw(st.integers(0, 255)),
        vc_count=draw(st.integers(0, 255)),
        first_header_pointer=draw(st.integers(0, len(data) - 1) | st.sampled_from([NO_PACKET_START, ONLY_IDLE])),
        data=data,
        ocf=draw(st.none() | st.binary(min_size=4, max_size=4)),
    )


GOLDEN = TmFrame(0x2A, 1, 7, 9, 2, b"abc", Clcw(virtual_channel=0, report_value=5).encode())
GOLDEN_OCTETS = bytes.fromhex("02a307091802" + "616263" + "01000005")


def with_fecf(octets: bytes) -> bytes:
    return octets + crc16(octets).to_bytes(2, "big")


def test_a_known_frame_encodes_and_decodes():
    assert GOLDEN.encode() == with_fecf(GOLDEN_OCTETS)
    assert TmFrame.decode(with_fecf(GOLDEN_OCTETS)) == GOLDEN


def test_a_frame_without_ocf_is_four_octets_shorter():
    bare = msgspec.structs.replace(GOLDEN, ocf=None)
    assert bare.encode() == with_fecf(bytes.fromhex("02a207091802616263"))
    assert TmFrame.decode(bare.encode(), has_ocf=False) == bare
    assert tm_overhead_octets() - tm_overhead_octets(has_ocf=False) == 4


@given(frames())
def test_every_frame_survives_a_round_trip(frame):
    assert TmFrame.decode(frame.encode(), has_ocf=frame.ocf is not None) == frame


@given(frames())
def test_spacepackets_reads_what_we_write_and_writes_the_same(frame):
    octets = frame.encode()
    theirs = TmTransferFrame.unpack(octets, len(octets), has_error_control_field=True)
    header = theirs.primary_header
    assert header.master_channel_id.spacecraft_id == frame.spacecraft_id
    assert header.vc_id == frame.virtual_channel
    assert (header.master_ch_frame_count, header.vc_frame_count) == (frame.mc_count, frame.vc_count)
    assert header.frame_datafield_status.first_header_pointer == frame.first_header_pointer
    assert theirs.data_field == frame.data
    assert theirs.op_ctrl_field == frame.ocf
    assert theirs.pack() == octets


def test_a_wrong_fecf_is_refused_with_what_was_found():
    octets = with_fecf(GOLDEN_OCTETS)
    wrong = octets[:-1] + bytes([octets[-1] ^ 1])
    with pytest.raises(MalformedError, match=f"expected FECF {octets[-2:].hex()}, found {wrong[-2:].hex()}"):
        TmFrame.decode(wrong)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("42a30709180261626301000005", "version 0, found 1"),
        ("02a20709180261626301000005", "OCF flag 1, found 0"),
        ("02a30709980261626301000005", "data field status"),
        ("02a30709580261626301000005", "data field status"),
        ("02a30709000261626301000005", "data field status"),
        ("02a30709180361626301000005", "into 3 octets of data, found 3"),
        ("02a30709180001000005", "expected 13 to 2048 octets of TM frame, found 12"),
    ],
)
def test_a_frame_of_another_kind_is_refused_though_its_fecf_is_right(octets, reason):
    with pytest.raises(MalformedError, match=reason):
        TmFrame.decode(with_fecf(bytes.fromhex(octets)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacecraft_id": 1024},
        {"virtual_channel": 8},
        {"mc_count": 256},
        {"vc_count": -1},
        {"first_header_pointer": 3},
        {"first_header_pointer": -1},
        {"ocf": b"abc"},
        {"data": b""},
        {"data": bytes(2037)},
    ],
)
def test_a_frame_that_has_no_octets_cannot_be_made(wrong):
    with pytest.raises(MisuseError, match="TM frame: expected"):
        msgspec.structs.replace(GOLDEN, **wrong)
