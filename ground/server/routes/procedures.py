"""Procedures that the station runs."""

from typing import Any

from fastapi import APIRouter

from ground.server.routes.context import Asker, Powers
from ground.server.shapes import RunAnswer, RunRequest

router = APIRouter(prefix="/api/procedures", tags=["procedures"])


@router.get("")
async def names(powers: Powers) -> list[str]:
    """Give the procedures that can be run."""
    return powers.procedures.names()


@router.get("/runs")
async def runs(powers: Powers) -> list[dict[str, Any]]:
    """Give the latest runs with their transcripts, newest first."""
    return powers.procedures.all()


@router.post("/runs")
async def start(request: RunRequest, powers: Powers, asker: Asker) -> RunAnswer:
    """Start a procedure."""
    return RunAnswer(run_id=powers.procedures.start(asker, request.name, request.arguments))


@router.post("/runs/{run_id}/stop", status_code=204)
async def stop(run_id: int, powers: Powers, asker: Asker) -> None:
    """Interrupt a procedure."""
    powers.procedures.stop(asker, run_id)
