"""A station with keys: invented telemetry is refused, commands go up protected, the operator has the keys in hand."""

import contextlib
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccsds.cfdp.memory_store import MemoryStore
from ccsds.clcw import Clcw
from ccsds.cltu import CltuDeframer
from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MIN, SpacePacket, idle_packet
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End, KeyFile
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.receiver import Accepted
from ccsds.sdls.security import Security
from ccsds.sync import TmEncoder
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame, TcFrameKind
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import TmFramer
from ground.__main__ import main
from ground.client import RefusalError
from ground.downlink import Downlink
from ground.events import (
    CommandStaged,
    FrameRejected,
    ReportReceived,
    Stage,
)
from ground.files import FilesHome
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import FilesHeld
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid
from mission.channels import Downlink as Channel
from mission.channels import Uplink as UplinkChannel
from mission.definition import DICTIONARY
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
CLCW = Clcw(virtual_channel=0, report_value=9)


class Ends:
    """The keys of both ends, and frames as the spacecraft makes them."""

    def __init__(self, folder, stack):
        stores = {
            end: stack.enter_context(opened_keys(path, end)) for end, path in lay_keys(folder, Streams(5)).items()
        }
        self.store = stores[End.GROUND]
        self.ground, self.spacecraft = (Security(stores[end]) for end in (End.GROUND, End.SPACECRAFT))
        self.encoder = TmEncoder(PROFILE.tm_coding)
        self.count = 0

    def clear(self, channel=Channel.LIVE, overhead_octets=30, pointer=None):
        """A frame with a connection test report in it."""
        framer = TmFramer(PROFILE.tm_data_octets - overhead_octets)
        framer.put(Telemetry(Apid.CORE, self.count, 17, 2, 0, 0, 0, b"").encode())
        first, data = framer.take(flush=True)
        self.count += 1
        first = first if pointer is None else pointer
        return TmFrame(SPACECRAFT_ID, channel, self.count % 256, self.count % 256, first, data, CLCW.encode())

    def protected(self):
        return self.spacecraft.sender.protect_tm(self.clear())

    def keep_alive(self):
        """A protected frame with an idle packet, as a spacecraft with nothing to say sends."""
        framer = TmFramer(PROFILE.tm_data_octets - 30)
        framer.put(idle_packet(PACKET_OCTETS_MIN))
        first, data = framer.take(flush=True)
        self.count += 1
        frame = TmFrame(SPACECRAFT_ID, Channel.LIVE, self.count % 256, self.count % 256, first, data, CLCW.encode())
        return self.spacecraft.sender.protect_tm(frame)

    def line(self, frame):
        return self.encoder.encode(frame.encode())


