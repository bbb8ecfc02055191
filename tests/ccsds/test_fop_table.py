"""FOP-1 through every row of its table.

`TRANSCRIPT` is table 5-1 once more, in shorthand, written from the two open implementations that follow the standard's
rows (dariol83/ccsds and Libre Space's OSDLP) and not from `ccsds.cop1.fop_table`. The table is compared with it, and
then a FOP is brought into each state and driven through each row that inputs can reach, and its effects are looked at.
"""

import pytest

from ccsds.clcw import Clcw
from ccsds.cop1.fop import (
    TABLE,
    Acknowledged,
    Action,
    Alert,
    Confirmed,
    Directive,
    DirectiveRejected,
    Fop,
    FopConfig,
    FopState,
    Initialised,
    Rejected,
    Service,
    Stimulus,
    Suspended,
)
from ccsds.tc_frame import UNLOCK, TcFrameKind, set_vr

T1_NS = 1_000
BASE = 10
"""NN(R) of a FOP that has frames 10 and 11 on their way."""

TRANSCRIPT = """
E1   | . 1           | !SYNCH 6      | !SYNCH 6      | conf stop 1   | conf rel stop 1 | . 6
E2   | ack stop look 1 | ack stop look 1 | ack stop look 1 | n/a       | n/a             | . 6
E3   | !CLCW 6       | !CLCW 6       | !CLCW 6       | !CLCW 6       | !CLCW 6         | . 6
E4   | !SYNCH 6      | !SYNCH 6      | !SYNCH 6      | !SYNCH 6      | . 5             | . 6
E5   | . 1           | !SYNCH 6      | !SYNCH 6      | n/a           | n/a             | . 6
E6   | ack look 1    | ack look 1    | ack look 1    | n/a           | n/a             | . 6
E7   | !CLCW 6       | !CLCW 6       | !CLCW 6       | n/a           | n/a             | . 6
E101 | ack !LIMIT 6  | ack !LIMIT 6  | ack !LIMIT 6  | n/a           | n/a             | . 6
E102 | !LIMIT 6      | !LIMIT 6      | !LIMIT 6      | n/a           | n/a             | . 6
E8   | ack again look 2 | ack again look 2 | ack again look 2 | n/a     | n/a             | . 6
E9   | ack 3         | ack 3         | ack 3         | n/a           | n/a             | . 6
E10  | again look 2  | . 2           | again look 2  | n/a           | n/a             | . 6
E11  | . 3           | . 3           | . 3           | n/a           | n/a             | . 6
E12  | . 2           | . 2           | . 2           | n/a           | n/a             | . 6
E103 | . 3           | . 3           | . 3           | n/a           | n/a             | . 6
E13  | !NNR 6        | !NNR 6        | !NNR 6        | !NNR 6        | . 5             | . 6
E14  | !LOCKOUT 6    | !LOCKOUT 6    | !LOCKOUT 6    | !LOCKOUT 6    | . 5             | . 6
E15  | !CLCW 6       | !CLCW 6       | !CLCW 6       | !CLCW 6       | !CLCW 6         | . 6
E16  | again look 1  | again look 2  | . 3           | !T1 6         | againBC lookBC 5 | n/a
E104 | again look 1  | again look 2  | . 3           | susp 6        | againBC lookBC 5 | n/a
E17  | !T1 6         | !T1 6         | !T1 6         | !T1 6         | !T1 6           | n/a
E18  | susp 6        | susp 6        | susp 6        | susp 6        | !T1 6           | n/a
E19  | put look 1    | put look 2    | put 3         | rej 4         | rej 5           | rej 6
E20  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E21  | BD 1          | BD 2          | BD 3          | BD 4          | BD 5            | BD 6
E22  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E23  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | init conf 1
E24  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | init start 4
E25  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | init unlock 5
E26  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E27  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | init vs setvr 5
E28  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E29 |!TERMINATED conf 6|!TERMINATED conf 6|!TERMINATED conf 6|!TERMINATED conf 6|!TERMINATED conf 6|init conf 6
E30  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E31  | n/a           | n/a           | n/a           | n/a           | n/a             | resume conf 1
E32  | n/a           | n/a           | n/a           | n/a           | n/a             | resume conf 2
E33  | n/a           | n/a           | n/a           | n/a           | n/a             | resume conf 3
E34  | n/a           | n/a           | n/a           | n/a           | n/a             | resume conf 4
E35  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | vs conf 6
E36  | K conf 1      | K conf 2      | K conf 3      | K conf 4      | K conf 5        | K conf 6
E37  | T1 conf 1     | T1 conf 2     | T1 conf 3     | T1 conf 4     | T1 conf 5       | T1 conf 6
E38  | limit conf 1  | limit conf 2  | limit conf 3  | limit conf 4  | limit conf 5    | limit conf 6
E39  | TT conf 1     | TT conf 2     | TT conf 3     | TT conf 4     | TT conf 5       | TT conf 6
E40  | rej 1         | rej 2         | rej 3         | rej 4         | rej 5           | rej 6
E41  | AD look 1     | AD look 2     | AD 3          | AD 4          | AD 5            | AD 6
E42  | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6         | !LLIF 6
E43  | BC 1          | BC 2          | BC 3          | BC 4          | BC lookBC 5     | BC 6
E44  | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6         | !LLIF 6
E45  | BDok 1        | BDok 2        | BDok 3        | BDok 4        | BDok 5          | BDok 6
E46  | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6       | !LLIF 6         | !LLIF 6
"""

