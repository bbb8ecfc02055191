"""A program's hold on a running station: send commands, wait for their ends, follow events, ask for the state.

It talks over the local socket of ``ground serve`` and blocks; `Client.fileno` and `Client.read_events` let an event
loop use it too. It decodes nothing itself: events are the plain dictionaries that `ground.events.plain` makes, each
with its kind under ``type``, and with its one-line text under ``line``.
"""

import os
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ccsds.cop1.fop import Directive, Service
from ccsds.errors import StarloopError
from ground.events import FINAL, plain
from ground.files import DEFAULT_OPTIONS
from ground.outbox import copy_in
from ground.transfer_options import TransferOptions

# A program that reads no events while it waits for something else keeps these, and loses the oldest beyond.
EVENTS_KEPT_MAX = 65_536

# Stages are remembered so that `wait` may be called after the command ended.
COMMANDS_REMEMBERED_MAX = 1_024

# The station answers from memory, or after one commit to its archive.
REPLY_TIMEOUT_S = 30.0

_RECEIVE_OCTETS = 1 << 16
_FINAL_NAMES = frozenset(stage.name for stage in FINAL)


class NoStationError(StarloopError):
    """No station serves at the socket."""


class StationGoneError(StarloopError):
    """The station has stopped, does not answer, or has dropped a client that read too slowly."""


class RefusalError(StarloopError):
    """The station refused a request; its text says what was expected and what was found."""


