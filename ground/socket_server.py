"""The local socket of a station in service: several clients at once, a line of JSON for each request and each answer.

It knows nothing of what is asked: `answer` does. What everybody is to hear goes to those who have subscribed. A client
that does not read is dropped rather than waited for.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ground.events import encode_json

# A request holds one telecommand at most, in hexadecimal.
REQUEST_OCTETS_MAX = 1 << 18

# Each is a process of this computer's user: a console, a watch, a few scripts.
CLIENTS_MAX = 32

# Lines that wait for one client: minutes of telemetry. A client that is further behind has stopped reading.
CLIENT_LINES_MAX = 8_192

# How long clients get to take their last lines when the station stops.
CLOSE_TIMEOUT_S = 2.0


class Connection:
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


class SocketServer:
    """The socket; `open` makes it, and it is there for clients once `start` returns.

    Args:
        path: Where it is.
        answer: Does what one line asks for, and gives the answer; it never raises.
    """

    def __init__(self, path: Path, answer: Callable[[bytes, Connection], dict[str, Any]]) -> None:
        self._path = path
        self._answer = answer
        self._connections: set[Connection] = set()
        self._listener: socket.socket | None = None
        self._mark: tuple[int, int] | None = None
        self._server: asyncio.Server | None = None

    def open(self) -> None:
        """Take the path.

        Raises:
            MisuseError: Another station serves there, or the path cannot be used.
        """
        self._listener = listen(self._path)
        self._mark = mark_of(self._path)

    async def start(self) -> None:
        """Let clients in."""
        self._server = await asyncio.start_unix_server(self._attend, sock=self._listener, limit=REQUEST_OCTETS_MAX)

    async def stop(self) -> None:
        """Let nobody in any more, and let those that are there take what waits."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*(each.close() for each in self._connections))

    def close(self) -> None:
        """Give the path up; another station may have come to it since, if somebody removed our socket."""
        if mark_of(self._path) == self._mark:
            self._path.unlink(missing_ok=True)

    @property
    def listeners(self) -> list[Connection]:
        """Those who have subscribed."""
        return [each for each in self._connections if each.is_subscribed]

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it leaves."""
        connection = Connection(writer)
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


def listen(path: Path) -> socket.socket:
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


def mark_of(path: Path) -> tuple[int, int] | None:
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
