"""FOP-1: window, timer, directives, throttle, and what it tells its owner; its rows are in `test_fop_table`."""

import msgspec
import pytest

from ccsds.clcw import Clcw
from ccsds.cop1.fop import (
    Acknowledged,
    Alert,
    AlertReason,
    CommandTransmitted,
    Confirmed,
    Directive,
    DirectiveRejected,
    Fop,
    FopConfig,
    FopState,
    Initialised,
    Rejected,
    Service,
    Suspended,
    Transmitted,
)
from ccsds.errors import MisuseError
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind, set_vr

CHANNEL = 3
T1_NS = 1_000
LIMIT = 3


def new_fop(limit: int = LIMIT, vs: int = 0, window: int = 1) -> Fop:
    config = FopConfig(
        spacecraft_id=0x2A, virtual_channel=CHANNEL, t1_initial_ns=T1_NS, transmission_limit=limit, window=window
    )
    fop = Fop(config)
    fop.contact(True, 0)
    fop.directive(Directive.SET_VS, 0, vs)
    assert fop.take_events() == [Confirmed(Directive.SET_VS, vs)]
    return fop


def active_fop(limit: int = LIMIT, vs: int = 0, window: int = 1) -> Fop:
    fop = new_fop(limit, vs, window)
    fop.directive(Directive.INITIATE_WITHOUT_CLCW, 0)
    assert fop.take_events() == [Initialised(Directive.INITIATE_WITHOUT_CLCW, vs)]
    return fop


def sending_fop(limit: int = LIMIT, vs: int = 0) -> Fop:
    """Give a FOP with a window of one, frame 7 on its way since time 0 and frame 8 in the Wait_Queue behind it."""
    fop = active_fop(limit, vs)
    fop.transfer(b"seven", Service.AD, 7, 0)
    fop.transfer(b"eight", Service.AD, 8, 0)
    assert fop.transmit(0) == ad(vs, b"seven")
    assert fop.take_events() == [Transmitted(7, Service.AD, 1)]
    return fop


def ad(sequence: int, data: bytes) -> TcFrame:
    return TcFrame(TcFrameKind.AD, 0x2A, CHANNEL, sequence, data)


def bc(command: bytes) -> TcFrame:
    return TcFrame(TcFrameKind.BC, 0x2A, CHANNEL, 0, command)


def clcw(report_value: int = 0, **flags: bool) -> Clcw:
    return Clcw(virtual_channel=CHANNEL, report_value=report_value, **flags)


# AD


def test_one_frame_at_a_time_is_sent_and_the_next_after_its_acknowledgement():
    fop = sending_fop()
    assert fop.transmit(1) is None
    fop.receive(clcw(1), 10)
    assert fop.take_events() == [Acknowledged(7)]
    assert fop.transmit(11) == ad(1, b"eight")
    fop.receive(clcw(2), 20)
    assert fop.take_events() == [Transmitted(8, Service.AD, 1), Acknowledged(8)]
    assert fop.next_deadline() is None
    assert (fop.waiting_count, fop.next_sequence) == (0, 2)


def test_numbers_go_round_after_255():
    fop = sending_fop(vs=255)
    fop.receive(clcw(0), 10)
    assert fop.transmit(11) == ad(0, b"eight")


def test_an_old_clcw_acknowledges_nothing():
    fop = sending_fop()
    fop.receive(clcw(0), 10)
    assert fop.take_events() == []
    assert fop.waiting_count == 2


def test_a_clcw_of_another_virtual_channel_is_passed_over():
    fop = sending_fop()
    fop.receive(msgspec.structs.replace(clcw(1, lockout=True), virtual_channel=CHANNEL + 1), 10)
    assert fop.take_events() == []
    assert fop.state is FopState.ACTIVE


def test_a_frame_is_sent_again_when_t1_expires_and_given_up_at_the_limit():
    fop = sending_fop()
    assert fop.next_deadline() == T1_NS
    fop.advance(T1_NS - 1)
    assert fop.transmit(T1_NS - 1) is None
    fop.advance(T1_NS)
    assert fop.transmit(1_500) == ad(0, b"seven")
    assert fop.next_deadline() == 2_500
    fop.advance(2_500)
    assert fop.transmit(2_500) == ad(0, b"seven")
    assert fop.take_events() == [Transmitted(7, Service.AD, 2), Transmitted(7, Service.AD, 3)]
    fop.advance(3_500)
    assert fop.take_events() == [Alert(AlertReason.T1, (7, 8))]
    assert (fop.state, fop.next_deadline(), fop.transmit(3_500)) == (FopState.INITIAL, None, None)


