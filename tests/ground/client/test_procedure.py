"""Procedures: what is read of them, what is told while they run, and what is wrong with them, with file and line."""

import json

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from ground.__main__ import main
from ground.client.operator import Operator
from ground.client.procedure import Procedure

TIMEOUT_S = 60


@pytest.fixture
def procedure(tmp_path):
    def write(text: str, name: str = "p.py") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def ground(served):
    def run(*arguments: str):
        return CliRunner().invoke(main, ["run", *arguments, "--socket", str(served.config.socket_path)])

    return run


def test_a_procedure_is_done_step_by_step_and_reported(served, ground, procedure, tmp_path):
    path = procedure(
        '"""Say hello.\n\nTwice."""\n'
        "def run(sc, times: int = 1, loud: bool = False):\n"
        "    for number in range(times):\n"
        "        with sc.step(f'hello {number}'):\n"
        "            sc.test.connection()\n"
        "    sc.check(not loud, 'quietly')\n"
    )
    result = ground(path, "times=2", "--report", str(tmp_path / "report.json"))
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["verdict"], report["title"], report["arguments"]) == ("DONE", "Say hello.", {"times": 2})
    kinds = [line["kind"] for line in report["lines"]]
    assert kinds == ["step", "sent", "verified", "step done"] * 2 + ["checked", "done"]
    assert len(served.spacecraft.telecommands) == 2
    failed = ground(path, "loud=true")
    assert failed.exit_code == 1
    assert f"{path}:8: quietly" in failed.output.replace("\n", "")


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("def run(sc):\n    retrun 1\n", 2, ":2: invalid syntax"),
        ("import nothing_of_the_kind\ndef run(sc): pass\n", 2, ":1: ModuleNotFoundError: No module named"),
        ("x = 1\n", 2, ": expected a function run(sc, ...), found none"),
        ("def run(sc):\n    a = 1\n    return a / 0\n", 1, ":3: ZeroDivisionError: division by zero"),
        ("def run(sc):\n    sc.jib.submit()\n", 1, ":2: AttributeError: the dictionary has no 'jib': expected one of"),
        ("def run(sc):\n    sc.job.sbmit()\n", 1, ":2: AttributeError: job has no command 'sbmit': expected one of"),
        ("def run(sc):\n    sc.job.pause(job_id=0)\n", 1, ":2: job_id: expected 1 or more, found 0"),
        ("def run(sc):\n    sc.job.cancel(job_id=5)\n", 1, ":2: job.cancel loses work: expected it to be armed first"),
        (
            "def run(sc):\n    sc.wait_for(lambda: 0, within_s=0, what='a wonder')\n",
            1,
            ":2: expected a wonder within 0 s",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_reason_and_the_station_goes_on(
    ground, served, client, procedure, text, status, told
):
    path = procedure(text)
    result = ground(path)
    assert result.exit_code == status
    assert f"{path}{told}" in result.output.replace("\n", " ").replace("  ", " ").replace("- ", "")
    assert client.state()["profile"] == "serial"


def test_arguments_are_read_by_their_annotations(procedure):
    from pathlib import Path

    loaded = Procedure.load(Path(procedure("def run(sc, count: int, rate: float = 1.0, name='x'): pass\n")))
    assert loaded.arguments({"count": "0x10", "rate": "2", "name": "y"}) == {"count": 16, "rate": 2.0, "name": "y"}
    for texts, told in (
        ({}, "count: expected a value, found none"),
        ({"count": "many"}, "count: expected int, found 'many'"),
        ({"count": "1", "cuont": "1"}, "expected one of count, rate, name, found 'cuont'"),
    ):
        with pytest.raises(MisuseError, match=told):
            loaded.arguments(texts)
    with pytest.raises(MisuseError, match="expected no arguments, found 'count'"):
        Procedure.load(Path(procedure("def run(sc): pass\n"))).arguments({"count": "1"})


def test_a_refusal_of_the_spacecraft_is_an_error_and_an_event_can_be_waited_for(served, client):
    from ccsds.pus.verification import VerificationReport, VerificationStage
    from mission.definition import DICTIONARY

    operator = Operator(client)
    complete = served.spacecraft.answer

    def refuse(telecommand):
        stage = VerificationStage.ACCEPTANCE_FAILED
        return [VerificationReport(stage, telecommand.request_id, None, 7, "no such job")]

    served.spacecraft.answer = refuse
    with pytest.raises(Exception, match=r"job\.pause 1: REFUSED .*no such job"):
        operator.job.pause(job_id=9)
    served.spacecraft.answer = complete
    definition = DICTIONARY.events["job_resumed"]
    data = definition.id.to_bytes(2, "big") + definition.fields.encode({"job_id": 4, "step": 20})
    served.call(lambda: served.spacecraft.say(5, int(definition.severity), data))
    event = operator.wait_for_event("job_resumed", within_s=TIMEOUT_S, job_id=4)
    assert event["values"]["step"] == 20
    with pytest.raises(Exception, match="expected event job_resumed within 0 s, found none"):
        operator.wait_for_event("job_resumed", within_s=0)


def test_a_deadline_may_be_a_time_on_board(served, client, monkeypatch):
    operator = Operator(client)
    monkeypatch.setattr(Operator, "tai_ns", property(lambda self: 1_000))
    with pytest.raises(Exception, match="expected a wonder until 1000 ns on board, found none at 1000"):
        operator.wait_for(lambda: False, until_tai_ns=1_000, what="a wonder")
