"""The TM coding chain: frames to CADUs, and back from a stream that starts anywhere."""

import random
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from ccsds.randomizer import TmRandomizer, tm_randomize, tm_randomize_131071
from ccsds.reed_solomon import ReedSolomon
from ccsds.sync import (
    ASM,
    EVENTS_MAX,
    FRAMES_MAX,
    DeframedFrame,
    FrameDropped,
    FrameRejected,
    FrameSynchronized,
    RejectReason,
    TmCodingConfig,
    TmDeframer,
    TmEncoder,
)
from tests.ccsds.cadu_streams import SHORT, SINGLE, USUAL, coded, deframe, flip, frames_of

# Message octets 00 01 .. DE and their parity, checked against independent implementations.
GOLDEN_CODEBLOCK = bytes(range(0xDF)) + bytes.fromhex(
    "4ffb92dd557ec67f27fb8982cf58f8fd028ad117fcef6b2793d0418826578651"
)


def in_pieces(draw: random.Random, stream: bytes, longest: int) -> list[bytes]:
    pieces, place = [], 0
    while place < len(stream):
        length = draw.randint(1, longest)
        pieces.append(stream[place : place + length])
        place += length
    return pieces


@pytest.mark.parametrize(
    ("randomizer", "randomize"),
    [
        (TmRandomizer.NONE, bytes),
        (TmRandomizer.PERIOD_255, tm_randomize),
        (TmRandomizer.PERIOD_131071, tm_randomize_131071),
    ],
)
def test_a_cadu_is_the_marker_and_the_randomized_golden_codeblock(randomizer, randomize):
    config = TmCodingConfig(frame_length_octets=223, interleave=1, randomizer=randomizer)
    cadu = TmEncoder(config).encode(GOLDEN_CODEBLOCK[:223])
    assert cadu == bytes.fromhex("1acffc1d") + randomize(GOLDEN_CODEBLOCK)
    assert len(cadu) == config.cadu_octets == 259
    assert deframe(config, cadu) == [GOLDEN_CODEBLOCK[:223]]


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("parity", [32, 16])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 8])
def test_frames_of_every_code_come_back_whole(depth, parity, dual):
    for length in ((255 - parity) * depth, 64 * depth, depth):
        config = TmCodingConfig(frame_length_octets=length, interleave=depth, parity=parity, dual_basis=dual)
        frames = frames_of(config, 4)
        deframer = TmDeframer(config)
        deframer.receive(coded(config, frames))
        assert deframer.take() == [DeframedFrame(frame, 0) for frame in frames]
        assert deframer.take() == []
        assert deframer.buffered_octets == 0


def test_a_frame_of_another_length_cannot_be_encoded():
    with pytest.raises(MisuseError, match="expected a TM frame of 40 octets, found 41"):
        TmEncoder(SHORT).encode(bytes(41))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frame_length_octets": 1116}, "multiple of 5 up to 1115, found 1116"),
        ({"frame_length_octets": 1114}, "multiple of 5 up to 1115, found 1114"),
        ({"frame_length_octets": 0}, "found 0"),
        ({"interleave": 6}, "found 6"),
        ({"parity": 20}, "found 20"),
        ({"marker_errors_search_max": -1}, "found -1 and 6"),
        ({"marker_errors_search_max": 7}, "found 7 and 6"),
        ({"marker_errors_lock_max": 9}, "found 3 and 9"),
        ({"flywheel_frames_max": -1}, "flywheel_frames_max 0 to 64, found -1"),
        ({"flywheel_frames_max": 65}, "flywheel_frames_max 0 to 64, found 65"),
    ],
)
def test_a_coding_that_cannot_be_is_refused_naming_what_was_found(wrong, message):
    with pytest.raises(MisuseError, match=message):
        TmCodingConfig(**wrong)


