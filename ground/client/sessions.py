"""Sessions at stations of the web that this user logged in at: a token for each address, in a file of theirs alone.

A token is as good as the password for as long as the station lets it live; the file is in the user's runtime directory
or cache, with mode 0600. The password is kept nowhere.
"""

import os
from pathlib import Path

import msgspec

from ground.client.asking import Asker
from ground.client.place import Place, default_socket_path


def sessions_path() -> Path:
    """Give where the sessions are."""
    return default_socket_path().with_name("sessions.json")


def log_in(place: Place, name: str, password: str) -> str:
    """Log in at a station of the web, and give the session's token; `remember` keeps it for the programs that follow.

    Raises:
        NoStationError: None is there, or its certificate is not trusted.
        RefusalError: That is not a name and its password, or it was tried too often.
    """
    asker = Asker(place)
    try:
        answer = asker.request("POST", "/api/login", msgspec.json.encode({"name": name, "password": password}))
    finally:
        asker.close()
    return msgspec.json.decode(answer)["token"]


def log_out(place: Place, token: str) -> None:
    """End a session.

    Raises:
        NoStationError: None is there.
        RefusalError: It has ended already.
    """
    asker = Asker(place, token)
    try:
        asker.request("POST", "/api/logout", b"")
    finally:
        asker.close()


def session_at(place: Place) -> str | None:
    """Give the token that is remembered for a place of the web, if there is one."""
    return None if place.socket_path is not None else _all().get(str(place))


def remember(place: Place, token: str | None) -> None:
    """Keep the session at a place of the web, or with None forget it.

    Raises:
        OSError: The file cannot be written.
    """
    known = {address: kept for address, kept in _all().items() if address != str(place)}
    if token is not None:
        known[str(place)] = token
    path = sessions_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(known))
    os.replace(new, path)


def _all() -> dict[str, str]:
    try:
        return msgspec.json.decode(sessions_path().read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}
