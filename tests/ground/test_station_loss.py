"""The station against a little scripted spacecraft: loss on either way, repeats, COP-1 and noise."""

import random
from dataclasses import replace

import pytest

from ccsds.cop1.fop import Service
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.tc_frame import TcFrame, TcFrameKind
from ground.events import (
    CommandIssued,
    CopAlert,
    CopInitialised,
    FrameReceived,
    FrameRejected,
    FramesMissed,
    LinkChanged,
    LinkState,
    PacketRejected,
)
from ground.station import Station
from ground.station_config import StationConfig
from mission.channels import SPACECRAFT_ID, Uplink
from mission.profiles import PROFILES, Contact

NS_PER_S = 1_000_000_000


ALL_STAGES = ["QUEUED", "RELEASED", "DELIVERED", "ACCEPTED", "STARTED", "COMPLETED"]


def cut(count: int):
    """A line that loses the first so many of what goes over it."""
    left = [count]

    def carry(octets: bytes) -> bytes | None:
        left[0] -= 1
        return None if left[0] >= 0 else octets

    return carry


def test_a_command_frame_that_is_cut_is_sent_again_by_cop_1(ladder):
    ladder.run(1)
    command_id = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.up = cut(1)
    ladder.run(5)
    assert ladder.stages(command_id) == ALL_STAGES
    assert len(ladder.spacecraft.packets) == 1
    assert ladder.station.snapshot()["counters"]["retransmissions"] == 1


def test_a_command_that_cop_1_gives_up_is_tried_again_with_the_very_same_octets(ladder, profile):
    ladder.run(1)
    command_id = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.up = cut(profile.transmission_limit)
    ladder.run(20)
    assert ladder.stages(command_id) == [
        "QUEUED",
        "RELEASED",
        "QUEUED 2",
        "RELEASED 2",
        "DELIVERED 2",
        "ACCEPTED 2",
        "STARTED 2",
        "COMPLETED 2",
    ]
    assert len(ladder.of(CopAlert)) == 1
    assert len(ladder.of(CopInitialised)) == 2
    (issued,) = ladder.of(CommandIssued)
    assert ladder.spacecraft.packets == [issued.octets]


def test_a_command_whose_reports_are_lost_is_sent_again_with_the_same_sequence_count(make_ladder):
    heard = []

    def answer_the_second_time(telecommand: Telecommand) -> list[VerificationReport]:
        heard.append(telecommand)
        stages = (VerificationStage.ACCEPTED, VerificationStage.STARTED, VerificationStage.COMPLETED)
        return [VerificationReport(stage, telecommand.request_id) for stage in stages if len(heard) > 1]

    ladder = make_ladder(answer_the_second_time)
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(20)
    assert ladder.stages(command_id) == [
        "QUEUED",
        "RELEASED",
        "DELIVERED",
        "QUEUED 2",
        "RELEASED 2",
        "DELIVERED 2",
        "ACCEPTED 2",
        "STARTED 2",
        "COMPLETED 2",
    ]
    first, second = ladder.spacecraft.packets
    assert first == second


def test_a_report_that_is_lost_between_others_does_not_hold_the_command_up(make_ladder):
    def forget_acceptance(telecommand: Telecommand) -> list[VerificationReport]:
        return [VerificationReport(VerificationStage.COMPLETED, telecommand.request_id)]

    ladder = make_ladder(forget_acceptance)
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(3)
    assert ladder.stages(command_id) == ["QUEUED", "RELEASED", "DELIVERED", "COMPLETED"]


def test_a_spacecraft_that_never_answers_loses_the_command_after_the_last_try(make_ladder):
    ladder = make_ladder(lambda telecommand: [], tries_max=3)
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(60)
    assert ladder.stages(command_id)[-1] == "LOST 3"
    assert len(set(ladder.spacecraft.packets)) == 1
    assert len(ladder.spacecraft.packets) == 3
    assert ladder.station.next_deadline() is not None


def test_a_spacecraft_that_hears_nothing_loses_the_command_and_cop_1_alerts_each_time(make_ladder):
    ladder = make_ladder(tries_max=2)
    ladder.up = lambda octets: None
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(120)
    assert ladder.stages(command_id) == ["QUEUED", "RELEASED", "QUEUED 2", "RELEASED 2", "LOST 2"]
    assert len(ladder.of(CopAlert)) == 2


