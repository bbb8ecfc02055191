"""The past by on-board time: names of numbers, plots of them, and what is kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from ground.archive.retention import Rule
from ground.archive.samples import POINTS_MAX
from ground.server.routes.context import Asker, Powers
from ground.server.shapes import Shape

router = APIRouter(prefix="/api/archive", tags=["archive"])

_NS_MAX = (1 << 62) - 1
TaiNs = Annotated[int, Query(ge=0, le=_NS_MAX, description="on-board TAI in nanoseconds since 1958")]


class RetainRequest(Shape):
    """What is kept; what is left out keeps all."""

    frames_s: float | None = Field(default=None, gt=0, le=1e10)
    events_s: float | None = Field(default=None, gt=0, le=1e10)
    telemetry_s: float | None = Field(default=None, gt=0, le=1e10)
    size_octets: int | None = Field(default=None, gt=0, le=1 << 50)


@router.get("/names")
async def names(powers: Powers) -> list[str]:
    """Give all names of numbers, each with the report it is in."""
    return await powers.archiving.names()


@router.get("/plot")
async def plot(
    powers: Powers,
    name: Annotated[str, Query(max_length=200)],
    start_tai_ns: TaiNs,
    end_tai_ns: TaiNs,
    points: Annotated[int, Query(ge=1, le=POINTS_MAX)] = 1_000,
) -> dict[str, Any]:
    """Give a number over a time, with the lowest and the highest of each point."""
    return await powers.archiving.plot(name, start_tai_ns, end_tai_ns, points)


@router.post("/retain")
async def retain(request: RetainRequest, powers: Powers, asker: Asker) -> dict[str, int]:
    """Remove what is older or more than what is to be kept; never commands."""
    return powers.archiving.retain(asker, Rule(**request.model_dump()))
