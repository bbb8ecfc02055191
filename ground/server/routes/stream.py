"""The stream: what happens, as it happens, over a WebSocket.

The first message is ``{"snapshot": {...}}``, the station's state when the stream begins; then come
``{"events": [...]}`` and, where they are asked for, ``{"parameters": {NAME: {...}}}`` with the latest values, at most
once in ``period_s``. Nothing is read from the client but its end. One that does not take what comes is cut off.
"""

import asyncio
import contextlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from ccsds.errors import MisuseError
from ground.server.operations import Operations
from ground.server.subscriptions import SCREEN_PERIOD_S, Subscription

router = APIRouter(tags=["stream"])

PERIOD_S_MAX = 60.0

# "Try again later" and "going away", of the registry of close codes.
BUSY_CODE = 1013
GOING_CODE = 1001

# How long listeners get to take their last messages when the station stops.
CLOSE_TIMEOUT_S = 2.0

ABORT = "starloop.abort"
"""Where the listening protocol puts in the ASGI scope what cuts a connection off at once."""


# Events in one message: after a pause thousands may wait, and a listener takes them piece by piece.
EVENTS_MAX = 256


@router.websocket("/api/stream")
async def stream(
    socket: WebSocket,
    events: Annotated[str, Query(description="types of events, separated by commas; * for all")] = "*",
    parameters: Annotated[str, Query(description="names of parameters, separated by commas; * for all")] = "",
    period_s: Annotated[float, Query(ge=0, le=PERIOD_S_MAX)] = SCREEN_PERIOD_S,
) -> None:
    """Tell a listener what happens until it goes, or falls too far behind."""
    operations: Operations = socket.app.state.operations
    await socket.accept()
    wake, end = asyncio.Event(), asyncio.Event()

    def look() -> None:
        wake.set()
        if subscription.is_ended or subscription.is_dropped:
            end.set()

    try:
        subscription = operations.subscriptions.open(kinds=_names(events), parameters=_names(parameters), on_wake=look)
    except MisuseError as error:
        await socket.close(BUSY_CODE, str(error))
        return
    snapshot = msgspec.json.encode({"snapshot": operations.state()}).decode()
    telling = asyncio.create_task(_tell(socket, subscription, snapshot, wake, end, period_s))
    hearing = asyncio.create_task(_until_gone(socket))
    ending = asyncio.create_task(end.wait())
    tasks = {telling, hearing, ending}
    try:
        await asyncio.wait({telling, hearing, ending}, return_when=asyncio.FIRST_COMPLETED)
        if subscription.is_ended:
            await asyncio.wait({telling}, timeout=CLOSE_TIMEOUT_S)
    finally:
        operations.subscriptions.close(subscription)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if subscription.is_dropped and (abort := socket.scope.get(ABORT)) is not None:
            abort()


async def _tell(
    socket: WebSocket,
    subscription: Subscription,
    snapshot: str,
    wake: asyncio.Event,
    end: asyncio.Event,
    period_s: float,
) -> None:
    """Send what waits, as often as it is wanted, until nothing more will come."""
    await socket.send_text(snapshot)
    while True:
        await wake.wait()
        wake.clear()
        # Taken one message at a time: what a slow listener has not taken yet has to count as waiting.
        while subscription.has_something:
            for message in subscription.take_messages(EVENTS_MAX):
                await socket.send_text(message)
        if end.is_set():
            await socket.close(GOING_CODE)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), period_s)


async def _until_gone(socket: WebSocket) -> None:
    """Read until the client has left; what it says is nothing to us."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


def _names(text: str) -> list[str] | None:
    return None if text == "*" else [each for each in text.split(",") if each]