def test_a_bd_command_needs_no_cop_1_and_no_answering_spacecraft_to_leave(ladder):
    command_id = ladder.station.command("test.connection", service=Service.BD, now_ns=0)
    assert ladder.station.transmit(0) is not None
    ladder.station.advance(100 * NS_PER_S)
    ladder.events += ladder.station.take_events()
    assert ladder.stages(command_id) == ["QUEUED", "RELEASED"]


def test_a_bd_command_that_is_cut_is_sent_again(ladder):
    ladder.run(1)
    ladder.up = cut(1)
    command_id = ladder.station.command("test.connection", service=Service.BD, now_ns=ladder.now_ns)
    ladder.run(5)
    assert ladder.stages(command_id) == [
        "QUEUED",
        "RELEASED",
        "QUEUED 2",
        "RELEASED 2",
        "ACCEPTED 2",
        "STARTED 2",
        "COMPLETED 2",
    ]


def test_ad_commands_wait_for_contact_however_long_it_takes(ladder):
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.station.contact(False, 0)
    ladder.run(1000)
    assert ladder.stages(command_id) == ["QUEUED"]
    assert ladder.spacecraft.packets == []
    ladder.station.contact(True, ladder.now_ns)
    ladder.run(3)
    assert ladder.stages(command_id) == ALL_STAGES


def test_timers_stand_still_while_the_spacecraft_is_not_heard(ladder):
    ladder.run(1)
    command_id = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.up = ladder.down = lambda octets: None
    ladder.run(600)
    assert ladder.of(LinkChanged)[-1].state is LinkState.DOWN
    ladder.up = ladder.down = lambda octets: octets
    ladder.run(5)
    assert ladder.stages(command_id)[-1].startswith("COMPLETED")
    assert "LOST" not in " ".join(ladder.stages(command_id))


def test_the_link_goes_down_exactly_when_the_spacecraft_was_silent_for_as_long_as_the_profile_says(ladder, profile):
    ladder.run(1)
    heard_ns = ladder.of(FrameReceived)[-1].time_ns
    assert ladder.station.next_deadline() == heard_ns + profile.silence_ns
    ladder.station.advance(heard_ns + profile.silence_ns - 1)
    assert ladder.station.snapshot()["link"] == "UP"
    ladder.station.advance(heard_ns + profile.silence_ns)
    assert ladder.station.snapshot()["link"] == "DOWN"


def test_cop_1_begins_where_farm_1_is_after_the_spacecraft_started_anew(ladder, make_spacecraft, profile):
    first = ladder.station.command("test.connection", now_ns=0)
    ladder.run(3)
    ladder.spacecraft = make_spacecraft(profile)
    second = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.run(10)
    assert ladder.stages(first)[-1] == "COMPLETED"
    assert ladder.stages(second)[-1].startswith("COMPLETED")


def test_cop_1_takes_farm_1_out_of_lockout(ladder):
    ladder.run(1)
    stray = TcFrame(TcFrameKind.AD, SPACECRAFT_ID, Uplink.COMMANDS, 100, b"\x00" * 7)
    ladder.spacecraft.farm.receive(stray)
    assert ladder.spacecraft.farm.clcw().lockout
    command_id = ladder.station.command("test.connection", now_ns=ladder.now_ns)
    ladder.run(10)
    assert not ladder.spacecraft.farm.clcw().lockout
    assert ladder.stages(command_id)[-1].startswith("COMPLETED")
    assert ladder.of(CopAlert)[0].reason == "FARM-1 is in lockout"


def test_missed_frames_are_counted_by_virtual_channel(ladder):
    ladder.run(1)
    ladder.down = cut(3)
    ladder.run(1)
    (missed,) = ladder.of(FramesMissed)
    assert (missed.virtual_channel, missed.count) == (7, 3)
    counts = ladder.station.snapshot()["channels"]["7"]
    assert (counts["gaps"], counts["frames_missed"], counts["duplicates"]) == (1, 3, 0)


