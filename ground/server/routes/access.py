"""Logging in and out."""

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ground.access.gate import ADDRESS, SESSION_COOKIE, TOKEN
from ground.access.guard import Guard
from ground.access.principal import Door, Principal, Role, UnknownPersonError
from ground.access.sessions import LIFE_NS_MAX, NS_PER_S
from ground.access.users import NAME_CHARACTERS_MAX
from ground.server.routes.context import Asker, Powers
from ground.server.shapes import LoginRequest, SessionAnswer

router = APIRouter(tags=["access"])

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Starloop: log in</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; }
  form { display: grid; gap: .75rem; width: 18rem; }
  input, button { font: inherit; padding: .5rem; }
  p { margin: 0; min-height: 1.5em; }
</style></head><body>
<form method="post" action="/login">
  <h1>Starloop</h1>
  <label>Name <input name="name" autocomplete="username" autofocus required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <p role="alert">TROUBLE</p>
  <button>Log in</button>
</form></body></html>
"""


@router.get("/login", include_in_schema=False)
async def page() -> HTMLResponse:
    """Show where to log in."""
    return HTMLResponse(_PAGE.replace("TROUBLE", ""))


@router.post("/login", include_in_schema=False)
async def log_in_by_form(
    request: Request, powers: Powers, name: Annotated[str, Form()], password: Annotated[str, Form()]
) -> Response:
    """Log a person's browser in."""
    try:
        token, _ = await _log_in(request, powers, name, password)
    except UnknownPersonError:
        return HTMLResponse(_PAGE.replace("TROUBLE", "That is not a name and its password."), status_code=401)
    return _with_cookie(request, RedirectResponse("/", status_code=303), token)


@router.post("/api/login")
async def log_in(body: LoginRequest, request: Request, powers: Powers) -> SessionAnswer:
    """Log a program in: the token goes with each request as ``Authorization: Bearer``."""
    token, role = await _log_in(request, powers, body.name, body.password)
    return SessionAnswer(token=token, role=role.name, life_s=LIFE_NS_MAX / NS_PER_S)


@router.post("/api/logout", status_code=204)
async def log_out(request: Request, powers: Powers, asker: Asker) -> Response:
    """End the session."""
    token = request.scope.get(TOKEN)
    if token is not None:
        request.app.state.guard.log_out(token)
        powers.note_action(asker, "log out", {})
    answer = Response(status_code=204)
    answer.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")
    return answer


async def _log_in(request: Request, powers: Powers, name: str, password: str) -> tuple[str, Role]:
    """Begin a session, and keep that it was tried; the password goes nowhere but into its digest."""
    guard: Guard = request.app.state.guard
    address = request.scope.get(ADDRESS, "")
    guard.count_login(address, name[:NAME_CHARACTERS_MAX], time.monotonic_ns())
    who = Principal(name=name[:NAME_CHARACTERS_MAX], role=Role.NOBODY, door=Door.WEB)
    try:
        role = await asyncio.to_thread(guard.check_password, name, password)
    except UnknownPersonError:
        powers.note_action(who, "log-in refused", {"address": address})
        raise
    powers.note_action(Principal(name=name, role=role, door=Door.WEB), "log in", {"address": address})
    return guard.log_in(name, role, request.scope.get(TOKEN), time.monotonic_ns()), role


def _with_cookie(request: Request, answer: Response, token: str) -> Response:
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=LIFE_NS_MAX // NS_PER_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer
