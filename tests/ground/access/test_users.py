"""The file of the people, and the program that keeps it."""

import pytest
from click.testing import CliRunner

from ccsds.errors import MalformedError, MisuseError
from ground.__main__ import main
from ground.access import users
from ground.access.principal import Role
from ground.access.users import User, Users


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(users, "SCRYPT_N", 16)


def test_a_person_is_added_changed_listed_and_taken_out(tmp_path):
    path = tmp_path / "people" / "users.json"

    def run(*arguments, password="a-long-password"):
        return CliRunner().invoke(main, ["users", *arguments, "--users", str(path)], input=f"{password}\n{password}\n")

    assert run("add", "carl", "--role", "commander").exit_code == 0
    assert run("add", "vera", "--password-stdin").exit_code == 0
    assert path.stat().st_mode & 0o077 == 0
    assert "a-long-password" not in path.read_text()
    assert run("list", "--json").output == '{"carl":"commander","vera":"viewer"}\n'
    assert Users(path).check("carl", "a-long-password") is Role.COMMANDER
    assert run("add", "carl", "--role", "viewer", password="another-password").exit_code == 0
    assert Users(path).check("carl", "a-long-password") is None
    assert Users(path).check("carl", "another-password") is Role.VIEWER
    assert run("remove", "carl").exit_code == 0
    assert Users(path).check("carl", "another-password") is None
    assert run("remove", "carl").output == f"ground: expected a user of {path} (vera), found 'carl'\n"
    assert run("add", "x" * 33).exit_code == 2
    assert run("add", "short", password="short").output.endswith("expected 10 to 256 characters, found 5\n")


def test_two_of_one_password_have_two_digests():
    first, second = (User.make("a", Role.VIEWER, "the-same-password") for _ in range(2))
    assert first.digest != second.digest


@pytest.mark.parametrize("content", ["", "{}", '[{"name": "a"}]', '[{"name":"a","role":"KING","salt":"","digest":""}]'])
def test_a_file_that_is_none_is_refused_and_lets_nobody_in(tmp_path, content):
    path = tmp_path / "users.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(MalformedError, match=f"users {path}: "):
        Users(path).check("a", "whatever")


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "users.json"
    path.write_text("[]")
    path.chmod(0o644)
    with pytest.raises(MalformedError, match="its user alone can read"):
        Users(path).all()


def test_a_name_that_a_log_could_not_show_is_refused():
    for name in ("", "a b", "a\n", "../a"):
        with pytest.raises(MisuseError, match="name: expected"):
            User.make(name, Role.VIEWER, "a-long-password")