@pytest.fixture
def ends(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Ends(tmp_path, stack)


@pytest.fixture
def downlink(ends):
    downlink = Downlink(PROFILE, DICTIONARY, ends.ground)
    # A deframer believes in its lock from the second frame on.
    downlink.receive(ends.line(idle()), 0)
    downlink.take()
    return downlink


def idle(channel=Channel.IDLE):
    data = bytes(PROFILE.tm_data_octets)
    return TmFrame(SPACECRAFT_ID, channel, 0, 0, ONLY_IDLE, data, CLCW.encode())


def received(downlink, octets):
    """Give the names of reports, why frames were rejected, and how many CLCWs came."""
    downlink.receive(octets, 0)
    items = downlink.take()
    return (
        [item.name for item in items if isinstance(item, ReportReceived)],
        [item.reason for item in items if isinstance(item, FrameRejected)],
        sum(isinstance(item, Clcw) for item in items),
    )


def test_protected_telemetry_is_read(ends, downlink):
    assert received(downlink, ends.line(ends.protected())) == (["connection_test"], [], 1)


def test_telemetry_without_protection_is_refused_with_its_reason_and_not_even_its_clcw_is_used(ends, downlink):
    reports, reasons, clcws = received(downlink, ends.line(ends.clear(overhead_octets=0)))
    assert (reports, clcws) == ([], 0)
    assert len(reasons) == 1
    assert reasons[0].startswith("SDLS: unknown SPI: expected an SPI of tm 0, found ")
    assert downlink.counters["frames_rejected"] == 1


def test_every_bit_flip_of_protected_telemetry_is_refused(ends, downlink):
    frame = ends.protected()
    for bit in range(8 * len(frame.data)):
        data = bytearray(frame.data)
        data[bit // 8] ^= 0x80 >> bit % 8
        forged = TmFrame(SPACECRAFT_ID, 0, 0, frame.vc_count, frame.first_header_pointer, bytes(data), frame.ocf)
        reports, reasons, _ = received(downlink, ends.line(forged))
        assert reports == []
        assert len(reasons) == 1
    assert received(downlink, ends.line(frame))[0] == ["connection_test"]


def test_replayed_telemetry_is_refused_also_by_a_station_that_was_started_anew(ends, downlink):
    octets = ends.line(ends.protected())
    received(downlink, octets)
    assert received(downlink, octets)[1][0].startswith("SDLS: replayed: SPI 17")
    ends.ground.remember()
    again = Downlink(PROFILE, DICTIONARY, Security(ends.store))
    again.receive(ends.line(idle()), 0)
    again.take()
    assert received(again, octets)[1][0].startswith("SDLS: replayed: SPI 17")


def test_an_idle_frame_travels_clear_but_only_on_its_channel_and_nothing_of_it_is_used(ends, downlink):
    before = downlink.counters["frames_clear"]
    assert received(downlink, ends.line(idle())) == ([], [], 0)
    assert downlink.counters["frames_clear"] == before + 1
    assert received(downlink, ends.line(ends.keep_alive())) == ([], [], 1)
    assert len(received(downlink, ends.line(idle(Channel.LIVE)))[1]) == 1
    reports, reasons, _ = received(downlink, ends.line(ends.clear(Channel.IDLE, 0)))
    assert (reports, len(reasons)) == ([], 1)


@pytest.fixture
def station(ends):
    station = Station(StationConfig(profile=PROFILE, source_id=7), security=ends.ground)
    station.contact(True, 0)
    for _ in range(2):
        station.receive(ends.line(ends.keep_alive()), 0)
    station.take_events()
    return station


def test_only_authentic_frames_hold_contact_up(ends, station):
    authentic = ends.protected()
    forged = TmFrame(SPACECRAFT_ID, 0, 0, 9, 0, bytes(len(authentic.data)), CLCW.encode())
    heard_ns = PROFILE.silence_ns // 2
    station.receive(ends.line(authentic), heard_ns)
    for step in range(1, 4):
        now_ns = heard_ns + step * PROFILE.silence_ns // 4
        for frame in (idle(), forged, authentic):  # Invented, invented, and replayed.
            station.receive(ends.line(frame), now_ns)
        station.advance(now_ns)
        assert station.snapshot()["link"] == "UP"
    station.advance(heard_ns + PROFILE.silence_ns)
    assert station.snapshot()["link"] == "DOWN"
    for frame in (idle(), forged, authentic):
        station.receive(ends.line(frame), heard_ns + PROFILE.silence_ns)
    assert station.snapshot()["link"] == "DOWN"
    station.receive(ends.line(ends.keep_alive()), heard_ns + PROFILE.silence_ns)
    assert station.snapshot()["link"] == "UP"


def test_a_clcw_is_believed_of_authentic_frames_only(ends, station):
    before = station.snapshot()["cop1"]["clcw"]
    lie = Clcw(virtual_channel=0, report_value=77, lockout=True).encode()
    clear = TmFrame(SPACECRAFT_ID, Channel.IDLE, 0, 0, ONLY_IDLE, bytes(PROFILE.tm_data_octets), lie)
    replayed = ends.keep_alive()
    station.receive(ends.line(replayed), 1)
    replayed = TmFrame(SPACECRAFT_ID, 0, 0, replayed.vc_count, replayed.first_header_pointer, replayed.data, lie)
    for frame in (clear, replayed):
        station.receive(ends.line(frame), 2)
    assert station.snapshot()["cop1"]["clcw"] == {**before, "time_ns": 1}


def frames_of(station, now_ns):
    deframer = CltuDeframer()
    frames = []
    while (octets := station.transmit(now_ns)) is not None:
        deframer.receive(octets)
        frames += [TcFrame.decode(candidate) for candidate in deframer.take()]
    return frames


@pytest.mark.parametrize("service", [Service.AD, Service.BD])
def test_a_command_goes_up_protected_and_numbered(ends, station, service):
    station.command("test.connection", service=service, now_ns=0)
    (frame,) = frames_of(station, 0)
    assert frame.kind is TcFrameKind[service.name]
    judged = ends.spacecraft.receiver.process_tc(frame)
    assert isinstance(judged, Accepted)
    assert Telecommand.decode(judged.frame.data).service == 17


def test_a_command_that_is_sent_again_by_the_tracker_is_protected_anew(ends, station):
    station.command("test.connection", service=Service.BD, now_ns=0)
    (first,) = frames_of(station, 0)
    now_ns = 0
    again = []
    while not again:
        now_ns += PROFILE.round_trip_ns
        station.receive(ends.line(ends.keep_alive()), now_ns)
        station.advance(now_ns)
        again = [frame for frame in frames_of(station, now_ns) if frame.kind is not TcFrameKind.BC]
    opened = [ends.spacecraft.receiver.process_tc(frame) for frame in (first, again[0])]
    assert all(isinstance(each, Accepted) for each in opened)
    assert opened[0].frame.data == opened[1].frame.data
    assert first.data != again[0].data


def test_the_room_for_a_telecommand_is_what_protection_leaves(station):
    room_octets = PROFILE.tc_frame_octets_max - OVERHEAD_OCTETS - 30
    with pytest.raises(MisuseError, match=f"at most {room_octets} octets"):
        station.telecommand(17, 1, bytes(room_octets), now_ns=0)


def test_without_a_key_that_sends_a_command_is_refused_at_once(ends, tmp_path, station):
    state = tmp_path / "keys" / "ground" / "ground.keys.state"
    state.unlink()
    with contextlib.ExitStack() as stack:
        # A store whose state is lost counts as restored. The lock is the first one's, so it is another file by now.
        moved = tmp_path / "keys" / "ground" / "copy.keys"
        moved.write_bytes((tmp_path / "keys" / "ground" / "ground.keys").read_bytes())
        moved.chmod(0o600)
        security = Security(stack.enter_context(opened_keys(moved, End.GROUND)))
        station = Station(StationConfig(profile=PROFILE, source_id=7), security=security)
        with pytest.raises(MisuseError, match="expected a key that sends commands, found none: activate one that"):
            station.command("test.connection", now_ns=0)
        security.operate(8, KeyOperation.ACTIVATE)
        station.command("test.connection", now_ns=0)


def test_a_command_that_cannot_be_protected_counts_as_not_delivered_with_the_reason(ends, station, monkeypatch):
    def fail(spi, limit):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ends.store, "reserve", fail)
    station.command("test.connection", service=Service.BD, now_ns=0)
    assert [frames_of(station, 0) for _ in range(station.config.tries_max)] == [[]] * station.config.tries_max
    staged = [event for event in station.take_events() if isinstance(event, CommandStaged)]
    assert staged[-1].stage is Stage.LOST
    assert "No space left on device" in staged[-1].text


def files_station(ends, store):
    """A station with a file to send, which hears the spacecraft."""
    station = Station(StationConfig(profile=PROFILE, source_id=7), security=ends.ground, files=FilesHome(store=store))
    station.contact(True, 0)
    station.receive(ends.line(idle()), 0)
    station.receive(ends.line(ends.keep_alive()), 0)
    store.pwrite("photo", 0, bytes(3000))
    station.put_file("photo", "photo", now_ns=0)
    return station


def test_what_is_said_of_files_goes_up_protected_one_pdu_a_frame(ends):
    station = files_station(ends, MemoryStore())
    sent = [frame for frame in frames_of(station, 0) if frame.virtual_channel == UplinkChannel.FILES]
    assert [frame.kind for frame in sent] == [TcFrameKind.BD] * len(sent)
    assert len(sent) >= 5
    for frame in sent:
        judged = ends.spacecraft.receiver.process_tc(frame)
        assert isinstance(judged, Accepted)
        packet = SpacePacket.decode(judged.frame.data)
        assert (packet.apid, packet.has_secondary_header) == (Apid.CFDP, False)
    assert max(len(frame.encode()) for frame in sent) <= PROFILE.tc_frame_octets_max


def test_files_are_held_and_nothing_of_them_is_used_up_while_none_can_be_protected(ends, monkeypatch):
    def fail(spi, limit):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ends.store, "reserve", fail)
        station = files_station(ends, MemoryStore())
        assert frames_of(station, 0) == []
        assert frames_of(station, 0) == []
    held = [event for event in station.take_events() if isinstance(event, FilesHeld)]
    assert len(held) == 1
    assert "No space left on device" in str(held[0])
    # The Metadata, which was the first to be pulled, is still the first to leave.
    first = ends.spacecraft.receiver.process_tc(frames_of(station, 0)[0])
    assert isinstance(first, Accepted)
    assert b"photo" in first.frame.data


