"""A station in service: its link, its archive, and the local socket through which programs use it.

One line of JSON is one request, ``{"id": 7, "op": "send", "name": ..., "arguments": {...}}``, and is answered with one,
``{"reply": 7, "ok": {...}}`` or ``{"reply": 7, "error": "..."}``. Operations are those of `_OPERATIONS`. After
``subscribe``, whose answer is the station's snapshot, events follow as ``{"event": {...}}``. Several clients may be
there at once; one that does not read is dropped rather than waited for. It understands no telemetry: the station does.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ccsds.sdls.key_file import End
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.key_store import Standing
from ccsds.sdls.security import KeyStatus, Security
from ground.archive import Archive
from ground.events import ArchiveFailed, FrameReceived, KeyChanged, PortReported, StationEvent, encode_json, plain
from ground.history import CommandRecord, History
from ground.station import Station, StationConfig
from mission.definition import DICTIONARY
from mission.fields import Octets
from mission.profiles import LinkProfile
from ports.drive import PortDown, PortUp, drive
from ports.key_directory import opened_keys
from ports.url import parse_url

# A request holds one telecommand at most, in hexadecimal.
REQUEST_OCTETS_MAX = 1 << 18

# Each is a process of this computer's user: a console, a watch, a few scripts.
CLIENTS_MAX = 32

# Lines that wait for one client: minutes of telemetry. A client that is further behind has stopped reading.
CLIENT_LINES_MAX = 8_192

COMMANDS_ASKED_MAX = 1_000

# Telemetry waits this long for its commit, and is lost with the power then; commands never wait.
COMMIT_INTERVAL_S = 1.0

# How long clients get to take their last lines when the station stops.
CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """What one station in service needs."""

    link: str
    """Link URL."""
    profile: LinkProfile
    archive_path: Path
    socket_path: Path
    keys_path: Path | None = None
    """Key file of the ground, or None on a bench: then every frame is believed, and commands travel clear."""


def default_archive_path() -> Path:
    """Give where the archive is unless told otherwise: the user's data directory."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "starloop" / "ground.sqlite"


def run(config: ServeConfig, *, say: Callable[[str], None]) -> None:
    """Serve until a client or a signal stops it: the program of ``ground serve``.

    Raises:
        MisuseError: The link URL, the archive or the socket cannot be used.
    """

    async def main() -> None:
        service = StationService(config, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, service.stop)
        await service.run()

    asyncio.run(main())