def test_an_acknowledgement_between_expiry_and_the_free_transmitter_saves_the_frame():
    fop = sending_fop()
    fop.advance(T1_NS)
    fop.receive(clcw(1), T1_NS + 1)
    assert fop.transmit(T1_NS + 2) == ad(1, b"eight")


def test_t1_stands_still_out_of_contact_and_nothing_is_sent():
    fop = sending_fop()
    fop.contact(False, 400)
    assert fop.next_deadline() is None
    fop.advance(1_000_000)
    fop.transfer(b"nine", Service.BD, 9, 1_000_000)
    assert fop.transmit(1_000_000) is None
    fop.contact(True, 2_000_000)
    assert fop.next_deadline() == 2_000_600
    assert fop.transmit(2_000_000) == TcFrame(TcFrameKind.BD, 0x2A, CHANNEL, 0, b"nine")


def send(fop: Fop, *tags: int, now_ns: int = 0) -> list[int]:
    """Transfer and transmit frames, and give their numbers."""
    numbers = []
    for tag in tags:
        assert fop.is_ready(Service.AD)
        fop.transfer(bytes([tag]), Service.AD, tag, now_ns)
        frame = fop.transmit(now_ns)
        assert frame is not None
        numbers.append(frame.sequence)
    return numbers


def pull(fop: Fop, now_ns: int = 0) -> list[int]:
    """Take all that is there for the transmitter, and give the numbers."""
    numbers = []
    while (frame := fop.transmit(now_ns)) is not None:
        numbers.append(frame.sequence)
    return numbers


def test_as_many_frames_as_the_window_has_are_on_their_way_and_no_more():
    fop = active_fop(vs=254, window=3)
    assert send(fop, 1, 2, 3) == [254, 255, 0]
    assert not fop.is_ready(Service.AD)
    fop.transfer(b"four", Service.AD, 4, 0)
    assert pull(fop) == []
    fop.take_events()
    fop.receive(clcw(255), 10)
    assert fop.take_events() == [Acknowledged(1)]
    assert pull(fop) == [1]


def test_one_clcw_acknowledges_all_before_its_number():
    fop = active_fop(vs=254, window=4)
    send(fop, 1, 2, 3, 4)
    fop.take_events()
    fop.receive(clcw(1), 10)
    assert fop.take_events() == [Acknowledged(1), Acknowledged(2), Acknowledged(3)]
    assert (fop.expected_acknowledgement, fop.next_sequence, fop.waiting_count) == (1, 2, 1)


def test_a_retransmission_goes_back_to_the_first_that_is_missing_and_new_frames_wait_behind_it():
    fop = active_fop(window=4)
    send(fop, 1, 2, 3)
    fop.receive(clcw(1, retransmit=True), 10)
    assert fop.state is FopState.RETRANSMIT_WITHOUT_WAIT
    assert not fop.is_ready(Service.AD)
    fop.transfer(b"four", Service.AD, 4, 10)
    assert pull(fop, 10) == [1, 2, 3]
    assert fop.is_ready(Service.AD)
    fop.receive(clcw(3), 20)
    assert fop.state is FopState.ACTIVE
    assert pull(fop, 20) == []
    fop.receive(clcw(4), 30)
    fop.take_events()
    assert fop.waiting_count == 0


def test_the_timer_runs_from_the_last_transmission_and_sends_all_again():
    fop = active_fop(window=4)
    send(fop, 1)
    send(fop, 2, now_ns=600)
    assert fop.next_deadline() == 1_600
    fop.advance(1_600)
    assert pull(fop, 1_600) == [0, 1]


def test_the_count_of_transmissions_begins_anew_when_something_is_acknowledged():
    fop = active_fop(limit=2, window=4)
    send(fop, 1, 2)
    fop.advance(1_000)
    assert pull(fop, 1_000) == [0, 1]
    fop.receive(clcw(1), 1_500)
    fop.advance(2_000)
    assert pull(fop, 2_000) == [1]
    fop.take_events()
    fop.advance(3_000)
    assert fop.take_events() == [Alert(AlertReason.T1, (2,))]


