"""Space packets: golden octets, round trips, and spacepackets as an independent implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.spacepacket import PacketType as TheirType
from spacepackets.ccsds.spacepacket import SequenceFlags as TheirFlags
from spacepackets.ccsds.spacepacket import SpHeader

from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import (
    IDLE_APID,
    PACKET_OCTETS_MAX,
    PacketType,
    SequenceFlags,
    SpacePacket,
    idle_packet,
    packet_length,
    split_packets,
)

packets = st.builds(
    SpacePacket,
    packet_type=st.sampled_from(PacketType),
    apid=st.integers(0, 0x7FF),
    sequence_count=st.integers(0, 0x3FFF),
    data=st.binary(min_size=1, max_size=80),
    sequence_flags=st.sampled_from(SequenceFlags),
    has_secondary_header=st.booleans(),
)

GOLDEN = SpacePacket(PacketType.TELECOMMAND, 0x42, 5, bytes.fromhex("2f110100009d76"))
GOLDEN_OCTETS = bytes.fromhex("1842c00500062f110100009d76")


def test_a_known_packet_encodes_and_decodes():
    assert GOLDEN.encode() == GOLDEN_OCTETS
    assert SpacePacket.decode(GOLDEN_OCTETS) == GOLDEN


@given(packets)
def test_every_packet_survives_a_round_trip(packet):
    assert SpacePacket.decode(packet.encode()) == packet


@given(packets)
def test_spacepackets_reads_what_we_write_and_writes_the_same(packet):
    octets = packet.encode()
    theirs = SpHeader.unpack(octets)
    assert int(theirs.packet_type) == packet.packet_type
    assert theirs.apid == packet.apid
    assert theirs.seq_count == packet.sequence_count
    assert int(theirs.seq_flags) == packet.sequence_flags
    assert bool(theirs.sec_header_flag) == packet.has_secondary_header
    assert theirs.packet_len == len(octets) == packet_length(octets)
    header = SpHeader(
        packet_type=TheirType(packet.packet_type),
        apid=packet.apid,
        seq_count=packet.sequence_count,
        data_len=len(packet.data) - 1,
        sec_header_flag=packet.has_secondary_header,
        seq_flags=TheirFlags(packet.sequence_flags),
    )
    assert bytes(header.pack()) == octets[:6]


def test_a_truncated_header_is_refused_with_what_was_found():
    with pytest.raises(MalformedError, match="expected 6 octets of primary header, found 1"):
        SpacePacket.decode(b"\x18")


def test_a_packet_longer_than_its_header_says_is_refused():
    with pytest.raises(MalformedError, match="expected a packet of 13 octets by its header, found 14"):
        SpacePacket.decode(GOLDEN_OCTETS + b"\x00")


def test_another_packet_version_is_refused():
    with pytest.raises(MalformedError, match="expected version 0, found 4"):
        SpacePacket.decode(bytes([GOLDEN_OCTETS[0] | 0x80]) + GOLDEN_OCTETS[1:])


@pytest.mark.parametrize(
    "wrong",
    [{"apid": 2048}, {"apid": -1}, {"sequence_count": 16_384}, {"data": b""}, {"data": bytes(65_537)}],
)
def test_what_has_no_octets_cannot_be_made(wrong):
    fields = {"packet_type": PacketType.TELEMETRY, "apid": 1, "sequence_count": 0, "data": b"x"}
    with pytest.raises(MisuseError, match="packet: expected"):
        SpacePacket(**(fields | wrong))


def test_the_longest_packet_survives_a_round_trip():
    packet = SpacePacket(PacketType.TELEMETRY, 1, 0, bytes(65_536))
    assert len(packet.encode()) == PACKET_OCTETS_MAX
    assert SpacePacket.decode(packet.encode()) == packet


@given(st.lists(packets, max_size=5))
def test_packets_laid_end_to_end_are_cut_apart_again(several):
    octets = [packet.encode() for packet in several]
    assert list(split_packets(b"".join(octets))) == octets


@given(packets, packets, st.data())
def test_a_cut_in_the_last_packet_is_refused(first, second, data):
    kept = data.draw(st.integers(1, len(second.encode()) - 1))
    with pytest.raises(MalformedError):
        list(split_packets(first.encode() + second.encode()[:kept]))


@pytest.mark.parametrize("length_octets", [7, 8, 300, PACKET_OCTETS_MAX])
def test_an_idle_packet_has_the_length_asked_for_and_the_idle_apid(length_octets):
    octets = idle_packet(length_octets)
    packet = SpacePacket.decode(octets)
    assert len(octets) == length_octets
    assert (packet.apid, packet.packet_type, packet.has_secondary_header) == (IDLE_APID, PacketType.TELEMETRY, False)


@pytest.mark.parametrize("length_octets", [0, 6, PACKET_OCTETS_MAX + 1])
def test_an_idle_packet_of_no_possible_length_is_refused(length_octets):
    with pytest.raises(MisuseError, match="idle packet: expected 7 to 65542 octets"):
        idle_packet(length_octets)
