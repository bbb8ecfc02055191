"""A station with a web address, with and without users; `people` are theirs."""

from dataclasses import replace

import pytest

from ground.access import users
from ground.access.principal import Role
from ground.access.users import User, Users
from ground.server.doors import WebAddress

PASSWORDS = {"vera": "viewer-password", "carl": "commander-password", "anna": "approver-password"}
ROLES = {"vera": Role.VIEWER, "carl": Role.COMMANDER, "anna": Role.APPROVER}


@pytest.fixture
def config(config):
    return replace(config, web=WebAddress(host="127.0.0.1", port=0), has_console=False)


@pytest.fixture
def users_path(tmp_path, monkeypatch):
    """A file of three people, whose passwords are digested in less time than a real one's."""
    monkeypatch.setattr(users, "SCRYPT_N", 16)
    path = tmp_path / "users.json"
    for name, password in PASSWORDS.items():
        Users(path).put(User.make(name, ROLES[name], password))
    return path


@pytest.fixture
def web_url(served) -> str:
    """Where the station's web address is."""
    (line,) = [line for line in served.lines if line.startswith("web http://")]
    return line.removeprefix("web ")