def test_without_a_key_for_files_they_wait_and_it_is_told_once(ends, monkeypatch):
    monkeypatch.setattr(ends.ground, "sends", lambda link, channel: (link, channel) != (Link.TC, UplinkChannel.FILES))
    station = files_station(ends, MemoryStore())
    assert frames_of(station, 0) == []
    assert frames_of(station, 0) == []
    (held,) = [event for event in station.take_events() if isinstance(event, FilesHeld)]
    assert "no key sends on TC channel 1: activate one" in str(held)
    monkeypatch.undo()
    assert len(frames_of(station, 0)) >= 5


def test_a_new_pair_has_a_file_for_each_end_that_only_its_owner_may_read(tmp_path):
    paths = [tmp_path / "g.keys", tmp_path / "s.keys"]
    result = CliRunner().invoke(main, ["keys", "new", *map(str, paths)])
    assert result.exit_code == 0, result.output
    files = [KeyFile.decode(path.read_bytes()) for path in paths]
    assert [file.end for file in files] == [End.GROUND, End.SPACECRAFT]
    assert files[0].set_id == files[1].set_id
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
    again = CliRunner().invoke(main, ["keys", "new", str(tmp_path / "h.keys"), str(paths[1])])
    assert again.exit_code == 2
    assert "found some, which are never overwritten" in again.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.keys", "s.keys"]


