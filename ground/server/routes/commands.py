"""Commands: the dictionary, sending, arming, approvals, and what became of each."""

from fastapi import APIRouter

from ccsds.errors import MisuseError
from ground.events import plain
from ground.server.commanding import service_of
from ground.server.routes.context import Asker, Limit, Powers
from ground.server.shapes import (
    ApprovalAnswer,
    ArmRequest,
    AskRequest,
    CommandAnswer,
    CommandIdAnswer,
    FieldAnswer,
    SendRequest,
    TelecommandRequest,
    WordAnswer,
)
from mission.definition import DICTIONARY
from mission.field_types import Enumerated
from mission.fields import REQUIRED, Field, describe

router = APIRouter(prefix="/api", tags=["commands"])


@router.get("/dictionary/commands")
async def dictionary() -> list[WordAnswer]:
    """Give every command that can be sent, with its arguments."""
    return [
        WordAnswer(
            name=each.name,
            service=each.service,
            subtype=each.subtype,
            description=each.description,
            hazard=each.hazard.value,
            arguments=[_field(field) for field in each.arguments.fields],
        )
        for _, each in sorted(DICTIONARY.commands.items())
    ]


@router.post("/commands")
async def send(request: SendRequest, powers: Powers, asker: Asker) -> CommandIdAnswer:
    """Send a command; it is in the archive when the answer comes."""
    command_id = powers.commanding.send(
        asker, request.name, request.arguments, service=service_of(request.service), typed_name=request.typed_name
    )
    return CommandIdAnswer(command_id=command_id)


@router.post("/telecommands")
async def telecommand(request: TelecommandRequest, powers: Powers, asker: Asker) -> CommandIdAnswer:
    """Send a telecommand that the dictionary need not hold."""
    try:
        data = bytes.fromhex(request.data)
    except ValueError:
        raise MisuseError(f"data: expected hexadecimal octets, found {request.data!r}") from None
    command_id = powers.commanding.telecommand(
        asker, request.service_type, request.subtype, data, service=service_of(request.service)
    )
    return CommandIdAnswer(command_id=command_id)


@router.get("/commands")
async def commands(powers: Powers, limit: Limit = 20) -> list[CommandAnswer]:
    """Give the latest commands with all their stages."""
    return [CommandAnswer(**row) for row in await powers.commanding.latest(limit)]


@router.get("/commands/{command_id}")
async def command(command_id: int, powers: Powers) -> CommandAnswer:
    """Give one command with all its stages."""
    return CommandAnswer(**await powers.commanding.command(command_id))


@router.post("/arming")
async def arm(request: ArmRequest, powers: Powers, asker: Asker) -> CommandIdAnswer:
    """Arm a hazardous command for one use, where one person is alone at the station."""
    command_id = powers.commanding.arm(asker, request.name, request.typed_name, service=service_of(request.service))
    return CommandIdAnswer(command_id=command_id)


@router.get("/approvals")
async def approvals(powers: Powers) -> list[ApprovalAnswer]:
    """Give the commands that wait for a second person, and the latest that did."""
    return [ApprovalAnswer(**row) for row in powers.commanding.approvals()]


@router.post("/approvals")
async def ask(request: AskRequest, powers: Powers, asker: Asker) -> ApprovalAnswer:
    """Ask a second person for a hazardous command."""
    row = powers.commanding.ask(asker, request.name, request.arguments, service=service_of(request.service))
    return ApprovalAnswer(**row)


@router.post("/approvals/{approval_id}/approve")
async def approve(approval_id: int, powers: Powers, asker: Asker) -> ApprovalAnswer:
    """Let a command go that another person asked for."""
    return ApprovalAnswer(**powers.commanding.approve(asker, approval_id))


@router.post("/approvals/{approval_id}/refuse")
async def refuse(approval_id: int, powers: Powers, asker: Asker) -> ApprovalAnswer:
    """Refuse a command that waits, or take one's own back."""
    return ApprovalAnswer(**powers.commanding.refuse(asker, approval_id))


def _field(field: Field) -> FieldAnswer:
    choices = [member.name for member in field.type.members] if isinstance(field.type, Enumerated) else []
    return FieldAnswer(
        name=field.name,
        type=describe(field.type),
        description=field.description,
        unit=field.unit,
        minimum=field.minimum,
        maximum=field.maximum,
        is_required=field.default is REQUIRED,
        default=None if field.default is REQUIRED else plain(field.default),
        choices=choices,
    )
