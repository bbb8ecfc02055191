"""The operator's safeguards on board: arming, inhibits, and the limit of silence."""

import pytest

from ccsds.pus.telecommand import Telecommand
from flight.acceptance import RefusedError
from flight.disk import RealDisk
from flight.services.parameters import ParameterService
from flight.services.safeguards import ARMED_MAX, MARK_PERIOD_NS
from ground.storage import CONFIRM
from hil.tabletop.operator import NS_PER_S as SECOND
from hil.tabletop.operator import Operator
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Hazard
from mission.failures import FailureCode
from mission.modes import Mode, ModeCause
from mission.safeguards import INHIBITS_MAX, SILENCE_LIMIT_S_DEFAULT
from mission.schedule import Fate

MARK_S = MARK_PERIOD_NS // SECOND


@pytest.fixture
def operator(tmp_path):
    operator = Operator(RealDisk(tmp_path))
    for job_id in (1, 2):
        assert operator.command("job.submit", job_id=job_id, recipe="tiny", corpus="text") is None
    return operator


def test_a_hazardous_command_needs_its_arm_and_each_arm_serves_once(operator):
    assert operator.command("job.cancel", job_id=1) is FailureCode.NOT_ARMED
    assert operator.job(1) == ("STARTING", "NONE")
    operator.arm("job.cancel")
    assert operator.command("job.cancel", job_id=1) is None
    assert operator.command("job.cancel", job_id=2) is FailureCode.NOT_ARMED


def test_an_arm_serves_its_own_message_type_alone(operator):
    operator.arm("spacecraft.reset")
    assert operator.command("job.cancel", job_id=1) is FailureCode.NOT_ARMED


def test_an_arm_lapses_and_says_so(operator):
    operator.command("command.arm", service=128, subtype=2, hold_s=5)
    operator.run(5)
    assert operator.heard("arm_lapsed") == [{"service": 128, "subtype": 2}]
    assert operator.command("job.cancel", job_id=1) is FailureCode.NOT_ARMED


def test_a_reset_disarms(operator):
    operator.arm("job.cancel")
    operator.boot()
    assert operator.command("job.cancel", job_id=1) is FailureCode.NOT_ARMED


def test_a_malformed_hazardous_command_uses_up_no_arm(operator):
    operator.arm("job.cancel")
    packet = Telecommand(Apid.CORE, 999, 128, 2, 9, data=b"\0").encode()
    assert operator.send(packet) is FailureCode.BAD_ARGUMENT
    assert operator.command("job.cancel", job_id=1) is None


def test_no_more_than_a_few_are_armed_at_once_and_the_oldest_goes_first(operator):
    operator.arm("job.cancel")
    for subtype in range(1, ARMED_MAX + 1):
        operator.command("command.arm", service=200, subtype=subtype)
    assert operator.command("job.cancel", job_id=1) is FailureCode.NOT_ARMED


HAZARDOUS = [command for command in DICTIONARY.commands.values() if command.hazard is not Hazard.NONE]


@pytest.mark.parametrize("command", HAZARDOUS, ids=lambda command: command.name)
def test_every_hazardous_command_is_refused_unarmed_and_passes_armed_once(operator, command):
    safeguards = operator.spacecraft._survival.safeguards
    operator.arm(command.name)
    safeguards.check(command, operator.now_ns, is_release=False)
    with pytest.raises(RefusedError, match=f"command.arm service={command.service} subtype={command.subtype}") as found:
        safeguards.check(command, operator.now_ns, is_release=False)
    assert found.value.code is FailureCode.NOT_ARMED


@pytest.mark.parametrize("subtype", [3, 0])
def test_an_inhibited_command_is_refused_over_a_reboot_until_it_is_released(operator, subtype):
    operator.command("command.inhibit", service=128, subtype=subtype)
    operator.boot()
    assert operator.command("job.pause", job_id=1) is FailureCode.INHIBITED
    assert operator.command("command.report_inhibits") is None
    assert operator.heard("inhibit_report") == [{"inhibits": [{"service": 128, "subtype": subtype}]}]
    assert operator.command("command.release", service=128, subtype=subtype) is None
    assert operator.command("job.pause", job_id=1) is None


def test_what_releases_cannot_be_inhibited_and_inhibits_are_bounded(operator):
    assert operator.command("command.inhibit", service=134, subtype=0) is FailureCode.REFUSED
    assert operator.command("command.release", service=128, subtype=1) is FailureCode.REFUSED
    for subtype in range(1, INHIBITS_MAX + 1):
        assert operator.command("command.inhibit", service=200, subtype=subtype) is None
    assert operator.command("command.inhibit", service=201, subtype=1) is FailureCode.REFUSED


def test_too_long_a_silence_leads_to_safe_and_each_accepted_command_begins_it_anew(operator):
    operator.command("command.limit_silence", seconds=1_000)
    operator.run(999)
    operator.command("test.connection")
    operator.run(999)
    assert operator.mode is Mode.COMPUTE
    operator.run(1)
    assert operator.mode is Mode.SAFE
    assert operator.heard("safe_entered")[-1]["cause"].name == "SILENCE"


def test_a_refused_command_does_not_end_the_silence(operator):
    operator.command("command.limit_silence", seconds=1_000)
    operator.run(900)
    operator.command("job.cancel", job_id=1)
    operator.run(100)
    assert operator.mode is Mode.SAFE


