"""Stacks: commands that the station sends one after another."""

from fastapi import APIRouter

from ground.server.routes.context import Asker, Powers
from ground.server.shapes import StackAnswer, StackIdAnswer, StackRequest

router = APIRouter(prefix="/api/stacks", tags=["commands"])


@router.get("")
async def stacks(powers: Powers) -> list[StackAnswer]:
    """Give the latest stacks, newest first."""
    return [StackAnswer(**row) for row in powers.stacks.all()]


@router.get("/{stack_id}")
async def stack(stack_id: int, powers: Powers) -> StackAnswer:
    """Give one stack, and how far it is."""
    return StackAnswer(**powers.stacks.get(stack_id))


@router.post("")
async def start(request: StackRequest, powers: Powers, asker: Asker) -> StackIdAnswer:
    """Send commands one after another, each once the one before has completed; all are checked first."""
    return StackIdAnswer(stack_id=powers.stacks.start(asker, request.lines))


@router.post("/{stack_id}/stop", status_code=204)
async def stop(stack_id: int, powers: Powers, asker: Asker) -> None:
    """Send nothing more of a stack."""
    powers.stacks.stop(asker, stack_id)
