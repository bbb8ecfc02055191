"""The whole loop: one scenario through faults, under both clocks, to the weights of the undisturbed run."""

import json
import subprocess
import sys
import time

import msgspec
import pytest

from hil.rig.wiring import Mode, Wiring
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder, run_scenario
from hil.scenario.expect import ExpectTable
from hil.scenario.scenario import load_scenario, parse_scenario

# A job of its own worker process, which is killed, over a noisy link.
SHORT = """
name = "short"
[spacecraft]
corpora = ["verses"]
[link]
profile = "serial"
down = { delay_s = 0.02, bit_error_rate = 1e-5 }
[[faults]]
kind = "kill_worker"
job_step = 20
[[procedure]]
command = "job.submit"
[procedure.arguments]
job_id = 1
recipe = "tiny"
corpus = "verses"
seed = 3
steps = 40
overrides = "training.checkpoint_interval = 15\\nexecution.threads = THREADS"
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "job.report"
arguments = { job_id = 1 }
[expect]
weights_as_reference = true
"""


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("uart_bench")


@pytest.fixture(scope="module")
def corpora(scenario):
    return find_corpora(scenario)


def fly(scenario, corpora, folder, *, seed=1, mode=Mode.VIRTUAL):
    prepare_folder(folder, force=False)
    return run_scenario(
        scenario,
        seed=seed,
        folder=folder,
        wiring=Wiring(mode=mode),
        corpora=corpora,
        watch=lambda source, event: None,
        clock_s=time.monotonic,
    )


@pytest.fixture(scope="module")
def virtual(scenario, corpora, tmp_path_factory):
    folder = tmp_path_factory.mktemp("virtual") / "run"
    return fly(scenario, corpora, folder), folder


def failed(result):
    return [(check.name, check.evidence) for check in result.checks if not check.ok]


def test_the_scenario_passes_in_virtual_time(virtual):
    result, _ = virtual
    assert failed(result) == []
    assert {check.name for check in result.checks} >= {
        "no command acted twice",
        "the weights are bit for bit those of the undisturbed run",
        "the worker was lost, and replaced",
        "the sample text arrived",
    }


def test_the_dropouts_cut_a_command_and_a_report(virtual):
    result, _ = virtual
    commands = {command["name"]: command for command in result.evidence.commands.values()}
    cut = [command for command in commands.values() if command["tries"] > 1]
    assert "job.report" in [command["name"] for command in cut]
    assert result.evidence.counts["event.command_repeated"] == 1
    assert all(times == 1 for times in result.evidence.executed.values())


def test_the_files_say_what_happened(virtual):
    _, folder = virtual
    written = json.loads((folder / "result.json").read_text())
    assert written["verdict"] == "pass"
    assert written["seed"] == 1
    assert written["weights_sha256"] == written["reference_sha256"]
    assert len(written["link_sha256"]) == 64
    assert written["validation_loss"] < 4
    report = (folder / "report.html").read_text()
    assert report.count("<svg class='chart'") == 3
    for name in ("expected", "timeline", "training", "link", "layers", "commands", "sample", "events"):
        assert f"<section id='{name}'>" in report
    assert written["weights_sha256"][:16] in report
    assert "http-equiv" not in report
    assert "src=" not in report
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert {event["source"] for event in events} == {"spacecraft", "station", "link.up", "link.down", "hil"}
    assert [event["time_ns"] for event in events] == sorted(event["time_ns"] for event in events)


def test_equal_seeds_give_equal_events_and_equal_octets_and_other_seeds_others(virtual, scenario, corpora, tmp_path):
    result, folder = virtual
    # What is expected decides nothing of a run; without it no reference has to be computed.
    scenario = msgspec.structs.replace(scenario, expect=ExpectTable())
    again = fly(scenario, corpora, tmp_path / "again")
    assert (tmp_path / "again" / "events.jsonl").read_bytes() == (folder / "events.jsonl").read_bytes()
    for name in ("uplink.bin", "downlink.bin"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert again.link_sha256 == result.link_sha256
    # Another seed has other keys and other noise from the first octet on; ten seconds show it.
    shorter = msgspec.structs.replace(scenario, duration_s=10.0)
    other = fly(shorter, corpora, tmp_path / "other", seed=2)
    assert (tmp_path / "other" / "uplink.bin").read_bytes()[:500] != (folder / "uplink.bin").read_bytes()[:500]
    assert other.link_sha256 != result.link_sha256


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_seeds_give_equal_runs_in_two_processes_at_any_number_of_threads(tmp_path, threads):
    text = SHORT.replace("THREADS", str(threads))
    scenario = parse_scenario(text, "short")
    here, there = tmp_path / "here", tmp_path / "there"
    result = fly(scenario, find_corpora(scenario), here)
    assert failed(result) == []
    (tmp_path / "short.toml").write_text(text)
    command = [sys.executable, "-m", "hil", "run", str(tmp_path / "short.toml"), "--seed", "1", "--out", str(there)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name in ("events.jsonl", "uplink.bin", "downlink.bin"):
        assert (there / name).read_bytes() == (here / name).read_bytes()
    again = json.loads((there / "result.json").read_text())
    assert again["weights_sha256"] == result.plain()["weights_sha256"] == again["reference_sha256"]


def test_the_event_log_holds_no_wall_time_process_id_or_path(virtual):
    _, folder = virtual
    log = (folder / "events.jsonl").read_text()
    assert str(folder) not in log
    assert "/tmp" not in log
    assert '"pid"' not in log


def test_the_same_scenario_passes_over_a_pty_between_two_programs(virtual, scenario, corpora, tmp_path):
    result = fly(scenario, corpora, tmp_path / "pty", mode=Mode.PTY)
    assert failed(result) == []
    in_virtual_time, _ = virtual
    assert result.plain()["weights_sha256"] == in_virtual_time.plain()["weights_sha256"]
    assert result.evidence.counts["event.command_repeated"] >= 1
