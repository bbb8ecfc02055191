"""Real time: a board behind a URL, and what two programs go through over TCP."""

import subprocess
import sys
import time

import pytest

from ccsds.errors import MisuseError
from hil.rig.real_time import check_real_time
from hil.rig.rig import Rig
from hil.rig.wiring import Mode, Wiring
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder, run_scenario
from hil.scenario.scenario import load_scenario, parse_scenario
from ports.errors import PortLostError


def fly(scenario, folder, wiring):
    prepare_folder(folder, force=False)
    return run_scenario(
        scenario,
        seed=2,
        folder=folder,
        wiring=wiring,
        corpora=find_corpora(scenario),
        watch=lambda source, event: None,
        clock_s=time.monotonic,
    )


def failed(result):
    return [(check.name, check.evidence) for check in result.checks if not check.ok]


def test_the_scenario_of_a_board_passes_with_one_that_is_there_by_its_url_alone(tmp_path):
    # The other end of a pseudo-terminal is opened as a UART is.
    link = ["--link", f"pty:{tmp_path / 'tty'}", "--insecure", "--store", str(tmp_path / "store")]
    with (tmp_path / "log").open("wb") as log:
        board = subprocess.Popen([sys.executable, "-m", "flight", *link], stderr=log)
    try:
        while not (tmp_path / "tty").is_symlink():
            assert board.poll() is None, "the board did not start"
        url = f"serial:{tmp_path / 'tty'}"
        wiring = Wiring(mode=Mode.BOARD, board_url=url, is_insecure=True)
        result = fly(load_scenario("board_bench"), tmp_path / "run", wiring)
    finally:
        board.terminate()
        board.wait()
    assert failed(result) == []
    assert not (tmp_path / "run" / "store" / "journal").exists()
    assert (tmp_path / "run" / "downlink.bin").stat().st_size > 1_000


ROUGH = """
name = "rough"
duration_s = 90

[spacecraft]
corpora = []
files = [{ name = "down.bin", octets = 3000 }]
[station]
files = [{ name = "up.bin", octets = 3000 }]
[link]
profile = "serial"
passes = [{ at_s = 0, duration_s = 4 }, { at_s = 7, duration_s = 80 }]

[[faults]]
kind = "reboot_spacecraft"
at_s = 9
down_s = 1
[[faults]]
kind = "reboot_station"
at_s = 14
down_s = 1

[[procedure]]
put_file = "up.bin"
[[procedure]]
wait_for_file = "up.bin"
[[procedure]]
wait_s = 16
[[procedure]]
command = "file.send"
arguments = { name = "down.bin" }
[[procedure]]
wait_for_file = "down.bin"
[[procedure]]
command = "housekeeping.once"
arguments = { structures = [1] }
"""


def test_files_passes_and_both_reboots_in_real_time_over_tcp(tmp_path):
    result = fly(parse_scenario(ROUGH, "rough"), tmp_path / "run", Wiring(mode=Mode.TCP))
    assert failed(result) == []
    marks = [text for _, kind, text in result.evidence.marks if kind == "hil"]
    assert [text.split(" loses")[0] for text in marks] == ["the spacecraft", "the station"]
    assert [round(start_s) for start_s, _ in result.evidence.contacts] == [0, 7]
    assert result.evidence.housekeeping["core"]["boot_count"] == 2


TRIGGERED = """
name = "triggered"
duration_s = 90
[spacecraft]
corpora = []
[station]
files = [{ name = "up.bin", octets = 3000 }]
[link]
profile = "serial"
passes = [{ at_s = 0, duration_s = 6 }, { at_s = 8, duration_s = 80 }]

[[faults]]
kind = "reboot_spacecraft"
event = "booted"
count = 2
offset_s = 0.5
down_s = 1
[[faults]]
kind = "reboot_spacecraft"
event = "file_stored"
down_s = 1
[[faults]]
kind = "pull_cable"
pass_number = 2
offset_s = 0.5
down_s = 0.5
[[faults]]
kind = "reboot_station"
event = "aos"
count = 2
offset_s = 6
down_s = 1

[[procedure]]
put_file = "up.bin"
[[procedure]]
wait_for_file = "up.bin"
[[procedure]]
wait_until_s = 22
[[procedure]]
command = "housekeeping.once"
arguments = { structures = [1] }
attempts = 3
"""


