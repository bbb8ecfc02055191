"""The statistics of the uplink on board: what becomes of each frame is counted once, on its virtual channel."""

from dataclasses import replace

import pytest

from ccsds.cltu import cltu_encode
from ccsds.packet import PacketType, SpacePacket
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind
from ccsds.tc_segment import cut_packet
from flight.link.link_counts import LinkCounts
from flight.link.uplink import UplinkReceiver
from mission.channels import SPACECRAFT_ID, Apid, Uplink
from mission.link import UplinkCount
from mission.profiles import find_profile
from mission.words.link import UPLINK_COUNTS

PROFILE = find_profile("serial")
AD, BD, BC = TcFrameKind.AD, TcFrameKind.BD, TcFrameKind.BC
PACKET = SpacePacket(PacketType.TELECOMMAND, 0x42, 1, bytes(20), has_secondary_header=True).encode()


@pytest.fixture
def uplink():
    return UplinkReceiver(PROFILE)


def send(uplink, kind, sequence=0, data=PACKET, channel=Uplink.COMMANDS):
    uplink.receive(cltu_encode(TcFrame(kind, SPACECRAFT_ID, channel, sequence, data).encode()), 0)


def counts_of(uplink, channel=Uplink.COMMANDS):
    sources = uplink.counts.sources()
    values = {count: sources[UPLINK_COUNTS[channel, count].name](0) for count in UplinkCount}
    return {count.name: value for count, value in values.items() if value}


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([(AD, 0), (AD, 1)], {"ACCEPTED": 2, "PACKETS": 2}),
        ([(AD, 0), (AD, 0)], {"ACCEPTED": 1, "PACKETS": 1, "DUPLICATE": 1}),
        ([(AD, 3)], {"OUT_OF_ORDER": 1}),
        ([(AD, 100), (AD, 0), (BC, 0, UNLOCK)], {"LOCKED_OUT": 2, "CONTROL": 1}),
        ([(BD, 0, PACKET + PACKET)], {"ACCEPTED": 1, "PACKETS": 2}),
        ([(BD, 0, PACKET + b"\xff")], {"ACCEPTED": 1, "PACKETS": 1, "DROPPED": 1}),
        ([(BC, 0, b"?")], {"INVALID": 1}),
    ],
)
def test_each_frame_is_counted_for_what_became_of_it(uplink, frames, expected):
    for frame in frames:
        send(uplink, *frame)
    assert counts_of(uplink) == expected
    assert counts_of(uplink, Uplink.FILES) == {}


def test_the_channels_are_counted_apart(uplink):
    pdu = SpacePacket(PacketType.TELECOMMAND, Apid.CFDP, 1, bytes(20), has_secondary_header=False).encode()
    send(uplink, BD, data=pdu + PACKET, channel=Uplink.FILES)
    expected = {"ACCEPTED": 1, "PACKETS": 1, "DROPPED": 1}  # A telecommand has no business there.
    assert (counts_of(uplink), counts_of(uplink, Uplink.FILES)) == ({}, expected)


def test_octets_of_no_channel_are_counted_too(uplink):
    uplink.receive(cltu_encode(b"\0" * 20), 0)
    uplink.receive(cltu_encode(TcFrame(BD, SPACECRAFT_ID ^ 1, 0, 0, PACKET).encode()), 0)
    uplink.receive(bytes.fromhex("eb90") + bytes(range(100, 140)), 0)
    sources = uplink.counts.sources()
    assert sources["tc_frames_malformed"](0) == 2
    assert sources["cltus_rejected"](0) == 1


def test_a_packet_in_segments_counts_once_and_a_part_that_comes_to_nothing_as_dropped():
    uplink = UplinkReceiver(replace(PROFILE, tc_map=5))
    segments = [each.encode() for each in cut_packet(PACKET, 5, 10)]
    for sequence, data in enumerate(segments):
        send(uplink, AD, sequence, data)
    assert counts_of(uplink) == {"ACCEPTED": 3, "PACKETS": 1}
    for data in (segments[2], cut_packet(PACKET, 6, 99)[0].encode(), b"\xc5"):  # No beginning, another MAP, no data.
        send(uplink, BD, 0, data)
    assert counts_of(uplink) == {"ACCEPTED": 6, "PACKETS": 1, "DROPPED": 3}


@pytest.mark.parametrize(
    ("counters", "missing"),
    [
        ([50, 51, 54, 52, 53, 55], 0),
        ([50, 54], 3),
        ([50, 54, 52], 2),
        ([50, 50 + 256 + 1], 256),
        # Nobody has lost a thousand frames between two that came: the ground began anew.
        ([50, 50 + 256 + 2], 1),
    ],
)
def test_frames_are_missing_by_their_counters_until_they_come_late(counters, missing):
    counts = LinkCounts()
    for at, counter in enumerate(counters):
        counts.authentic(Uplink.COMMANDS, 1, counter)
        counts.authentic(Uplink.FILES, 2, at)
    assert counts.sources()["uplink_commands_missing"](0) == missing
    assert counts.sources()["uplink_files_missing"](0) == 0
