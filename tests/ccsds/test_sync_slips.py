"""The TM coding chain where octets are lost or won: what a slip costs, and what a false marker does."""

import random

import pytest

from ccsds.randomizer import TmRandomizer, tm_randomize
from ccsds.sync import (
    ASM,
    GUESSES_EARNED,
    GUESSES_MAX,
    FrameLockLost,
    FrameRejected,
    FrameSynchronized,
    RejectReason,
    TmCodingConfig,
    TmDeframer,
)
from tests.ccsds.cadu_streams import SHORT, SINGLE, USUAL, coded, deframe, flip, frames_of


def test_while_searching_a_marker_with_more_wrong_bits_than_configured_is_none():
    frames = frames_of(SHORT, 2)
    for wrong_bits in range(9):
        stream = coded(SHORT, frames)
        for bit in random.Random(wrong_bits).sample(range(32), wrong_bits):
            stream = flip(stream, bit)
        assert deframe(SHORT, stream) == (frames if wrong_bits <= 3 else frames[1:])


@pytest.mark.parametrize("config", [SHORT, USUAL])
def test_in_lock_a_destroyed_marker_costs_no_frame(config):
    frames = frames_of(config, 4)
    stream = bytearray(coded(config, frames))
    for value in (0x00, 0xFF, 0x1A, 0x55):
        stream[config.cadu_octets : config.cadu_octets + 4] = bytes([value] * 4)
        assert deframe(config, bytes(stream)) == frames


def test_where_a_slip_is_ambiguous_a_marker_may_have_six_wrong_bits_in_lock_and_no_more():
    frames = frames_of(SINGLE, 3)
    for wrong_bits in range(9):
        stream = coded(SINGLE, frames)
        for bit in random.Random(wrong_bits).sample(range(24), wrong_bits):
            stream = flip(stream, SINGLE.cadu_octets * 8 + bit)
        assert deframe(SINGLE, stream) == (frames if wrong_bits <= 6 else [frames[0], frames[2]])


@pytest.mark.parametrize("config", [SHORT, USUAL])
def test_an_octet_lost_costs_at_most_the_frame_that_it_was_in(config):
    frames = frames_of(config, 4)
    stream = coded(config, frames)
    begin = config.cadu_octets
    step = 1 if config is SHORT else 13
    kept = 0
    for place in [*range(begin, begin + 4), *range(begin + 4, 2 * begin, step)]:
        found = deframe(config, stream[:place] + stream[place + 1 :])
        assert found in (frames, [frames[0], *frames[2:]]), place
        assert found == frames or place >= begin + 4, place
        kept += found == frames
    assert kept > 4


@pytest.mark.parametrize("config", [SHORT, USUAL])
def test_an_octet_won_costs_at_most_the_frame_that_it_came_into(config):
    frames = frames_of(config, 4)
    stream = coded(config, frames)
    begin = config.cadu_octets
    step = 1 if config is SHORT else 13
    for value in (0x00, 0x1A, 0xCF, 0x1D, 0xFF):
        for place in [*range(begin, begin + 5), *range(begin + 5, 2 * begin + 1, step)]:
            damaged = stream[:place] + bytes([value]) + stream[place:]
            found = deframe(config, damaged)
            assert found in (frames, [frames[0], *frames[2:]]), place
            # An octet that stands behind a whole marker came into the codeblock.
            assert found == frames or (damaged.startswith(ASM, begin) and place < 2 * begin), place


def test_where_a_slip_is_ambiguous_an_octet_lost_or_won_costs_no_frame_but_its_own():
    frames = frames_of(SINGLE, 5)
    stream = coded(SINGLE, frames)
    begin = SINGLE.cadu_octets
    for place in range(begin, 2 * begin):
        for damaged in (
            stream[:place] + stream[place + 1 :],
            *(stream[:place] + bytes([value]) + stream[place:] for value in (0x00, 0x1A, 0x1D, 0xFF)),
        ):
            found = deframe(SINGLE, damaged)
            assert found[0] == frames[0]
            assert found[-3:] == frames[2:], place
            assert len(found) <= 5
            # In its marker no octet is missed; near an end a neighbour of the true frame may come out.
            assert found == frames or damaged.startswith(ASM, begin), place


