"""The station itself: its state, COP-1, its keys, what was done at it, and its end."""

from typing import Any

from fastapi import APIRouter

from ground.server.routes.context import Asker, Limit, Powers
from ground.server.shapes import DirectiveRequest, KeyRequest, PersonAnswer

router = APIRouter(prefix="/api", tags=["station"])


@router.get("/state")
async def state(powers: Powers) -> dict[str, Any]:
    """Give all that the station knows at the moment."""
    return powers.state()


@router.get("/me")
async def me(asker: Asker) -> PersonAnswer:
    """Give who asks, as the station knows it."""
    return PersonAnswer(name=asker.name, role=asker.role.name, door=asker.door.value)


@router.get("/cop1")
async def cop1(powers: Powers, asker: Asker) -> dict[str, Any]:
    """Give what FOP-1 is set to and where it is, and what FARM-1 last said."""
    return powers.cop1(asker)


@router.post("/cop1")
async def direct(request: DirectiveRequest, powers: Powers, asker: Asker) -> dict[str, Any]:
    """Give FOP-1 a directive."""
    return powers.cop1(asker, request.directive, request.value)


@router.get("/keys")
async def keys(powers: Powers, asker: Asker) -> dict[str, Any]:
    """Give the keys of the ground by their numbers and states; no key itself."""
    return powers.keys(asker)


@router.post("/keys")
async def operate(request: KeyRequest, powers: Powers, asker: Asker) -> dict[str, Any]:
    """Activate, deactivate or destroy a key of the ground."""
    return powers.keys(asker, request.action, request.spi)


@router.get("/audit")
async def audit(powers: Powers, asker: Asker, limit: Limit = 100) -> list[dict[str, Any]]:
    """Give the latest of what was done at this station."""
    return powers.audit(asker, limit)


@router.post("/stop", status_code=204)
async def stop(powers: Powers, asker: Asker) -> None:
    """End the station's service."""
    powers.stop(asker)
