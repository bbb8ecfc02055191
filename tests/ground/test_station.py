"""The station against a little scripted spacecraft: commands, reports and what it refuses."""

from dataclasses import replace

import msgspec
import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ground import station as station_module
from ground.events import (
    CommandIssued,
    CopAlert,
    CopInitialised,
    DictionaryDiffers,
    EventReported,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    PacketRejected,
    ReportReceived,
    encode_json,
)
from ground.station import Station
from ground.station_config import StationConfig, default_response_timeout_ns
from mission.definition import DICTIONARY
from mission.jobs import JobState
from mission.profiles import PROFILES, Contact
from mission.words.core import BOOTED
from mission.words.jobs import JOB_STATE

NS_PER_S = 1_000_000_000


ALL_STAGES = ["QUEUED", "RELEASED", "DELIVERED", "ACCEPTED", "STARTED", "COMPLETED"]


def test_a_command_goes_through_every_stage(ladder):
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(3)
    assert ladder.stages(command_id) == ALL_STAGES
    assert [(each.service, each.subtype, each.source_id) for each in ladder.spacecraft.telecommands] == [
        (17, 1, 0x1234)
    ]
    assert ladder.of(LinkChanged)[0].state is LinkState.UP
    assert len(ladder.of(CopInitialised)) == 1
    assert ladder.of(CopAlert) == []


def test_commands_are_delivered_in_order_one_at_a_time(ladder):
    numbers = [ladder.station.command("job.pause", {"job_id": each + 1}, now_ns=0) for each in range(20)]
    ladder.run(30)
    assert [each.sequence_count for each in ladder.spacecraft.telecommands] == list(range(20))
    for number in numbers:
        assert ladder.stages(number) == ALL_STAGES


def test_the_spacecraft_own_refusal_of_an_undeclared_command_is_seen(make_ladder):
    def refuse(telecommand: Telecommand) -> list[VerificationReport]:
        text = "unknown service 200: expected one of 3, 17\n128"
        return [VerificationReport(VerificationStage.ACCEPTANCE_FAILED, telecommand.request_id, None, 4, text)]

    ladder = make_ladder(refuse)
    command_id = ladder.station.telecommand(200, 1, b"\x01\x02", now_ns=0)
    ladder.run(3)
    assert ladder.stages(command_id)[-1] == "REFUSED"
    assert ladder.station.snapshot()["commands"][0]["text"] == (
        "UNKNOWN_SERVICE, unknown service 200: expected one of 3, 17 128"
    )
    assert ladder.spacecraft.telecommands[0].data == b"\x01\x02"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("job.submitt", {}, "unknown command 'job.submitt': expected one of job.submit,"),
        ("job.cancel", {}, "job_id: expected a value, found none"),
        ("job.cancel", {"job_id": 0}, "job_id: expected 1 or more, found 0"),
        ("job.cancel", {"job_id": 1, "force": 1}, "unknown field 'force': expected job_id"),
    ],
)
def test_a_bad_command_is_refused_at_the_ground_and_uses_no_sequence_count(ladder, name, arguments, message):
    with pytest.raises(MisuseError, match=message):
        ladder.station.command(name, arguments, now_ns=0)
    assert ladder.station.snapshot()["next_sequence_count"] == 0
    assert ladder.station.take_events() == []


def test_a_telecommand_that_no_frame_can_carry_is_refused(ladder):
    with pytest.raises(MisuseError, match="expected a telecommand of at most 1017 octets, found 1018"):
        ladder.station.telecommand(128, 1, bytes(1005), now_ns=0)
    ladder.station.telecommand(128, 1, bytes(1004), now_ns=0)


def test_a_report_about_another_stations_command_is_shown_but_moves_nothing(ladder):
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(1)
    request_id = ladder.spacecraft.telecommands[0].request_id
    ladder.spacecraft.answer = lambda telecommand: []
    other = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.run(1)
    request_id = ladder.spacecraft.telecommands[-1].request_id
    report = VerificationReport(VerificationStage.COMPLETED, request_id)
    ladder.spacecraft.say(1, report.stage, report.encode(), destination_id=0x4321)
    ladder.run(0.2)
    assert ladder.stages(command_id)[-1] == "COMPLETED"
    assert ladder.stages(other)[-1] == "DELIVERED"
    assert ladder.of(ReportReceived)[-1].values == {"apid": 0x42, "sequence_count": 1}