def test_a_number_that_was_given_to_a_frame_which_has_not_left_cannot_be_acknowledged():
    fop = active_fop(window=4)
    send(fop, 1)
    fop.transfer(b"two", Service.AD, 2, 0)
    fop.take_events()
    assert fop.next_sequence == 2
    fop.receive(clcw(2), 10)
    assert fop.take_events() == [Alert(AlertReason.NNR, (1, 2))]


@pytest.mark.parametrize("outstanding", range(5))
@pytest.mark.parametrize("report_value", range(256))
def test_every_number_acknowledges_what_is_before_it_or_is_impossible(report_value, outstanding):
    fop = active_fop(vs=253, window=5)
    send(fop, *range(outstanding))
    fop.take_events()
    fop.receive(clcw(report_value), 10)
    acknowledged = (report_value - 253) % 256
    if acknowledged <= outstanding:
        assert fop.take_events() == [Acknowledged(tag) for tag in range(acknowledged)]
    else:
        assert fop.take_events() == [Alert(AlertReason.NNR, tuple(range(outstanding)))]


def test_a_frame_is_not_left_without_a_timer_when_it_expired_while_the_spacecraft_said_wait():
    fop = active_fop(window=4)
    send(fop, 1, 2)
    fop.receive(clcw(0, retransmit=True, wait=True), 10)
    fop.advance(T1_NS)
    assert fop.next_deadline() is None
    fop.receive(clcw(1), 5_000)
    assert fop.state is FopState.ACTIVE
    assert fop.next_deadline() == 5_000 + T1_NS
    fop.advance(6_000)
    assert pull(fop, 6_000) == [1]


def test_a_narrower_window_holds_new_frames_back_until_enough_is_acknowledged():
    fop = active_fop(window=4)
    send(fop, 1, 2, 3)
    fop.directive(Directive.SET_WINDOW, 0, 2)
    fop.receive(clcw(1), 1)
    assert not fop.is_ready(Service.AD)
    fop.receive(clcw(2), 2)
    assert fop.is_ready(Service.AD)


def test_a_suspended_service_stands_still_and_goes_on_where_it_was():
    fop = active_fop(limit=1, window=4)
    fop.directive(Directive.SET_TIMEOUT_TYPE, 0, 1)
    send(fop, 1, 2)
    fop.take_events()
    fop.advance(T1_NS)
    assert fop.take_events() == [Suspended(FopState.ACTIVE)]
    assert (fop.state, fop.suspended_state, fop.next_deadline()) == (FopState.INITIAL, FopState.ACTIVE, None)
    fop.receive(clcw(1), 1_100)
    fop.transfer(b"three", Service.AD, 3, 1_100)
    fop.directive(Directive.SET_VS, 1_100, 9)
    assert [type(event) for event in fop.take_events()] == [Rejected, DirectiveRejected]
    assert pull(fop, 1_100) == []
    fop.directive(Directive.RESUME, 1_200)
    assert fop.take_events() == [Confirmed(Directive.RESUME, None)]
    assert (fop.state, fop.suspended_state, fop.next_deadline()) == (FopState.ACTIVE, None, 1_200 + T1_NS)
    fop.receive(clcw(2), 1_300)
    assert fop.take_events() == [Acknowledged(1), Acknowledged(2)]


@pytest.mark.parametrize("directive", [Directive.TERMINATE, Directive.INITIATE_WITHOUT_CLCW])
def test_a_suspended_service_that_is_not_resumed_gives_its_frames_up(directive):
    fop = active_fop(limit=1, window=4)
    fop.directive(Directive.SET_TIMEOUT_TYPE, 0, 1)
    send(fop, 1, 2)
    fop.advance(T1_NS)
    fop.take_events()
    fop.directive(directive, 2_000)
    assert fop.take_events()[0] == Alert(AlertReason.PURGED, (1, 2))
    assert (fop.suspended_state, fop.waiting_count) == (None, 0)


@pytest.mark.parametrize("service", Service)
def test_a_transmitter_that_refuses_a_frame_takes_the_service_down(service):
    fop = active_fop(window=4)
    fop.refuse(0)
    assert fop.take_events() == []
    fop.transfer(b"x", service, 5, 0)
    fop.refuse(1)
    *rejected, alert = fop.take_events()
    assert alert == Alert(AlertReason.LLIF, (5,) if service is Service.AD else ())
    assert rejected == ([] if service is Service.AD else [Rejected(5, AlertReason.LLIF.value)])
    assert pull(fop, 2) == []


