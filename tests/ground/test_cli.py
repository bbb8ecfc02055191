"""The operator's program: bad input, no station, and a whole turn against one in service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.time import tai_ns_from_unix
from ground.__main__ import main
from mission.definition import DICTIONARY
from mission.jobs import JobState, PauseCause
from mission.schedule import Anchor, Late

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ground(tmp_path):
    """Run the program where no station is, unless a socket is given."""

    def run(*arguments: str, socket_path: Path | None = None):
        path = socket_path or tmp_path / "nobody.sock"
        own_home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        name, *rest = arguments
        # A terminal as wide as it takes, so that no table is folded.
        environment = {**own_home, "COLUMNS": "400"}
        return CliRunner().invoke(main, [name, *rest, "--socket", str(path)], env=environment)

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["job.submitt"], "unknown command 'job.submitt': expected one of job.submit,"),
        (["job.cancel"], "job_id: expected a value, found none"),
        (["job.cancel", "job_id=0"], "job_id: expected 1 or more, found 0"),
        (["job.cancel", "job_id=one"], "job_id: expected uint32, found 'one'"),
        (["job.cancel", "job_id=1", "job_id=2"], "job_id: expected one value, found two"),
        (["job.cancel", "7"], "expected arguments as key=value, found '7'"),
        (["job.cancel", "job_id=1", "hard=1"], "unknown field 'hard': expected job_id"),
        (["housekeeping.enable", "structures=1,x"], "structures: expected list of uint8, up to 16, found '1,x'"),
        ([], "expected the name of a command, found none; ground send --list shows all"),
    ],
)
def test_bad_input_gets_one_clear_line_and_status_2(ground, arguments, message):
    result = ground("send", *arguments)
    assert result.exit_code == 2
    assert result.output.startswith(f"ground: {message}")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("arguments", [["send", "test.connection"], ["watch"], ["jobs"], ["commands"]])
def test_without_a_station_each_says_how_to_start_one(ground, arguments):
    result = ground(*arguments)
    assert result.exit_code == 2
    assert "found none" in result.output
    assert "start one with: ground serve --link URL" in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--link", "smoke:"], "link URL 'smoke:': expected serial:DEVICE"),
        (["--link", "pty:", "--profile", "kband"], "unknown link profile 'kband': expected one of sband, serial, uhf"),
        (["--link", "pty:"], "expected either --keys FILE or --insecure, found neither: make keys with `ground keys"),
        (["--link", "pty:", "--keys", "k", "--insecure"], "expected either --keys FILE or --insecure, found both"),
        (["--link", "pty:", "--keys", "/nowhere/k"], "/nowhere: No such file or directory"),
    ],
)
def test_serve_refuses_what_it_cannot_serve_and_leaves_nothing_behind(ground, tmp_path, arguments, message):
    result = ground("serve", *arguments)
    assert result.exit_code == 2
    assert result.output.startswith(f"ground: {message}")
    assert list(tmp_path.iterdir()) == []


def test_the_list_and_the_help_come_from_the_dictionary(ground):
    everything = ground("send", "--list").output
    assert all(name in everything for name in DICTIONARY.commands)
    for arguments in (["job.cancel", "--help"], ["job.cancel", "--list"]):
        result = ground("send", *arguments)
        assert result.exit_code == 0
        assert "job.cancel [128,2]: End a job that waits or runs" in result.output
        assert "Hazard: loses work." in result.output
        assert "1 or more" in result.output
    assert "Bypass COP-1's sequence" in ground("send", "--help").output


def test_send_prints_each_stage_and_tells_success_by_its_status(ground, served):
    result = ground("send", "job.pause", "job_id=5", socket_path=served.config.socket_path)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[-1] == "job.pause 1: COMPLETED"
    assert "job.pause 1: ACCEPTED" in lines
    assert served.spacecraft.telecommands[0].data == (5).to_bytes(4, "big")


def test_send_tells_a_refusal_by_its_status_with_the_spacecrafts_reason(ground, served):
    def refuse(telecommand):
        stage = VerificationStage.ACCEPTANCE_FAILED
        return [VerificationReport(stage, telecommand.request_id, None, 7, "no such job")]

    served.spacecraft.answer = refuse
    result = ground("send", "job.pause", "job_id=5", "--bd", "--json", socket_path=served.config.socket_path)
    assert result.exit_code == 1
    last = json.loads(result.output.splitlines()[-1])
    assert (last["stage"], last["text"]) == ("REFUSED", "REFUSED, no such job")


def test_send_prints_the_report_that_answers(ground, served):
    complete = served.spacecraft.answer
    report = DICTIONARY.report_of(136, 130)
    values = {field.name: 7 for field in report.fields.fields}

    def answer(telecommand):
        served.spacecraft.say(136, 130, report.fields.encode(values), destination_id=telecommand.source_id)
        # Somebody else's, and no answer to this.
        served.spacecraft.say(17, 2, b"", destination_id=telecommand.source_id)
        return complete(telecommand)

    served.spacecraft.answer = answer
    lines = ground("send", "scrub.report", socket_path=served.config.socket_path).output.splitlines()
    at = lines.index(f"{report.name}:")
    assert lines[at + 1 : at + 1 + len(values)] == [f"  {name} 7" for name in values]
    assert lines[-1] == "scrub.report 1: COMPLETED"
    assert not [line for line in lines if "connection" in line]


def test_send_can_return_at_once_or_after_a_time(ground, served):
    served.spacecraft.answer = lambda telecommand: []
    result = ground("send", "test.connection", "--no-wait", socket_path=served.config.socket_path)
    assert (result.exit_code, result.output) == (0, "test.connection 1: queued\n")
    result = ground("send", "test.connection", "--timeout", "0.1", socket_path=served.config.socket_path)
    assert result.exit_code == 1
    assert "ground: expected command 2 to end within 0.1 s, found it on its way still" in result.output


def test_commands_are_shown_by_the_station_and_from_its_archive(ground, served):
    ground("send", "test.connection", socket_path=served.config.socket_path)
    asked = ground("commands", socket_path=served.config.socket_path)
    read = ground("commands", "--archive", str(served.config.archive_path))
    assert asked.output == read.output
    assert "test.connection" in asked.output
    assert asked.output.count("COMPLETED") == 1
    as_json = json.loads(ground("commands", "--json", "--archive", str(served.config.archive_path)).output)
    assert as_json[0]["stages"][-1]["stage"] == "COMPLETED"
    missing = ground("commands", "--archive", "nowhere.sqlite")
    assert missing.exit_code == 2
    assert "expected an archive of a station at nowhere.sqlite, found no file" in missing.output


def test_jobs_are_shown_with_their_loss(ground, served, client):
    assert "no job was heard of yet" in ground("jobs", socket_path=served.config.socket_path).output
    # A command that completes shows that the line is there; what is said before may be lost on it.
    client.wait(client.send("test.connection"), 60)
    progress = {"job_id": 3, "step": 50, "steps": 100, "loss": 2.5, "validation_loss": float("nan")}
    progress |= {"tokens_per_s": 12345.0, "eta": 60.0}
    report = {"job_id": 3, "state": JobState.DONE, "pause_cause": PauseCause.NONE, "recipe": "tiny", "corpus": "x"}
    report |= {"corpus_sha256": b"", "seed": 1, "step": 100, "steps": 100, "loss": 2.0, "validation_loss": 2.25}
    report |= {
        "worker_restarts": 0,
        "faults_mended": 0,
        "guard": 1,
        "not_covered": "arithmetic",
        "unconfined": "",
        "checkpoints_refused": 0,
        "inexact": "",
        "weights_sha256": bytes(32),
        "failure": "",
        "energy": 12.5,
        "energy_per_token": 0.001,
        "deadline": 0,
        "late": float("nan"),
    }
    served.call(lambda: served.spacecraft.say(128, 130, DICTIONARY.report_of(128, 130).fields.encode(progress), 1))
    served.call(lambda: served.spacecraft.say(128, 131, DICTIONARY.report_of(128, 131).fields.encode(report), 2))
    sample = DICTIONARY.report_of(128, 132).fields.encode({"job_id": 3, "text": "to be or not"})
    served.call(lambda: served.spacecraft.say(128, 132, sample, 3))
    assert any(event.get("name") == "job_sample" for event in client.events(60))
    shown = ground("jobs", socket_path=served.config.socket_path).output
    assert "DONE" in shown
    assert "100/100" in shown
    assert "2.2500" in shown
    assert "12,345" in shown
    details = ground("jobs", "3", socket_path=served.config.socket_path).output
    for expected in ("job 3", "weights_sha256", "what its model wrote", "to be or not"):
        assert expected in details
    refused = ground("jobs", "99", socket_path=served.config.socket_path)
    assert refused.exit_code == 2
    assert "expected a job that was heard of (3), found 99" in refused.output
    as_json = json.loads(ground("jobs", "--json", socket_path=served.config.socket_path).output)
    assert as_json["3"]["losses"] == [[50, 2.5]]


def test_watch_without_a_terminal_prints_events_as_lines_until_the_station_stops(served, client):
    command = [sys.executable, "-m", "ground", "watch", "--socket", str(served.config.socket_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        assert watch.stdout.readline().startswith("link ")
        client.send("test.connection")
        assert any("command 1 test.connection COMPLETED" in line for line in watch.stdout)
        client.stop()
        assert watch.stderr.read().startswith("ground: expected the station to be there")
        assert watch.wait(60) == 1


def inserted(served):
    """Give the activities that the latest insertion holds."""
    telecommand = served.spacecraft.telecommands[-1]
    command = DICTIONARY.command_of(telecommand.service, telecommand.subtype)
    assert command.name == "schedule.insert_relative"
    return command.arguments.decode(telecommand.data)["activities"]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (
            "2027-03-01T12:00:00Z",
            {"anchor": Anchor.ABSOLUTE, "release_time": tai_ns_from_unix(1_803_902_400 * 10**9), "offset": 0},
        ),
        ("aos", {"anchor": Anchor.AOS, "offset": 0}),
        ("los+1.5min", {"anchor": Anchor.LOS, "offset": 90_000}),
        ("event7-30s", {"anchor": Anchor.EVENT, "orbit_event": 7, "offset": -30_000}),
    ],
)
def test_a_command_is_put_into_the_schedule_at_a_time_a_pass_or_an_event(ground, served, time, expected):
    result = ground(
        "schedule", "add", time, "job.pause", "job_id=5", "--late", "60", socket_path=served.config.socket_path
    )
    assert result.exit_code == 0, result.output
    (activity,) = inserted(served)
    assert {name: activity[name] for name in expected} == expected
    assert (activity["late"], activity["limit"]) == (Late.RUN, 60)
    request = Telecommand.decode(activity["request"])
    assert (request.service, request.subtype, request.data) == (128, 3, (5).to_bytes(4, "big"))
    assert f"job.pause is request {request.source_id}/{request.apid}/{request.sequence_count}" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tomorrow", "test.connection"], "TIME: expected a UTC time such as 2027-03-01T12:00:00Z"),
        (["aos-later", "test.connection"], "TIME: expected a UTC time"),
        (["aos", "job.sumbit"], "unknown command 'job.sumbit'"),
        (["aos", "job.pause", "job_id=0"], "job_id: expected 1 or more, found 0"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_before_it_is_sent(ground, arguments, message):
    result = ground("schedule", "add", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_the_schedule_is_listed_from_all_its_pages(ground, served):
    requests = [Telecommand(0x42, count, 128, 3, 9, data=(5).to_bytes(4, "big")).encode() for count in (1, 2, 3)]
    rows = [
        {"release_time": tai_ns_from_unix(1_803_902_400 * 10**9)},
        {"release_time": 0, "anchor": Anchor.AOS, "offset": 90_000},
        {"release_time": 0, "anchor": Anchor.EVENT, "orbit_event": 7, "offset": -500},
    ]
    blank = {"sub_schedule": 0, "group": 0, "anchor": 0, "orbit_event": 0, "offset": 0, "late": 0, "limit": 0}
    rows = [{**blank, **row, "request": request} for row, request in zip(rows, requests, strict=True)]
    report = DICTIONARY.reports["schedule_detail"]
    complete = served.spacecraft.answer

    def answer(telecommand):
        position = int.from_bytes(telecommand.data, "big")
        values = {"total": 3, "position": position, "activities": rows[position : position + 2]}
        served.spacecraft.say(report.service, report.subtype, report.fields.encode(values))
        return complete(telecommand)

    served.spacecraft.answer = answer
    result = ground("schedule", "list", socket_path=served.config.socket_path)
    assert [line.split() for line in result.output.splitlines()] == [
        ["2027-03-01T12:00:00Z", "job.pause", "9/66/1"],
        ["AOS", "+90", "s", "job.pause", "9/66/2"],
        ["EVENT", "7", "-0.5", "s", "job.pause", "9/66/3"],
    ]


def test_rows_typed_as_json_reach_the_spacecraft_octets_and_all(ground, served):
    request = Telecommand(0x42, 1, 17, 1, 9).encode()
    rows = f'[{{"event": 130, "about": 2, "request": "{request.hex()}"}}]'
    result = ground("send", "reaction.add", f"reactions={rows}", socket_path=served.config.socket_path)
    assert result.exit_code == 0, result.output
    data = served.spacecraft.telecommands[-1].data
    assert DICTIONARY.command("reaction.add").arguments.decode(data)["reactions"] == [
        {"event": 130, "about": 2, "request": request}
    ]
    rows = '[{"monitor": 1, "parameter": 34, "kind": "limit", "high": "9"}]'
    assert ground("send", "monitoring.add", f"monitors={rows}", socket_path=served.config.socket_path).exit_code == 0


def test_a_hazardous_command_is_armed_first_and_sent_once_that_is_done(ground, served):
    result = ground("send", "job.cancel", "job_id=5", "--arm", socket_path=served.config.socket_path)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines.index("command.arm 1: COMPLETED") < lines.index("job.cancel 2: ACCEPTED")
    arm, cancel = served.spacecraft.telecommands
    assert (arm.service, arm.subtype, arm.data[:2]) == (134, 1, bytes([cancel.service, cancel.subtype]))


def test_a_command_whose_arm_fails_is_not_sent(ground, served):
    stage = VerificationStage.ACCEPTANCE_FAILED
    served.spacecraft.answer = lambda each: [VerificationReport(stage, each.request_id, None, 7, "not now")]
    result = ground("send", "job.cancel", "job_id=5", "--arm", socket_path=served.config.socket_path)
    assert result.exit_code == 1
    assert len(served.spacecraft.telecommands) == 1


def test_arm_alone_arms_and_refuses_what_needs_no_arming(ground, served):
    assert ground("arm", "job.cancel", socket_path=served.config.socket_path).exit_code == 0
    result = ground("arm", "test.connection", socket_path=served.config.socket_path)
    assert result.exit_code == 2
    assert "expected a hazardous command to arm" in result.output


@pytest.mark.parametrize("address", ["https://h:99999", "https://h:many", "https://[::1", "ftp://h", "https://:80"])
def test_an_address_that_is_none_is_refused_with_what_was_expected(address):
    done = CliRunner().invoke(main, ["commands", "--socket", address])
    assert (done.exit_code, done.exception.__class__) == (2, SystemExit)
    assert done.stderr.startswith(f"ground: expected a path, http://HOST:PORT or https://HOST:PORT, found '{address}'")


def test_a_station_listens_at_a_path_and_at_no_address():
    done = CliRunner().invoke(main, ["serve", "--link", "tcp:127.0.0.1:1", "--insecure", "--socket", "https://x:1"])
    assert (done.exit_code, done.exception.__class__) == (2, SystemExit)
    assert "--socket': expected a path, found 'https://x:1'" in done.stderr


@pytest.mark.parametrize("address", ["http://station.example:8180", "http://192.0.2.1"])
@pytest.mark.parametrize("command", ["login", "logout"])
def test_no_password_and_no_session_goes_out_where_anybody_reads_it(command, address):
    named = ["--name", "carl", "--password-stdin"] if command == "login" else []
    done = CliRunner().invoke(main, [command, address, *named], input="a-long-password\n")
    assert done.exit_code == 2
    assert done.stderr == (
        f"ground: expected https://HOST:PORT, found '{address}': password and session would travel readable\n"
    )


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_on_this_computer_nobody_reads_it(address):
    done = CliRunner().invoke(main, ["login", address, "--name", "carl", "--password-stdin"], input="a-password\n")
    assert done.exit_code == 2
    assert "readable" not in done.stderr
