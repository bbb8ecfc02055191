"""Stacks: the station sends one command after another, each once the one before has completed; what fails stops it."""

import json
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner

from ccsds.pus.verification import VerificationReport, VerificationStage
from ground.__main__ import main
from ground.access.principal import Door, Principal, Role
from ground.access.users import User, Users
from ground.client import Client, RefusalError
from ground.server import stacks
from tests.ground.conftest import complete

TIMEOUT_S = 60
JOBS = 128


def ended(client, stack_id):
    deadline_s = time.monotonic() + TIMEOUT_S
    while (told := client.stacks.get(stack_id))["verdict"] == "RUNNING":
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return told


def names(served):
    """What the spacecraft heard, by message type."""
    return [(each.service, each.subtype) for each in served.spacecraft.telecommands]


def test_commands_go_one_after_another_and_each_waits_for_the_one_before(served, client):
    heard = []
    served.spacecraft.answer = lambda telecommand: heard.append(telecommand) or []
    stack_id = client.stacks.start(["test.connection", "job.report job_id=7", "test.connection"])
    deadline_s = time.monotonic() + TIMEOUT_S
    while not heard:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert len(client.stacks.get(stack_id)["sent"]) == 1
    # From now on it answers; the first command is sent again by the station, or asked about.
    served.spacecraft.answer = complete
    told = ended(client, stack_id)
    assert (told["verdict"], told["reason"], len(told["sent"])) == ("DONE", "", 3)
    kept = {row["command_id"]: row for row in client.commands()}
    assert [kept[each]["name"] for each in told["sent"]] == ["test.connection", "job.report", "test.connection"]
    assert kept[told["sent"][1]]["arguments"] == {"job_id": 7}
    for before, after in zip(told["sent"], told["sent"][1:], strict=False):
        (completed,) = [each["unix_ns"] for each in kept[before]["stages"] if each["stage"] == "COMPLETED"]
        assert kept[after]["unix_ns"] >= completed


def test_what_fails_stops_it_and_nothing_after_it_is_sent(served, client):
    def answer(telecommand):
        if telecommand.service != JOBS:
            return complete(telecommand)
        return [VerificationReport(VerificationStage.ACCEPTANCE_FAILED, telecommand.request_id, None, 7, "no room")]

    served.spacecraft.answer = answer
    told = ended(client, client.stacks.start(["test.connection", "job.report job_id=7", "test.connection"]))
    assert told["verdict"] == "STOPPED"
    assert told["reason"].startswith("job.report refused: ")
    assert "no room" in told["reason"]
    assert len(told["sent"]) == 2
    assert names(served).count((17, 1)) == 1


def test_a_hazardous_command_stops_it_unless_it_is_armed(served, client):
    told = ended(client, client.stacks.start(["test.connection", "job.cancel job_id=7"]))
    assert (told["verdict"], len(told["sent"])) == ("STOPPED", 1)
    assert "job.cancel" in told["reason"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "stack: expected 1 to 100 commands, found 0"),
        (["test.connection"] * 101, "stack: expected 1 to 100 commands, found 101"),
        (["test.connection", "job.stop"], "line 2: unknown command 'job.stop'"),
        (["job.report job_id=0"], "line 1: job_id: expected 1 or more, found 0"),
        (["job.report 7"], "line 1: expected arguments as key=value, found '7'"),
        (["job.report job_id='7"], "line 1: expected a command and key=value"),
    ],
)
def test_all_is_read_before_anything_is_sent(served, client, lines, reason):
    with pytest.raises(RefusalError) as refused:
        client.stacks.start(lines)
    assert reason in str(refused.value)
    assert client.stacks.all() == []
    assert client.commands() == []


def test_one_that_is_stopped_sends_nothing_more(served, client):
    served.spacecraft.answer = lambda telecommand: []
    stack_id = client.stacks.start(["test.connection", "test.connection"])
    client.stacks.stop(stack_id)
    assert client.stacks.get(stack_id)["reason"] == "by local"
    with pytest.raises(RefusalError, match="that is under way"):
        client.stacks.stop(stack_id)
    with pytest.raises(RefusalError, match="unknown stack number 99"):
        client.stacks.get(99)
    served.spacecraft.answer = complete
    command_id = client.send("test.connection")
    assert client.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"
    assert len(client.stacks.get(stack_id)["sent"]) == 1


def test_only_so_many_are_under_way_at_once(served, client, monkeypatch):
    monkeypatch.setattr(stacks, "RUNNING_MAX", 2)
    served.spacecraft.answer = lambda telecommand: []
    for _ in range(2):
        client.stacks.start(["test.connection"])
    with pytest.raises(RefusalError, match="expected fewer than 2 at once"):
        client.stacks.start(["test.connection"])


class TestWithUsers:
    """Where people log in, and two have to agree."""

    CARL = Principal(name="carl", role=Role.COMMANDER, door=Door.WEB)

    @pytest.fixture
    def people(self, tmp_path):
        people = Users(tmp_path / "users.json")
        for name in ("anna", "carl"):
            people.put(User.make(name, Role.COMMANDER, "a-long-password"))
        return people

    @pytest.fixture
    def config(self, config, people, tmp_path):
        return replace(config, users_path=tmp_path / "users.json")

    def test_a_line_that_needs_a_second_person_has_the_whole_refused(self, served, client):
        with pytest.raises(RefusalError, match=r"^line 2: job\.cancel .*: expected it to be asked for"):
            client.stacks.start(["test.connection", "job.cancel job_id=7"])
        assert (client.stacks.all(), client.commands(), names(served)) == ([], [], [])

    @pytest.mark.parametrize(
        "change",
        [
            lambda people: people.remove("carl"),
            lambda people: people.put(User.make("carl", Role.VIEWER, "a-long-password")),
        ],
        ids=["removed", "demoted"],
    )
    def test_who_may_not_command_any_more_has_nothing_more_sent(self, served, client, people, change):
        served.spacecraft.answer = lambda telecommand: []
        started = []
        operations = served.service.operations
        served.call(lambda: started.append(operations.stacks.start(self.CARL, ["test.connection"] * 2)))
        change(people)
        served.spacecraft.answer = complete
        told = ended(client, started[0])
        assert (told["verdict"], len(told["sent"])) == ("STOPPED", 1)
        assert told["reason"] == "expected carl to be commander still, found another role"

    @pytest.mark.parametrize(
        "change",
        [
            lambda people: people.remove("anna"),
            lambda people: people.put(User.make("carl", Role.APPROVER, "a-long-password")),
        ],
        ids=["another is removed", "promoted"],
    )
    def test_who_may_still_command_has_all_of_it_sent(self, served, client, people, change):
        served.spacecraft.answer = lambda telecommand: []
        started = []
        operations = served.service.operations
        served.call(lambda: started.append(operations.stacks.start(self.CARL, ["test.connection"] * 2)))
        change(people)
        served.spacecraft.answer = complete
        assert ended(client, started[0])["verdict"] == "DONE"


class TestFromTheCommandLine:
    def run(self, config, *arguments, text):
        command = ["stack", "-", "--socket", str(config.socket_path), *arguments]
        return CliRunner().invoke(main, command, input=text)

    def test_a_file_is_sent_and_followed_to_its_end(self, served, config):
        done = self.run(config, text="# first look\ntest.connection\n\njob.report job_id=7\n")
        assert done.exit_code == 0, done.output
        assert "DONE" in done.stdout.splitlines()[-1]
        assert names(served) == [(17, 1), (JOBS, names(served)[1][1])]

    def test_it_is_told_as_json_and_need_not_be_waited_for(self, served, config):
        done = self.run(config, "--json", "--no-wait", text="test.connection\n")
        with Client.connect(config.socket_path) as client:
            told = ended(client, json.loads(done.stdout)["stack_id"])
        assert told["verdict"] == "DONE"

    def test_a_wrong_line_is_said_and_nothing_is_sent(self, served, config):
        done = self.run(config, text="test.connection\nno.such\n")
        assert done.exit_code == 2
        assert done.stderr.startswith("ground: line 2: unknown command 'no.such'")
        assert names(served) == []