def default_socket_path() -> Path:
    """Give where a station listens unless told otherwise: the user's runtime directory, or else the cache."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (Path(runtime) if runtime else Path.home() / ".cache") / "starloop" / "ground.sock"


class Client:
    """One connection to a station; `connect` makes it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self._requests = 0
        self._replies: dict[int, dict[str, Any]] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT_MAX)
        self._staged: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._is_subscribed = False

    @classmethod
    def connect(cls, path: str | os.PathLike[str] | None = None) -> Self:
        """Connect to the station at a socket, or at the default one.

        Raises:
            NoStationError: None is there; the text says how to start one.
        """
        path = default_socket_path() if path is None else Path(path)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            raise NoStationError(
                f"expected a running station at {path}, found none ({error.strerror or error});"
                " start one with: ground serve --link URL"
            ) from None
        return cls(connection)

    def send(self, name: str, arguments: Mapping[str, Any] | None = None, *, service: Service = Service.AD) -> int:
        """Have the station send a command; it is in the archive when this returns.

        Returns:
            The number that the command goes by.

        Raises:
            RefusalError: The dictionary has no such command or it does not take these arguments.
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        return self._ask("send", name=name, arguments=plain(arguments or {}), service=service.name)["command_id"]

    def telecommand(self, service_type: int, subtype: int, data: bytes, *, service: Service = Service.AD) -> int:
        """Have the station send a telecommand that the dictionary does not hold; see `send`."""
        self.subscribe()
        return self._ask(
            "telecommand", service_type=service_type, subtype=subtype, data=data.hex(), service=service.name
        )["command_id"]

    def wait(self, command_id: int, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until a command has ended.

        Returns:
            Its last `ground.events.CommandStaged`, or what the archive has of it, in plain values.

        Raises:
            TimeoutError: It has not ended in time.
            RefusalError: The station knows no such command.
            StationGoneError: The station has gone away.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        self.subscribe()
        if command_id not in self._staged:
            self._note(self._ask("command", command_id=command_id))
        while self._staged[command_id]["stage"] not in _FINAL_NAMES:
            if not self._receive(deadline_s):
                stage = self._staged[command_id]["stage"]
                raise TimeoutError(f"expected command {command_id} to end within {timeout_s} s, found it {stage}")
        return self._staged[command_id]

    def subscribe(self) -> dict[str, Any]:
        """Have the station send its events from now on; once is enough.

        Returns:
            Its state when the events begin; empty if they had begun before.
        """
        if self._is_subscribed:
            return {}
        self._is_subscribed = True
        return self._ask("subscribe")

    def events(self, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Give events as they come, for a time if one is given.

        Raises:
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            while self._events:
                yield self._events.popleft()
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return
            self._receive(deadline_s)

    def read_events(self) -> list[dict[str, Any]]:
        """Give the events that have come, without waiting.

        Raises:
            StationGoneError: The station has gone away.
        """
        self.subscribe()
        while self._receive(time.monotonic()):
            pass
        events = list(self._events)
        self._events.clear()
        return events

    def state(self) -> dict[str, Any]:
        """Give the station's state: link, counters, housekeeping, jobs and commands."""
        return self._ask("state")

    def jobs(self) -> dict[str, Any]:
        """Give the jobs that the station heard of, by their numbers."""
        return self._ask("jobs")["jobs"]

    def commands(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest commands with their stages, from the archive."""
        return self._ask("commands", limit=limit)["commands"]

    def put_file(
        self,
        local: str | os.PathLike[str],
        remote: str,
        options: TransferOptions = DEFAULT_OPTIONS,
    ) -> str:
        """Have the station send a copy of a file, which is made here and now; it is in its journal when this returns.

        Args:
            local: The file.
            remote: Its name on board.
            options: What else is said of it: priority, class, closure, checksum, requests.

        Returns:
            The transfer's name, as in events.

        Raises:
            MisuseError: There is no such file here.
            OSError: It cannot be copied.
            RefusalError: The station does not take it.
        """
        self.subscribe()
        source_name = copy_in(self.files_directory(), Path(local))
        reply = self._ask(
            "put",
            source_name=source_name,
            destination_name=remote,
            options=msgspec.to_builtins(options),
        )
        return reply["transaction"]

    def files_directory(self) -> Path:
        """Give where the station keeps files: what came is there under its name once it is whole."""
        return Path(self._ask("files")["directory"])

    def transfers(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest transfers; those that are under way with how far they are."""
        return self._ask("transfers", limit=limit)["transfers"]

    def act_on_transfer(self, action: str, transaction: str) -> None:
        """Suspend, resume, cancel or ask about a transfer at the station's end.

        Raises:
            RefusalError: There is no such action, or the transfer is not under way.
        """
        self._ask("transfer", action=action, transaction=transaction)

    def cop1(self, directive: Directive | None = None, value: int | None = None) -> dict[str, Any]:
        """Have the station give FOP-1 a directive, if one is given.

        Returns:
            What FOP-1 is set to and where it is afterwards, and what FARM-1 last said.

        Raises:
            RefusalError: FOP-1 rejects it, or its value is missing, out of range, or not wanted.
        """
        return self._ask("cop1", directive=None if directive is None else directive.name, value=value)

    def keys(self, operation: str | None = None, spi: int | None = None) -> dict[str, Any]:
        """Give the keys of the ground, after an operation on one of them if one is given.

        Args:
            operation: ``activate``, ``deactivate`` or ``destroy``.
            spi: Whose key.

        Returns:
            The key set, what its store turned out to be, frames counted by what became of them, and each key.

        Raises:
            RefusalError: The station has no keys, or the operation is not allowed.
        """
        return self._ask("keys", action=operation, spi=spi)

    def stop(self) -> None:
        """Have the station stop."""
        self._ask("stop")

    def fileno(self) -> int:
        """Give the descriptor to select on; then `read_events`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let the station go on alone."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, operation: str, **fields: Any) -> dict[str, Any]:
        self._requests += 1
        number = self._requests
        line = msgspec.json.encode({"id": number, "op": operation, **fields}) + b"\n"
        try:
            self._socket.settimeout(REPLY_TIMEOUT_S)
            self._socket.sendall(line)
        except OSError as error:
            raise StationGoneError(
                f"expected the station to take a request, found: {error.strerror or error}"
            ) from None
        deadline_s = time.monotonic() + REPLY_TIMEOUT_S
        while number not in self._replies:
            if not self._receive(deadline_s):
                raise StationGoneError(f"expected an answer to {operation!r} within {REPLY_TIMEOUT_S:g} s, found none")
        reply = self._replies.pop(number)
        if "error" in reply:
            raise RefusalError(reply["error"])
        return reply["ok"]

    def _receive(self, deadline_s: float | None) -> bool:
        """Take in what the station sent, waiting for it until a time; False if nothing came."""
        # A time that has passed still takes what is there already, without waiting.
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        self._socket.settimeout(left_s)
        try:
            data = self._socket.recv(_RECEIVE_OCTETS)
        except (BlockingIOError, TimeoutError):
            return False
        except OSError as error:
            raise StationGoneError(f"expected the station to be there, found: {error.strerror or error}") from None
        if not data:
            raise StationGoneError("expected the station to be there, found that it closed the connection")
        self._buffer += data
        if b"\n" not in data:
            return True
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        for line in lines:
            message = msgspec.json.decode(line)
            if "event" in message:
                self._note(message["event"])
                self._events.append(message["event"])
            elif message["reply"] is None:
                # Said to no request: the station has turned this client away.
                raise StationGoneError(message["error"])
            else:
                self._replies[message["reply"]] = message
        return True

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "CommandStaged":
            self._staged[event["command_id"]] = event
            self._staged.move_to_end(event["command_id"])
            if len(self._staged) > COMMANDS_REMEMBERED_MAX:
                self._staged.popitem(last=False)
