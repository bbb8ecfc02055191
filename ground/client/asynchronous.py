"""The same hold on a station as `ground.client.client.Client`, for programs with an event loop.

What is asked goes over one connection of HTTP, what is heard over one WebSocket; several calls may be under way at
once. A command may be waited for by as many as like.
"""

import asyncio
import contextlib
import os
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ccsds.cop1.fop import Service
from ground.client.asking import REPLY_TIMEOUT_S, check_answer
from ground.client.client import COMMANDS_REMEMBERED_MAX, FINAL_NAMES, STREAM_PATH, staged
from ground.client.errors import NoStationError, StationGoneError
from ground.client.place import Place
from ground.client.sessions import session_at
from ground.client.stream import MESSAGE_OCTETS_MAX, no_station
from ground.events import plain

# Events that wait for one reader; the oldest are lost beyond, as in the client that blocks.
EVENTS_KEPT_MAX = 65_536


class AsyncClient:
    """One program's hold on a station; `connect` makes it.

    Args:
        place: Where the station is.
        token: Of a session, over the web.
    """

    def __init__(self, place: Place, token: str | None = None) -> None:
        self._place = place
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        path = place.socket_path
        self._http = httpx.AsyncClient(
            base_url=place.url,
            transport=None if path is None else httpx.AsyncHTTPTransport(uds=str(path)),
            timeout=REPLY_TIMEOUT_S,
            headers=self._headers,
            verify=ssl.create_default_context(),
        )
        self._stream: ClientConnection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._staged: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._moved = asyncio.Event()
        self._readers: set[asyncio.Queue[dict[str, Any] | None]] = set()
        self._is_gone = False

    @classmethod
    async def connect(cls, where: str | os.PathLike[str] | None = None, *, token: str | None = None) -> Self:
        """Connect to the station at a socket or an address, or at the default socket, and listen to it.

        Raises:
            NoStationError: None is there.
        """
        place = Place.of(where)
        client = cls(place, token or session_at(place))
        try:
            await client._open()
        except BaseException:
            await client.close()
            raise
        return client

    async def state(self) -> dict[str, Any]:
        """Give the station's state."""
        return await self._ask("GET", "/api/state")

    async def jobs(self) -> dict[str, Any]:
        """Give the jobs that the station heard of, by their numbers."""
        return await self._ask("GET", "/api/jobs")

    async def parameters(self) -> dict[str, dict[str, Any]]:
        """Give the latest value of every parameter that was heard of, by name."""
        return await self._ask("GET", "/api/parameters")

    async def send(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, service: Service = Service.AD
    ) -> int:
        """Have the station send a command, and give its number; it is in the archive when this returns.

        Raises:
            RefusalError: The dictionary has no such command, or it does not take these arguments.
            StationGoneError: The station has gone away.
        """
        body = {"name": name, "arguments": plain(arguments or {}), "service": service.name}
        return (await self._ask("POST", "/api/commands", body))["command_id"]

    async def wait(self, command_id: int, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait until a command has ended, and give its last stage.

        Raises:
            TimeoutError: It has not ended in time.
            RefusalError: The station knows no such command.
            StationGoneError: The station has gone away.
        """
        if command_id not in self._staged:
            self._note(staged(await self._ask("GET", f"/api/commands/{command_id}")))
        async with asyncio.timeout(timeout_s):
            while self._staged[command_id]["stage"] not in FINAL_NAMES:
                self._check()
                self._moved.clear()
                await self._moved.wait()
        return self._staged[command_id]

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Give events as they come, from now on.

        Raises:
            StationGoneError: The station has gone away.
        """
        reader: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(EVENTS_KEPT_MAX)
        self._readers.add(reader)
        try:
            self._check()
            while (event := await reader.get()) is not None:
                yield event
            self._check()
        finally:
            self._readers.discard(reader)

    async def close(self) -> None:
        """Let the station go on alone."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        if self._stream is not None:
            await self._stream.close()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _open(self) -> None:
        url = self._place.stream_url + STREAM_PATH
        path = self._place.socket_path
        settings: dict[str, Any] = {
            "additional_headers": self._headers,
            "max_size": MESSAGE_OCTETS_MAX,
            "compression": None,
        }
        try:
            if path is not None:
                self._stream = await unix_connect(str(path), url, **settings)
            else:
                self._stream = await connect(url, **settings)
        except OSError as error:
            raise no_station(self._place, error) from None
        except InvalidHandshake as error:
            raise NoStationError(f"expected a station at {self._place}, found: {error}") from None
        await self._stream.recv()  # The state; who wants it asks for it.
        self._listening = asyncio.create_task(self._listen(self._stream))

    async def _listen(self, stream: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in stream:
                for event in msgspec.json.decode(text).get("events", ()):
                    self._note(event)
                    self._tell(event)
        self._is_gone = True
        self._moved.set()
        self._tell(None)

    def _tell(self, event: dict[str, Any] | None) -> None:
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(event)

    def _note(self, event: dict[str, Any]) -> None:
        if event["type"] == "CommandStaged":
            self._staged[event["command_id"]] = event
            self._staged.move_to_end(event["command_id"])
            if len(self._staged) > COMMANDS_REMEMBERED_MAX:
                self._staged.popitem(last=False)
            self._moved.set()

    def _check(self) -> None:
        if self._is_gone:
            raise StationGoneError("expected the station to be there, found that it closed the stream")

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = await self._http.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            raise StationGoneError(f"expected the station to take a request, found: {error}") from None
        check_answer(answer.status_code, answer.content)
        return msgspec.json.decode(answer.content) if answer.content else None
