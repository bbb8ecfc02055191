"""Packets into TM frames and back: any lengths, any losses, any lies in a frame's header."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MAX, PacketType, SpacePacket, idle_packet, split_packets
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE
from ccsds.tm_packets import EVENTS_MAX, PENDING_OCTETS_MAX, FrameGap, OctetsDropped, PacketAssembler, TmFramer

RANDOM_INPUTS = 20_000


def packet(number: int, length_octets: int) -> bytes:
    data = bytes((number + place) % 256 for place in range(length_octets - 6))
    return SpacePacket(PacketType.TELEMETRY, number % 2000, number % 16_384, data).encode()


def frames_of(
    packets: list[bytes], data_octets: int, flush_after: frozenset[int] = frozenset()
) -> list[tuple[int, bytes]]:
    """Give all frames of some packets, with a flush after some of them and after the last."""
    framer = TmFramer(data_octets)
    frames = []
    for number, octets in enumerate(packets):
        framer.put(octets)
        is_flush = number in flush_after or number == len(packets) - 1
        while (frame := framer.take(flush=is_flush)) is not None:
            frames.append(frame)
    return frames


def assemble(assembler: PacketAssembler, frames: list[tuple[int, bytes]], first_count: int = 0) -> list[bytes]:
    packets = []
    for number, (pointer, data) in enumerate(frames):
        packets += assembler.receive(data, pointer, (first_count + number) % 256)
    return packets


lengths = st.lists(st.integers(7, 90), min_size=1, max_size=12)


@given(lengths, st.integers(1, 50), st.frozensets(st.integers(0, 11)), st.integers(0, 255))
def test_packets_come_out_as_they_went_in_whatever_the_frame_length_and_the_flushes(sizes, octets, flushes, count):
    packets = [packet(number, size) for number, size in enumerate(sizes)]
    frames = frames_of(packets, octets, flushes)
    assembler = PacketAssembler()
    assert assemble(assembler, frames, count) == packets
    assert assembler.take_events() == []
    assert {len(data) for _, data in frames} == {octets}
    assert assembler.packets_count == len(packets)


@given(lengths, st.integers(1, 50), st.data())
def test_a_lost_frame_costs_only_the_packets_that_had_octets_in_it(sizes, octets, data):
    packets = [packet(number, size) for number, size in enumerate(sizes)]
    frames = frames_of(packets, octets)
    lost = data.draw(st.integers(0, len(frames) - 1))
    assembler = PacketAssembler()
    received = []
    for number, (pointer, field) in enumerate(frames):
        if number != lost:
            received += assembler.receive(field, pointer, number % 256)
    begins = 0
    untouched = []
    for octets_of in packets:
        ends = begins + len(octets_of)
        if ends <= lost * octets or begins >= (lost + 1) * octets:
            untouched.append(octets_of)
        begins = ends
    assert received == untouched
    if 0 < lost < len(frames) - 1:
        assert FrameGap(lost % 256, (lost + 1) % 256) in assembler.take_events()
        assert assembler.missed_frames_count == 1


def test_the_pointer_tells_where_the_first_packet_starts():
    frames = frames_of([packet(1, 10), packet(2, 25), packet(3, 7)], 12)
    assert [pointer for pointer, _ in frames] == [0, NO_PACKET_START, 11, 6]
    assert b"".join(data for _, data in frames)[:42] == packet(1, 10) + packet(2, 25) + packet(3, 7)


def test_fill_that_does_not_fit_goes_out_before_the_next_packet():
    framer = TmFramer(20)
    framer.put(packet(1, 16))
    pointer, first = framer.take(flush=True) or (None, b"")
    assert (pointer, first[:16]) == (0, packet(1, 16))
    assert framer.take(flush=True) is None
    framer.put(packet(2, 17))
    pointer, second = framer.take() or (None, b"")
    assert pointer == 3
    assert second[3:] == packet(2, 17)
    assert [len(octets) for octets in split_packets(first + second)] == [16, 7, 17]


def test_a_framer_tells_what_the_next_frame_has_room_for_and_whether_a_packet_waits():
    framer = TmFramer(50)
    assert (framer.room_octets, framer.has_packets) == (50, False)
    framer.put(idle_packet(46))
    assert (framer.room_octets, framer.has_packets) == (4, True)
    # Fill that did not fit goes out with the next frame, and is no packet.
    framer.take(flush=True)
    assert (framer.room_octets, framer.has_packets) == (47, False)
    framer.put(idle_packet(60))
    assert framer.room_octets == 0


def test_a_frame_is_not_given_before_it_is_full_unless_it_is_flushed():
    framer = TmFramer(20)
    assert framer.take(flush=True) is None
    framer.put(packet(1, 12))
    assert not framer.is_full
    assert framer.take() is None
    framer.put(packet(2, 8))
    assert framer.is_full
    assert framer.take() == (0, packet(1, 12) + packet(2, 8))
    assert framer.take(flush=True) is None


@pytest.mark.parametrize("octets", [b"", packet(1, 10)[:-1], packet(1, 10) + b"\x00"])
def test_what_is_no_whole_packet_is_not_taken(octets):
    with pytest.raises(MisuseError, match="TM framer: expected one whole packet"):
        TmFramer(20).put(octets)


def test_the_framer_does_not_hold_more_than_its_bound():
    framer = TmFramer(20)
    for _ in range(PENDING_OCTETS_MAX // PACKET_OCTETS_MAX):
        framer.put(packet(1, PACKET_OCTETS_MAX))
    with pytest.raises(MisuseError, match="take frames first"):
        framer.put(packet(1, 7))


@pytest.mark.parametrize("data_octets", [0, 2049])
def test_a_data_field_of_no_possible_length_is_refused(data_octets):
    with pytest.raises(MisuseError, match="TM framer: expected a data field of 1 to 2048"):
        TmFramer(data_octets)


def test_a_receiver_that_starts_in_the_middle_takes_up_the_first_packet_that_starts():
    frames = frames_of([packet(1, 30), packet(2, 30), packet(3, 12)], 20)
    assembler = PacketAssembler()
    assert assemble(assembler, frames[1:], 1) == [packet(2, 30), packet(3, 12)]
    assert assembler.take_events() == [OctetsDropped(10, "expected the beginning of a packet, found its end")]


def test_idle_frames_do_not_break_a_packet_that_spans_them():
    (first_pointer, first), (second_pointer, second) = frames_of([packet(1, 40)], 20)
    assembler = PacketAssembler()
    received = assembler.receive(first, first_pointer, 255)
    received += assembler.receive(bytes(20), ONLY_IDLE, 0)
    received += assembler.receive(second, second_pointer, 1)
    assert received == [packet(1, 40)]


@pytest.mark.parametrize("pointer", [3, 7, 11, NO_PACKET_START])
def test_a_pointer_that_contradicts_the_packet_begun_costs_that_packet_and_is_told(pointer):
    assembler = PacketAssembler()
    assert assembler.receive(packet(1, 25)[:20], 0, 0) == []
    rest = packet(1, 25)[20:] + packet(2, 15)
    assert packet(1, 25) not in assembler.receive(rest, pointer, 1)
    assert any("disagree" in str(event) for event in assembler.take_events())


def test_octets_that_are_no_packet_are_dropped_until_the_next_pointer():
    assembler = PacketAssembler()
    assert assembler.receive(packet(1, 7) + b"\xff" * 13, 0, 0) == [packet(1, 7)]
    assert assembler.receive(bytes(20), NO_PACKET_START, 1) == []
    assert assembler.receive(b"\x00" * 8 + packet(2, 12), 8, 2) == [packet(2, 12)]
    assert assembler.dropped_octets_count == 13 + 20 + 8


def test_a_pointer_behind_the_data_is_told_and_costs_the_frame():
    assembler = PacketAssembler()
    assert assembler.receive(bytes(20), 20, 0) == []
    assert [str(event) for event in assembler.take_events()] == [
        "dropped 20 octets: expected a first header pointer into 20 octets, found 20"
    ]


def test_a_gap_says_what_was_expected_and_found():
    assembler = PacketAssembler()
    assembler.receive(bytes(8), ONLY_IDLE, 254)
    assembler.receive(bytes(8), ONLY_IDLE, 2)
    [gap] = assembler.take_events()
    assert gap == FrameGap(expected=255, found=2)
    assert str(gap) == "expected virtual channel count 255, found 2: 3 frames missed"


def test_any_frames_never_raise_and_never_make_a_packet_of_another_length():
    random_stream = random.Random(20_261_122)
    for number in range(RANDOM_INPUTS):
        assembler = PacketAssembler()
        frames = frames_of([packet(number, random_stream.randrange(7, 60)) for _ in range(2)], 24)
        for count in range(6):
            pointer, data = frames[random_stream.randrange(len(frames))]
            match random_stream.randrange(4):
                case 0:
                    data = random_stream.randbytes(random_stream.randrange(30))
                case 1:
                    pointer = random_stream.randrange(0x800)
                case 2:
                    count = random_stream.randrange(256)
            for octets in assembler.receive(data, pointer, count):
                assert SpacePacket.decode(octets).encode() == octets
        assert len(assembler._partial) <= PACKET_OCTETS_MAX


def test_what_is_told_is_bounded_and_what_is_counted_is_not():
    assembler = PacketAssembler()
    for number in range(EVENTS_MAX + 50):
        assembler.receive(bytes(8), ONLY_IDLE, 2 * number % 256)
    assert len(assembler.take_events()) == EVENTS_MAX
    assert assembler.missed_frames_count == EVENTS_MAX + 49
