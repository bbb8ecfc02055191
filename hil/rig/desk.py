"""The operator's desk in real time: the client of a station program that may start again, and what is still awaited.

A station that starts again is asked what became of the commands that had not ended, so that no end is missed.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ground.client import Client, NoStationError, RefusalError, StationGoneError
from ground.events import FINAL

_ENDED = frozenset(stage.name for stage in FINAL)


class Desk:
    """One desk.

    Args:
        socket_path: Where the station serves.
    """

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._client: Client | None = None
        # Commands whose end was not heard of yet.
        self._open_commands: set[int] = set()

    @property
    def is_manned(self) -> bool:
        """Whether the station answers."""
        return self._client is not None

    def connect(self) -> list[dict[str, Any]] | None:
        """Take hold of the station if it serves.

        Returns:
            What became of earlier commands, as events; None if nobody serves.
        """
        try:
            client = Client.connect(self._socket_path)
        except NoStationError:
            return None
        self._client = client
        client.subscribe()
        told: list[dict[str, Any]] = []
        for command_id in sorted(self._open_commands):
            with contextlib.suppress(TimeoutError):
                told.append({**client.wait(command_id, 0.0), "type": "CommandStaged"})
        return told

    def close(self) -> None:
        """Let go of the station."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def fileno(self) -> int | None:
        """Give the descriptor that becomes readable when there is something to hear."""
        return None if self._client is None else self._client.fileno()

    def hear(self) -> Iterator[dict[str, Any]]:
        """Give the events that have come; a station that has gone is let go of, its process tells why."""
        if self._client is None:
            return
        try:
            events = self._client.read_events()
        except StationGoneError:
            self.close()
            return
        yield from events

    def note(self, event: Mapping[str, Any]) -> None:
        """Take note that a command may have ended."""
        if event["type"] == "CommandStaged" and event["stage"] in _ENDED:
            self._open_commands.discard(event["command_id"])

    def state(self) -> dict[str, Any]:
        """Give all that the station knows, nothing if it is not there."""
        if self._client is not None:
            with contextlib.suppress(StationGoneError):
                return self._client.state()
        return {}

    def send(self, name: str, arguments: Mapping[str, Any]) -> int:
        """Have the station send a command, and give its number.

        Raises:
            MisuseError: The dictionary has no such command, or it does not take these arguments; or no station.
        """
        try:
            command_id = self._living().send(name, arguments)
        except RefusalError as error:
            raise MisuseError(str(error)) from None
        self._open_commands.add(command_id)
        return command_id

    def put_file(self, local: Path, remote: str) -> str:
        """Have the station send a file of this computer, and give the name of its transfer.

        Raises:
            MisuseError: The station does not take it, or there is none.
            OSError: It cannot be read.
        """
        try:
            return self._living().put_file(local, remote)
        except RefusalError as error:
            raise MisuseError(str(error)) from None

    def _living(self) -> Client:
        if self._client is None:
            raise MisuseError("expected the station to run, found it off")
        return self._client
