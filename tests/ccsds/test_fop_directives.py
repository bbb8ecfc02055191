"""FOP-1: what an operator directs, and what it tells its owner of that; its rows are in `test_fop_table`."""

import pytest

from ccsds.cop1.fop import (
    Acknowledged,
    Alert,
    AlertReason,
    CommandTransmitted,
    Confirmed,
    Directive,
    DirectiveRejected,
    FopConfig,
    FopState,
    Initialised,
    Rejected,
    Service,
    Suspended,
    Transmitted,
)
from ccsds.errors import MisuseError
from ccsds.tc_frame import UNLOCK, set_vr
from tests.ccsds.fop_end import (
    LIMIT,
    T1_NS,
    ad,
    bc,
    clcw,
    new_fop,
    sending_fop,
)


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
