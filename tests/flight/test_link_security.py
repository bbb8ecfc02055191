"""A spacecraft with keys: nothing acts that is not authentic and new, and what is refused is counted with a reason."""

import contextlib
import errno
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from ccsds.cltu import CltuDeframer, cltu_encode
from ccsds.cop1.farm import UNLOCK
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.receiver import Accepted, Reason
from ccsds.sdls.security import Security
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import PacketAssembler
from flight.__main__ import main
from flight.disk import RealDisk
from flight.events import Rejected, TelemetryHeld
from flight.ledger import Ledger
from flight.services.keys import REFUSALS_TOLD_NS_MIN
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.definition import DICTIONARY
from mission.profiles import Contact, find_profile
from ports.key_directory import KeyDirectory, opened_keys

PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
SECOND = 1_000_000_000
HOSTILE_FRAMES = 100_000


class IdleWorker:
    """A worker that never gets anywhere."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def memory_octets(self):
        return 0

    def kill(self):
        pass


class Orbit:
    """A keyed spacecraft, its ground's keys, and what an adversary may do between them."""

    def __init__(self, folder, stack, disk=None):
        self.paths = lay_keys(folder, Streams(3))
        self.ground = Security(stack.enter_context(opened_keys(self.paths[End.GROUND], End.GROUND)))
        self.disk = disk or RealDisk(folder / "store")
        self.assembler = PacketAssembler()
        self.deframer = TmDeframer(PROFILE.tm_coding)
        self.frames = []
        self.sequence = 0
        self.boot()

    def boot(self, security_disk=None):
        """Start the flight software, again if it ran."""
        with contextlib.suppress(AttributeError):
            self.held.close()
        self.held = contextlib.ExitStack()
        store = self.held.enter_context(opened_keys(self.paths[End.SPACECRAFT], End.SPACECRAFT))
        self.store = store
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18)
        self.spacecraft = Spacecraft(config, self.disk, IdleWorker(), {}, 0, store)
        self.spacecraft.contact(True, 0)

    def protected(self, packet, kind=TcFrameKind.BD, channel=Uplink.COMMANDS):
        return self.ground.sender.protect_tc(TcFrame(kind, SPACECRAFT_ID, channel, 0, packet))

    def command(self, name, **arguments):
        """Give a protected frame with a command that no other frame has."""
        command = DICTIONARY.command(name)
        self.sequence += 1
        data = command.arguments.encode(arguments)
        packet = Telecommand(Apid.CORE, self.sequence, command.service, command.subtype, 9, data=data)
        return self.protected(packet.encode())

    def send(self, frame, now_ns=0):
        """Send a frame; give why it was rejected, or nothing."""
        self.spacecraft.take_events()
        self.spacecraft.receive(cltu_encode(frame.encode()), now_ns)
        return [event.reason for event in self.spacecraft.take_events() if isinstance(event, Rejected)]

    def hear(self, now_ns=0):
        """Give the reports that are authentic, as (service, subtype, data)."""
        reports = []
        while (octets := self.spacecraft.transmit(now_ns)) is not None:
            self.deframer.receive(octets)
            for octets_of_frame, _ in self.deframer.take():
                frame = TmFrame.decode(octets_of_frame)
                self.frames.append(frame)
                if frame.virtual_channel == Downlink.IDLE:
                    continue
                judged = self.ground.receiver.process_tm(frame)
                assert isinstance(judged, Accepted), judged
                clear = judged.frame
                for packet in self.assembler.receive(clear.data, clear.first_header_pointer, clear.vc_count):
                    telemetry = Telemetry.decode(packet)
                    reports.append((telemetry.service, telemetry.subtype, telemetry.data))
        return reports

    def events(self, now_ns=0):
        """Give the names and values of the ST[05] reports that come down."""
        found = []
        for service, _, data in self.hear(now_ns):
            if service == 5:
                event = DICTIONARY.event_of(int.from_bytes(data[:2], "big"))
                found.append((event.name, event.fields.decode(data[2:])))
        return found

    def housekeeping(self, now_ns):
        self.spacecraft.advance(now_ns)
        layout = DICTIONARY.structures[3].layout
        found = [data[1:] for service, subtype, data in self.hear(now_ns) if (service, subtype) == (3, 25)]
        return layout.decode(found[-1])


@pytest.fixture
def orbit(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Orbit(tmp_path, stack)


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


def test_a_telemetry_key_is_rotated_by_command_and_taken_back(orbit):
    orbit.hear()
    orbit.ground.operate(18, KeyOperation.ACTIVATE)
    orbit.send(orbit.command("key.activate", spi=18))
    assert ("key_changed", 18) in [(name, values.get("spi")) for name, values in orbit.events()]
    assert orbit.store.ring.active((Link.TM, 0))[0] == 18
    assert int.from_bytes(orbit.frames[-1].data[:2], "big") == 18
    orbit.send(orbit.command("key.deactivate", spi=18))
    orbit.hear()
    assert int.from_bytes(orbit.frames[-1].data[:2], "big") == 17


def test_the_last_key_that_works_is_not_given_up_and_an_active_one_not_destroyed(orbit):
    orbit.hear()
    for name, spi, text in (
        ("key.deactivate", 1, b"another active key of tc channel 0 under which a frame has come"),
        ("key.deactivate", 17, b"another active key of tm channel 0"),
        ("key.destroy", 1, b"expected a key that one can destroy, found active"),
        ("key.activate", 999, b"expected an SPI of this key file, found 999"),
    ):
        if name == "key.destroy":
            orbit.send(orbit.command("command.arm", service=130, subtype=3))
            orbit.hear()
        orbit.send(orbit.command(name, spi=spi))
        (failure,) = [data for service, subtype, data in orbit.hear() if (service, subtype) == (1, 4)]
        assert text in failure


def test_a_key_is_reported(orbit):
    orbit.send(orbit.command("key.report", spi=17))
    (report,) = [data for service, subtype, data in orbit.hear() if (service, subtype) == (130, 132)]
    values = DICTIONARY.reports["key_report"].fields.decode(report)
    assert (values["direction"].name, values["state"].name, values["is_sending"]) == ("TM", "ACTIVE", 1)


def test_a_rotated_command_key_stays_so_after_a_reboot(orbit):
    orbit.send(orbit.command("key.activate", spi=2))
    orbit.ground.operate(2, KeyOperation.ACTIVATE)
    orbit.boot()
    assert orbit.send(orbit.command("test.connection")) == []
    orbit.send(orbit.command("key.deactivate", spi=1))
    orbit.boot()
    orbit.ground.operate(2, KeyOperation.DEACTIVATE)
    (reason,) = orbit.send(orbit.command("test.connection"))
    assert reason.startswith("key not active")


def test_with_a_restored_key_store_only_idle_frames_travel_until_another_key_is_activated(orbit):
    orbit.hear()
    orbit.held.close()
    state = orbit.paths[End.SPACECRAFT].with_name("spacecraft.keys.state")
    content = state.read_bytes()
    orbit.boot()
    orbit.hear()  # Counters are set aside that the copy does not know.
    orbit.held.close()
    state.write_bytes(content)
    orbit.boot()
    orbit.frames.clear()
    assert orbit.hear() == []
    assert [frame.first_header_pointer for frame in orbit.frames] == [ONLY_IDLE]
    held = [event for event in orbit.spacecraft.take_events() if isinstance(event, TelemetryHeld)]
    assert [event.reason for event in held] == [
        f"no key sends on TM channel {channel}: activate one" for channel in (Downlink.LIVE, Downlink.PLAYBACK)
    ]
    orbit.ground.operate(18, KeyOperation.ACTIVATE)
    orbit.send(orbit.command("key.activate", spi=18))
    names = [name for name, _ in orbit.events()]
    assert {"booted", "keys_restored", "telemetry_held", "key_changed"} <= set(names)


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


def test_telemetry_that_cannot_be_protected_is_kept_and_sent_when_it_can(orbit, monkeypatch):
    def fail(spi, limit):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(orbit.store, "reserve", fail)
    orbit.send(orbit.command("test.connection"))
    assert orbit.hear() == []
    assert {frame.virtual_channel for frame in orbit.frames} == {Downlink.IDLE}
    monkeypatch.undo()
    reports = [(service, subtype) for service, subtype, _ in orbit.hear()]
    assert {(1, 1), (1, 7), (17, 2), (5, 1)} <= set(reports)


def test_a_spacecraft_whose_keys_lie_on_a_full_disk_starts_and_hears(orbit, monkeypatch):
    def fail(self, path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    orbit.hear()
    frame = orbit.command("test.connection")
    monkeypatch.setattr(KeyDirectory, "append", fail)
    orbit.boot()
    assert orbit.send(frame) == []
    assert orbit.hear() == []
    monkeypatch.undo()
    assert (17, 2, b"") in orbit.hear()


def test_another_pair_of_keys_begins_with_empty_windows_and_going_back_lets_no_old_frame_in(orbit, tmp_path):
    old = orbit.command("test.connection")
    orbit.send(old)
    orbit.held.close()
    with contextlib.ExitStack() as stack:
        paths, ground = orbit.paths, orbit.ground
        other = make(tmp_path / "other")
        orbit.paths = lay_keys(other, Streams(4))
        orbit.ground = Security(stack.enter_context(opened_keys(orbit.paths[End.GROUND], End.GROUND)))
        orbit.boot()
        assert orbit.send(orbit.command("test.connection")) == []
        orbit.held.close()
        orbit.paths, orbit.ground = paths, ground
        orbit.boot()
        assert orbit.send(old)[0].startswith("replayed")


def test_without_keys_key_commands_are_refused_and_housekeeping_says_so(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(130, 1, b"\x00\x01"))
    assert any(b"expected keys on board" in data for service, _, data in table.hear() if service == 1)
    table.send(make_telecommand(3, 5, b"\x01\x03", sequence=2))
    table.spacecraft.advance(SECOND)
    (data,) = [data for service, subtype, data in table.hear(SECOND) if (service, subtype) == (3, 25)]
    assert DICTIONARY.structures[3].layout.decode(data[1:])["keys_standing"].name == "NO_KEYS"


@pytest.mark.parametrize(
    "link",
    ["serial:/dev/ttyUSB0", "tcp:h:1", "tcp-listen:h:1", "udp:h:1", "pty:", "/dev/ttyS0", "socket://h:1"],
)
def test_flight_refuses_any_link_without_keys_in_one_line_with_status_2(tmp_path, link):
    result = CliRunner().invoke(main, ["--link", link, "--store", str(tmp_path / "store")])
    assert result.exit_code == 2
    assert result.output == (
        "flight: expected either --keys FILE or --insecure, found neither: "
        "make keys with `ground keys new GROUND_FILE SPACECRAFT_FILE`, or use --insecure on a bench\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_flight_refuses_the_key_file_of_the_ground_and_does_not_touch_it(tmp_path):
    path = lay_keys(tmp_path, Streams(1))[End.GROUND]
    before = path.read_bytes()
    arguments = ["--link", "pty:", "--store", str(tmp_path / "store"), "--keys", str(path), "--corpus", str(path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "expected the key file of the spacecraft, found that of the ground" in result.output
    assert result.output.count("\n") == 1
    assert path.read_bytes() == before
    assert not path.with_name("ground.keys.state").exists()


def test_the_octets_of_the_line_hold_no_packet_in_clear(orbit):
    frame = orbit.command("housekeeping.enable", structures=[1])
    deframer = CltuDeframer()
    deframer.receive(cltu_encode(frame.encode()))
    (candidate,) = deframer.take()
    assert b"\x18\x42" not in candidate[5:]
