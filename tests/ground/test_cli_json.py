"""Every command of the program that prints has ``--json``, and what it prints then is JSON."""

import json

import click
import pytest
from click.testing import CliRunner

from ground.__main__ import main
from ground.archive.archive import Archive

NO_RESULT = {
    # It says on standard error what happens until it is stopped; programs ask the API.
    "serve",
    # What it prints is for a shell to read.
    "completion",
}


def commands(command=main, path=()):
    """Give every command that can be run, by the words it is called with."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path, command


@pytest.mark.parametrize(("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands()])
def test_each_command_has_json(path, command):
    has_json = any("--json" in each.opts for each in command.params)
    assert has_json == (" ".join(path) not in NO_RESULT)


def run(*arguments, text=None):
    done = CliRunner().invoke(main, [str(each) for each in (*arguments, "--json")], input=text)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_new_keys_are_told_as_json(tmp_path):
    made = run("keys", "new", tmp_path / "ground.key", tmp_path / "board.key")
    assert made["ground"] == str(tmp_path / "ground.key")
    assert (tmp_path / "board.key").is_file()
    assert len(made["set_id"]) >= 8


def test_people_are_told_as_json_and_no_password(tmp_path, monkeypatch):
    monkeypatch.setattr("ground.access.users.SCRYPT_N", 16)
    path = tmp_path / "people.json"
    told = run("users", "add", "anna", "--role", "approver", "--password-stdin", "--users", path, text="long enough\n")
    assert told == {"anna": "approver"}
    assert run("users", "list", "--users", path) == {"anna": "approver"}
    assert run("users", "remove", "anna", "--users", path) == {"removed": "anna"}


def test_a_key_of_packages_is_told_as_json(tmp_path):
    told = run("package", "keys", tmp_path / "team.pem", "--new", "--name", "team")
    assert told["name"] == "team"
    assert len(bytes.fromhex(told["public"])) == 32


@pytest.mark.usefixtures("served")
class TestInService:
    def test_keys_of_a_station_without_any_are_refused_in_one_line(self, config):
        done = CliRunner().invoke(main, ["keys", "activate", "1", "--socket", str(config.socket_path), "--json"])
        assert done.exit_code == 2
        assert done.stderr.startswith("ground: expected a station with keys")

    def test_alarms_are_told_after_what_was_done_about_them(self, config):
        assert run("alarms", "--socket", config.socket_path, "reload") == []


def test_what_a_rule_of_retention_removed_is_told_as_json(tmp_path):
    path = tmp_path / "archive.sqlite"
    Archive.open(path, draw_source_id=lambda: 5, unix_ns=0).close()
    told = run("archive", "retain", "--frames", "30d", "--archive", path)
    assert told == {"frames": 0, "events": 0, "reports": 0}
