"""Alarms, and how fresh telemetry is."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from ground.server.routes.context import Asker, Powers
from ground.server.shapes import Shape

router = APIRouter(prefix="/api", tags=["alarms"])

Parameter = Annotated[str, Path(max_length=100, description="the parameter whose alarm it is")]


class ShelveRequest(Shape):
    """For how long an alarm is put away."""

    for_s: float = Field(gt=0, le=1e9)


@router.get("/alarms")
async def alarms(powers: Powers) -> list[dict[str, Any]]:
    """Give the alarms that are anything but normal, the worst first."""
    return powers.alarming.all()


@router.get("/freshness")
async def freshness(powers: Powers) -> dict[str, dict[str, Any]]:
    """Give when each housekeeping report came last, and whether it is stale."""
    return powers.alarming.reports()


@router.post("/alarms/{parameter}/acknowledge", status_code=204)
async def acknowledge(parameter: Parameter, powers: Powers, asker: Asker) -> None:
    """Say that one knows of an alarm."""
    powers.alarming.acknowledge(asker, parameter)


@router.post("/alarms/{parameter}/shelve", status_code=204)
async def shelve(parameter: Parameter, request: ShelveRequest, powers: Powers, asker: Asker) -> None:
    """Put an alarm away for a time."""
    powers.alarming.shelve(asker, parameter, request.for_s)


@router.post("/alarms/{parameter}/unshelve", status_code=204)
async def unshelve(parameter: Parameter, powers: Powers, asker: Asker) -> None:
    """Take an alarm off the shelf."""
    powers.alarming.unshelve(asker, parameter)


@router.post("/rules/reload", status_code=204)
async def reload(powers: Powers, asker: Asker) -> None:
    """Read the station's file of limits and derived parameters again."""
    powers.alarming.reload(asker)