@pytest.mark.parametrize("mask", ["settled-header", "channel-only"])
def test_a_new_pair_authenticates_what_it_is_told_of_headers(tmp_path, mask):
    paths = [str(tmp_path / "g.keys"), str(tmp_path / "s.keys")]
    assert CliRunner().invoke(main, ["keys", "new", *paths, "--mask", mask]).exit_code == 0
    for path in paths:
        entries = KeyFile.decode(Path(path).read_bytes()).keys
        assert {entry.association.mask.value for entry in entries} == {mask}


def test_a_mask_that_no_frame_of_this_link_can_have_is_refused(tmp_path):
    paths = [str(tmp_path / "g.keys"), str(tmp_path / "s.keys")]
    result = CliRunner().invoke(main, ["keys", "new", *paths, "--mask", "whole-header"])
    assert result.exit_code == 2
    assert "'whole-header' is not one of 'settled-header', 'channel-only'" in result.output


@pytest.mark.parametrize("damage", [b"", b"not a key file\n", b"# crc32c 00000000\n"])
def test_a_file_that_is_no_key_file_is_refused_in_one_line_with_status_2(tmp_path, damage):
    path = tmp_path / "g.keys"
    path.write_bytes(damage)
    path.chmod(0o600)
    own = {"--archive": tmp_path / "a", "--socket": tmp_path / "s", "--keys": path}
    result = CliRunner().invoke(
        main, ["serve", "--link", "pty:", *(str(each) for pair in own.items() for each in pair)]
    )
    assert result.exit_code == 2
    assert result.output.startswith("ground: key file: expected")
    assert result.output.count("\n") == 1


