"""FARM-1: every cell of the standard's table, the window, and what it says in its CLCW.

`TRANSCRIPT` is table 6-1 once more, in shorthand, written from two open implementations that follow the standard's rows
(dariol83/ccsds and Libre Space's OSDLP) and not from `ccsds.cop1.farm`.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ccsds.cop1.farm import TABLE, Effect, Farm, FarmConfig, FarmEvent, FarmOutcome, FarmState
from ccsds.errors import MisuseError
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind, set_vr

CHANNEL = 3
WINDOW = 10


def ad(sequence: int, data: bytes = b"data") -> TcFrame:
    return TcFrame(TcFrameKind.AD, 0x2A, CHANNEL, sequence, data)


def bd(data: bytes = b"data") -> TcFrame:
    return TcFrame(TcFrameKind.BD, 0x2A, CHANNEL, 0, data)


def bc(command: bytes) -> TcFrame:
    return TcFrame(TcFrameKind.BC, 0x2A, CHANNEL, 0, command)


def farm_at(state: FarmState, vr: int = 2) -> Farm:
    """Give a FARM that waits for frame `vr` in some state, with the retransmit flag set in all but OPEN."""
    farm = Farm(FarmConfig(virtual_channel=CHANNEL, window=WINDOW))
    farm.receive(bc(set_vr(vr)))
    if state is not FarmState.OPEN:
        farm.receive(ad((vr + 1) % 256))
    if state is FarmState.WAIT:
        farm.hold_buffer()
        farm.receive(ad(vr))
    if state is FarmState.LOCKOUT:
        farm.receive(ad((vr + 128) % 256))
    assert farm.state is state
    return farm


TRANSCRIPT = """
E1  | accept vr+1 r0 1 | n/a         | discard 3
E2  | discard r1 w1 2  | discard 2   | discard 3
E3  | discard r1 1     | discard 2   | discard 3
E4  | discard 1        | discard 2   | discard 3
E5  | discard l1 3     | discard l1 3 | discard 3
E6  | accept b+1 1     | accept b+1 2 | accept b+1 3
E7  | b+1 r0 1         | b+1 r0 w0 1 | b+1 r0 w0 l0 1
E8  | b+1 r0 vr* 1     | b+1 r0 w0 vr* 1 | b+1 3
E9  | discard 1        | discard 2   | discard 3
E10 | 1                | w0 1        | w0 3
E11 | 1                | 2           | 3
"""
SHORT = {
    "accept": Effect.ACCEPT,
    "discard": Effect.DISCARD,
    "vr+1": Effect.ADVANCE_VR,
    "vr*": Effect.LOAD_VR,
    "b+1": Effect.COUNT_B,
    "r1": Effect.SET_RETRANSMIT,
    "r0": Effect.CLEAR_RETRANSMIT,
    "w1": Effect.SET_WAIT,
    "w0": Effect.CLEAR_WAIT,
    "l1": Effect.SET_LOCKOUT,
    "l0": Effect.CLEAR_LOCKOUT,
}
ROWS = [[part.split() for part in line.split("|")] for line in TRANSCRIPT.strip().splitlines()]
CELLS = {
    (state, FarmEvent(int(event[0][1:]))): (words[:-1], FarmState(int(words[-1])))
    for event, *row in ROWS
    for state, words in zip(FarmState, row, strict=True)
    if words != ["n/a"]
}


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda each: each.name)
def test_each_row_is_as_the_standard_has_it_and_does_that(state, event):
    words, after = CELLS[state, event]
    effect = Effect.NOTHING
    for word in words:
        effect |= SHORT[word]
    assert TABLE[state, event] == (effect, after)

    farm = farm_at(state)
    before = farm.clcw()
    if event is FarmEvent.EXPECTED_FRAME_NO_BUFFER:
        farm.hold_buffer()
    frames = {
        FarmEvent.EXPECTED_FRAME: ad(2),
        FarmEvent.EXPECTED_FRAME_NO_BUFFER: ad(2),
        FarmEvent.POSITIVE_FRAME: ad(3),
        FarmEvent.NEGATIVE_FRAME: ad(1),
        FarmEvent.OUTSIDE_FRAME: ad(100),
        FarmEvent.BYPASS_FRAME: bd(),
        FarmEvent.UNLOCK_COMMAND: bc(UNLOCK),
        FarmEvent.SET_VR_COMMAND: bc(set_vr(77)),
        FarmEvent.INVALID_FRAME: bc(b"\xff"),
    }
    if event in frames:
        verdict = farm.receive(frames[event])
        assert verdict.event is event
        assert (verdict.data is not None) == ("accept" in words)
    elif event is FarmEvent.BUFFER_RELEASE:
        farm.release_buffer()
    now = farm.clcw()
    assert farm.state is after
    assert now.report_value == (77 if "vr*" in words else 3 if "vr+1" in words else 2)
    assert now.farm_b_counter == (before.farm_b_counter + ("b+1" in words)) % 4
    for flag, letter in (("retransmit", "r"), ("wait", "w"), ("lockout", "l")):
        expected = (getattr(before, flag) or f"{letter}1" in words) and f"{letter}0" not in words
        assert getattr(now, flag) == expected


@pytest.mark.parametrize("sequence", [3, 4, 5, 6])
def test_frames_ahead_within_the_window_are_discarded_and_asked_for_again(sequence):
    farm = farm_at(FarmState.OPEN)
    verdict = farm.receive(ad(sequence))
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.POSITIVE_FRAME)
    assert farm.clcw().retransmit
    assert not farm.clcw().lockout


@pytest.mark.parametrize("sequence", [7, 8, 128, 252])
def test_frames_outside_the_window_lock_out(sequence):
    farm = farm_at(FarmState.OPEN)
    verdict = farm.receive(ad(sequence))
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.OUTSIDE_FRAME)
    assert farm.state is FarmState.LOCKOUT
    assert farm.clcw().lockout


@pytest.mark.parametrize("sequence", [1, 0, 255, 254, 253])
def test_frames_behind_within_the_window_are_discarded_and_nothing_else(sequence):
    farm = farm_at(FarmState.OPEN)
    before = farm.clcw()
    verdict = farm.receive(ad(sequence))
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.NEGATIVE_FRAME)
    assert "which was here before" in verdict.reason
    assert farm.clcw() == before


def test_the_expected_frame_is_delivered_counted_and_clears_the_retransmit_flag():
    farm = farm_at(FarmState.OPEN)
    farm.receive(ad(4))
    verdict = farm.receive(ad(2, b"packet"))
    assert (verdict.outcome, verdict.data, verdict.reason) == (FarmOutcome.DELIVERED, b"packet", "")
    assert farm.clcw().report_value == farm.expected_sequence == 3
    assert not farm.clcw().retransmit


def test_numbers_go_round_after_255():
    farm = farm_at(FarmState.OPEN, vr=255)
    assert farm.receive(ad(255)).outcome is FarmOutcome.DELIVERED
    assert farm.receive(ad(0)).outcome is FarmOutcome.DELIVERED
    assert farm.expected_sequence == 1


@pytest.mark.parametrize("state", FarmState)
def test_a_bypass_frame_is_delivered_and_counted_in_every_state(state):
    farm = farm_at(state)
    before = farm.clcw().farm_b_counter
    verdict = farm.receive(bd(b"packet"))
    assert (verdict.outcome, verdict.data) == (FarmOutcome.DELIVERED, b"packet")
    assert farm.state is state
    assert farm.clcw().farm_b_counter == (before + 1) % 4


@pytest.mark.parametrize("state", FarmState)
def test_unlock_opens_every_state_clears_every_flag_and_is_counted(state):
    farm = farm_at(state)
    before = farm.clcw().farm_b_counter
    verdict = farm.receive(bc(UNLOCK))
    clcw = farm.clcw()
    assert (verdict.outcome, verdict.data) == (FarmOutcome.EXECUTED, None)
    assert farm.state is FarmState.OPEN
    assert (clcw.lockout, clcw.wait, clcw.retransmit, clcw.report_value) == (False, False, False, 2)
    assert clcw.farm_b_counter == (before + 1) % 4


@pytest.mark.parametrize("state", [FarmState.OPEN, FarmState.WAIT])
def test_set_vr_sets_the_number_and_opens(state):
    farm = farm_at(state)
    assert farm.receive(bc(set_vr(200))).outcome is FarmOutcome.EXECUTED
    clcw = farm.clcw()
    assert (farm.state, clcw.report_value, clcw.wait, clcw.retransmit) == (FarmState.OPEN, 200, False, False)


def test_set_vr_in_lockout_is_counted_but_not_followed():
    farm = farm_at(FarmState.LOCKOUT)
    before = farm.clcw().farm_b_counter
    verdict = farm.receive(bc(set_vr(200)))
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.SET_VR_COMMAND)
    assert "in lockout" in verdict.reason
    assert farm.state is FarmState.LOCKOUT
    assert farm.clcw().report_value == 2
    assert farm.clcw().farm_b_counter == (before + 1) % 4


@pytest.mark.parametrize("sequence", range(256))
def test_no_ad_frame_passes_in_lockout(sequence):
    farm = farm_at(FarmState.LOCKOUT)
    before = farm.clcw()
    assert farm.receive(ad(sequence)).outcome is FarmOutcome.DISCARDED
    assert farm.clcw() == before


def test_without_a_buffer_the_expected_frame_makes_the_sender_wait_until_there_is_one():
    farm = farm_at(FarmState.OPEN)
    farm.hold_buffer()
    verdict = farm.receive(ad(2))
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.EXPECTED_FRAME_NO_BUFFER)
    assert (farm.state, farm.clcw().wait, farm.clcw().retransmit) == (FarmState.WAIT, True, True)
    farm.release_buffer()
    assert (farm.state, farm.clcw().wait, farm.clcw().retransmit) == (FarmState.OPEN, False, True)
    assert farm.receive(ad(2)).outcome is FarmOutcome.DELIVERED
    assert not farm.clcw().retransmit


def test_an_outside_frame_locks_out_of_waiting_too_and_a_buffer_does_not_unlock():
    farm = farm_at(FarmState.WAIT)
    farm.receive(ad(100))
    assert farm.state is FarmState.LOCKOUT
    assert farm.clcw().wait
    farm.release_buffer()
    assert farm.state is FarmState.LOCKOUT
    assert not farm.clcw().wait


@pytest.mark.parametrize("state", FarmState)
@pytest.mark.parametrize(
    "frame",
    [
        TcFrame(TcFrameKind.AD, 0x2A, CHANNEL + 1, 2, b"x"),
        TcFrame(TcFrameKind.BD, 0x2A, CHANNEL + 1, 2, b"x"),
        bc(b"\x01"),
        bc(b"\x00\x00"),
        bc(b"\x82\x00"),
    ],
)
def test_a_frame_for_another_channel_or_with_an_unknown_command_changes_nothing(state, frame):
    farm = farm_at(state)
    before = farm.clcw()
    verdict = farm.receive(frame)
    assert (verdict.outcome, verdict.event) == (FarmOutcome.DISCARDED, FarmEvent.INVALID_FRAME)
    assert verdict.reason.startswith("E9: ")
    assert (farm.state, farm.clcw()) == (state, before)


def test_the_table_has_every_cell_but_the_one_that_cannot_be():
    cells = {(state, event) for state in FarmState for event in FarmEvent}
    assert cells - TABLE.keys() == {(FarmState.WAIT, FarmEvent.EXPECTED_FRAME)}


def test_a_new_farm_is_open_and_waits_for_frame_0():
    clcw = Farm(FarmConfig(virtual_channel=CHANNEL)).clcw()
    assert clcw.encode().hex() == "010c0000"


@pytest.mark.parametrize("wrong", [{"window": 0}, {"window": 11}, {"window": 256}, {"virtual_channel": 64}])
def test_a_configuration_that_the_standard_has_not_is_refused(wrong):
    with pytest.raises(MisuseError, match="FARM-1: expected"):
        FarmConfig(**({"virtual_channel": 0} | wrong))


@given(st.integers(1, 127).map(lambda half: 2 * half), st.integers(0, 255), st.integers(0, 255))
def test_each_number_is_in_exactly_one_part_of_any_window(window, vr, sequence):
    farm = Farm(FarmConfig(virtual_channel=CHANNEL, window=window))
    farm.receive(bc(set_vr(vr)))
    half = window // 2
    expected = {(vr + ahead) % 256: FarmEvent.POSITIVE_FRAME for ahead in range(1, half)}
    expected |= {(vr - behind) % 256: FarmEvent.NEGATIVE_FRAME for behind in range(1, half + 1)}
    expected[vr] = FarmEvent.EXPECTED_FRAME
    assert farm.receive(ad(sequence)).event is expected.get(sequence, FarmEvent.OUTSIDE_FRAME)


class AnyFrames(RuleBasedStateMachine):
    """Any frames and buffer signals: no missing cell, flags that fit the state, and delivery strictly in order."""

    def __init__(self):
        super().__init__()
        self.farm = Farm(FarmConfig(virtual_channel=CHANNEL, window=WINDOW))
        self.b_frames = 0

    @rule(ahead=st.integers(-8, 8) | st.integers(0, 255))
    def data_in_sequence(self, ahead):
        expected = self.farm.expected_sequence
        verdict = self.farm.receive(ad((expected + ahead) % 256))
        if verdict.outcome is FarmOutcome.DELIVERED:
            assert ahead % 256 == 0
            assert self.farm.expected_sequence == (expected + 1) % 256
        else:
            assert self.farm.expected_sequence == expected
            assert verdict.reason

    @rule()
    def bypass_data(self):
        self.b_frames += 1
        assert self.farm.receive(bd()).outcome is FarmOutcome.DELIVERED

    @rule(command=st.just(UNLOCK) | st.integers(0, 255).map(set_vr))
    def control_command(self, command):
        self.b_frames += 1
        self.farm.receive(bc(command))

    @rule()
    def no_room(self):
        self.farm.hold_buffer()

    @rule()
    def room(self):
        self.farm.release_buffer()
        assert not self.farm.clcw().wait

    @invariant()
    def flags_fit_the_state(self):
        clcw = self.farm.clcw()
        assert clcw.lockout == (self.farm.state is FarmState.LOCKOUT)
        assert clcw.wait or self.farm.state is not FarmState.WAIT
        assert not clcw.wait or self.farm.state is not FarmState.OPEN
        assert clcw.farm_b_counter == self.b_frames % 4


TestAnyFrames = AnyFrames.TestCase
TestAnyFrames.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
