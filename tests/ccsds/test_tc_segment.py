"""TC segments (CCSDS 232.0-B-4 4.1.3.2.2): what is cut comes together again, and nothing with a hole ever does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import PACKET_OCTETS_MAX, PacketType, SequenceFlags, SpacePacket, split_packets
from ccsds.tc_frame import DATA_OCTETS_MAX
from ccsds.tc_segment import SegmentAssembler, TcSegment, cut_packet

MAP = 5


def packet(octets: int, fill: int = 0) -> bytes:
    """A packet of so many octets."""
    return SpacePacket(
        PacketType.TELECOMMAND, 0x42, 1, bytes([fill]) * (octets - 6), has_secondary_header=True
    ).encode()


def gather(segments, assembler=None, first=0):
    """Give what comes of segments that are numbered one by one, and why octets were dropped."""
    assembler = assembler or SegmentAssembler()
    found = [assembler.receive(each, number, number + 1) for number, each in enumerate(segments, first)]
    return [each.data for each in found if each.data is not None], [text for each in found for text in each.rejects]


@pytest.mark.parametrize(
    ("flags", "octets"),
    [
        (SequenceFlags.CONTINUATION, "05aa"),
        (SequenceFlags.FIRST, "45aa"),
        (SequenceFlags.LAST, "85aa"),
        (SequenceFlags.UNSEGMENTED, "c5aa"),
    ],
)
def test_the_octets_of_a_header(flags, octets):
    segment = TcSegment(flags, MAP, b"\xaa")
    assert segment.encode().hex() == octets
    assert TcSegment.decode(bytes.fromhex(octets)) == segment


@given(st.sampled_from(SequenceFlags), st.integers(0, 63), st.binary(min_size=1, max_size=DATA_OCTETS_MAX - 1))
def test_what_is_encoded_is_decoded(flags, map_id, data):
    segment = TcSegment(flags, map_id, data)
    assert TcSegment.decode(segment.encode()) == segment


@pytest.mark.parametrize("octets", [0, 1, DATA_OCTETS_MAX + 1])
def test_octets_that_are_no_segment_are_malformed(octets):
    with pytest.raises(MalformedError, match=f"octets of TC segment, found {octets}"):
        TcSegment.decode(bytes(octets))


@pytest.mark.parametrize(("map_id", "octets"), [(-1, 1), (64, 1), (0, 0), (0, DATA_OCTETS_MAX)])
def test_what_has_no_octets_is_refused(map_id, octets):
    with pytest.raises(MisuseError, match="TC segment: expected"):
        TcSegment(SequenceFlags.FIRST, map_id, bytes(octets))


@given(st.integers(7, 3_000), st.integers(1, DATA_OCTETS_MAX - 1))
def test_what_is_cut_comes_together_again(octets, data_octets_max):
    segments = cut_packet(packet(octets), MAP, data_octets_max)
    assert len(segments) == -(-octets // data_octets_max)
    assert gather(segments) == ([packet(octets)], [])


def test_a_packet_that_fits_is_not_cut():
    assert [each.flags for each in cut_packet(packet(50), MAP, 50)] == [SequenceFlags.UNSEGMENTED]
    with pytest.raises(MisuseError, match="expected room for 1 octet"):
        cut_packet(packet(50), MAP, 0)


@pytest.mark.parametrize("lost", range(5))
def test_a_lost_segment_costs_its_packet_with_a_reason_and_no_other(lost):
    assembler = SegmentAssembler()
    segments = cut_packet(packet(50), MAP, 10)
    kept = [(number, each) for number, each in enumerate(segments) if number != lost]
    found = [assembler.receive(each, number, number + 1) for number, each in kept]
    found.append(assembler.receive(cut_packet(packet(9), MAP, 10)[0], 5, 6))
    assert [each.data for each in found if each.data is not None] == [packet(9)]
    assert any(each.rejects for each in found)


@pytest.mark.parametrize("again", range(5))
def test_a_repeated_segment_costs_its_packet_with_a_reason(again):
    assembler = SegmentAssembler()
    segments = cut_packet(packet(50), MAP, 10)
    numbers = sorted([*range(5), again])
    found = [assembler.receive(segments[number], number, number + 1) for number in numbers]
    whole = [each.data for each in found if each.data is not None]
    # Only the first of all can come twice unharmed, since it begins the packet anew; and what follows the last is late.
    assert whole == ([packet(50)] if again in (0, 4) else [])
    assert any(each.rejects for each in found)


def test_segments_of_two_packets_are_never_joined():
    one, other = (cut_packet(packet(30, fill), MAP, 10) for fill in (1, 2))
    # The end of one and the beginning of the other are lost: what is left has the right length.
    assembler = SegmentAssembler()
    assert assembler.receive(one[0], 0, 1).data is None
    assert assembler.receive(one[1], 1, 2).data is None
    last = assembler.receive(other[2], 5, 6)
    assert last.data is None
    assert last.rejects == ("dropped 30 octets of a packet: expected frame 2 to go on, found 5",)


def test_without_numbers_the_length_by_its_header_tells_a_hole():
    assembler = SegmentAssembler()
    segments = cut_packet(packet(50), MAP, 10)
    del segments[2]
    found = [assembler.receive(each) for each in segments]
    assert [each.data for each in found] == [None] * 4
    assert found[-1].rejects == ("dropped 40 octets of a packet: expected 50 octets by its header, found 40",)


def test_a_packet_that_goes_on_beyond_its_length_is_dropped():
    assembler = SegmentAssembler()
    first, *_ = cut_packet(packet(20), MAP, 10)
    endless = TcSegment(SequenceFlags.CONTINUATION, MAP, bytes(10))
    assert assembler.receive(first).rejects == ()
    assert assembler.receive(endless).rejects == (
        "dropped 20 octets of a packet: expected 20 octets by its header, found 20",
    )


def test_no_more_is_kept_than_the_longest_packet():
    assembler = SegmentAssembler()
    huge = packet(PACKET_OCTETS_MAX)
    segments = cut_packet(huge, MAP, DATA_OCTETS_MAX - 1)
    assert [each.data for each in map(assembler.receive, segments) if each.data is not None] == [huge]
    assembler.receive(TcSegment(SequenceFlags.FIRST, MAP, b"\x18"))
    for _ in range(200):
        assembler.receive(TcSegment(SequenceFlags.CONTINUATION, MAP, bytes(DATA_OCTETS_MAX - 1)))
        assert len(assembler._partial) < PACKET_OCTETS_MAX


@given(
    st.lists(
        st.tuples(st.sampled_from(SequenceFlags), st.binary(min_size=1, max_size=30), st.integers(0, 3)), max_size=40
    )
)
def test_no_segments_raise_and_what_comes_out_of_several_is_one_whole_packet(segments):
    assembler = SegmentAssembler()
    for flags, data, number in segments:
        found = assembler.receive(TcSegment(flags, 0, data), number, (number + 1) % 4)
        if found.data is not None and flags is SequenceFlags.LAST:
            (whole,) = split_packets(b"\0" + found.data[1:])
            assert len(whole) == len(found.data)