def test_reports_events_and_housekeeping_come_out_decoded_with_on_board_time(ladder):
    report = {"job_id": 3, "step": 50, "steps": 100, "loss": 2.5, "validation_loss": float("nan")}
    report |= {"tokens_per_s": 1000.0, "eta": 60.0}
    data = DICTIONARY.report_of(128, 130).fields.encode(report)
    structure = DICTIONARY.structure_of(2)
    values = {field.name: JobState.RUNNING if field.name == JOB_STATE.name else 1 for field in structure.layout.fields}
    event = DICTIONARY.events["job_changed"]
    change = {"job_id": 3, "step": 1, "before": JobState.QUEUED, "after": JobState.RUNNING, "reason": "a\nb"}
    on_board_ns = 2_000_000_000 * NS_PER_S
    ladder.spacecraft.say(128, 130, data, on_board_ns)
    ladder.spacecraft.say(3, 25, bytes([2]) + structure.layout.encode(values), on_board_ns)
    ladder.spacecraft.say(5, 1, event.id.to_bytes(2, "big") + event.fields.encode(change), on_board_ns)
    ladder.run(1)
    (progress,) = ladder.of(ReportReceived)
    assert (progress.name, progress.tai_ns, progress.values["loss"]) == ("job_progress", on_board_ns, 2.5)
    (housekeeping,) = ladder.of(HousekeepingReceived)
    assert (housekeeping.name, housekeeping.values["job_state"]) == ("jobs", JobState.RUNNING)
    (told,) = ladder.of(EventReported)
    assert told.text == "job 3 at step 1: QUEUED -> RUNNING a b"
    assert str(told) == "event INFORMATIVE job_changed: job 3 at step 1: QUEUED -> RUNNING a b"
    snapshot = ladder.station.snapshot()
    assert snapshot["housekeeping"]["2"]["values"]["job_state"] == "RUNNING"
    assert snapshot["jobs"]["3"]["losses"] == [[50, 2.5]]
    assert snapshot["jobs"]["3"]["progress"]["validation_loss"] is None
    assert msgspec.json.decode(msgspec.json.encode(snapshot)) == snapshot


@pytest.mark.parametrize(
    ("service", "subtype", "data", "reason"),
    [
        (17, 9, b"", r"expected a declared report, found message type \[17,9\]"),
        (3, 25, b"", "expected a structure number, found 0 octets"),
        (3, 26, b"", "expected a structure number, found 0 octets"),
        (3, 25, b"\x02\x00", "expected jobs_waiting"),
        (5, 1, b"\x00", "expected 2 octets of number, found 1"),
        (5, 1, b"\xff\xff", "expected a declared event, found number 65535"),
        (5, 9, b"\x00\x01", r"expected a declared report, found message type \[5,9\]"),
        (1, 1, b"\x18", "ACCEPTED report: expected 4 to 4 octets, found 1"),
        (1, 9, b"\x18\x42\xc0\x00", "expected subtype 1 to 8, found 9"),
        (128, 130, b"\x00", "expected job_id"),
    ],
)
def test_a_report_that_the_dictionary_does_not_hold_is_rejected_with_a_reason(ladder, service, subtype, data, reason):
    ladder.spacecraft.say(service, subtype, data)
    ladder.run(0.2)
    (rejected,) = ladder.of(PacketRejected)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(rejected.reason)
    assert ladder.station.snapshot()["counters"]["packets_rejected"] == 1


def test_a_structure_made_in_flight_is_decoded_once_it_was_defined_and_kept_as_octets_before(ladder):
    ladder.spacecraft.say(3, 25, b"\x82\x00\x00\x00\x07")
    ladder.run(0.2)
    definition = DICTIONARY.reports["housekeeping_structure"].fields.encode(
        {"structure": 130, "reporting": "ENABLED", "interval": 500, "mode": "PERIODIC", "parameters": ["uptime"]}
    )
    ladder.spacecraft.say(3, 10, definition)
    ladder.spacecraft.say(3, 25, b"\x82\x00\x00\x00\x07")
    ladder.run(0.2)
    first, second = ladder.of(HousekeepingReceived)
    assert (first.name, first.values) == ("housekeeping_130", {"octets": b"\x00\x00\x00\x07"})
    assert second.values == {"uptime": 7}
    assert ladder.station.snapshot()["housekeeping"]["130"]["values"] == {"uptime": 7}


