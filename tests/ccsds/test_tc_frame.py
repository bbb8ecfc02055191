"""TC frames: golden octets, round trips, fill behind the frame, and frames that FARM-1 must not see."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.crc import crc16
from ccsds.errors import MalformedError, MisuseError
from ccsds.tc_frame import DATA_OCTETS_MAX, UNLOCK, TcFrame, TcFrameKind, read_set_vr, set_vr

frames = st.builds(
    TcFrame,
    kind=st.sampled_from(TcFrameKind),
    spacecraft_id=st.integers(0, 1023),
    virtual_channel=st.integers(0, 63),
    sequence=st.integers(0, 255),
    data=st.binary(min_size=1, max_size=60),
)

# The protected frame of the SDLS vector; to this layer what it protects is all data.
GOLDEN_DATA = (
    "00" + "0004" + "000000000000000000000000" + "64db31bbc4656f072a8e4a70dedaea" + "b93168c4cb6faddba47dd4945a88f653"
)
GOLDEN_OCTETS = bytes.fromhex("2003003400" + GOLDEN_DATA + "cac5")
GOLDEN = TcFrame(TcFrameKind.BD, 3, 0, 0, bytes.fromhex(GOLDEN_DATA))


def with_fecf(octets: str) -> bytes:
    data = bytes.fromhex(octets)
    return data + crc16(data).to_bytes(2, "big")


def test_a_known_frame_encodes_and_decodes():
    assert GOLDEN.encode() == GOLDEN_OCTETS
    assert TcFrame.decode(GOLDEN_OCTETS) == GOLDEN


@pytest.mark.parametrize(("kind", "first"), [(TcFrameKind.AD, 0x00), (TcFrameKind.BD, 0x20), (TcFrameKind.BC, 0x30)])
def test_the_kind_is_in_the_bypass_and_control_flags(kind, first):
    assert TcFrame(kind, 0x2A, 0, 0, b"x").encode()[:2] == bytes([first, 0x2A])


@given(frames)
def test_every_frame_survives_a_round_trip(frame):
    assert TcFrame.decode(frame.encode()) == frame


@given(frames, st.binary(max_size=10))
def test_whatever_follows_a_frame_is_left_out_by_its_own_length(frame, fill):
    assert TcFrame.decode(frame.encode() + fill) == frame


def test_the_longest_frame_survives_a_round_trip():
    frame = msgspec.structs.replace(GOLDEN, data=bytes(DATA_OCTETS_MAX))
    assert len(frame.encode()) == 1024
    assert TcFrame.decode(frame.encode()) == frame


def test_a_wrong_fecf_is_refused_with_what_was_found():
    with pytest.raises(MalformedError, match="expected FECF cac5, found cac4"):
        TcFrame.decode(GOLDEN_OCTETS[:-1] + b"\xc4")


def test_a_frame_that_is_longer_than_what_came_is_refused():
    with pytest.raises(MalformedError, match="the 52 octets there are, found 53"):
        TcFrame.decode(GOLDEN_OCTETS[:-1])


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("6003000700aa", "version 0, found 1"),
        ("2803000700aa", "spare bits 0, found 2"),
        ("1003000700aa", "found a control command in sequence"),
        ("2003000600", "expected 8 octets or more of TC frame, found 7"),
        ("2003000600aa", "expected a length of 8"),
    ],
)
def test_a_frame_of_another_kind_is_refused_though_its_fecf_is_right(octets, reason):
    with pytest.raises(MalformedError, match=reason):
        TcFrame.decode(with_fecf(octets))


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacecraft_id": 1024},
        {"virtual_channel": 64},
        {"sequence": 256},
        {"sequence": -1},
        {"data": b""},
        {"data": bytes(DATA_OCTETS_MAX + 1)},
    ],
)
def test_a_frame_that_has_no_octets_cannot_be_made(wrong):
    with pytest.raises(MisuseError, match="TC frame: expected"):
        msgspec.structs.replace(GOLDEN, **wrong)


def test_the_control_commands_are_those_of_the_standard():
    assert UNLOCK == b"\x00"
    assert set_vr(7) == bytes.fromhex("820007")
    assert read_set_vr(set_vr(255)) == 255
    assert [read_set_vr(command) for command in (UNLOCK, b"\x82\x00", b"\x82\x01\x07", b"\x82\x00\x07\x00")] == [
        None
    ] * 4


@pytest.mark.parametrize("vr", [-1, 256])
def test_a_vr_that_has_no_octet_is_refused(vr):
    with pytest.raises(MisuseError, match=r"Set V\(R\)"):
        set_vr(vr)