@pytest.mark.parametrize("config", [SHORT, SINGLE])
def test_the_stream_may_start_at_any_octet(config):
    frames = frames_of(config, 3)
    stream = coded(config, frames)
    for start in range(len(stream)):
        first = -(-start // config.cadu_octets)
        assert deframe(config, stream[start:]) == frames[first:], start


@pytest.mark.parametrize("config", [SHORT, SINGLE])
def test_a_truncated_stream_gives_the_frames_that_are_whole(config):
    frames = frames_of(config, 3)
    stream = coded(config, frames)
    for end in range(len(stream)):
        assert deframe(config, stream[:end]) == frames[: end // config.cadu_octets], end


@pytest.mark.parametrize("config", [SHORT, SINGLE, USUAL])
@pytest.mark.parametrize("hit", [0, 1, 2])
def test_every_single_bit_flip_of_a_marker_is_tolerated(config, hit):
    frames = frames_of(config, 3)
    stream = coded(config, frames)
    for bit in range(32):
        assert deframe(config, flip(stream, hit * config.cadu_octets * 8 + bit)) == frames, bit


@pytest.mark.parametrize("config", [SHORT, SINGLE])
def test_every_single_bit_flip_of_a_codeblock_is_corrected_and_counted(config):
    frames = frames_of(config, 3)
    stream = coded(config, frames)
    for bit in range((config.cadu_octets + 4) * 8, 2 * config.cadu_octets * 8, 3):
        deframer = TmDeframer(config)
        deframer.receive(flip(stream, bit))
        assert [found.frame for found in deframer.take()] == frames
        assert deframer.counts.corrected_symbols == 1


def test_an_uncorrectable_frame_is_a_rejection_with_its_place_and_reason_and_lock_is_kept():
    frames = frames_of(SHORT, 3)
    stream = bytearray(coded(SHORT, frames))
    start = SHORT.cadu_octets
    for place in range(start + 4, start + 4 + 18):
        stream[place] ^= 0xA5
    deframer = TmDeframer(SHORT)
    deframer.receive(bytes(stream))
    assert [found.frame for found in deframer.take()] == [frames[0], frames[2]]
    synchronized, rejected = deframer.take_events()
    assert synchronized == FrameSynchronized(offset_octets=0, skipped_octets=0)
    assert rejected == FrameRejected(
        offset_octets=start,
        reason=RejectReason.UNCORRECTABLE,
        detail="expected at most 8 wrong symbols in a Reed-Solomon codeword, found more in codeword 1 of 2",
    )
    assert deframer.in_lock
    assert deframer.counts.uncorrectable == 1
    assert deframer.counts.skipped_octets == SHORT.cadu_octets
    assert deframer.take_events() == []


@pytest.mark.parametrize("config", [SHORT, SINGLE, USUAL, TmCodingConfig(randomizer=TmRandomizer.NONE)])
def test_a_dead_line_is_no_stream_of_frames(config):
    first = frames_of(config, 1)
    opening = coded(config, first)
    for value in range(0, 256, 5):
        deframer = TmDeframer(config)
        deframer.receive(opening + bytes([value]) * 6 * config.cadu_octets)
        assert [found.frame for found in deframer.take()] == first
        assert not deframer.in_lock


@pytest.mark.parametrize("config", [SHORT, SINGLE])
def test_the_buffer_is_bounded_whatever_comes(config):
    draw = random.Random(11)
    streams = [
        ASM * 1000,
        bytes(20_000),
        draw.randbytes(200_000),
        coded(config, frames_of(config, 20)),
        b"".join(ASM + draw.randbytes(draw.randrange(30)) for _ in range(1000)),
    ]
    deframer = TmDeframer(config)
    for stream in streams:
        for piece in in_pieces(draw, stream, 4000):
            deframer.receive(piece)
            assert deframer.buffered_octets <= config.cadu_octets + 1


def test_a_frame_that_is_due_is_tried_whatever_was_written_into_those_before_it():
    config = SINGLE
    encoder = TmEncoder(config)
    # Content that the randomizer turns into markers, from end to end of each frame.
    hostile = bytes(
        mark ^ white for mark, white in zip(cycle(ASM), encoder.encode(bytes(223))[len(ASM) :][:223], strict=False)
    )
    assert deframe(config, encoder.encode(hostile) * 50) == [hostile] * 50
    # And one that finds lock among them does so before long.
    stream = encoder.encode(hostile) * 60
    assert len(deframe(config, stream[100:])) >= 40


def test_frames_and_events_that_nobody_takes_are_bounded_and_counted():
    config = TmCodingConfig(frame_length_octets=1, interleave=1, parity=16)
    one = coded(config, [b"\x2a"])
    deframer = TmDeframer(config)
    deframer.receive(one * (FRAMES_MAX + EVENTS_MAX + 10))
    assert len(deframer.take()) == FRAMES_MAX
    assert deframer.counts.frames == FRAMES_MAX + EVENTS_MAX + 10
    assert deframer.counts.frames_dropped == EVENTS_MAX + 10
    events = deframer.take_events()
    assert len(events) == EVENTS_MAX
    assert events[1] == FrameDropped(offset_octets=FRAMES_MAX * config.cadu_octets)
    assert str(events[1]) == f"frame at octet {FRAMES_MAX * config.cadu_octets} dropped: 16384 frames wait to be taken"
    assert deframer.counts.events_dropped == 11
    deframer.receive(one)
    assert deframer.take() == [DeframedFrame(b"\x2a", 0)]


def damaged_stream(draw: random.Random, config: TmCodingConfig, frames: list[bytes]) -> bytes:
    """A stream with bits flipped, octets lost, won and replaced, and noise between."""
    stream = bytearray(coded(config, frames))
    for _ in range(draw.randrange(12)):
        place = draw.randrange(len(stream))
        match draw.randrange(5):
            case 0:
                stream[place] ^= 1 << draw.randrange(8)
            case 1:
                del stream[place : place + draw.choice([1, 1, 1, 2, 5, 60])]
            case 2:
                stream[place:place] = draw.randbytes(draw.choice([1, 1, 1, 2, 5, 60]))
            case 3:
                stream[place : place + 4] = draw.choice([ASM, bytes(4), draw.randbytes(4)])
            case 4:
                stream[place : place + 30] = draw.randbytes(30)
    return bytes(stream)


def everything(config: TmCodingConfig, pieces: list[bytes]) -> tuple[object, ...]:
    deframer = TmDeframer(config)
    frames, events = [], []
    for piece in pieces:
        deframer.receive(piece)
        frames += deframer.take()
        events += deframer.take_events()
    return frames, events, deframer.counts, deframer.in_lock


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), longest=st.sampled_from([5, 97, 2000]))
def test_however_a_stream_full_of_markers_is_cut_the_same_ones_are_tried(seed, longest):
    draw = random.Random(seed)
    stream = b""
    for cadu in (coded(SHORT, [frame]) for frame in frames_of(SHORT, 10, seed)):
        # A marker within a frame too, which Reed-Solomon takes out again; 19 markers are as long as a CADU.
        stream += cadu[:20] + ASM + cadu[24:] + ASM * draw.choice([0, 0, 38, 57, draw.randrange(90)])
    assert everything(SHORT, in_pieces(draw, stream, longest)) == everything(SHORT, [stream])


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), config=st.sampled_from([SHORT, SINGLE]), longest=st.sampled_from([1, 5, 97, 2000]))
def test_however_the_stream_is_cut_frames_events_and_counts_are_the_same(seed, config, longest):
    draw = random.Random(seed)
    stream = damaged_stream(draw, config, frames_of(config, 6, seed))
    assert everything(config, in_pieces(draw, stream, longest)) == everything(config, [stream])


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_stream_gives_only_frames_that_were_sent_in_their_order(seed):
    draw = random.Random(seed)
    config = TmCodingConfig(frame_length_octets=50, interleave=1)
    frames = frames_of(config, 12, seed)
    found = deframe(config, damaged_stream(draw, config, frames))
    assert set(found) <= set(frames)
    assert found == sorted(found, key=frames.index)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), depth=st.sampled_from([1, 2, 3, 4, 5, 8]), randomizer=st.sampled_from(TmRandomizer))
