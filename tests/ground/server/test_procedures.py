"""Procedures that a station runs for somebody: in a process of their own, with that person's powers."""

import signal
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest

TIMEOUT_S = 60
POLL = "/api/procedures/runs"
ENDLESS = "def run(sc):\n    sc.say('begun')\n    sc.wait_for(lambda: False, what='nothing')\n"


@pytest.fixture
def config(config, tmp_path):
    directory = tmp_path / "procedures"
    directory.mkdir()
    (directory / "hello.py").write_text(
        "def run(sc, times: int = 1):\n    sc.test.connection()\n    print('by hand')\n"
    )
    (directory / "broken.py").write_text("def run(sc):\n    return 1 / 0\n")
    (directory / "endless.py").write_text(ENDLESS)
    return replace(config, procedures_path=directory)


def ended(http, run_id: int, verdict: str = "RUNNING", kinds: int = 0) -> dict:
    """Ask until a run is not as given any more, or has said something."""
    while True:
        (run,) = [each for each in http.get(POLL).json() if each["run_id"] == run_id]
        if run["verdict"] != verdict or (kinds and len(run["lines"]) >= kinds):
            return run


def test_a_procedure_is_run_and_its_transcript_can_be_read(served, http):
    assert http.get("/api/procedures").json() == ["broken.py", "endless.py", "hello.py"]
    run_id = http.post(POLL, json={"name": "hello.py", "arguments": {"times": "3"}}).json()["run_id"]
    run = ended(http, run_id)
    assert (run["verdict"], run["reason"], run["started_by"]) == ("DONE", "", "local")
    assert [line["kind"] for line in run["lines"]] == ["sent", "verified", "printed", "done"]
    assert len(served.spacecraft.telecommands) == 1


def test_one_that_breaks_or_does_not_end_leaves_the_station_as_it_was(served, http):
    broken = http.post(POLL, json={"name": "broken.py"}).json()["run_id"]
    endless = http.post(POLL, json={"name": "endless.py"}).json()["run_id"]
    run = ended(http, broken)
    assert run["verdict"] == "FAILED"
    assert run["reason"].endswith("broken.py:2: ZeroDivisionError: division by zero")
    ended(http, endless, kinds=1)
    assert http.post(f"{POLL}/{endless}/stop").status_code == 204
    assert ended(http, endless)["verdict"] == "STOPPED"
    assert http.post(f"{POLL}/{endless}/stop").status_code == 400
    assert http.get("/api/state").status_code == 200


def ignore_interrupts():
    """As a shell has it that starts a station in the background of a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def test_a_station_that_was_started_with_interrupts_ignored_can_stop_its_procedures(tmp_path):
    (tmp_path / "endless.py").write_text(ENDLESS)
    command = [sys.executable, "-m", "ground", "serve", "--link", f"pty:{tmp_path / 'line'}", "--insecure"]
    command += [
        "--archive",
        tmp_path / "a.sqlite",
        "--socket",
        tmp_path / "s",
        "--web",
        "none",
        "--procedures",
        tmp_path,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=ignore_interrupts) as station:
        try:
            assert any("socket" in line for line in station.stderr)
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=str(tmp_path / "s")), base_url="http://station"
            ) as http:
                run_id = http.post(POLL, json={"name": "endless.py"}).json()["run_id"]
                ended(http, run_id, kinds=1)
                assert http.post(f"{POLL}/{run_id}/stop").status_code == 204
                assert ended(http, run_id)["verdict"] == "STOPPED"
        finally:
            station.terminate()


def test_names_that_are_no_procedure_are_refused(http):
    for name in ("../hello.py", "/etc/passwd", "nothing.py", "", "hello"):
        answer = http.post(POLL, json={"name": name})
        assert (answer.status_code, "expected a procedure (broken.py" in answer.json()["error"]) == (400, True)


def test_a_session_that_was_lent_has_the_powers_of_who_started_it_and_ends(served, http):
    from ground.access.principal import Door, Principal, Role

    guard = served.service.operations.procedures._lender
    token = guard.lend(Principal(name="vera", role=Role.VIEWER, door=Door.WEB))
    headers = {"Authorization": f"Bearer {token}"}
    assert http.get("/api/me", headers=headers).json()["name"] == "vera"
    assert http.post("/api/commands", json={"name": "test.connection"}, headers=headers).status_code == 403
    guard.take_back(token)
    assert http.get("/api/me", headers=headers).status_code == 401
