"""The spacecraft as a whole: what goes in and out, in contact and out of it, and whatever the line brings."""

import errno
from dataclasses import replace

import numpy as np
import pytest

from ccsds.clcw import Clcw
from ccsds.cltu import cltu_encode
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.disk import RealDisk
from flight.journal import Journal
from flight.link.live_queue import QUEUE_PACKETS_MAX
from mission.channels import SPACECRAFT_ID, Downlink
from mission.definition import DICTIONARY
from mission.jobs import JobState
from mission.profiles import Contact, find_profile

SECOND = 1_000_000_000
PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
RANDOM_INPUTS = 100_000


def test_out_of_contact_nothing_is_sent_and_nothing_is_lost(table):
    assert table.hear() == []
    table.spacecraft.contact(True, 0)
    assert [(service, subtype) for service, subtype, _ in table.hear()] == [(5, 1)]


def test_it_says_first_that_it_booted_and_with_which_dictionary(table):
    table.spacecraft.contact(True, 0)
    ((_, _, data),) = table.hear()
    event = DICTIONARY.event_of(int.from_bytes(data[:2], "big"))
    assert event.name == "booted"
    assert event.fields.decode(data[2:]) == {"boot_count": 1, "dictionary_digest": DICTIONARY.digest}


def test_a_command_is_answered_stage_by_stage(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1))
    assert [(service, subtype) for service, subtype, _ in table.hear()] == [(1, 1), (1, 3), (17, 2), (1, 7)]


def test_several_packets_in_one_frame_are_split(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1, sequence=1) + make_telecommand(17, 1, sequence=2))
    reports = [(service, subtype) for service, subtype, _ in table.hear()]
    assert reports.count((17, 2)) == 2


def test_a_packet_that_lies_about_its_length_does_not_hurt_the_one_before_it(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1) + make_telecommand(17, 1, sequence=2)[:-1])
    assert (17, 2, b"") in table.hear()
    assert "packet" in [event.where for event in table.spacecraft.take_events() if hasattr(event, "where")]


def test_the_clcw_follows_the_frames_and_a_change_of_it_leaves_at_once(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1), kind=TcFrameKind.AD)
    table.hear()
    assert Clcw.decode(table.frames[-1].ocf).report_value == 1
    count = len(table.frames)
    table.spacecraft.receive(cltu_encode(TcFrame(TcFrameKind.AD, SPACECRAFT_ID, 0, 200, b"x").encode()), 1)
    table.hear(1)
    assert len(table.frames) == count + 1
    assert Clcw.decode(table.frames[-1].ocf).lockout