def test_frames_of_any_content_survive_the_chain(data, depth, randomizer):
    symbols = data.draw(st.integers(1, 223))
    config = TmCodingConfig(frame_length_octets=symbols * depth, interleave=depth, randomizer=randomizer)
    length = config.frame_length_octets
    frames = data.draw(st.lists(st.binary(min_size=length, max_size=length), max_size=3))
    assert deframe(config, coded(config, frames)) == frames


def test_twenty_thousand_random_inputs_in_random_pieces_never_raise():
    draw = random.Random(20_000)
    config = TmCodingConfig(frame_length_octets=8, interleave=1, parity=16)
    cadu = coded(config, frames_of(config, 1))
    kept = TmDeframer(config)
    octets = 0
    for _ in range(20_000):
        noise = draw.randbytes(draw.randrange(60))
        match draw.randrange(4):
            case 0:
                noise = ASM + noise
            case 1:
                noise += cadu[: draw.randrange(len(cadu) + 1)]
            case 2:
                noise = flip(cadu, draw.randrange(8 * len(cadu))) + noise
        octets += len(noise)
        for piece in in_pieces(draw, noise, 40):
            kept.receive(piece)
        for event in kept.take_events():
            assert str(event)
        kept.take()
    assert kept.counts.octets == octets
    assert kept.counts.frames > 4000
    assert kept.counts.uncorrectable > 4000


def test_at_a_bit_error_rate_of_one_in_a_thousand_no_frame_is_lost():
    draw = random.Random(1000)
    frames = frames_of(USUAL, 40)
    stream = coded(USUAL, frames)
    noise = 0
    for bit in draw.sample(range(8 * len(stream)), 8 * len(stream) // 1000):
        noise |= 1 << bit
    damaged = (int.from_bytes(stream, "big") ^ noise).to_bytes(len(stream), "big")
    deframer = TmDeframer(USUAL)
    deframer.receive(damaged)
    assert [found.frame for found in deframer.take()] == frames
    assert deframer.counts.corrected_symbols > 300


def test_the_codeblock_is_that_of_the_configured_code():
    config = TmCodingConfig(frame_length_octets=45, interleave=3, parity=16, dual_basis=False)
    (frame,) = frames_of(config, 1)
    codeblock = ReedSolomon(parity=16, interleave=3, dual_basis=False).encode(frame)
    assert TmEncoder(config).encode(frame) == ASM + tm_randomize(codeblock)
    assert config.codeblock_octets == 45 + 48
