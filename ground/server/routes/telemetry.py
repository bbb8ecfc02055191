"""What came from the spacecraft: parameters, events, reports and frames."""

from dataclasses import asdict

from fastapi import APIRouter

from ccsds.errors import MisuseError
from ground.server.routes.context import Limit, Powers
from ground.server.shapes import EventAnswer, FrameAnswer, PacketAnswer, SampleAnswer

router = APIRouter(prefix="/api", tags=["telemetry"])


@router.get("/parameters")
async def parameters(powers: Powers) -> dict[str, SampleAnswer]:
    """Give the latest value of every parameter that was heard of."""
    return {name: SampleAnswer(**asdict(each)) for name, each in powers.latest_parameters().items()}


@router.get("/parameters/{name}")
async def parameter(name: str, powers: Powers) -> SampleAnswer:
    """Give the latest value of one parameter."""
    found = powers.parameters.get(name)
    if found is None:
        raise MisuseError(f"expected a parameter that was heard of, found {name!r}")
    return SampleAnswer(**asdict(found))


@router.get("/events")
async def events(powers: Powers, limit: Limit = 100) -> list[EventAnswer]:
    """Give the latest events of station and spacecraft."""
    return [EventAnswer(**row) for row in await powers.events(limit)]


@router.get("/packets")
async def packets(powers: Powers, name: str | None = None, limit: Limit = 100) -> list[PacketAnswer]:
    """Give the latest reports, of one name or of all."""
    return [PacketAnswer(**row) for row in await powers.packets(name, limit)]


@router.get("/frames")
async def frames(powers: Powers, limit: Limit = 100) -> list[FrameAnswer]:
    """Give the latest frames as they came, after correction."""
    return [FrameAnswer(**row) for row in await powers.frames(limit)]
