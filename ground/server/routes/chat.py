"""Conversations with the model on board: what was said, and what is said next."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from ccsds.errors import MisuseError
from ground.server.commanding import service_of
from ground.server.routes.context import Asker, Powers
from ground.server.shapes import CommandIdAnswer, JobActionRequest, PromptAnswer, PromptRequest

router = APIRouter(prefix="/api/conversations", tags=["conversations"])

Number = Annotated[int, Path(description="number of the conversation, chosen by the operator")]


@router.get("")
async def conversations(powers: Powers) -> dict[str, list[dict[str, Any]]]:
    """Give the conversations that were heard of, by their numbers, each with its turns in order."""
    return powers.conversations()


@router.get("/{conversation}")
async def conversation(conversation: Number, powers: Powers) -> list[dict[str, Any]]:
    """Give the turns of one conversation, in order."""
    known = powers.conversations()
    if str(conversation) not in known:
        heard = ", ".join(known) or "none"
        raise MisuseError(f"expected a conversation that was heard of ({heard}), found {conversation}")
    return known[str(conversation)]


@router.post("/{conversation}/prompts")
async def prompt(conversation: Number, request: PromptRequest, powers: Powers, asker: Asker) -> PromptAnswer:
    """Say something to the model; the reply comes with the turn, piece by piece, and in the stream."""
    given = request.model_dump(exclude={"service"}, exclude_none=True)
    command_id, turn = powers.prompt(asker, conversation, given, service=service_of(request.service))
    return PromptAnswer(command_id=command_id, turn=turn)


@router.post("/{conversation}/stop")
async def stop(conversation: Number, request: JobActionRequest, powers: Powers, asker: Asker) -> CommandIdAnswer:
    """Have the model end its reply, and drop the prompts that wait."""
    command_id = powers.stop_reply(asker, conversation, service=service_of(request.service))
    return CommandIdAnswer(command_id=command_id)