def test_the_retransmit_flag_sends_the_frame_again_once_until_t1():
    fop = sending_fop()
    fop.receive(clcw(0, retransmit=True), 10)
    assert fop.state is FopState.RETRANSMIT_WITHOUT_WAIT
    assert fop.transmit(11) == ad(0, b"seven")
    fop.receive(clcw(0, retransmit=True), 12)
    assert fop.transmit(13) is None
    assert fop.next_deadline() == 11 + T1_NS
    fop.advance(11 + T1_NS)
    assert fop.transmit(2_000) == ad(0, b"seven")
    fop.receive(clcw(1), 2_100)
    assert fop.state is FopState.ACTIVE
    assert fop.take_events()[-1] == Acknowledged(7)


def test_the_wait_flag_holds_the_retransmission_back_until_it_clears():
    fop = sending_fop()
    fop.receive(clcw(0, retransmit=True, wait=True), 10)
    assert fop.state is FopState.RETRANSMIT_WITH_WAIT
    assert fop.transmit(11) is None
    fop.advance(T1_NS)
    assert fop.transmit(T1_NS) is None
    fop.receive(clcw(0, retransmit=True), 5_000)
    assert fop.transmit(5_000) == ad(0, b"seven")


def test_a_retransmission_asked_for_at_the_limit_is_left_to_t1():
    fop = sending_fop(limit=2)
    fop.receive(clcw(0, retransmit=True), 10)
    assert fop.transmit(11) == ad(0, b"seven")
    fop.receive(clcw(0, retransmit=True, wait=True), 20)
    assert fop.state is FopState.RETRANSMIT_WITH_WAIT
    fop.receive(clcw(0, retransmit=True), 30)
    assert fop.state is FopState.RETRANSMIT_WITHOUT_WAIT
    assert fop.transmit(31) is None
    fop.advance(11 + T1_NS)
    assert fop.take_events()[-1] == Alert(AlertReason.T1, (7, 8))


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (clcw(0, lockout=True), AlertReason.LOCKOUT),
        (clcw(1, lockout=True), AlertReason.LOCKOUT),
        (clcw(2), AlertReason.NNR),
        (clcw(255), AlertReason.NNR),
        (clcw(2, retransmit=True), AlertReason.NNR),
        (clcw(0, wait=True), AlertReason.CLCW),
        (clcw(1, wait=True), AlertReason.CLCW),
        (clcw(1, retransmit=True), AlertReason.SYNCH),
    ],
)
def test_a_clcw_that_cannot_be_alerts_with_all_that_is_given_up(word, reason):
    fop = sending_fop()
    fop.receive(word, 10)
    assert fop.take_events() == [Alert(reason, (7, 8))]
    assert fop.state is FopState.INITIAL
    assert fop.next_deadline() is None


def test_with_a_limit_of_one_a_retransmission_asked_for_alerts():
    fop = sending_fop(limit=1)
    fop.receive(clcw(0, retransmit=True), 10)
    assert fop.take_events() == [Alert(AlertReason.LIMIT, (7, 8))]


@pytest.mark.parametrize("report_value", [0, 200])
@pytest.mark.parametrize("flags", [{}, {"lockout": True}, {"wait": True}, {"retransmit": True}])
def test_in_the_initial_state_no_clcw_does_anything(report_value, flags):
    fop = new_fop()
    fop.receive(clcw(report_value, **flags), 10)
    assert fop.take_events() == []
    assert fop.state is FopState.INITIAL


def test_ad_data_is_rejected_while_the_service_is_not_up():
    fop = new_fop()
    fop.transfer(b"seven", Service.AD, 7, 0)
    [event] = fop.take_events()
    assert isinstance(event, Rejected)
    assert str(event) == "frame 7 rejected: the AD service is not up, S6 INITIAL"
    assert fop.transmit(1) is None


@pytest.mark.parametrize("service", Service)
def test_who_does_not_ask_whether_it_is_ready_is_rejected_and_told_why(service):
    fop = active_fop()
    taken = 0
    while fop.is_ready(service):
        fop.transfer(b"x", service, taken, 0)
        taken += 1
    assert taken == 1
    fop.transfer(b"y", service, 100, 0)
    fop.transfer(b"z", service, 101, 0)
    rejected = [event for event in fop.take_events() if isinstance(event, Rejected)]
    # One AD request may wait in the Wait_Queue; there is no such place for BD.
    expected = {Service.AD: [(101, "Wait_Queue")], Service.BD: [(100, "BD_Out_Flag"), (101, "BD_Out_Flag")]}
    assert [event.tag for event in rejected] == [tag for tag, _ in expected[service]]
    assert all(word in event.reason for event, (_, word) in zip(rejected, expected[service], strict=True))
    assert fop.transmit(0) is not None
    assert fop.is_ready(Service.BD)


