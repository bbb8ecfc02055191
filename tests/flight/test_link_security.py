"""A spacecraft with keys: nothing acts that is not authentic and new, and what is refused is counted with a reason."""

import contextlib

import numpy as np
import pytest

from ccsds.cltu import CltuDeframer, cltu_encode
from ccsds.cop1.farm import UNLOCK
from ccsds.pus.telecommand import Telecommand
from ccsds.sdls.receiver import Reason
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.ledger import Ledger
from flight.services.keys import REFUSALS_TOLD_NS_MIN
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from tests.flight.secured_orbit import SECOND, Orbit

HOSTILE_FRAMES = 100_000


def ping(sequence=1):
    return Telecommand(Apid.CORE, sequence, 17, 1, 9).encode()


def with_data(frame, data):
    return TcFrame(frame.kind, frame.spacecraft_id, frame.virtual_channel, frame.sequence, data)


def test_a_protected_command_is_executed_and_answered_in_protected_telemetry(orbit):
    assert orbit.send(orbit.command("test.connection")) == []
    assert (17, 2, b"") in orbit.hear()
    assert all(b"\x08\x42" not in frame.data[:8] for frame in orbit.frames)


def test_a_clear_command_of_either_kind_and_on_either_channel_acts_never(orbit):
    orbit.hear()
    for kind, channel in ((TcFrameKind.AD, 0), (TcFrameKind.BD, 0), (TcFrameKind.BD, 1)):
        (reason,) = orbit.send(TcFrame(kind, SPACECRAFT_ID, channel, 0, ping()))
        assert reason.startswith(("unknown SPI", "wrong channel"))
    assert [report for report in orbit.hear() if report[0] != 5] == []
    assert orbit.spacecraft._router.executed_count == 0


def test_every_bit_flip_and_every_truncation_of_a_protected_frame_is_refused_and_counted(orbit):
    frame = orbit.command("test.connection")
    counts = orbit.spacecraft._keys._security.receiver.refused_counts
    expected = 0
    for bit in range(8 * len(frame.data)):
        flipped = bytearray(frame.data)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        expected += 1
        assert len(orbit.send(with_data(frame, bytes(flipped)))) == 1
        assert counts.total() == expected
    for length in range(1, len(frame.data)):
        expected += 1
        assert len(orbit.send(with_data(frame, frame.data[:length]))) == 1
        assert counts.total() == expected
    assert {Reason.BAD_MAC, Reason.TOO_SHORT, Reason.UNKNOWN_SPI} <= set(counts)
    assert orbit.spacecraft._router.executed_count == 0
    # None of it has moved the window: the frame itself is still new.
    assert orbit.send(frame) == []
    assert orbit.spacecraft._router.executed_count == 1


def test_the_kind_of_a_frame_is_authentic_but_its_number_is_not(orbit):
    frame = orbit.protected(ping(), TcFrameKind.AD)
    as_bypass = TcFrame(TcFrameKind.BD, frame.spacecraft_id, frame.virtual_channel, 0, frame.data)
    (reason,) = orbit.send(as_bypass)
    assert reason.startswith("bad MAC")
    assert orbit.send(frame) == []


def test_a_replayed_frame_is_refused_now_and_after_a_reboot(orbit):
    frames = [orbit.command("housekeeping.enable", structures=[n]) for n in (1, 2, 3)]
    for frame in frames:
        assert orbit.send(frame) == []
    for _ in range(2):
        for frame in frames:
            (reason,) = orbit.send(frame)
            assert reason.startswith("replayed: SPI 1: expected a counter not accepted before")
        orbit.boot()


def test_a_frame_that_commits_nothing_is_not_accepted_again_after_a_reboot_either(orbit):
    repeated, unreadable = ping(7), b"\x18\x42\xc0\x00\x00\x00\x00"
    orbit.send(orbit.protected(repeated))
    for frame in (orbit.protected(repeated), orbit.protected(unreadable), orbit.protected(b"\x00")):
        orbit.send(frame)
        orbit.boot()
        assert orbit.send(frame)[0].startswith("replayed")


class CrashError(BaseException):
    """The flight software ends here."""


def test_a_frame_whose_command_acted_just_before_a_crash_does_not_act_again(orbit, monkeypatch):
    operate = orbit.store.operate

    def operate_and_crash(*arguments):
        operate(*arguments)
        raise CrashError

    monkeypatch.setattr(orbit.store, "operate", operate_and_crash)
    activation = orbit.command("key.activate", spi=18)
    with pytest.raises(CrashError):
        orbit.send(activation)
    orbit.boot()
    assert orbit.store.ring.is_active(18)
    orbit.send(orbit.command("key.deactivate", spi=18))
    assert orbit.send(activation)[0].startswith("replayed")
    assert not orbit.store.ring.is_active(18)