@pytest.mark.parametrize("config", [SHORT, SINGLE, USUAL])
@pytest.mark.parametrize("run", [2, 3, 4, 5, 17, 50, 1000])
def test_a_run_of_octets_lost_or_won_costs_only_the_frames_that_it_touched(config, run):
    frames = frames_of(config, 45)
    stream = coded(config, frames)
    draw = random.Random(run)
    for _ in range(20):
        place = draw.randrange(config.cadu_octets, 2 * config.cadu_octets)
        first_after = -(-(place + run) // config.cadu_octets)
        found = deframe(config, stream[:place] + stream[place + run :])
        assert found[0] == frames[0]
        assert found[-len(frames) + first_after :] == frames[first_after:]
        found = deframe(config, stream[:place] + draw.randbytes(run) + stream[place:])
        assert found[0] == frames[0]
        assert found[-43:] == frames[2:]


@pytest.mark.parametrize("randomizer", list(TmRandomizer))
@pytest.mark.parametrize("parity", [32, 16])
@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 8])
def test_octets_won_between_frames_are_skipped_whatever_the_code(depth, parity, randomizer):
    for length in ((255 - parity) * depth, 100 * depth):
        config = TmCodingConfig(frame_length_octets=length, interleave=depth, parity=parity, randomizer=randomizer)
        frames = frames_of(config, 3)
        one, two, three = (coded(config, [frame]) for frame in frames)
        for slip in [1, 2, 3, 4, depth, 2 * depth, parity // 2 * depth]:
            assert deframe(config, one + bytes(slip) + two + three) == frames, slip
            assert deframe(config, one + two[:-slip] + three)[-1] == frames[2], slip


def false_marker_frame(config: TmCodingConfig, place: int, randomize=tm_randomize) -> bytes:
    """A frame whose randomized octets hold the marker at a place."""
    frame = bytearray(frames_of(config, 1, "false marker")[0])
    whitened = bytearray(randomize(bytes(frame)))
    whitened[place : place + 4] = ASM
    frame[:] = randomize(bytes(whitened))
    return bytes(frame)


@pytest.mark.parametrize("config", [SHORT, SINGLE])
def test_a_false_marker_within_a_frame_is_looked_over_in_lock(config):
    for place in range(0, config.frame_length_octets - 3):
        frames = [*frames_of(config, 1), false_marker_frame(config, place), *frames_of(config, 1, "after")]
        stream = coded(config, frames)
        assert stream.count(ASM) == 4
        deframer = TmDeframer(config)
        deframer.receive(stream)
        assert [found.frame for found in deframer.take()] == frames
        assert deframer.counts.uncorrectable == 0


def test_a_false_marker_before_the_first_true_one_costs_no_frame():
    for place in range(0, SHORT.frame_length_octets - 3):
        frames = [false_marker_frame(SHORT, place), *frames_of(SHORT, 2)]
        stream = coded(SHORT, frames)
        deframer = TmDeframer(SHORT)
        deframer.receive(stream[place + 1 :])
        assert [found.frame for found in deframer.take()] == frames[1:]
        rejected, synchronized = deframer.take_events()
        assert rejected == FrameRejected(3, RejectReason.UNCORRECTABLE, rejected.detail)
        assert "expected at most 8 wrong symbols" in str(rejected)
        assert isinstance(synchronized, FrameSynchronized)


def test_a_frame_that_begins_within_a_broken_one_is_found():
    frames = frames_of(SHORT, 2)
    broken, whole = (coded(SHORT, [frame]) for frame in frames)
    for cut in range(len(broken) - 20):
        assert deframe(SHORT, broken[:cut] + whole) == [frames[1]], cut


def test_events_tell_a_lost_lock_and_the_step_of_the_next_one():
    frames = frames_of(SHORT, 2)
    one, two = (coded(SHORT, [frame]) for frame in frames)
    noise = random.Random(3).randbytes(1000)
    deframer = TmDeframer(SHORT)
    deframer.receive(one + noise + two)
    assert [found.frame for found in deframer.take()] == frames
    events = deframer.take_events()
    missing = [event for event in events if isinstance(event, FrameRejected)]
    assert len(missing) == deframer.counts.markers_missing == 5
    assert {event.reason for event in missing} == {RejectReason.MARKER_MISSING}
    place = len(one)
    assert str(missing[0]) == (
        f"frame at octet {place} rejected, no sync marker where one was due: expected 1acffc1d, found {noise[:4].hex()}"
    )
    lost = FrameLockLost(offset_octets=place + 4 * SHORT.cadu_octets, missed_frames=5)
    again = FrameSynchronized(offset_octets=place + 1000, skipped_octets=1000)
    assert events == [FrameSynchronized(0, 0), *missing, lost, again]
    assert str(lost) == f"lock lost at octet {lost.offset_octets}: 5 frames in a row failed"
    assert str(again) == f"in lock at octet {place + 1000}, 1000 octets after the last good frame"
    counts = deframer.counts
    assert (counts.locks_gained, counts.locks_lost, counts.skipped_octets) == (2, 1, 1000)
    assert (counts.octets, counts.frames) == (len(one) + 1000 + len(two), 2)


def test_a_burst_longer_than_a_frame_is_flown_over_by_the_flywheel():
    frames = frames_of(USUAL, 6)
    stream = bytearray(coded(USUAL, frames))
    start, end = USUAL.cadu_octets + 10, 3 * USUAL.cadu_octets + 20
    stream[start:end] = random.Random(5).randbytes(end - start)
    deframer = TmDeframer(USUAL)
    deframer.receive(bytes(stream))
    assert [found.frame for found in deframer.take()] == [frames[0], *frames[3:]]
    assert deframer.counts.locks_lost == 0


@pytest.mark.parametrize("config", [SINGLE, USUAL], ids=["I=1", "I=5"])
def test_of_markers_without_end_only_so_many_are_tried_and_the_first_frames_after_them_are_found(config):
    markers = ASM * (20 * config.cadu_octets // len(ASM))
    deframer = TmDeframer(config)
    deframer.receive(markers)
    earned, cadus = GUESSES_EARNED
    tried_max = GUESSES_MAX + len(markers) * earned // (cadus * config.cadu_octets) + 1
    assert GUESSES_MAX < deframer.counts.uncorrectable <= tried_max
    assert deframer.counts.uncorrectable + deframer.counts.markers_skipped <= len(markers) // len(ASM)
    frames = frames_of(config, 6)
    deframer.receive(coded(config, frames))
    # Guesses that are skipped may be true ones, for as long as the false ones before them are not paid for.
    found = [found.frame for found in deframer.take()]
    assert found == frames[-len(found) :]
    assert len(found) >= 4