@pytest.mark.parametrize("data", [b"", bytes(1018)])
def test_data_that_fits_no_frame_is_refused(data):
    with pytest.raises(MisuseError, match="expected 1 to 1017 octets of data"):
        active_fop().transfer(data, Service.AD, 1, 0)


# BD


@pytest.mark.parametrize("initiate", [None, Directive.INITIATE_WITHOUT_CLCW, Directive.INITIATE_WITH_CLCW_CHECK])
def test_bd_data_is_sent_once_in_every_state_and_needs_no_acknowledgement(initiate):
    fop = new_fop()
    if initiate is not None:
        fop.directive(initiate, 0)
        fop.take_events()
    fop.transfer(b"nine", Service.BD, 9, 0)
    assert fop.transmit(1) == TcFrame(TcFrameKind.BD, 0x2A, CHANNEL, 0, b"nine")
    assert fop.take_events() == [Transmitted(9, Service.BD, 1)]
    assert fop.transmit(2) is None


def test_bd_data_survives_an_alert():
    fop = sending_fop()
    fop.transfer(b"nine", Service.BD, 9, 0)
    fop.receive(clcw(0, lockout=True), 1)
    assert fop.take_events() == [Alert(AlertReason.LOCKOUT, (7, 8))]
    frame = fop.transmit(2)
    assert frame is not None
    assert frame.data == b"nine"


# Directives


def test_with_clcw_check_the_service_comes_up_with_a_clcw_that_fits():
    fop = new_fop(vs=5)
    fop.directive(Directive.INITIATE_WITH_CLCW_CHECK, 0)
    assert fop.state is FopState.INITIALISING_WITHOUT_BC
    assert fop.transmit(1) is None
    fop.receive(clcw(5), 10)
    assert fop.take_events() == [Initialised(Directive.INITIATE_WITH_CLCW_CHECK, 5)]
    assert (fop.state, fop.next_deadline()) == (FopState.ACTIVE, None)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (clcw(6), AlertReason.NNR),
        (clcw(5, lockout=True), AlertReason.LOCKOUT),
        (clcw(5, wait=True), AlertReason.CLCW),
        (clcw(5, retransmit=True), AlertReason.SYNCH),
    ],
)
def test_with_clcw_check_a_clcw_that_does_not_fit_alerts(word, reason):
    fop = new_fop(vs=5)
    fop.directive(Directive.INITIATE_WITH_CLCW_CHECK, 0)
    fop.receive(word, 10)
    assert fop.take_events() == [Alert(reason, ())]


def test_with_clcw_check_silence_alerts_after_t1():
    fop = new_fop()
    fop.directive(Directive.INITIATE_WITH_CLCW_CHECK, 0)
    fop.advance(T1_NS)
    assert fop.take_events() == [Alert(AlertReason.T1, ())]


@pytest.mark.parametrize(
    ("directive", "value", "command", "report_value"),
    [
        (Directive.INITIATE_WITH_UNLOCK, None, UNLOCK, 5),
        (Directive.INITIATE_WITH_SET_VR, 99, set_vr(99), 99),
    ],
)
def test_a_control_command_is_repeated_until_the_clcw_shows_it(directive, value, command, report_value):
    fop = new_fop(vs=5)
    fop.directive(directive, 0, value)
    assert fop.transmit(0) == bc(command)
    fop.receive(clcw(5, lockout=True), 500)
    fop.receive(clcw(6), 500)
    assert fop.transmit(500) is None
    fop.advance(T1_NS)
    assert fop.transmit(T1_NS) == bc(command)
    fop.receive(clcw(report_value), 1_500)
    assert fop.take_events() == [
        CommandTransmitted(directive, 1),
        CommandTransmitted(directive, 2),
        Initialised(directive, report_value),
    ]
    assert fop.next_deadline() is None


def test_a_control_command_without_effect_alerts_after_the_last_transmission():
    fop = new_fop()
    fop.directive(Directive.INITIATE_WITH_UNLOCK, 0)
    now_ns = 0
    for _ in range(LIMIT):
        assert fop.transmit(now_ns) == bc(UNLOCK)
        now_ns += T1_NS
        fop.advance(now_ns)
    assert fop.take_events()[-1] == Alert(AlertReason.T1, ())
    assert fop.transmit(now_ns) is None


