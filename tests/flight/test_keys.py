"""The keys on board: rotated by command, taken back, restored, on a full disk, and none at all."""

import contextlib
import errno

import pytest
from click.testing import CliRunner

from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.security import Security
from ccsds.tm_frame import ONLY_IDLE
from flight.__main__ import main
from flight.events import TelemetryHeld
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.channels import Downlink
from mission.definition import DICTIONARY
from ports.key_directory import KeyDirectory, opened_keys
from tests.flight.secured_orbit import SECOND


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
        other = tmp_path / "other"
        other.mkdir()
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