def test_silence_is_counted_over_resets_and_never_for_shorter_than_it_was(operator):
    operator.command("command.limit_silence", seconds=10 * MARK_S)
    silent_s = 0
    while operator.mode is not Mode.SAFE:
        operator.run(MARK_S // 2)
        silent_s += MARK_S // 2
        operator.spacecraft.stop()
        operator.boot()
        assert silent_s <= 10 * MARK_S
    assert silent_s >= 10 * MARK_S // 4


def test_a_command_just_before_a_power_cut_is_not_forgotten_by_the_count_of_silence(operator):
    operator.command("command.limit_silence", seconds=10 * MARK_S)
    operator.run(9 * MARK_S)
    operator.command("test.connection")
    operator.boot()
    operator.run(8 * MARK_S)
    assert operator.mode is Mode.COMPUTE


def test_no_limit_is_no_limit_and_the_default_is_a_week(operator):
    operator.command("command.limit_silence", seconds=0)
    operator.run(2 * SILENCE_LIMIT_S_DEFAULT)
    assert operator.mode is Mode.COMPUTE


def test_unless_told_otherwise_a_week_of_silence_leads_to_safe(operator):
    operator.run(SILENCE_LIMIT_S_DEFAULT)
    assert operator.mode is Mode.SAFE


def test_what_a_station_gives_by_itself_does_not_end_the_silence(operator):
    assert operator.command("command.limit_silence", seconds=3_600) is None
    for _ in range(2):
        operator.run(1_500)
        assert operator.command("storage.confirm", store=1, end=0) is None
        assert operator.mode is Mode.COMPUTE
    operator.run(1_500)
    assert operator.mode is Mode.SAFE
    assert operator.spacecraft._survival.modes.latest.cause is ModeCause.SILENCE


def test_only_what_no_person_gives_is_declared_automatic():
    assert [name for name, each in DICTIONARY.commands.items() if each.is_automatic] == [CONFIRM]


def scheduled(operator, *commands):
    """Let commands come due, one a second from 10 s from now on."""
    rows = []
    for number, (name, arguments) in enumerate(commands):
        declared = DICTIONARY.command(name)
        data = declared.arguments.encode(declared.arguments.complete(arguments))
        packet = Telecommand(Apid.CORE, number, declared.service, declared.subtype, 77, data=data).encode()
        rows.append({"release_time": 10**18 + operator.now_ns + (10 + number) * SECOND, "request": packet})
    assert operator.command("schedule.enable") is None
    assert operator.command("schedule.insert", activities=rows) is None


def test_in_safe_nothing_on_board_gives_what_is_not_declared_for_it_and_nothing_leads_out(operator):
    assert operator.command("procedure.load_direct", procedure="out", text="send mode.enter mode=NOMINAL") is None
    scheduled(
        operator,
        ("mode.enter", {"mode": Mode.COMPUTE}),
        ("procedure.start", {"procedure": "out"}),
        ("parameter.set", {"values": {"beacon_period": 60}}),
        ("housekeeping.once", {"structures": [1]}),
    )
    assert operator.command("mode.enter", mode=Mode.SAFE) is None
    operator.run(30)
    assert operator.mode is Mode.SAFE
    fates = operator.spacecraft._ledger.schedule.counts
    assert fates == {Fate.REFUSED: 3, Fate.EXECUTED: 1}
    assert operator.command("procedure.start", procedure="out") is None
    operator.run(5)
    assert operator.mode is Mode.SAFE
    # The ground may do what it likes.
    assert operator.command("mode.enter", mode=Mode.NOMINAL) is None
    operator.run(1)
    assert operator.mode is Mode.NOMINAL


class DiedError(BaseException):
    """The flight software is gone."""


def test_what_ends_the_flight_software_each_time_a_procedure_does_it_is_not_done_in_safe(operator, monkeypatch):
    policy = operator.config.survival.boots

    def die(*_):
        raise DiedError

    monkeypatch.setattr(ParameterService, "execute", die)
    text = "on_reboot continue\nwait 5s\nsend parameter.reset parameters=beacon_period\n"
    assert operator.command("procedure.load_direct", procedure="poison", text=text) is None
    assert operator.command("procedure.start", procedure="poison") is None
    deaths = 0
    for _ in range(2 * policy.resets_max):
        try:
            operator.run(30)
            break
        except DiedError:
            deaths += 1
            operator.boot()
    assert (deaths, operator.mode) == (policy.resets_max, Mode.SAFE)
    assert operator.spacecraft._ledger.procedures.runs == {}


def test_a_reaction_gives_nothing_in_safe_that_is_not_declared_for_it(operator):
    declared = DICTIONARY.command("mode.enter")
    data = declared.arguments.encode({"mode": Mode.COMPUTE})
    packet = Telecommand(Apid.CORE, 1, declared.service, declared.subtype, 77, data=data).encode()
    event = DICTIONARY.events["safe_entered"].id
    assert operator.command("reaction.add", reactions=[{"event": event, "about": 0, "request": packet}]) is None
    assert operator.command("reaction.enable", reactions=[{"event": event, "about": 0}]) is None
    assert operator.command("mode.enter", mode=Mode.SAFE) is None
    operator.run(5)
    assert operator.mode is Mode.SAFE
    assert operator.spacecraft._ledger.reactions.failed_count == 1
