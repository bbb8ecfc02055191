"""FOP-1: window, timer, throttle, and what it tells its owner; its rows are in `test_fop_table`."""

import msgspec
import pytest

from ccsds.cop1.fop import (
    Acknowledged,
    Alert,
    AlertReason,
    Confirmed,
    Directive,
    DirectiveRejected,
    FopState,
    Rejected,
    Service,
    Suspended,
    Transmitted,
)
from ccsds.errors import MisuseError
from ccsds.tc_frame import TcFrame, TcFrameKind
from tests.ccsds.fop_end import (
    CHANNEL,
    T1_NS,
    active_fop,
    ad,
    clcw,
    new_fop,
    pull,
    send,
    sending_fop,
)

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