class _Connection:
    """One client."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue(CLIENT_LINES_MAX)
        self.is_subscribed = False
        self.sender = asyncio.create_task(self._send())

    def put(self, line: bytes) -> None:
        """Queue a line; the client is dropped if too many wait."""
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self.drop()

    def drop(self) -> None:
        """Cut the client off at once."""
        self.is_subscribed = False
        self.sender.cancel()
        self._writer.transport.abort()

    async def close(self) -> None:
        """Let the client take what waits, for a while, then go."""
        with contextlib.suppress(asyncio.QueueFull):
            self._lines.put_nowait(None)
            await asyncio.wait({self.sender}, timeout=CLOSE_TIMEOUT_S)
        self.drop()

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError):
            while (line := await self._lines.get()) is not None:
                self._writer.write(line)
                await self._writer.drain()
            self._writer.close()


class StationService:
    """A station with its link, archive and socket, on the running event loop.

    Args:
        config: What it needs.
        say: Takes lines for the operator.
    """

    def __init__(self, config: ServeConfig, say: Callable[[str], None]) -> None:
        self._config = config
        self._say = say
        self._connections: set[_Connection] = set()
        self._stopped = asyncio.Event()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Serve until stopped.

        Raises:
            MisuseError: The link URL, the archive, the keys or the socket cannot be used.
            MalformedError: The key file is damaged.
            OSError: The key file cannot be read, or its directory not written.
        """
        parse_url(self._config.link)
        with contextlib.ExitStack() as stack:
            self._security = None
            if self._config.keys_path is not None:
                store = stack.enter_context(opened_keys(self._config.keys_path, End.GROUND))
                self._security = Security(store)
            await self._run()

    async def _run(self) -> None:
        config = self._config
        self._archive = Archive.open(config.archive_path, draw_source_id=_draw_source_id, unix_ns=time.time_ns())
        try:
            identity = self._archive.identity
            self._station = Station(
                StationConfig(
                    profile=config.profile,
                    source_id=identity.source_id,
                    next_sequence_count=identity.next_sequence_count,
                    next_command_id=identity.next_command_id,
                ),
                security=self._security,
            )
            listener = _listen(config.socket_path)
            ours = _mark_of(config.socket_path)
            try:
                await self._serve(listener)
            finally:
                # Another station may have come to this path since, if somebody removed our socket.
                if _mark_of(config.socket_path) == ours:
                    config.socket_path.unlink(missing_ok=True)
        finally:
            self._remember()
            with contextlib.suppress(sqlite3.Error):
                self._archive.close()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def _serve(self, listener: socket.socket) -> None:
        config = self._config
        server = await asyncio.start_unix_server(self._attend, sock=listener, limit=REQUEST_OCTETS_MAX)
        self._say(f"station {self._archive.identity.source_id} serves {config.link}, profile {config.profile.name}")
        self._say(self._protection())
        self._say(f"archive {config.archive_path}, socket {config.socket_path}")
        tasks = {
            asyncio.create_task(
                drive(
                    self._station,
                    config.link,
                    rate_bps=config.profile.uplink_rate_bps,
                    bits_per_octet=config.profile.bits_per_octet,
                    on_events=self._take_from_drive,
                    wake=self._wake,
                )
            ),
            asyncio.create_task(self._commit_regularly()),
            asyncio.create_task(self._stopped.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(each.close() for each in self._connections))
        for task in done:
            task.result()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_INTERVAL_S)
            self._remember()
            try:
                self._archive.commit()
            except sqlite3.Error as error:
                self._broadcast([_archive_failed(error)])

    def _remember(self) -> None:
        """Make durable which telemetry was received, before the archive does the same with what it said."""
        if self._security is None:
            return
        try:
            self._security.remember()
        except OSError as error:
            self._say(f"keys: what was received could not be made durable: {error}")

    def _protection(self) -> str:
        """Say how the link is protected, and what the key store turned out to be."""
        if self._security is None:
            return "insecure: every frame is believed, and commands travel clear"
        text = f"keys {self._security.set_id[:8]}, {self._security.standing.value}"
        if self._security.standing is Standing.RESTORED:
            text += ": command keys that were used are spent; activate the spare of each channel (ground keys list)"
        return text

    def _take_from_drive(self, events: Iterable[StationEvent | PortUp | PortDown]) -> None:
        now_ns = time.monotonic_ns()
        self._take(
            PortReported(time_ns=now_ns, text=str(each)) if isinstance(each, PortUp | PortDown) else each
            for each in events
        )

    def _take(self, events: Iterable[StationEvent]) -> None:
        """Keep events, then tell them to those who listen."""
        events = list(events)
        if not events:
            return
        try:
            self._archive.record(events, time.time_ns())
        except sqlite3.Error as error:
            events.append(_archive_failed(error))
        self._broadcast(events)

    def _broadcast(self, events: Iterable[StationEvent]) -> None:
        listeners = [each for each in self._connections if each.is_subscribed]
        for event in events:
            # Raw frames are in the archive; here they would only be noise.
            if isinstance(event, FrameReceived):
                continue
            if isinstance(event, ArchiveFailed | PortReported):
                self._say(str(event))
            line = encode_json({"event": {**plain(event), "line": str(event)}}) + b"\n"
            for listener in listeners:
                listener.put(line)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        connection = _Connection(writer)
        try:
            if len(self._connections) >= CLIENTS_MAX:
                error = f"expected at most {CLIENTS_MAX} clients at once, found one more"
                connection.put(encode_json({"reply": None, "error": error}) + b"\n")
                await connection.close()
                return
            self._connections.add(connection)
            while line := await reader.readline():
                connection.put(encode_json(self._answer(line, connection)) + b"\n")
        except ValueError:
            error = f"expected a request of at most {REQUEST_OCTETS_MAX} octets, found a longer one"
            connection.put(encode_json({"reply": None, "error": error}) + b"\n")
            await connection.close()
        except ConnectionError:
            # The client has left, or was dropped.
            return
        finally:
            self._connections.discard(connection)
            connection.drop()

    def _answer(self, line: bytes, connection: _Connection) -> dict[str, Any]:
        """Do what one request asks for."""
        number = None
        try:
            request = msgspec.json.decode(line)
            if not isinstance(request, dict):
                raise MisuseError("expected a request as a JSON object, found another value")
            number = request.pop("id", None)
            operation = request.pop("op", None)
            if operation not in _OPERATIONS:
                raise MisuseError(f"unknown operation {operation!r}: expected one of {', '.join(_OPERATIONS)}")
            shape, act = _OPERATIONS[operation]
            return {"reply": number, "ok": act(self, msgspec.convert(request, shape), connection)}
        except msgspec.MsgspecError as error:
            return {"reply": number, "error": f"request: {error}"}
        except MisuseError as error:
            return {"reply": number, "error": str(error)}
        except sqlite3.Error as error:
            return {"reply": number, "error": f"archive: {error}"}

    def _send(self, request: "_SendRequest", connection: _Connection) -> dict[str, Any]:
        arguments = _typed_arguments(request.name, request.arguments)
        command_id = self._station.command(
            request.name, arguments, service=_service_of(request.service), now_ns=time.monotonic_ns()
        )
        return self._issue(command_id)

    def _telecommand(self, request: "_TelecommandRequest", connection: _Connection) -> dict[str, Any]:
        try:
            data = bytes.fromhex(request.data)
        except ValueError:
            raise MisuseError(f"data: expected hexadecimal octets, found {request.data!r}") from None
        command_id = self._station.telecommand(
            request.service_type,
            request.subtype,
            data,
            service=_service_of(request.service),
            now_ns=time.monotonic_ns(),
        )
        return self._issue(command_id)

    def _issue(self, command_id: int) -> dict[str, Any]:
        """Make a command durable before the transmitter can pull it, or take it back."""
        events = self._station.take_events()
        try:
            self._archive.record(events, time.time_ns())
        except sqlite3.Error as error:
            self._station.withdraw(command_id, f"the archive failed: {error}", time.monotonic_ns())
            self._broadcast([*events, _archive_failed(error)])
            self._take(self._station.take_events())
            raise
        self._broadcast(events)
        self._wake.set()
        return {"command_id": command_id}

    def _subscribe(self, request: "_NoArguments", connection: _Connection) -> dict[str, Any]:
        connection.is_subscribed = True
        return self._station.snapshot()

    def _state(self, request: "_NoArguments", connection: _Connection) -> dict[str, Any]:
        return self._station.snapshot()

    def _jobs(self, request: "_NoArguments", connection: _Connection) -> dict[str, Any]:
        return {"jobs": self._station.snapshot()["jobs"]}

    def _commands(self, request: "_CommandsRequest", connection: _Connection) -> dict[str, Any]:
        limit = max(0, min(request.limit, COMMANDS_ASKED_MAX))
        with contextlib.closing(History.open(self._config.archive_path)) as history:
            return {"commands": [asdict(each) for each in history.commands(limit)]}

    def _command(self, request: "_CommandRequest", connection: _Connection) -> dict[str, Any]:
        with contextlib.closing(History.open(self._config.archive_path)) as history:
            command = history.command(request.command_id)
        if command is None:
            raise MisuseError(f"unknown command number {request.command_id}")
        return _staged(command)

    def _cop1(self, request: "_CopRequest", connection: _Connection) -> dict[str, Any]:
        if request.directive is not None:
            if request.directive not in Directive.__members__:
                known = ", ".join(Directive.__members__)
                raise MisuseError(f"directive: expected one of {known}, found {request.directive!r}")
            try:
                directive = Directive[request.directive]
                self._station.direct_cop1(directive, request.value, now_ns=time.monotonic_ns())
            finally:
                self._take(self._station.take_events())
                self._wake.set()
        return self._station.snapshot()["cop1"]

    def _keys(self, request: "_KeysRequest", connection: _Connection) -> dict[str, Any]:
        if self._security is None:
            raise MisuseError("expected a station with keys, found one that serves --insecure")
        if request.action is not None:
            if request.action not in _KEY_OPERATIONS or request.spi is None:
                known = ", ".join(_KEY_OPERATIONS)
                raise MisuseError(
                    f"keys: expected one of {known} and an SPI, found {request.action!r} and {request.spi}"
                )
            try:
                moved = self._security.operate(request.spi, _KEY_OPERATIONS[request.action])
            except OSError as error:
                raise MisuseError(f"keys: expected a disk that takes the change, found: {error}; try again") from None
            self._take(
                [
                    KeyChanged(
                        time_ns=time.monotonic_ns(), spi=moved.spi, before=moved.before.name, after=moved.after.name
                    )
                ]
            )
            self._wake.set()
        return {
            "set_id": self._security.set_id,
            "standing": self._security.standing.value,
            "counts": self._security.counts,
            "keys": [_key_row(status) for status in self._security.keys],
        }

    def _stop(self, request: "_NoArguments", connection: _Connection) -> dict[str, Any]:
        self.stop()
        return {}


