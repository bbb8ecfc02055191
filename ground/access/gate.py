"""The gate before the application: whoever comes in by the web is looked at before anything is done for them.

Which host is asked for, where the page came from that asks, how often it asks, and whether it is known who asks: what
does not pass is answered here, and the application never hears of it. The local socket is let through as it is: the
system has checked who opens it. It is an ASGI application around another, so that it holds for every route, every
WebSocket and every page of the console alike.
"""

import ipaddress
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ground.access.guard import Guard
from ground.access.principal import LOCAL_USER, Door, Principal, Role, TooManyError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PRINCIPAL = "starloop.principal"
"""Where it puts in the ASGI scope who asks."""

TOKEN = "starloop.token"
"""Where it puts the name of the session, if there was one."""

ADDRESS = "starloop.address"
"""Where it puts the address that a request came from."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names by which a browser on this computer asks for a loopback address."""

SESSION_COOKIE = "starloop_session"

LOGIN_PATH = "/login"

OPEN_PATHS = frozenset({LOGIN_PATH, "/api/login"})
"""What somebody has to reach who is not known yet."""

NOBODY = Principal(name="nobody", role=Role.NOBODY, door=Door.WEB)
"""Who asks on those paths, before it is known who that is."""

POLICY_CODE = 1008
"""Close code of a WebSocket that is not allowed any more."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(headers: Mapping[str, str]) -> str | None:
    """Give the name of the session that a request says it belongs to: a program's, else a browser's."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for each in headers.get("cookie", "").split(";"):
        name, _, value = each.strip().partition("=")
        if name == SESSION_COOKIE and value:
            return value
    return None


class SocketGate:
    """The gate of the local socket.

    Args:
        application: What is behind it.
        guard: Knows the programs that the station has started for somebody.
    """

    def __init__(self, application: Application, guard: Guard) -> None:
        self._application = application
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let everybody through, as this computer's user; a program of the station's as who started it."""
        scope[PRINCIPAL] = LOCAL_USER
        if scope["type"] in ("http", "websocket"):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            token = token_of(headers)
            if token is not None:
                person = self._guard.lent_to(token)
                if person is None:
                    await refuse(scope, send, 401, "expected a session that is lent, found none; it has ended")
                    return
                scope[PRINCIPAL] = person
        await self._application(scope, receive, send)


class WebGate:
    """The gate of the web.

    Args:
        application: What is behind it.
        guard: Knows whom to let in.
        hosts: Names, without ports, by which the station may be asked for, beside plain addresses.
    """

    def __init__(self, application: Application, guard: Guard, hosts: Iterable[str]) -> None:
        self._application = application
        self._guard = guard
        self._hosts = LOOPBACK_HOSTS | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what passes."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        is_action = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        refusal = self._refusal(headers, is_action)
        if refusal is not None:
            await refuse(scope, send, 403, refusal)
            return
        now_ns = time.monotonic_ns()
        address = scope["client"][0] if scope["client"] else ""
        try:
            self._guard.count(address, is_action, now_ns)
        except TooManyError as error:
            await refuse(scope, send, 429, str(error), [(b"retry-after", b"%.0f" % error.retry_after_s)])
            return
        token = token_of(headers)
        person = self._guard.find(token, now_ns)
        if person is None and scope["path"] not in OPEN_PATHS:
            await self._send_away(scope, send, headers)
            return
        scope[PRINCIPAL] = person if person is not None else NOBODY
        scope[TOKEN] = token
        scope[ADDRESS] = address
        if scope["type"] == "websocket" and self._guard.has_users:
            send = self._while_known(send, token)
        await self._application(scope, receive, send)

    def _refusal(self, headers: dict[str, str], is_action: bool) -> str | None:
        """Say why a request is not let through, if it is not."""
        host = headers.get("host", "")
        name = _without_port(host).lower()
        # An attacker's page can have its own name lead here, but no plain address.
        if name not in self._hosts and not _is_address(name):
            return f"host: expected one of {', '.join(sorted(self._hosts))}, found {host!r}"
        if not is_action:
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return f"origin: expected a page of {host}, found one of {origin!r}"
        # Browsers say so even where they leave the origin out; programs say nothing.
        if origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return f"origin: expected a page of {host}, found one of another site"
        return None

    async def _send_away(self, scope: Scope, send: Send, headers: dict[str, str]) -> None:
        """Answer who is not known: a person's browser is shown where to log in."""
        is_page = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if is_page:
            await refuse(scope, send, 303, "log in first", [(b"location", LOGIN_PATH.encode())])
        else:
            await refuse(scope, send, 401, "expected a session, found none, or one that has ended; log in")

    def _while_known(self, send: Send, token: str | None) -> Send:
        """Let a WebSocket be told things for as long as its session lasts, which it counts as a use of."""

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "websocket.send" and self._guard.find(token, time.monotonic_ns()) is None:
                message = {"type": "websocket.close", "code": POLICY_CODE, "reason": "the session has ended"}
            await send(message)

        return guarded


async def refuse(scope: Scope, send: Send, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer a request, or what would become a WebSocket, with a reason."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    body = msgspec.json.encode({"error": text})
    fields = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": f"{prefix}.start", "status": status, "headers": fields})
    await send({"type": f"{prefix}.body", "body": body})


def _without_port(host: str) -> str:
    """Give a host as it is in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