SHORT = {
    "ack": Action.REMOVE_ACKNOWLEDGED,
    "stop": Action.CANCEL_TIMER,
    "start": Action.START_TIMER,
    "look": Action.LOOK_FOR_FDU,
    "lookBC": Action.LOOK_FOR_DIRECTIVE,
    "again": Action.INITIATE_AD_RETRANSMISSION,
    "againBC": Action.INITIATE_BC_RETRANSMISSION,
    "rel": Action.RELEASE_BC,
    "put": Action.ADD_TO_WAIT_QUEUE,
    "BD": Action.TRANSMIT_BD,
    "unlock": Action.TRANSMIT_UNLOCK,
    "setvr": Action.TRANSMIT_SET_VR,
    "init": Action.INITIALISE,
    "conf": Action.CONFIRM,
    "rej": Action.REJECT,
    "susp": Action.SUSPEND,
    "resume": Action.RESUME,
    "vs": Action.SET_VS,
    "K": Action.SET_WINDOW,
    "T1": Action.SET_T1,
    "limit": Action.SET_TRANSMISSION_LIMIT,
    "TT": Action.SET_TIMEOUT_TYPE,
    "AD": Action.AD_OUT_READY,
    "BC": Action.BC_OUT_READY,
    "BDok": Action.BD_OUT_READY,
}


def transcribed() -> dict[tuple[FopState, Stimulus], tuple[list[str], FopState] | None]:
    cells = {}
    for line in TRANSCRIPT.strip().splitlines():
        event, *row = (part.strip() for part in line.split("|"))
        for state, cell in zip(FopState, row, strict=True):
            *words, after = cell.split()
            known = None if cell == "n/a" else ([each for each in words if each != "."], FopState(int(after)))
            cells[state, Stimulus(int(event[1:]))] = known
    return cells


CELLS = transcribed()
INITIATIONS = {
    Stimulus.INITIATE_WITHOUT_CLCW: (Directive.INITIATE_WITHOUT_CLCW, None),
    Stimulus.INITIATE_WITH_CLCW_CHECK: (Directive.INITIATE_WITH_CLCW_CHECK, None),
    Stimulus.INITIATE_WITH_UNLOCK: (Directive.INITIATE_WITH_UNLOCK, None),
    Stimulus.INITIATE_WITH_SET_VR: (Directive.INITIATE_WITH_SET_VR, 99),
    Stimulus.TERMINATE: (Directive.TERMINATE, None),
    Stimulus.RESUME_NOT_SUSPENDED: (Directive.RESUME, None),
    Stimulus.SET_VS: (Directive.SET_VS, 77),
    Stimulus.SET_WINDOW: (Directive.SET_WINDOW, 3),
    Stimulus.SET_T1: (Directive.SET_T1, 555),
    Stimulus.SET_TRANSMISSION_LIMIT: (Directive.SET_TRANSMISSION_LIMIT, 9),
    Stimulus.SET_TIMEOUT_TYPE: (Directive.SET_TIMEOUT_TYPE, 1),
}
CLCWS = {
    2: (2, {}),
    3: (2, {"wait": True}),
    4: (2, {"retransmit": True}),
    5: (0, {}),
    6: (1, {}),
    7: (0, {"wait": True}),
    101: (1, {"retransmit": True}),
    102: (0, {"retransmit": True}),
    8: (1, {"retransmit": True}),
    9: (1, {"retransmit": True, "wait": True}),
    10: (0, {"retransmit": True}),
    11: (0, {"retransmit": True, "wait": True}),
    12: (0, {"retransmit": True}),
    103: (0, {"retransmit": True, "wait": True}),
    13: (3, {}),
    14: (0, {"lockout": True}),
}
"""How far beyond NN(R) the CLCW of an event is, with two frames on their way, and its flags."""
RESUMED = {31: FopState(1), 32: FopState(2), 33: FopState(3), 34: FopState(4)}


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda each: f"{'S' if each in FopState else 'E'}{each.value}")
def test_each_cell_is_as_the_standard_has_it(state, event):
    known = CELLS[state, event]
    if known is None:
        assert (state, event) not in TABLE
        return
    words, after = known
    actions = tuple(Action[f"ALERT_{each[1:]}"] if each.startswith("!") else SHORT[each] for each in words)
    assert TABLE[state, event] == (actions, after)


def test_the_table_has_no_other_cells_and_the_enumeration_no_other_events():
    assert set(CELLS) == {(state, event) for state in FopState for event in Stimulus}
    assert {each.value for each in Stimulus} == {*range(1, 47), 101, 102, 103, 104}


class Driven:
    """A FOP in a state, at time 0, in contact, with a window of 4 and frames 10 (tag 7) and 11 (tag 8) where it can."""

    def __init__(self, state: FopState, *, is_tried: bool = False, is_suspended: bool = False, is_idle: bool = False):
        self.now_ns = 0
        config = FopConfig(
            spacecraft_id=1, virtual_channel=0, t1_initial_ns=T1_NS, transmission_limit=99, window=4, positive_window=4
        )
        self.fop = Fop(config)
        self.fop.contact(True, 0)
        self.direct(Directive.SET_VS, BASE)
        if state is FopState.INITIALISING_WITHOUT_BC:
            self.direct(Directive.INITIATE_WITH_CLCW_CHECK)
        elif state is FopState.INITIALISING_WITH_BC:
            self.direct(Directive.INITIATE_WITH_UNLOCK)
            self.pull()
        elif is_suspended or (state is not FopState.INITIAL and not is_idle):
            self.send(is_tried)
            if state is FopState.RETRANSMIT_WITHOUT_WAIT:
                self.clcw(0, retransmit=True)
                self.pull(), self.pull()
            elif state is FopState.RETRANSMIT_WITH_WAIT:
                self.clcw(0, retransmit=True, wait=True)
            elif is_suspended:
                self.suspend()
        elif is_idle and state is FopState.ACTIVE:
            self.direct(Directive.INITIATE_WITHOUT_CLCW)
        assert self.fop.state is state
        self.fop.take_events()

    def send(self, is_tried: bool) -> None:
        self.direct(Directive.INITIATE_WITHOUT_CLCW)
        for tag in (7, 8):
            self.fop.transfer(b"data", Service.AD, tag, self.now_ns)
            self.pull()
        if is_tried:
            self.expire()
            self.pull(), self.pull()

    def suspend(self) -> None:
        self.direct(Directive.SET_TIMEOUT_TYPE, 1)
        self.direct(Directive.SET_TRANSMISSION_LIMIT, 1)
        self.expire()

    def direct(self, directive: Directive, value: int | None = None) -> None:
        self.fop.directive(directive, self.now_ns, value)

    def clcw(self, ahead: int, **flags: bool) -> None:
        report_value = (self.fop.expected_acknowledgement + ahead) % 256
        self.fop.receive(Clcw(virtual_channel=0, report_value=report_value, **flags), self.now_ns)

    def pull(self):
        return self.fop.transmit(self.now_ns)

    def expire(self) -> None:
        deadline_ns = self.fop.next_deadline()
        assert deadline_ns is not None
        self.now_ns = deadline_ns
        self.fop.advance(deadline_ns)


def provoke_clcw(state: FopState, event: Stimulus) -> Driven | None:
    ahead, flags = CLCWS[event.value]
    is_empty_handed = state in (FopState(4), FopState(5))
    if is_empty_handed and event.value not in (3, 4, 13, 14):
        return None
    driven = Driven(state, is_tried=event.value in (12, 103), is_suspended=state is FopState.INITIAL)
    if event.value in (101, 102):
        driven.direct(Directive.SET_TRANSMISSION_LIMIT, 1)
    elif state is not FopState.INITIAL or event.value in (12, 103):
        driven.direct(Directive.SET_TRANSMISSION_LIMIT, 2 if event.value in (12, 103) else 99)
    else:
        driven.direct(Directive.SET_TRANSMISSION_LIMIT, 99)
    driven.fop.take_events()
    driven.clcw(0 if is_empty_handed and event.value in (3, 4) else ahead, **flags)
    return driven


def provoke_timer(state: FopState, event: Stimulus) -> Driven | None:
    driven = Driven(state)
    driven.direct(Directive.SET_TIMEOUT_TYPE, int(event.value in (104, 18)))
    driven.direct(Directive.SET_TRANSMISSION_LIMIT, 1 if event.value in (17, 18) else 99)
    driven.fop.take_events()
    driven.expire()
    return driven


def provoke_transfer(state: FopState, event: Stimulus) -> Driven | None:
    if event is Stimulus.TRANSFER_AD_NOT_READY:
        if state in (FopState(4), FopState(5), FopState(6)):
            return None
        driven = Driven(state)
        driven.direct(Directive.SET_WINDOW, 2)
        driven.fop.transfer(b"x", Service.AD, 20, driven.now_ns)
        driven.fop.take_events()
    else:
        driven = Driven(state)
    if event is Stimulus.TRANSFER_BD_NOT_READY:
        driven.fop.transfer(b"x", Service.BD, 20, driven.now_ns)
    is_ad = event in (Stimulus.TRANSFER_AD, Stimulus.TRANSFER_AD_NOT_READY)
    driven.fop.transfer(b"new", Service.AD if is_ad else Service.BD, 21, driven.now_ns)
    return driven


def provoke_response(state: FopState, event: Stimulus) -> Driven | None:
    kind = TcFrameKind[event.name[:2]]
    is_refused = event.name.endswith("REJECTED")
    if kind is TcFrameKind.BC:
        if state is not FopState.INITIALISING_WITH_BC:
            return None
        driven = Driven(FopState.INITIAL)
        driven.direct(Directive.INITIATE_WITH_UNLOCK)
    elif kind is TcFrameKind.AD:
        if state > FopState.RETRANSMIT_WITH_WAIT:
            return None
        driven = Driven(state)
        if state is FopState.RETRANSMIT_WITH_WAIT:
            driven.clcw(0, retransmit=True)
            driven.clcw(0, retransmit=True, wait=True)
        else:
            driven.fop.transfer(b"new", Service.AD, 21, driven.now_ns)
    else:
        driven = Driven(state)
        driven.fop.transfer(b"new", Service.BD, 21, driven.now_ns)
    assert driven.fop.state is state
    driven.fop.take_events()
    if is_refused:
        driven.fop.refuse(driven.now_ns)
    else:
        frame = driven.pull()
        assert frame is not None
        assert frame.kind is kind
    return driven


def provoke(state: FopState, event: Stimulus) -> Driven | None:
    """Give a FOP that was in the state when the event came, or None if no inputs bring that about."""
    if event is Stimulus.NOTHING_NEW:
        # Without frames on their way no FOP is in S2 or S3.
        if state in (FopState(2), FopState(3)):
            return None
        driven = Driven(state, is_idle=True)
        driven.clcw(0)
        return driven
    if event is Stimulus.INVALID_CLCW:
        driven = Driven(state)
        driven.fop.receive_invalid(0)
        return driven
    if event.value in CLCWS:
        return provoke_clcw(state, event)
    if event.name.startswith("TIMER"):
        return provoke_timer(state, event)
    if event.name.startswith("TRANSFER"):
        return provoke_transfer(state, event)
    if event.name[:2] in TcFrameKind.__members__:
        return provoke_response(state, event)
    if event in INITIATIONS:
        driven = Driven(state)
        driven.direct(*INITIATIONS[event])
        return driven
    if event.value in (26, 28) and state is FopState.INITIALISING_WITH_BC:
        driven = Driven(FopState.INITIAL)
        driven.direct(Directive.INITIATE_WITH_UNLOCK)
        driven.direct(*INITIATIONS[Stimulus[event.name.removesuffix("_NOT_READY")]])
        return driven
    if event.value in RESUMED:
        driven = Driven(RESUMED[event.value])
        driven.suspend()
        driven.fop.take_events()
        driven.direct(Directive.RESUME)
        return driven
    if event is Stimulus.INVALID_DIRECTIVE and state is FopState.INITIAL:
        driven = Driven(state, is_suspended=True)
        driven.direct(Directive.SET_VS, 77)
        return driven
    return None


DRIVEN = {cell: known for cell, known in CELLS.items() if known is not None and provoke(*cell) is not None}