def test_a_frame_of_another_spacecraft_is_rejected_and_keeps_no_link_up(profile, make_spacecraft):
    station = Station(StationConfig(profile=profile, source_id=1))
    station.contact(True, 0)
    spacecraft = make_spacecraft(profile)
    spacecraft.spacecraft_id = SPACECRAFT_ID + 1
    station.receive(spacecraft.frame() + spacecraft.frame(), 5)
    assert [event.reason for event in station.take_events() if isinstance(event, FrameRejected)] == [
        "TM frame: expected spacecraft 42, found 43"
    ] * 2
    assert station.snapshot()["link"] == "DOWN"
    assert station.snapshot()["counters"]["frames_rejected"] == 2


def test_the_tc_randomizer_of_a_profile_is_on_at_both_ends(make_spacecraft, make_ladder):
    profile = replace(PROFILES["serial"], contact=Contact.MODEM, tc_randomized=True)
    ladder = make_ladder()
    ladder.station = Station(StationConfig(profile=profile, source_id=9))
    ladder.station.contact(True, 0)
    ladder.spacecraft = make_spacecraft(profile)
    command_id = ladder.station.command("test.connection", now_ns=0)
    ladder.run(3)
    assert ladder.stages(command_id) == ALL_STAGES


def test_a_hundred_thousand_random_chunks_never_raise_and_are_counted(profile):
    station = Station(StationConfig(profile=profile, source_id=1))
    station.contact(True, 0)
    noise = random.Random(20260501)
    rejected = 0
    total = 0
    for index in range(100_000):
        chunk = noise.randbytes(noise.randrange(64))
        if index % 50 == 0:
            # Whole markers, so that more than the search for one is tried.
            chunk = b"\x1a\xcf\xfc\x1d" + noise.randbytes(300)
        total += len(chunk)
        station.receive(chunk, index)
        station.transmit(index)
        events = station.take_events()
        rejected += sum(isinstance(event, FrameRejected) for event in events)
        assert all(str(event).count("\n") == 0 for event in events)
    counters = station.snapshot()["counters"]
    assert counters["octets_received"] == total
    assert counters["frames_rejected"] == rejected
    assert counters.get("frames_received", 0) == 0
    assert rejected > 0


def test_random_packets_in_good_frames_never_raise_and_are_counted(ladder):
    noise = random.Random(7)
    count = 300
    for _ in range(count):
        kind = noise.choice([(1, 1), (1, 2), (3, 25), (5, 1), (17, 2), (128, 130), (128, 131), (128, 132)])
        ladder.spacecraft.say(*kind, noise.randbytes(noise.randrange(1, 80)), destination_id=0x1234)
        ladder.run(0.1)
    ladder.run(10)
    counters = ladder.station.snapshot()["counters"]
    assert counters["packets_rejected"] + counters["packets_received"] == count
    assert counters["packets_rejected"] == len(ladder.of(PacketRejected))


def test_every_truncation_of_a_good_stream_is_survived_and_the_next_frames_are_found(profile, make_spacecraft):
    spacecraft = make_spacecraft(profile)
    spacecraft.say(17, 2, b"")
    stream = spacecraft.frame() + spacecraft.frame()
    follow_up = spacecraft.frame() + spacecraft.frame() + spacecraft.frame()
    for length in range(len(stream)):
        station = Station(StationConfig(profile=profile, source_id=1))
        station.contact(True, 0)
        station.receive(stream[:length], 1)
        station.receive(follow_up, 2)
        frames = [event for event in station.take_events() if isinstance(event, FrameReceived)]
        assert len(frames) >= 2, f"after {length} octets"


@pytest.mark.parametrize("seed", range(5))
def test_on_a_line_that_loses_a_fifth_of_everything_every_command_completes_and_none_changes_its_octets(
    make_ladder, seed
):
    chance = random.Random(seed)
    ladder = make_ladder(tries_max=10)
    ladder.up = ladder.down = lambda octets: None if chance.random() < 0.2 else octets
    numbers = []
    for job_id in range(1, 31):
        service = chance.choice([Service.AD, Service.AD, Service.BD])
        numbers.append(ladder.station.command("job.pause", {"job_id": job_id}, service=service, now_ns=ladder.now_ns))
        ladder.run(chance.random() * 2)
    ladder.run(300)
    assert [ladder.stages(number)[-1].split()[0] for number in numbers] == ["COMPLETED"] * 30
    assert set(ladder.spacecraft.packets) == {event.octets for event in ladder.of(CommandIssued)}