def test_a_silent_spacecraft_sends_an_idle_frame_each_second_and_no_more(table):
    table.spacecraft.contact(True, 0)
    table.hear()
    count = len(table.frames)
    for tenths in range(1, 31):
        table.hear(tenths * SECOND // 10)
    idle = table.frames[count:]
    assert [frame.virtual_channel for frame in idle] == [Downlink.IDLE] * 3
    assert table.spacecraft.next_deadline() == 4 * SECOND


def test_housekeeping_comes_at_its_period_and_also_after_a_reboot(table, make_table, make_telecommand, tmp_path):
    table.spacecraft.contact(True, 0)
    table.send(make_telecommand(3, 5, b"\x02\x01\x02"))
    table.hear()
    for now_s in range(1, 11):
        table.spacecraft.advance(now_s * SECOND)
    structures = [data[0] for service, subtype, data in table.hear(10 * SECOND) if (service, subtype) == (3, 25)]
    assert structures.count(2) > structures.count(1) > 1
    rebooted = make_table(tmp_path)
    rebooted.spacecraft.contact(True, 0)
    rebooted.spacecraft.advance(0)
    assert (3, 25) in [(service, subtype) for service, subtype, _ in rebooted.hear()]


def test_housekeeping_of_an_unknown_structure_is_refused_and_none_is_switched(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(3, 5, b"\x02\x01\x63"))
    reports = table.hear()
    assert [(service, subtype) for service, subtype, _ in reports] == [(1, 1), (1, 4)]
    assert b"unknown housekeeping structure 99: expected one of 1, 2" in reports[-1][2]
    table.spacecraft.advance(SECOND)
    assert table.hear() == []


def test_a_job_command_reaches_the_engine_and_its_report_tells_of_it(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    submit = DICTIONARY.command("job.submit").arguments.encode({"job_id": 4, "recipe": "tiny", "corpus": "text"})
    table.send(make_telecommand(128, 1, submit, sequence=1))
    table.spacecraft.advance(0)
    assert table.worker.launches == 1
    table.send(make_telecommand(128, 5, b"\x00\x00\x00\x04", sequence=2))
    (report,) = [data for service, subtype, data in table.hear() if (service, subtype) == (128, 131)]
    values = DICTIONARY.reports["job_report"].fields.decode(report)
    assert (values["job_id"], values["state"], values["recipe"]) == (4, JobState.STARTING, "tiny")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"recipe": "huge", "corpus": "text"}, b"unknown recipe 'huge'"),
        ({"recipe": "tiny", "corpus": "bible"}, b"unknown corpus 'bible': expected one of text"),
        ({"recipe": "tiny", "corpus": "text", "overrides": "training.stepz = 1"}, b"unknown key training.stepz"),
        ({"recipe": "tiny", "corpus": "text", "overrides": "training.steps = 0"}, b"training.steps: expected 1 to"),
    ],
)
def test_a_job_that_cannot_run_is_refused_with_its_reason(table, make_telecommand, arguments, reason):
    table.spacecraft.contact(True, 0)
    table.hear()
    data = DICTIONARY.command("job.submit").arguments.encode({"job_id": 4, **arguments})
    table.send(make_telecommand(128, 1, data))
    reports = table.hear()
    assert [(service, subtype) for service, subtype, _ in reports] == [(1, 1), (1, 4)]
    assert reason in reports[-1][2]
    table.spacecraft.advance(0)
    assert table.worker.launches == 0


def test_a_job_that_is_refused_does_not_disturb_the_one_that_runs(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    encode = DICTIONARY.command("job.submit").arguments.encode
    table.send(make_telecommand(128, 1, encode({"job_id": 4, "recipe": "tiny", "corpus": "text"}), sequence=1))
    table.spacecraft.advance(0)
    for sequence, arguments in enumerate(({"overrides": "modle.width = 3"}, {"corpus": "bible"}), 2):
        data = encode({"job_id": 5, "recipe": "tiny", "corpus": "text", **arguments})
        table.send(make_telecommand(128, 1, data, sequence=sequence))
    table.spacecraft.advance(0)
    assert [subtype for service, subtype, _ in table.hear() if (service, subtype) == (1, 4)] == [4, 4]
    assert table.worker.launches == 1


def test_when_the_queue_is_full_the_least_urgent_packet_is_dropped_and_counted(table, make_telecommand):
    for sequence in range(QUEUE_PACKETS_MAX):
        table.send(make_telecommand(17, 1, sequence=sequence))
    table.spacecraft.contact(True, 0)
    # While it leaves, where it is stored is told too.
    reports = [(service, subtype) for service, subtype, _ in table.hear() if service != 15]
    assert len(reports) == QUEUE_PACKETS_MAX
    assert (5, 1) not in reports  # The event that it booted was the least urgent.


def good_stream(make_telecommand):
    frames = [TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, make_telecommand(17, 1, sequence=n)) for n in range(3)]
    return b"".join(cltu_encode(frame.encode()) for frame in frames)


def test_every_truncation_of_a_good_stream_is_lived_through(table, make_telecommand):
    stream = good_stream(make_telecommand)
    for length in range(len(stream)):
        table.spacecraft.receive(stream[:length], 0)
        table.spacecraft.take_events()
    table.spacecraft.receive(bytes(32), 0)
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1, sequence=77))
    assert (17, 2, b"") in table.hear()


def test_every_single_bit_flip_of_a_good_stream_is_lived_through(table, make_telecommand):
    stream = good_stream(make_telecommand)
    for bit in range(8 * len(stream)):
        flipped = bytearray(stream)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        table.spacecraft.receive(bytes(flipped), 0)
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1, sequence=77))
    assert (17, 2, b"") in table.hear()