def test_all_but_the_cells_that_no_input_can_reach_are_driven():
    never = {cell for cell, known in CELLS.items() if known is not None} - DRIVEN.keys()
    reasons = {
        # S2 and S3 have frames on their way; S4 to S6 have no request in the Wait_Queue.
        Stimulus.NOTHING_NEW: {2, 3},
        Stimulus.TRANSFER_AD_NOT_READY: {4, 5, 6},
        # A BC frame is offered in S5 only, an AD frame in S1 to S3 only.
        Stimulus.INITIATE_WITH_UNLOCK_NOT_READY: {1, 2, 3, 4, 6},
        Stimulus.INITIATE_WITH_SET_VR_NOT_READY: {1, 2, 3, 4, 6},
        Stimulus.BC_ACCEPTED: {1, 2, 3, 4, 6},
        Stimulus.BC_REJECTED: {1, 2, 3, 4, 6},
        Stimulus.AD_ACCEPTED: {4, 5, 6},
        Stimulus.AD_REJECTED: {4, 5, 6},
        # Nothing is suspended but in S6.
        Stimulus.INVALID_DIRECTIVE: {1, 2, 3, 4, 5},
    }
    assert never == {(FopState(state), event) for event, states in reasons.items() for state in states}


@pytest.mark.parametrize(("state", "event"), DRIVEN, ids=lambda each: f"{'S' if each in FopState else 'E'}{each.value}")
def test_each_row_does_what_the_standard_says(state, event):
    words, after = DRIVEN[state, event]
    driven = provoke(state, event)
    assert driven is not None
    fop, events = driven.fop, driven.fop.take_events()
    assert fop.state is after
    alerts = [each for each in events if isinstance(each, Alert)]
    assert [each.reason.name for each in alerts] == [each[1:] for each in words if each.startswith("!")]
    acknowledged = [each.tag for each in events if isinstance(each, Acknowledged)]
    assert acknowledged == ([7, 8] if event.value == 2 else [7])[: 2 * ("ack" in words)]
    rejections = [each for each in events if isinstance(each, Rejected | DirectiveRejected)]
    assert len(rejections) == ("rej" in words or event is Stimulus.BD_REJECTED)
    assert sum(isinstance(each, Confirmed | Initialised) for each in events) == ("conf" in words)
    assert sum(isinstance(each, Suspended) for each in events) == ("susp" in words)
    # What was suspended stays suspended unless it is resumed, initiated or terminated.
    is_suspended = "susp" in words or (state is FopState(6) and (event.value in CLCWS or event.value == 40))
    assert (fop.suspended_state is not None) == is_suspended
    if alerts:
        assert (fop.waiting_count, fop.next_deadline()) == (0, None)
        assert fop.expected_acknowledgement == fop.next_sequence
    if "stop" in words:
        assert fop.next_deadline() is None
    if "start" in words or "resume" in words:
        assert fop.next_deadline() == driven.now_ns + T1_NS
    if "vs" in words:
        expected = 99 if "setvr" in words else 77
        assert (fop.next_sequence, fop.expected_acknowledgement) == (expected, expected)
    config = fop.config
    settings = {"K": config.window, "T1": config.t1_initial_ns, "limit": config.transmission_limit}
    settings["TT"] = config.timeout_type
    expected_settings = {"K": 3, "T1": 555, "limit": 9, "TT": 1}
    assert all(settings[each] == expected_settings[each] for each in words if each in settings)
    check_frames(driven, words, event, acknowledged)


def check_frames(driven: Driven, words: list[str], event: Stimulus, acknowledged: list[int]) -> None:
    """Look at the frames that go out next."""
    frames = []
    while (frame := driven.pull()) is not None:
        frames.append((frame.kind.name, frame.sequence, frame.data))
    expected = []
    if "unlock" in words or "againBC" in words:
        expected.append(("BC", 0, UNLOCK))
    if "setvr" in words:
        expected.append(("BC", 0, set_vr(99)))
    if "BD" in words:
        expected.append(("BD", 0, b"new"))
    if event is Stimulus.TRANSFER_BD_NOT_READY:
        expected.append(("BD", 0, b"x"))
    if "again" in words:
        expected += [("AD", BASE + each, b"data") for each in range(len(acknowledged), 2)]
    if "put" in words and "look" in words:
        expected.append(("AD", BASE + 2, b"new"))
    if event.value in (26, 28):
        expected.append(("BC", 0, UNLOCK))
    assert frames == expected
