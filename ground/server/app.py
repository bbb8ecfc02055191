"""The application: every route of the API, and what becomes of errors. The console is put on it by the station."""

import sqlite3
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Match

from ccsds.errors import MalformedError, MisuseError
from ground.access.guard import Guard
from ground.access.principal import DeniedError, HazardError, TooManyError, UnknownPersonError
from ground.server.operations import Operations
from ground.server.routes import (
    access,
    alarms,
    archive,
    chat,
    commands,
    files,
    jobs,
    passes,
    procedures,
    stacks,
    station,
    stream,
    telemetry,
)
from ground.server.shapes import ErrorAnswer

BAD_REQUEST = 400
UNKNOWN_PERSON = 401
DENIED = 403
NEEDS_HAZARD = 409
TOO_MANY = 429
NO_ARCHIVE = 503
NO_ROOM = 507

_STATUS_OF: dict[type[Exception], int] = {
    MisuseError: BAD_REQUEST,
    MalformedError: BAD_REQUEST,
    UnknownPersonError: UNKNOWN_PERSON,
    DeniedError: DENIED,
    HazardError: NEEDS_HAZARD,
    TooManyError: TOO_MANY,
    sqlite3.Error: NO_ARCHIVE,
    OSError: NO_ROOM,
}
"""What an error of the station is to HTTP; the text is the station's own."""


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_app(operations: Operations, guard: Guard) -> FastAPI:
    """Make the application of one station."""
    app = FastAPI(
        title="Starloop ground station",
        description="Everything that an operator can do, for programs.",
        version="1",
        docs_url=None,  # They would load their scripts from elsewhere; the schema is at /api/openapi.json.
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={
            BAD_REQUEST: {"model": ErrorAnswer},
            UNKNOWN_PERSON: {"model": ErrorAnswer},
            DENIED: {"model": ErrorAnswer},
            NEEDS_HAZARD: {"model": ErrorAnswer},
            TOO_MANY: {"model": ErrorAnswer},
        },
    )
    app.state.operations = operations
    app.state.guard = guard
    nouns = (
        access, alarms, archive, chat, commands, files, jobs, passes, procedures, stacks, station, stream,
        telemetry,
    )  # fmt: skip
    for module in nouns:
        app.include_router(module.router)
    # The console answers whatever is left with a page, which says nothing to a program.
    app.add_route("/api/{path:path}", _nowhere, methods=_METHODS, include_in_schema=False)
    for kind in _STATUS_OF:
        app.add_exception_handler(kind, _answer_of(kind))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    return app


def _answer_of(kind: type[Exception]) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        text = f"archive: {error}" if isinstance(error, sqlite3.Error) else str(error)
        headers = {"Retry-After": f"{error.retry_after_s:.0f}"} if isinstance(error, TooManyError) else None
        return JSONResponse({"error": text}, status_code=_STATUS_OF[kind], headers=headers)

    return answer


async def _nowhere(request: Request) -> Response:
    """Say that an address of the API is none, or does not take this method."""
    if any(route.matches(request.scope)[0] is Match.PARTIAL for route in request.app.routes):
        raise HTTPException(405, f"{request.url.path}: expected another method, found {request.method}")
    raise HTTPException(404, f"expected an address of /api/openapi.json, found {request.url.path}")


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Say what of a request is not as the schema has it."""
    assert isinstance(error, RequestValidationError)
    parts = [f"{'.'.join(str(each) for each in part['loc'])}: {part['msg']}" for part in error.errors()]
    return JSONResponse({"error": "request: " + "; ".join(parts)}, status_code=BAD_REQUEST)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, status_code=error.status_code, headers=error.headers)
