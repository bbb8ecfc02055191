"""Jobs on board, as far as they were heard of, and what they are told."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from ccsds.errors import MisuseError
from ground.server.commanding import service_of
from ground.server.routes.context import Asker, Powers
from ground.server.shapes import CommandIdAnswer, JobActionRequest

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("")
async def jobs(powers: Powers) -> dict[str, dict[str, Any]]:
    """Give the jobs that were heard of, by their numbers."""
    return powers.jobs()


@router.get("/{job_id}")
async def job(job_id: int, powers: Powers) -> dict[str, Any]:
    """Give all that is known of one job."""
    known = powers.jobs()
    if str(job_id) not in known:
        raise MisuseError(f"expected a job that was heard of ({', '.join(known) or 'none'}), found {job_id}")
    return known[str(job_id)]


@router.post("/{job_id}/{action}")
async def act(
    job_id: int,
    action: Annotated[str, Path(description="pause, resume, cancel, discard or report")],
    request: JobActionRequest,
    powers: Powers,
    asker: Asker,
) -> CommandIdAnswer:
    """Tell a job something; a job is submitted by the command ``job.submit``."""
    return CommandIdAnswer(command_id=powers.act_on_job(asker, job_id, action, service=service_of(request.service)))