def test_termination_gives_everything_up():
    fop = sending_fop()
    fop.directive(Directive.TERMINATE, 1)
    assert fop.take_events() == [Alert(AlertReason.TERMINATED, (7, 8)), Confirmed(Directive.TERMINATE, None)]
    fop.directive(Directive.TERMINATE, 2)
    assert fop.take_events() == [Confirmed(Directive.TERMINATE, None)]


def test_after_a_loss_the_service_comes_up_again_with_the_number_of_the_last_clcw():
    fop = sending_fop()
    fop.directive(Directive.TERMINATE, 1)
    fop.directive(Directive.SET_VS, 1, 0)
    fop.directive(Directive.INITIATE_WITH_CLCW_CHECK, 1)
    fop.receive(clcw(0), 2)
    fop.transfer(b"seven", Service.AD, 7, 3)
    assert fop.transmit(3) == ad(0, b"seven")


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        (Directive.INITIATE_WITHOUT_CLCW, None),
        (Directive.INITIATE_WITH_CLCW_CHECK, None),
        (Directive.INITIATE_WITH_UNLOCK, None),
        (Directive.INITIATE_WITH_SET_VR, 1),
        (Directive.SET_VS, 1),
        (Directive.RESUME, None),
    ],
)
def test_what_begins_or_numbers_the_service_is_rejected_while_it_is_up(directive, value):
    fop = sending_fop()
    fop.directive(directive, 1, value)
    assert fop.take_events() == [DirectiveRejected(directive, FopState.ACTIVE)]
    assert (fop.next_sequence, fop.waiting_count) == (1, 2)


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        (Directive.SET_VS, None),
        (Directive.SET_VS, 256),
        (Directive.INITIATE_WITH_SET_VR, -1),
        (Directive.INITIATE_WITH_UNLOCK, 1),
        (Directive.SET_WINDOW, 0),
        (Directive.SET_WINDOW, 128),
        (Directive.SET_T1, 0),
        (Directive.SET_TRANSMISSION_LIMIT, 0),
        (Directive.SET_TRANSMISSION_LIMIT, 256),
        (Directive.SET_TIMEOUT_TYPE, 2),
        (Directive.SET_TIMEOUT_TYPE, None),
        (Directive.RESUME, 1),
    ],
)
def test_a_directive_with_the_wrong_value_is_refused(directive, value):
    with pytest.raises(MisuseError, match=f"expected .*, found {value}"):
        new_fop().directive(directive, 0, value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacecraft_id": 1024},
        {"virtual_channel": 64},
        {"t1_initial_ns": 0},
        {"transmission_limit": 0},
        {"window": 0},
        {"window": 17, "positive_window": 16},
        {"positive_window": 128},
        {"timeout_type": 2},
    ],
)
def test_a_configuration_that_the_standard_has_not_is_refused(wrong):
    with pytest.raises(MisuseError, match="FOP-1: expected"):
        FopConfig(**({"spacecraft_id": 1, "virtual_channel": 0, "t1_initial_ns": 1} | wrong))


def test_every_event_says_itself_in_one_line():
    events = [
        Transmitted(1, Service.AD, 2),
        Acknowledged(1),
        Rejected(1, "why"),
        Initialised(Directive.INITIATE_WITH_UNLOCK, 3),
        CommandTransmitted(Directive.INITIATE_WITH_UNLOCK, 1),
        DirectiveRejected(Directive.SET_VS, FopState.ACTIVE),
        Alert(AlertReason.T1, (1, 2)),
        Confirmed(Directive.SET_WINDOW, 4),
        Confirmed(Directive.RESUME, None),
        Suspended(FopState.ACTIVE),
    ]
    assert [str(event) for event in events] == [
        "AD frame 1 transmitted (2)",
        "AD frame 1 acknowledged",
        "frame 1 rejected: why",
        "AD service up after: initiate AD with Unlock; the next frame is 3",
        "initiate AD with Unlock: BC frame transmitted (1)",
        "set V(S): rejected in state S1 ACTIVE",
        "AD service down, no acknowledgement came after the last transmission allowed; 2 frames given up",
        "set window: done, 4",
        "resume AD: done",
        "AD service suspended in state S1 ACTIVE",
    ]
