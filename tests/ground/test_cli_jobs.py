"""``ground jobs JOB --wait``: a job is followed to its end."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from ground.__main__ import main
from mission.definition import DICTIONARY
from mission.jobs import JobState

TIMEOUT_S = 60
ROOT = Path(__file__).parents[2]


def changed(before: JobState, after: JobState) -> tuple[int, bytes]:
    definition = DICTIONARY.events["job_changed"]
    values = {"job_id": 4, "step": 9, "before": before, "after": after, "reason": ""}
    return int(definition.severity), definition.id.to_bytes(2, "big") + definition.fields.encode(values)


def test_a_job_is_followed_until_it_has_ended(served):
    results = []
    arguments = ["jobs", "4", "--wait", "--json", "--socket", str(served.config.socket_path)]
    waiting = threading.Thread(target=lambda: results.append(CliRunner().invoke(main, arguments)))
    waiting.start()
    report = DICTIONARY.reports["job_progress"]
    values = {"job_id": 4, "step": 5, "steps": 9, "loss": 2.5, "validation_loss": 2.6, "tokens_per_s": 10.0, "eta": 1}
    while waiting.is_alive():
        served.call(lambda: served.spacecraft.say(report.service, report.subtype, report.fields.encode(values)))
        served.call(lambda: served.spacecraft.say(5, *changed(JobState.RUNNING, JobState.DONE)))
        waiting.join(0.2)
    (result,) = results
    assert result.exit_code == 0, result.output
    assert json.loads(result.output.splitlines()[-1])["state"] == "DONE"


def test_which_job_has_to_be_said():
    result = CliRunner().invoke(main, ["jobs", "--wait"])
    assert (result.exit_code, result.output) == (2, "ground: --wait: expected the number of a job, found none\n")


def test_who_waits_for_a_job_that_nobody_heard_of_is_told_so_and_ctrl_c_ends_the_waiting(served):
    with subprocess.Popen(
        [sys.executable, "-m", "ground", "jobs", "77", "--wait", "--socket", str(served.config.socket_path)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as waiting:
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "job 77 was not heard of yet; it is waited for\n"
        waiting.send_signal(signal.SIGINT)
        assert waiting.communicate(timeout=TIMEOUT_S)[1] == "ground: interrupted; what was sent is not taken back\n"
        assert waiting.returncode == 130


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_number_has_to_be_one(number):
    result = CliRunner().invoke(main, ["send", "test.connection", "--timeout", number])
    assert result.exit_code == 2
    assert f"expected a number, found {number}" in result.output
