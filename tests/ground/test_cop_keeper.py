"""COP-1 at the station: the window, the keeper that brings the service up again, and the operator who steps in."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ccsds.clcw import Clcw
from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ground.__main__ import main
from ground.client import RefusalError
from ground.cop1_words import directive_of
from ground.cop_keeper import RESTART_PAUSE_NS_MAX, WAIT_NS_MAX, recovery_bound_ns
from ground.events import CopAlert, CopInitialised
from ground.uplink import CopState, Released, Undelivered, Uplink
from mission.profiles import PROFILES, Contact

NS_PER_S = 1_000_000_000
MS = 1_000_000
PROFILE = replace(PROFILES["serial"], contact=Contact.MODEM)


def clcw(report_value: int = 0, **flags: bool) -> Clcw:
    return Clcw(virtual_channel=0, report_value=report_value, **flags)


@pytest.fixture
def uplink() -> Uplink:
    """An uplink in contact, with the service up at number 0."""
    uplink = Uplink(PROFILE)
    uplink.contact(True, 0)
    uplink.receive(clcw(), 0)
    assert uplink.state is CopState.UP
    uplink.take()
    return uplink


def send(uplink: Uplink, count: int, now_ns: int = 0) -> int:
    """Queue commands 1 to count, and give how many frames go out."""
    for number in range(1, count + 1):
        uplink.put(number, bytes([number]), Service.AD)
    sent = 0
    while uplink.transmit(now_ns) is not None:
        sent += 1
    return sent


def kinds(uplink: Uplink, kind: type) -> list:
    return [item for item in uplink.take() if isinstance(item, kind)]


def test_a_window_of_commands_goes_up_without_waiting_and_no_more(uplink):
    assert send(uplink, 20) == PROFILE.farm_window // 2
    uplink.receive(clcw(5), 1)
    assert uplink.transmit(2) is not None
    assert [item.command_id for item in kinds(uplink, Released)] == list(range(1, 18))


def test_commands_that_are_given_up_go_before_those_that_wait_in_the_order_of_their_numbers(uplink):
    send(uplink, 20)
    uplink.take()
    uplink.receive(clcw(200), 1)
    for item in kinds(uplink, Undelivered):
        uplink.put(item.command_id, bytes([item.command_id]), Service.AD)
    later_ns = PROFILE.t1_initial_ns + 1
    uplink.receive(clcw(3), later_ns)
    send(uplink, 0, later_ns)
    assert [item.command_id for item in kinds(uplink, Released)] == list(range(1, 17))


def test_after_an_alert_nothing_begins_until_what_was_on_its_way_has_landed(uplink):
    send(uplink, 3, now_ns=1_000)
    uplink.receive(clcw(100), 2_000)
    assert [item.reason for item in kinds(uplink, CopAlert)] == [
        "N(R) goes backwards, or acknowledges a frame that was never sent"
    ]
    uplink.receive(clcw(1), 3_000)
    assert uplink.state is CopState.DOWN
    uplink.receive(clcw(3), 1_000 + PROFILE.t1_initial_ns)
    assert uplink.state is CopState.UP
    assert uplink.status()["vs"] == 3


def test_alerts_in_a_row_are_followed_by_pauses_that_double_up_to_a_bound(uplink):
    now_ns, pauses = 0, []
    for _ in range(12):
        uplink.receive(clcw(uplink.status()["vs"] + 1 & 0xFF), now_ns)
        assert uplink.state is CopState.DOWN
        down_ns = now_ns
        while uplink.state is CopState.DOWN:
            now_ns += 10 * MS
            uplink.receive(clcw(), now_ns)
        pauses.append(now_ns - down_ns)
    assert pauses == sorted(pauses)
    assert pauses[0] == 10 * MS
    assert pauses[-1] <= RESTART_PAUSE_NS_MAX + 10 * MS
    assert pauses[-1] <= recovery_bound_ns(PROFILE)


def test_a_wait_that_does_not_end_is_given_up_and_unlocked(uplink):
    send(uplink, 2)
    uplink.receive(clcw(0, retransmit=True, wait=True), 1)
    uplink.advance(1)
    now_ns = 1
    while now_ns < 2 * WAIT_NS_MAX and uplink.state is CopState.UP:
        now_ns = uplink.next_deadline()
        uplink.advance(now_ns)
        uplink.receive(clcw(0, retransmit=True, wait=True), now_ns)
    assert now_ns == WAIT_NS_MAX + 1
    alerts = kinds(uplink, CopAlert)
    assert [item.reason for item in alerts] == ["FARM-1 said wait for 60 s"]
    uplink.receive(clcw(0, retransmit=True, wait=True), now_ns + NS_PER_S)
    assert uplink.state is CopState.INITIALISING


def test_out_of_contact_the_patience_with_a_wait_stands_still(uplink):
    send(uplink, 1)
    uplink.receive(clcw(0, retransmit=True, wait=True), 1)
    uplink.advance(1)
    uplink.contact(False, 2)
    uplink.advance(100 * WAIT_NS_MAX)
    assert uplink.state is CopState.UP


def test_what_an_operator_terminates_stays_down_and_costs_no_waiting_command_a_try(uplink):
    send(uplink, 20)
    uplink.take()
    uplink.direct(Directive.TERMINATE, 1)
    assert [item.command_id for item in kinds(uplink, Undelivered)] == list(range(1, 17))
    uplink.receive(clcw(0), 10 * NS_PER_S)
    assert (uplink.state, uplink.status()["held"]) == (CopState.DOWN, True)
    uplink.direct(Directive.SET_VS, 10 * NS_PER_S, 7)
    uplink.direct(Directive.INITIATE_WITH_SET_VR, 10 * NS_PER_S, 42)
    assert uplink.transmit(10 * NS_PER_S) is not None
    uplink.receive(clcw(42), 11 * NS_PER_S)
    assert (uplink.state, uplink.status()["held"], uplink.status()["vs"]) == (CopState.UP, False, 42)
    assert len(kinds(uplink, CopInitialised)) == 1


def test_a_suspended_service_waits_for_the_operator_and_is_told(uplink):
    uplink.direct(Directive.SET_TIMEOUT_TYPE, 0, 1)
    uplink.direct(Directive.SET_TRANSMISSION_LIMIT, 0, 1)
    send(uplink, 1)
    uplink.advance(PROFILE.t1_initial_ns)
    (alert,) = kinds(uplink, CopAlert)
    assert alert.reason == "AD service suspended in state S1 ACTIVE; resume, initiate or terminate it"
    uplink.receive(clcw(1), 10 * NS_PER_S)
    assert uplink.state is CopState.SUSPENDED
    with pytest.raises(MisuseError, match=r"set V\(S\): expected a state that follows it, found S6 INITIAL suspended"):
        uplink.direct(Directive.SET_VS, 10 * NS_PER_S, 3)
    uplink.direct(Directive.RESUME, 10 * NS_PER_S)
    uplink.receive(clcw(1), 11 * NS_PER_S)
    assert (uplink.state, uplink.status()["on_their_way"]) == (CopState.UP, 0)


def test_a_bypass_frame_goes_up_in_every_state_of_the_service(uplink):
    uplink.direct(Directive.TERMINATE, 1)
    uplink.take()
    uplink.put(1, b"x", Service.BD)
    assert uplink.transmit(2) is not None
    assert kinds(uplink, Released) == [Released(1)]


def test_the_window_cannot_be_wider_than_half_of_farm_1s(uplink):
    with pytest.raises(MisuseError, match="set window: expected a value of 1 to 16, found 17"):
        uplink.direct(Directive.SET_WINDOW, 0, 17)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_bound_is_more_than_what_it_is_made_of(name):
    profile = PROFILES[name]
    assert recovery_bound_ns(profile) > RESTART_PAUSE_NS_MAX + profile.transmission_limit * profile.t1_initial_ns
    longer = replace(profile, keep_alive_ns=profile.keep_alive_ns + 1)
    assert recovery_bound_ns(longer) == recovery_bound_ns(profile) + 2


@pytest.mark.parametrize(
    ("word", "options", "expected"),
    [
        ("status", {}, (None, None)),
        ("initiate", {}, (Directive.INITIATE_WITH_CLCW_CHECK, None)),
        ("initiate", {"no_check": True}, (Directive.INITIATE_WITHOUT_CLCW, None)),
        ("initiate", {"unlock": True}, (Directive.INITIATE_WITH_UNLOCK, None)),
        ("initiate", {"set_vr": 0}, (Directive.INITIATE_WITH_SET_VR, 0)),
        ("terminate", {}, (Directive.TERMINATE, None)),
        ("resume", {}, (Directive.RESUME, None)),
        ("set-vs", {"value": 5.0}, (Directive.SET_VS, 5)),
        ("window", {"value": 4.0}, (Directive.SET_WINDOW, 4)),
        ("t1", {"value": 1.5}, (Directive.SET_T1, 1_500_000_000)),
        ("limit", {"value": 2.0}, (Directive.SET_TRANSMISSION_LIMIT, 2)),
        ("timeout-type", {"value": 1.0}, (Directive.SET_TIMEOUT_TYPE, 1)),
    ],
)
def test_the_operators_words_are_directives(word, options, expected):
    settings = {"value": None, "no_check": False, "unlock": False, "set_vr": None} | options
    assert directive_of(word, settings.pop("value"), **settings) == expected


@pytest.fixture
def ground(served):
    def run(*arguments: str):
        return CliRunner().invoke(main, ["cop1", *arguments, "--socket", str(served.config.socket_path)])

    return run


def test_the_operator_drives_cop_1_through_the_socket(ground, client):
    client.wait(client.send("test.connection"), 60)
    shown = ground().output
    assert "FOP-1   S1 ACTIVE, service UP" in shown
    assert "V(S) 1, NN(R) 1, 0 on their way, 0 queued" in shown
    assert "FARM-1  N(R) 1, no flags" in shown
    assert "window 4 of at most 16, T1 2.5 s" in (ground("window", "4").output and ground("t1", "2.5").output)
    for refused, reason in (
        (["window", "17"], "set window: expected a value of 1 to 16, found 17"),
        (["window", "1.5"], "cop1 window: expected a whole number, found 1.5"),
        (["window"], "cop1 window: expected a number, found none"),
        (["t1", "nan"], "cop1 t1: expected a number, found nan"),
        (["terminate", "1"], "cop1 terminate: expected no value, found 1"),
        (["set-vs", "3"], "set V(S): expected a state that follows it, found S1 ACTIVE"),
        (["terminate", "--unlock"], "expected at most one of --no-check, --unlock and --set-vr"),
        (["initiate", "--no-check", "--unlock"], "expected at most one of --no-check, --unlock and --set-vr"),
    ):
        result = ground(*refused)
        assert result.exit_code == 2
        assert reason in result.output
        assert result.output.count("\n") == 1
    assert json.loads(ground("terminate", "--json").output)["held"] is True
    assert ground("initiate", "--set-vr", "9").exit_code == 0
    command_id = client.send("test.connection")
    assert client.wait(command_id, 60)["stage"] == "COMPLETED"
    assert "V(S) 10" in ground("status").output


def test_a_directive_that_there_is_not_is_refused(client):
    with pytest.raises(RefusalError, match=r"directive: expected one of INITIATE_WITHOUT_CLCW, .*, found 'FLY'"):
        client._ask("POST", "/api/cop1", {"directive": "FLY", "value": None})