def test_a_hundred_thousand_random_inputs_are_counted_with_reasons_and_never_raise(table, make_telecommand):
    random = np.random.default_rng(2026)
    start, stream = b"\xeb\x90", good_stream(make_telecommand)
    lengths = random.integers(1, 40, RANDOM_INPUTS)
    noise = random.bytes(int(lengths.sum()))
    kinds = random.integers(0, 4, RANDOM_INPUTS)
    position = 0
    reasons = set()
    for length, kind in zip(lengths, kinds, strict=True):
        data = noise[position : position + length]
        position += length
        # Pure noise, noise after a start sequence, and pieces of what is right.
        table.spacecraft.receive(start + data if kind == 1 else stream[length:][: length * 3] if kind == 2 else data, 0)
        for event in table.spacecraft.take_events():
            if hasattr(event, "reason"):
                assert event.reason
                reasons.add(event.where)
    assert {"CLTU", "TC frame"} <= reasons
    table.spacecraft.receive(bytes(2000), 0)
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1, sequence=999))
    assert (17, 2, b"") in table.hear()


def test_a_pause_and_a_cancel_reach_the_job_that_is_at_work(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    submit = DICTIONARY.command("job.submit").arguments.encode({"job_id": 4, "recipe": "tiny", "corpus": "text"})
    table.send(make_telecommand(128, 1, submit, sequence=1))
    table.spacecraft.advance(0)
    assert len(table.worker.requests) == 1
    table.send(make_telecommand(128, 3, b"\x00\x00\x00\x04", sequence=2))
    assert table.worker.requests == []


def test_a_frame_for_another_spacecraft_is_rejected(table, make_telecommand):
    frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID + 1, 0, 0, make_telecommand(17, 1))
    table.spacecraft.receive(cltu_encode(frame.encode()), 0)
    (event,) = [each for each in table.spacecraft.take_events() if hasattr(each, "where")]
    assert event.reason == f"expected spacecraft {SPACECRAFT_ID:#x}, found {SPACECRAFT_ID + 1:#x}"


def test_successive_packets_and_frames_are_counted_without_a_gap(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    for sequence in range(5):
        table.send(make_telecommand(17, 1, sequence=sequence))
        table.hear()
    assert [frame.mc_count for frame in table.frames] == list(range(len(table.frames)))
    assert [packet.sequence_count for packet in table.packets] == list(range(len(table.packets)))
    assert [packet.message_counter for packet in table.packets if packet.subtype == 7] == list(range(5))


def test_a_full_store_at_boot_does_not_keep_it_from_answering(make_table, make_telecommand, tmp_path):
    class FullDisk(RealDisk):
        def append(self, path, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    table = make_table(tmp_path, disk=FullDisk(tmp_path))
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(17, 1))
    assert (1, 8) in [(service, subtype) for service, subtype, _ in table.hear()]


@pytest.mark.parametrize(
    ("torn", "struck", "expected"),
    [
        (6, [], {"journal_mended": 6}),
        (0, ["journal"], {"journal_restored": 12}),
        (0, ["journal.copy"], {}),
        (0, ["journal", "journal.copy"], {"journal_lost": 12}),
        (6, ["journal", "journal.copy"], {"journal_lost": 12, "journal_mended": 6}),
    ],
)
def test_a_start_says_what_of_the_journal_was_torn_what_was_restored_and_what_is_lost(
    make_table, make_telecommand, tmp_path, torn, struck, expected
):
    journal = Journal(RealDisk(tmp_path), "journal", "journal.copy")
    journal.append(b"")  # A record of nothing: what is lost with it matters to nobody.
    make_table(tmp_path).send(make_telecommand(17, 1))
    for name in struck:
        data = bytearray((tmp_path / name).read_bytes())
        data[9] ^= 1
        (tmp_path / name).write_bytes(data)
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"LJR1"[:torn] + bytes(max(0, torn - 4)))
    table, told = make_table(tmp_path), {}
    table.spacecraft.contact(True, 0)
    for service, _, data in table.hear():
        if service == 5:
            event = DICTIONARY.event_of(int.from_bytes(data[:2], "big"))
            told |= {event.name: event.fields.decode(data[2:]).get("octets")}
    assert {name: octets for name, octets in told.items() if name.startswith("journal")} == expected
