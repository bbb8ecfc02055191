"""The two ways to the API: the local socket, for this user's programs, and an address of the web.

The socket is there as long as the station is. An address that is taken, or not there yet, is waited for, and said; the
station does without it meanwhile. Both ways lead to one application; which one was taken is told to it by the gate.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from ccsds.errors import MisuseError
from ground.client.place import is_loopback
from ground.server.routes.stream import ABORT

# An address that another program has is tried again so often.
RETRY_S = 2.0

# Idle connections of programs: they ask now and then for hours, and cost a descriptor.
KEEP_ALIVE_S = 3_600

# How long requests get to end when the station stops.
SHUTDOWN_S = 3

# Connections at once, of both kinds; each listener, page and script has one or two.
CONNECTIONS_MAX = 256

_BACKLOG = 64

PORT_MAX = 65_535


@dataclass(frozen=True, kw_only=True)
class WebAddress:
    """Where the web's way is."""

    host: str
    port: int
    certificate: Path | None = None
    """PEM file of the certificate and those above it; None serves without TLS."""
    key: Path | None = None

    @classmethod
    def of(cls, text: str, certificate: Path | None = None, key: Path | None = None) -> Self:
        """Read an address as an operator types it: ``127.0.0.1:8180``, ``[::1]:8180``.

        Raises:
            MisuseError: It is none.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= PORT_MAX:
            raise MisuseError(f"web: expected HOST:PORT, such as 127.0.0.1:8180, found {text!r}")
        return cls(host=host, port=int(port), certificate=certificate, key=key)

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer reaches it."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        scheme = "http" if self.certificate is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


class _CuttableWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that the application can cut off at once: who does not read does not read a farewell either."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope[ABORT] = self.transport.abort  # type: ignore[typeddict-unknown-key]


class _Server(uvicorn.Server):
    """A server that leaves signals to the program."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)


class Doors:
    """Both ways, on the running event loop.

    Args:
        application: What is led to, as an ASGI application for the socket and one for the web.
        socket_path: Of the local socket.
        web: Where the web's way is; None for none.
        say: Takes lines for the operator.
    """

    def __init__(
        self,
        application: Callable[[str], Any],
        socket_path: Path,
        web: WebAddress | None,
        say: Callable[[str], None],
    ) -> None:
        self._application = application
        self._socket_path = socket_path
        self._web = web
        self._say = say
        self._listener: socket.socket | None = None
        self._mark: tuple[int, int] | None = None
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self.web_trouble = ""
        """Why the web's way is not there, if it is not."""

    def open(self) -> None:
        """Take the path of the socket.

        Raises:
            MisuseError: Another station serves there, or the path cannot be used.
        """
        self._listener = listen(self._socket_path)
        self._mark = mark_of(self._socket_path)

    async def start(self) -> None:
        """Let programs in."""
        assert self._listener is not None
        server = self._server("socket", None)
        self._tasks.append(asyncio.create_task(server.serve([self._listener])))
        if self._web is not None:
            tried = asyncio.Event()
            self._tasks.append(asyncio.create_task(self._serve_web(self._web, tried)))
            await tried.wait()
        while not server.started and not self._tasks[0].done():
            await asyncio.sleep(0)
        if self._tasks[0].done():
            self._tasks[0].result()

    def shut(self) -> None:
        """Let nobody in any more."""
        self._is_stopping = True
        for server in self._servers:
            for listener in getattr(server, "servers", ()):
                listener.close()

    async def stop(self) -> None:
        """Let those that are there end what they asked for."""
        for server in self._servers:
            server.should_exit = True
        for task in self._tasks[1:]:
            if not self._servers[1:]:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Give the path up; another station may have come to it since, if somebody removed our socket."""
        if self._listener is not None:
            self._listener.close()
        if mark_of(self._socket_path) == self._mark:
            self._socket_path.unlink(missing_ok=True)

    async def _serve_web(self, web: WebAddress, tried: asyncio.Event) -> None:
        """Serve at an address as soon as it can be had; say when that was tried first."""
        while not self._is_stopping:
            try:
                listener = _bind(web)
            except OSError as error:
                trouble = f"web: expected a free address {web}, found: {error.strerror or error}; trying again"
                if trouble != self.web_trouble:
                    self._say(trouble)
                self.web_trouble = trouble
                tried.set()
                await asyncio.sleep(RETRY_S)
                continue
            self.web_trouble = ""
            # Port 0 is any that is free.
            self._say(f"web {replace(web, port=listener.getsockname()[1])}")
            tried.set()
            await self._server("web", web).serve([listener])
            return

    def _server(self, door: str, web: WebAddress | None) -> _Server:
        config = uvicorn.Config(
            self._application(door),
            # Pages of the console are made ready once, by the way that they are reached by.
            lifespan="on" if web is not None else "off",
            http="httptools" if _has_httptools() else "h11",
            ws=_CuttableWebSocket,
            ws_per_message_deflate=False,
            ws_max_size=1 << 20,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S if web is None else 30,
            timeout_graceful_shutdown=SHUTDOWN_S,
            limit_concurrency=CONNECTIONS_MAX,
            ssl_certfile=web.certificate if web is not None else None,
            ssl_keyfile=web.key if web is not None else None,
        )
        server = _Server(config)
        self._servers.append(server)
        return server


def load_certificate(web: WebAddress) -> None:
    """Look whether a certificate and its key can be used, before anything else is begun.

    Raises:
        MisuseError: They cannot.
    """
    if web.certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.certificate, web.key)
    except OSError as error:
        raise MisuseError(f"TLS: expected a certificate and its key at {web.certificate}, found: {error}") from None


def check_free(web: WebAddress) -> None:
    """Look whether an address can be served at, before anything is started that would wait for it.

    Raises:
        MisuseError: It cannot.
    """
    try:
        _bind(web).close()
    except OSError as error:
        reason = error.strerror or error
        raise MisuseError(f"web: expected a free address, found {web}: {reason}; try another") from None


def _has_httptools() -> bool:
    try:
        import httptools  # noqa: F401
    except ImportError:
        return False
    return True


def _bind(web: WebAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((web.host, web.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def listen(path: Path) -> socket.socket:
    """Open the socket for this user alone.

    Raises:
        MisuseError: Another station serves there, or the path cannot be used.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_way(path)
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


def make_way(path: Path) -> None:
    """Remove a socket that a killed station left.

    Raises:
        MisuseError: A station serves there, or it is no socket.
        OSError: It cannot be looked at.
    """
    if not path.exists():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if not path.is_socket():
                raise MisuseError(f"expected a socket or nothing at {path}, found another file") from None
            path.unlink()
            return
    raise MisuseError(f"expected no other station at {path}, found one that serves there")


def mark_of(path: Path) -> tuple[int, int] | None:
    """Give what tells a file from any other that was ever at its path."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns
