"""CLTUs: golden octets, the code's arithmetic against polynomial division, mending, and any octets at all."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.cltu import (
    CODEBLOCKS_MAX,
    RESCAN_OCTETS_MAX,
    START_SEQUENCE,
    TAIL_SEQUENCE,
    CltuDeframer,
    CltuRejection,
    cltu_encode,
)
from ccsds.errors import MisuseError
from ccsds.tc_frame import TcFrame, TcFrameKind

FRAME = TcFrame(TcFrameKind.BD, 0x2A, 0, 0, bytes(range(40))).encode()
CLTU_OCTETS_MAX = 2 + 8 * CODEBLOCKS_MAX + 8
RANDOM_INPUTS = 20_000


def deframe(octets: bytes, randomized: bool = False) -> list[bytes]:
    deframer = CltuDeframer(randomized)
    deframer.receive(octets)
    return deframer.take()


def frames_in(octets: bytes) -> list[bytes]:
    """Give candidates, each cut to the length that the frame says."""
    return [candidate[: ((candidate[2] & 3) << 8 | candidate[3]) + 1] for candidate in deframe(octets)]


def parity_by_division(information: bytes) -> int:
    """Give the parity octet by long division with x^7 + x^6 + x^2 + 1."""
    dividend = int.from_bytes(information, "big") << 7
    for bit in range(62, 6, -1):
        if dividend >> bit & 1:
            dividend ^= 0b11000101 << bit - 7
    return (dividend ^ 0x7F) << 1


def test_a_short_frame_is_laid_between_start_and_tail_in_filled_codeblocks():
    octets = cltu_encode(b"\x01\x02")
    information = b"\x01\x02" + b"\x55" * 5
    assert octets == bytes.fromhex("eb90") + information + bytes([parity_by_division(information)]) + TAIL_SEQUENCE


@given(st.binary(min_size=7, max_size=7))
def test_the_parity_is_what_long_division_gives(information):
    assert cltu_encode(information)[9] == parity_by_division(information)


@given(st.binary(min_size=1, max_size=1024), st.booleans())
def test_every_frame_survives_a_round_trip_but_for_the_fill_behind_it(frame, randomize):
    [candidate] = deframe(cltu_encode(frame, randomize), randomize)
    assert candidate[: len(frame)] == frame
    assert len(candidate) - len(frame) < 7


def test_the_randomizer_comes_before_the_code():
    randomized = cltu_encode(bytes(7), randomize=True)
    assert randomized[2:7] == bytes.fromhex("ff399e5a68")
    assert randomized[9] == parity_by_division(randomized[2:9])


@pytest.mark.parametrize("frame", [b"", bytes(1025)])
def test_a_frame_of_no_possible_length_is_refused(frame):
    with pytest.raises(MisuseError, match="CLTU: expected a frame of 1 to 1024 octets"):
        cltu_encode(frame)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=4), st.binary(max_size=3), st.data())
def test_frames_come_out_whatever_idle_octets_are_between_and_however_they_are_cut(frames, rest, data):
    idle = b"\x55" * data.draw(st.integers(0, 20))
    octets = b"".join(idle + cltu_encode(frame) for frame in frames) + idle
    deframer = CltuDeframer()
    position = 0
    candidates = []
    while position < len(octets):
        size = data.draw(st.integers(1, 40))
        deframer.receive(octets[position : position + size])
        candidates += deframer.take()
        position += size
    assert [candidate[: len(frame)] for candidate, frame in zip(candidates, frames, strict=True)] == frames


def test_every_single_wrong_bit_anywhere_in_a_cltu_is_mended():
    octets = cltu_encode(FRAME)
    for bit in range(8 * len(octets)):
        damaged = bytearray(octets)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        assert frames_in(bytes(damaged))[0] == FRAME, f"bit {bit}"


def test_a_tail_with_any_one_wrong_bit_still_ends_the_cltu_at_once():
    octets = cltu_encode(FRAME)
    [whole] = deframe(octets)
    for bit in range(8 * len(TAIL_SEQUENCE)):
        tail = (int.from_bytes(TAIL_SEQUENCE, "big") ^ 1 << bit).to_bytes(8, "big")
        damaged = octets[: -len(TAIL_SEQUENCE)] + tail
        assert deframe(damaged) == [whole], f"bit {bit}"
        assert deframe(damaged + octets) == [whole, whole], f"bit {bit}"


def test_one_wrong_bit_in_each_codeblock_is_mended_and_counted():
    octets = bytearray(cltu_encode(FRAME))
    codeblocks = (len(octets) - 10) // 8
    for codeblock in range(codeblocks):
        octets[2 + 8 * codeblock + codeblock % 8] ^= 0x10
    deframer = CltuDeframer()
    deframer.receive(bytes(octets))
    assert deframer.take()[0][: len(FRAME)] == FRAME
    assert deframer.corrected_bits_count == codeblocks


def test_two_wrong_bits_in_a_codeblock_are_never_taken_for_one():
    octets = cltu_encode(bytes(7))
    for first in range(63):
        for second in range(first):
            damaged = bytearray(octets)
            damaged[2 + first // 8] ^= 0x80 >> first % 8
            damaged[2 + second // 8] ^= 0x80 >> second % 8
            deframer = CltuDeframer()
            deframer.receive(bytes(damaged))
            assert deframer.reject_counts[CltuRejection.FIRST_CODEBLOCK] == 1


def test_every_truncation_gives_nothing_until_the_tail_has_come():
    octets = cltu_encode(FRAME)
    for length in range(len(octets)):
        assert deframe(octets[:length]) == []


def test_a_frame_whose_tail_was_lost_comes_out_with_the_next_cltu():
    first, second = cltu_encode(FRAME), cltu_encode(FRAME[::-1])
    octets = first[: -len(TAIL_SEQUENCE)] + second
    assert [candidate[: len(FRAME)] for candidate in deframe(octets)] == [FRAME, FRAME[::-1]]


def test_a_start_sequence_made_by_noise_does_not_hide_the_true_one():
    octets = cltu_encode(FRAME)
    random_stream = random.Random(7)
    for _ in range(2_000):
        noise = random_stream.randbytes(random_stream.randrange(1, 16))
        candidates = [candidate[: len(FRAME)] for candidate in deframe(START_SEQUENCE + noise + octets)]
        assert FRAME in candidates, noise.hex()


def test_a_cltu_cut_by_a_dropout_does_not_hide_the_next():
    octets = cltu_encode(FRAME)
    for length in range(len(octets)):
        candidates = [candidate[: len(FRAME)] for candidate in deframe(octets[:length] + octets)]
        assert FRAME in candidates, f"cut at {length}"


def test_data_that_looks_like_start_sequences_stays_data():
    for before in range(16):
        frame = TcFrame(TcFrameKind.BD, 0x2A, 0, 0, bytes(before) + START_SEQUENCE * 20).encode()
        [candidate] = deframe(cltu_encode(frame))
        assert candidate[: len(frame)] == frame


def test_a_tail_directly_behind_a_start_is_rejected_with_a_reason():
    deframer = CltuDeframer()
    deframer.receive(START_SEQUENCE + TAIL_SEQUENCE)
    assert deframer.take() == []
    assert deframer.reject_counts == {CltuRejection.EMPTY: 1}
    assert deframer.take_rejects() == ["expected a codeblock after the start sequence, found the tail sequence"]
    assert deframer.take_rejects() == []


def test_codeblocks_without_end_give_candidates_no_longer_than_the_longest_frame_has():
    endless = START_SEQUENCE + cltu_encode(bytes(7))[2:10] * 400
    [candidate] = deframe(endless)
    assert candidate == bytes(7 * CODEBLOCKS_MAX)


def test_octets_full_of_start_sequences_cost_no_more_than_the_bound_on_searching_again():
    deframer = CltuDeframer()
    deframer.receive(START_SEQUENCE * 5_000)
    starts = deframer.candidates_count + sum(deframer.reject_counts.values())
    # Each start that was tried used up all but the last octets of what it read.
    assert starts <= 10_000 // (CLTU_OCTETS_MAX - RESCAN_OCTETS_MAX - 16) + 1


def test_any_octets_however_cut_give_the_same_and_never_raise_and_little_is_kept():
    random_stream = random.Random(20_261_122)
    valid = cltu_encode(FRAME)
    for number in range(RANDOM_INPUTS):
        octets = bytearray(random_stream.randbytes(random_stream.randrange(60)))
        for _ in range(random_stream.randrange(3)):
            start, end = sorted(random_stream.randrange(len(valid) + 1) for _ in range(2))
            octets += valid[start:end] if random_stream.random() < 0.7 else valid
            if octets and random_stream.random() < 0.5:
                octets[random_stream.randrange(len(octets))] ^= 1 << random_stream.randrange(8)
        whole, cut = CltuDeframer(), CltuDeframer()
        whole.receive(bytes(octets))
        position = 0
        while position < len(octets):
            size = random_stream.randrange(1, 40)
            cut.receive(bytes(octets[position : position + size]))
            position += size
        assert whole.take() == cut.take(), f"input {number}: {octets.hex()}"
        assert whole.take_rejects() == cut.take_rejects()
        assert whole.reject_counts == cut.reject_counts
        assert len(cut._buffer) < CLTU_OCTETS_MAX