class TestService:
    """The keys of a station in service, through its socket."""

    @pytest.fixture
    def config(self, config, tmp_path):
        return replace(config, keys_path=lay_keys(tmp_path, Streams(6))[End.GROUND])

    def test_the_operator_sees_the_keys_and_changes_them(self, served, client):
        known = client.keys()
        assert known["standing"] == "fresh"
        assert [row["spi"] for row in known["keys"] if row["sends"]] == [1, 9]
        client.subscribe()
        rows = {row["spi"]: row for row in client.keys("activate", 2)["keys"]}
        assert (rows[1]["state"], rows[2]["state"], rows[2]["sends"]) == ("active", "active", True)
        event = next(event for event in client.events(10) if event["type"] == "KeyChanged")
        assert event["line"] == "key of SPI 2 at the ground: PREACTIVE -> ACTIVE"
        # And the way back.
        rows = {row["spi"]: row for row in client.keys("deactivate", 2)["keys"]}
        assert rows[1]["sends"]

    def test_what_is_not_allowed_is_refused_with_the_reason(self, served, client):
        for operation, spi, text in (
            ("destroy", 1, "expected a key that one can destroy, found active"),
            ("activate", 999, "expected an SPI of this key file, found 999"),
            ("restore", 1, "expected one of activate, deactivate, destroy and an SPI, found 'restore' and 1"),
            ("activate", None, "body.spi: Input should be a valid integer"),
        ):
            with pytest.raises(RefusalError, match=text):
                client.keys(operation, spi)

    def test_the_program_shows_and_changes_them(self, served):
        socket_path = str(served.config.socket_path)
        listed = CliRunner().invoke(main, ["keys", "list", "--socket", socket_path], env={"COLUMNS": "200"})
        assert listed.exit_code == 0, listed.output
        assert "tc 0" in listed.output
        changed = CliRunner().invoke(main, ["keys", "activate", "2", "--socket", socket_path])
        assert changed.output == "SPI 2 (tc 0): active, sends\n"
        refused = CliRunner().invoke(main, ["keys", "destroy", "2", "--socket", socket_path])
        assert refused.exit_code == 2

    def test_keys_that_cannot_be_written_are_told_once_and_that_they_can_again(self, served, monkeypatch):
        def fail():
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(served.service.security, "remember", fail)
            for _ in range(3):
                served.call(served.service._remember)
        for _ in range(2):
            served.call(served.service._remember)
        assert [line for line in served.lines if line.startswith("keys: ")] == [
            "keys: what was received could not be made durable: [Errno 28] No space left on device",
            "keys: what was received is made durable again",
        ]

    def test_what_was_received_is_durable_before_anything_of_a_transfer_is(self, served, client, monkeypatch, tmp_path):
        # The journal of transfers commits the archive by itself, whenever it must: what came in that second goes too.
        def durable() -> int:
            connection = sqlite3.connect(f"file:{served.config.archive_path}?mode=ro", uri=True)
            try:
                return connection.execute("SELECT count(*) FROM transfer_journal").fetchone()[0]
            finally:
                connection.close()

        seen = []
        monkeypatch.setattr(served.service.security, "remember", lambda: seen.append(durable()))
        served.service.files.pwrite("photo", 0, b"x")

        def put():
            before = durable()
            seen.clear()
            served.service.station.put_file("photo", "photo", now_ns=time.monotonic_ns())
            assert seen == [before]
            assert durable() == before + 1

        served.call(put)

    def test_a_second_station_with_the_same_keys_is_refused(self, served, tmp_path):
        own = {"--archive": tmp_path / "b", "--socket": tmp_path / "t", "--keys": served.config.keys_path}
        arguments = [str(each) for pair in own.items() for each in pair]
        result = CliRunner().invoke(main, ["serve", "--link", "pty:", *arguments])
        assert result.exit_code == 2
        assert "found another process using them" in result.output


def test_a_station_without_keys_has_none_to_show(served, client):
    with pytest.raises(RefusalError, match="expected a station with keys, found one that serves --insecure"):
        client.keys()
