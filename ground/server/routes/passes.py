"""The passes that are expected."""

from typing import Annotated

from fastapi import APIRouter, Query

from ground.server.routes.context import Powers
from ground.server.shapes import PassAnswer

router = APIRouter(prefix="/api/passes", tags=["passes"])

NS_PER_S = 1_000_000_000

# A week of a low orbit; who wants more asks for more.
SPAN_S = 7 * 86_400


@router.get("")
async def passes(
    powers: Powers,
    from_unix_ns: Annotated[int | None, Query(description="now, if it is left out")] = None,
    span_s: Annotated[float, Query(gt=0, le=1e9)] = SPAN_S,
) -> list[PassAnswer]:
    """Give the passes that touch a span of time, in order; none where the station was given no plan."""
    return [PassAnswer(**each) for each in powers.passes(from_unix_ns, round(span_s * NS_PER_S))]