def test_power_cut_at_each_disk_operation_lets_no_frame_in_twice_that_has_acted(tmp_path):
    with contextlib.ExitStack() as stack:
        counting = Orbit(make(tmp_path / "count"), stack, SimulatedDisk(tmp_path / "count" / "store", Streams(0)))
        for frame in session(counting):
            counting.send(frame)
        operations = counting.disk.operations
    assert operations > 6
    for operation in range(1, operations + 1):
        folder = make(tmp_path / str(operation))
        disk = SimulatedDisk(folder / "store", Streams(operation))
        disk.cut_at(operation)
        with contextlib.ExitStack() as stack:
            orbit = None
            with pytest.raises(PowerCut):
                orbit = Orbit(folder, stack, disk)
                for frame in session(orbit):
                    orbit.send(frame)
            disk.power_on()
            if orbit is None:  # It was cut at its first boot; no frame had come.
                continue
            acted = Ledger(disk).housekeeping
            orbit.boot()
            for number, frame in enumerate(orbit.recorded, 1):
                reasons = orbit.send(frame)
                assert (reasons != []) == acted.get(number, False), (operation, number, reasons)


def make(folder):
    folder.mkdir()
    return folder


def session(orbit):
    orbit.recorded = [orbit.command("housekeeping.enable", structures=[number]) for number in (1, 2, 3)]
    return orbit.recorded


def test_a_hundred_thousand_hostile_frames_are_counted_with_reasons_and_none_acts(orbit):
    random = np.random.default_rng(355)
    recorded = [orbit.command("housekeeping.enable", structures=[1]) for _ in range(8)]
    for frame in recorded:
        assert orbit.send(frame) == []
    acted = orbit.spacecraft._router.executed_count
    counts = orbit.spacecraft._keys._security.receiver.refused_counts
    kinds = random.integers(0, 4, HOSTILE_FRAMES)
    uplink = orbit.spacecraft._uplink
    refused = 0
    for kind in kinds:
        frame = recorded[int(random.integers(len(recorded)))]
        data = bytearray(frame.data)
        match kind:
            case 0:
                data = bytearray(random.bytes(int(random.integers(1, 80))))
            case 1:
                data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))
            case 2:
                data = data[: int(random.integers(1, len(data)))]
        # CLTUs of a flood are as good as any; here only the decoder of the line is left out, for time.
        delivery = uplink._frame(with_data(frame, bytes(data)), 0)
        assert delivery is None
        refused += 1
    events = uplink.take_events()
    assert len(events) == refused == HOSTILE_FRAMES
    assert counts.total() == HOSTILE_FRAMES
    assert {event.where for event in events} == {"SDLS"}
    assert all(event.reason for event in events)
    assert counts[Reason.REPLAYED] == int((kinds == 3).sum())
    assert orbit.spacecraft._router.executed_count == acted
    assert orbit.send(orbit.command("test.connection")) == []


def test_control_commands_to_farm_1_need_no_key_and_carry_nothing(orbit):
    assert orbit.send(TcFrame(TcFrameKind.BC, SPACECRAFT_ID, 0, 0, UNLOCK)) == []
    assert orbit.spacecraft._keys._security.receiver.refused_counts.total() == 0


def test_what_was_refused_is_in_housekeeping_by_reason(orbit):
    frame = orbit.command("housekeeping.enable", structures=[3])
    orbit.send(frame)
    orbit.send(frame)
    orbit.send(TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, ping()))
    values = orbit.housekeeping(SECOND)
    assert values["keys_standing"].name == "FRESH"
    assert values["telemetry_spi"] == 17
    assert values["frames_authentic"] == 1
    assert values["frames_refused"] == 2
    assert values["refused_replayed"] == 1
    assert sum(value for name, value in values.items() if name.startswith("refused_")) == 2


def test_a_flood_is_told_at_once_and_then_at_intervals_without_filling_the_downlink(orbit):
    orbit.hear()
    forged = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, ping())
    for _ in range(500):
        orbit.send(forged)
    assert orbit.spacecraft.next_deadline() <= REFUSALS_TOLD_NS_MIN
    orbit.spacecraft.advance(REFUSALS_TOLD_NS_MIN)
    told = [values for name, values in orbit.events(REFUSALS_TOLD_NS_MIN) if name == "frames_refused"]
    assert [(values["more"], values["count"]) for values in told] == [(1, 1), (499, 500)]


def test_with_nothing_to_say_it_shows_that_it_is_there_by_protected_frames(orbit):
    orbit.hear()
    orbit.frames.clear()
    # `hear` finds each of them authentic, and no report in it; they leave each second, and at each change of the CLCW.
    assert [orbit.hear(second * SECOND) for second in range(1, 4)] == [[], [], []]
    assert [frame.virtual_channel for frame in orbit.frames] == [Downlink.LIVE] * 3
    assert len({frame.data for frame in orbit.frames}) == 3
    orbit.send(TcFrame(TcFrameKind.BC, SPACECRAFT_ID, Uplink.COMMANDS, 0, UNLOCK), 3 * SECOND)
    assert orbit.hear(3 * SECOND) == []
    assert [frame.virtual_channel for frame in orbit.frames[3:]] == [Downlink.LIVE]
    assert orbit.frames[3].ocf != orbit.frames[2].ocf


def test_the_octets_of_the_line_hold_no_packet_in_clear(orbit):
    frame = orbit.command("housekeeping.enable", structures=[1])
    deframer = CltuDeframer()
    deframer.receive(cltu_encode(frame.encode()))
    (candidate,) = deframer.take()
    assert b"\x18\x42" not in candidate[5:]