def test_another_dictionary_on_board_is_told_once(ladder):
    boot = BOOTED.id.to_bytes(2, "big")
    for digest in (DICTIONARY.digest, b"another1", b"another1"):
        ladder.spacecraft.say(5, 1, boot + BOOTED.fields.encode({"boot_count": 1, "dictionary_digest": digest}))
    ladder.run(1)
    (differs,) = ladder.of(DictionaryDiffers)
    assert (differs.expected, differs.found) == (DICTIONARY.digest, b"another1")


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_carries_a_command_both_ways(name, make_spacecraft, make_ladder):
    profile = replace(PROFILES[name], contact=Contact.MODEM)
    ladder = make_ladder()
    ladder.station = Station(StationConfig(profile=profile, source_id=9))
    ladder.station.contact(True, 0)
    ladder.spacecraft = make_spacecraft(profile)
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(3)
    assert ladder.stages(command_id) == ALL_STAGES


def test_a_driver_that_never_takes_events_costs_bounded_memory(profile, make_spacecraft, monkeypatch):
    monkeypatch.setattr(station_module, "EVENTS_PENDING_MAX", 100)
    station = Station(StationConfig(profile=profile, source_id=1))
    spacecraft = make_spacecraft(profile)
    for index in range(150):
        station.receive(spacecraft.frame(), index)
    events = station.take_events()
    assert len(events) == 100
    assert events[-1].time_ns == 149
    assert station.take_events() == []


def test_sequence_counts_and_numbers_go_on_from_the_config_and_wrap(profile):
    station = Station(StationConfig(profile=profile, source_id=1, next_sequence_count=16383, next_command_id=500))
    assert station.command("test.connection", now_ns=0) == 500
    assert station.command("test.connection", now_ns=0) == 501
    issued = [event for event in station.take_events() if isinstance(event, CommandIssued)]
    assert [each.sequence_count for each in issued] == [16383, 0]
    assert Telecommand.decode(issued[0].octets).sequence_count == 16383


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source_id": 65536}, "expected source_id 0 to 65535, found 65536"),
        ({"next_sequence_count": 16384}, "expected next_sequence_count 0 to 16383, found 16384"),
        ({"next_command_id": 0}, "expected next_command_id of 1 or more, found 0"),
        ({"tries_max": 0}, "expected tries_max of 1 or more, found 0"),
        ({"response_timeout_ns": -1}, "expected response_timeout_ns above 0, found -1"),
    ],
)
def test_a_config_that_cannot_be_is_refused(profile, settings, message):
    with pytest.raises(MisuseError, match=message):
        Station(StationConfig(**{"profile": profile, "source_id": 1, **settings}))


def test_the_response_timeout_is_longer_than_t1_on_every_profile():
    for profile in PROFILES.values():
        assert default_response_timeout_ns(profile) > profile.t1_initial_ns


def test_a_queued_command_can_be_withdrawn_and_a_released_one_cannot(ladder):
    withdrawn = ladder.station.command("test.connection", now_ns=0)
    assert ladder.station.withdraw(withdrawn, "not wanted", 0)
    assert ladder.station.transmit(0) is None
    released = ladder.station.command("test.connection", service=Service.BD, now_ns=0)
    assert ladder.station.transmit(0) is not None
    assert not ladder.station.withdraw(released, "too late", 0)
    ladder.run(0.2)
    assert ladder.stages(withdrawn) == ["QUEUED", "LOST"]


def test_equal_calls_give_equal_octets_and_equal_events(make_ladder):
    def run() -> tuple[list[bytes], list[bytes]]:
        sent = []
        ladder = make_ladder()
        ladder.up = lambda octets: sent.append(octets) or (None if len(sent) % 3 == 0 else octets)
        for job_id in range(1, 5):
            ladder.station.command("job.cancel", {"job_id": job_id}, now_ns=0)
        ladder.run(20)
        return sent, [encode_json(event) for event in ladder.events]

    assert run() == run()