# Over pseudo-terminals both programs open a serial device.
@pytest.mark.parametrize("mode", [Mode.TCP, Mode.PTY])
def test_faults_come_with_a_pass_and_with_what_the_ground_hears_in_real_time_too(tmp_path, mode):
    evidence = fly(parse_scenario(TRIGGERED, "triggered"), tmp_path / "run", Wiring(mode=mode)).evidence
    struck = [(time_s, text) for time_s, kind, text in evidence.marks if kind == "hil" and "signal" not in text]
    heard = [(time_s, kind) for time_s, kind, _ in evidence.marks if kind in ("event.file_stored", "event.booted")]
    (cable_s,) = [time_s for time_s, text in struck if text.startswith("the cable")]
    assert 8.5 <= cable_s < 9
    (station_s,) = [time_s for time_s, text in struck if text.startswith("the station")]
    assert 14 <= station_s < 14.5
    first_s, second_s = (time_s for time_s, text in struck if text.startswith("the spacecraft"))
    stored_s = next(time_s for time_s, kind in heard if kind == "event.file_stored")
    assert 0 <= first_s - stored_s < 0.5
    # The first boot is heard of, perhaps again by playback; the second one brings about a third.
    booted_s = [time_s for time_s, kind in heard if kind == "event.booted" and first_s < time_s < second_s]
    assert booted_s and 0.5 <= second_s - booted_s[0] < 1
    assert evidence.housekeeping["core"]["boot_count"] == 3


LATE = """
name = "late"
duration_s = 60
[link]
profile = "serial"
passes = [{ at_s = 1, duration_s = 3 }, { at_s = 6, duration_s = 50 }]

[[faults]]
kind = "pull_cable"
event = "los"
down_s = 0.5

[[procedure]]
wait_until_s = 6
[[procedure]]
command = "housekeeping.once"
arguments = { structures = [1] }
"""


@pytest.mark.parametrize("mode", [Mode.VIRTUAL, Mode.PTY])
def test_signal_that_was_never_there_is_not_lost(tmp_path, mode):
    result = fly(parse_scenario(LATE, "late"), tmp_path / "run", Wiring(mode=mode))
    assert failed(result) == []
    assert [round(start_s) for start_s, _ in result.evidence.contacts] == [1, 6]
    marks = [(int(time_s), text) for time_s, kind, text in result.evidence.marks if kind == "hil"]
    assert marks == [(4, "the cable is out for 0.5 s")]


def test_a_board_that_is_not_there_is_told_before_anything_starts(tmp_path):
    wiring = Wiring(mode=Mode.BOARD, board_url=f"serial:{tmp_path / 'none'}", is_insecure=True)
    with pytest.raises(PortLostError, match="No such file"):
        Rig(load_scenario("board_bench"), 1, tmp_path, {}, lambda *_: None, wiring)


BOARD = Wiring(mode=Mode.BOARD, board_url="serial:/dev/ttyUSB0?baud=9600", is_insecure=True)


@pytest.mark.parametrize(
    ("name", "change", "wiring", "told"),
    [
        ("uart_bench", ("", ""), BOARD, r"faults\[0\].kind: expected reboot_station or pull_cable on a board"),
        ("board_bench", ("", ""), BOARD, "expected at least 115200 baud, the rate of profile serial, found 9600"),
        ("uart_bench", ('"kill_worker"', '"flip"'), Wiring(mode=Mode.PTY), "in real time, found flip"),
        (
            "uart_bench",
            ("job_step = 100", 'event = "checkpoint_begun"'),
            Wiring(mode=Mode.TCP),
            r"faults\[0\].event: expected what the ground can hear of in real time, such as checkpoint_saved, found",
        ),
        (
            "uart_bench",
            ('kind = "kill_worker"', 'kind = "reboot_spacecraft"\ndisk_operation = 3'),
            Wiring(mode=Mode.TCP),
            r"faults\[0\].disk_operation: expected none in real time, where nobody counts them",
        ),
    ],
)
def test_what_a_wiring_has_not_is_refused_by_name(name, change, wiring, told):
    from importlib import resources

    text = (resources.files("hil") / "scenarios" / f"{name}.toml").read_text().replace(*change)
    with pytest.raises(MisuseError, match=told):
        check_real_time(parse_scenario(text, name), wiring)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"mode": Mode.BOARD}, "expected the link URL of the board"),
        ({"mode": Mode.BOARD, "board_url": "/dev/ttyUSB0"}, "expected either the ground's key file or the word"),
        ({"mode": Mode.PTY, "is_insecure": True}, "expected a board for its URL and its keys, found none"),
    ],
)
def test_a_wiring_that_contradicts_itself_is_refused(arguments, told):
    with pytest.raises(MisuseError, match=told):
        Wiring(**arguments)