class _NoArguments(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _SendRequest(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = {}
    service: str = Service.AD.name


class _TelecommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    service_type: int
    subtype: int
    data: str = ""
    service: str = Service.AD.name


class _CopRequest(msgspec.Struct, forbid_unknown_fields=True):
    directive: str | None = None
    value: int | None = None


class _KeysRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: str | None = None
    spi: int | None = None


class _CommandsRequest(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 20


class _CommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    command_id: int


_OPERATIONS: dict[str, tuple[type, Callable[[StationService, Any, _Connection], dict[str, Any]]]] = {
    "send": (_SendRequest, StationService._send),
    "telecommand": (_TelecommandRequest, StationService._telecommand),
    "subscribe": (_NoArguments, StationService._subscribe),
    "state": (_NoArguments, StationService._state),
    "jobs": (_NoArguments, StationService._jobs),
    "commands": (_CommandsRequest, StationService._commands),
    "command": (_CommandRequest, StationService._command),
    "cop1": (_CopRequest, StationService._cop1),
    "keys": (_KeysRequest, StationService._keys),
    "stop": (_NoArguments, StationService._stop),
}

# The state machine has one more, which a key store does by itself.
_KEY_OPERATIONS = {each.value: each for each in (KeyOperation.ACTIVATE, KeyOperation.DEACTIVATE, KeyOperation.DESTROY)}


def _key_row(status: KeyStatus) -> dict[str, Any]:
    """Give one key in plain values."""
    association = status.association
    return {
        "spi": association.spi,
        "link": association.link.value,
        "virtual_channel": association.virtual_channel,
        "suite": association.suite.value,
        "state": status.state.value,
        "sends": status.sends,
        "reserved": status.reserved,
        "highest": status.highest,
    }


def _typed_arguments(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Turn what JSON cannot carry back: octets came as hexadecimal; names of enumerations are taken as they are."""
    types = {field.name: field.type for field in DICTIONARY.command(name).arguments.fields}
    typed = {}
    for key, value in arguments.items():
        if isinstance(types.get(key), Octets) and isinstance(value, str):
            try:
                value = bytes.fromhex(value)
            except ValueError:
                raise MisuseError(f"{key}: expected hexadecimal octets, found {value!r}") from None
        typed[key] = value
    return typed


def _service_of(name: str) -> Service:
    if name not in Service.__members__:
        raise MisuseError(f"service: expected one of {', '.join(Service.__members__)}, found {name!r}")
    return Service[name]


def _staged(command: CommandRecord) -> dict[str, Any]:
    """Give a command of the archive in the form of its latest `ground.events.CommandStaged`."""
    return {
        "type": "CommandStaged",
        "command_id": command.command_id,
        "name": command.name,
        "sequence_count": command.sequence_count,
        "stage": command.stage,
        "attempt": command.attempt,
        "text": command.text,
    }


def _archive_failed(error: Exception) -> ArchiveFailed:
    return ArchiveFailed(time_ns=time.monotonic_ns(), reason=str(error))


def _draw_source_id() -> int:
    return 1 + secrets.randbelow(0xFFFF)


def _listen(path: Path) -> socket.socket:
    """Open the socket for this user alone.

    Raises:
        MisuseError: Another station serves there, or the path cannot be used.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            _clear(path)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        listener.close()
        raise MisuseError(f"expected a path for a socket at {path}, found: {error.strerror or error}") from None
    except MisuseError:
        listener.close()
        raise
    return listener


def _mark_of(path: Path) -> tuple[int, int] | None:
    """Give what tells a file from any other that was ever at its path."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


def _clear(path: Path) -> None:
    """Remove a socket that a killed station left."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if not path.is_socket():
                raise MisuseError(f"expected a socket or nothing at {path}, found another file") from None
            path.unlink()
            return
    raise MisuseError(f"expected no other station at {path}, found one that serves there")
