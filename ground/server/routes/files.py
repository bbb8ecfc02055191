"""Files of the station, what is sent up of them, and transfers."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse

from ccsds.errors import MisuseError
from ground.server.routes.context import Asker, Limit, Powers
from ground.server.shapes import (
    DirectoryAnswer,
    FileAnswer,
    PutRequest,
    TransactionAnswer,
    TransferAnswer,
    UploadAnswer,
)

router = APIRouter(prefix="/api", tags=["files"])

Name = Annotated[str, Path(description="a name below the station's files")]


@router.get("/files")
async def directory(powers: Powers, name: str = "") -> DirectoryAnswer:
    """Give what lies in a directory of the station's files."""
    rows = powers.filing.directory(name)
    return DirectoryAnswer(root=str(powers.filing.root), entries=[FileAnswer(**row) for row in rows])


@router.get("/files/{name:path}", response_class=FileResponse)
async def file(name: Name, powers: Powers) -> FileResponse:
    """Give a file of the station."""
    path = powers.filing.path(name)
    if not path.is_file():
        raise MisuseError(f"expected a file of the station, found {name!r}")
    # Never shown by a browser as a page of ours: it came from outside.
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)


@router.put("/uploads/{name}")
async def upload(name: Name, request: Request, powers: Powers, asker: Asker) -> UploadAnswer:
    """Take in a file, octet for octet the body, that is to be sent up."""
    incoming = powers.filing.begin_upload(asker, name)
    try:
        async for chunk in request.stream():
            if chunk:
                await asyncio.to_thread(incoming.write, chunk)
        return UploadAnswer(source_name=await asyncio.to_thread(incoming.finish))
    except BaseException:
        incoming.discard()
        raise


@router.post("/transfers")
async def put(request: PutRequest, powers: Powers, asker: Asker) -> TransactionAnswer:
    """Begin to send a file that was taken in."""
    transaction = powers.filing.put(asker, request.source_name, request.destination_name, request.options)
    return TransactionAnswer(transaction=transaction)


@router.get("/transfers")
async def transfers(powers: Powers, limit: Limit = 20) -> list[TransferAnswer]:
    """Give the latest transfers."""
    return [TransferAnswer(**row) for row in await powers.filing.transfers(limit)]


@router.post("/transfers/{transaction}/{action}", status_code=204)
async def act(
    transaction: str,
    action: Annotated[str, Path(description="suspend, resume, cancel, prompt or prompt-nak")],
    powers: Powers,
    asker: Asker,
) -> None:
    """Suspend, resume, cancel or ask about a transfer at the station's end."""
    powers.filing.act(asker, transaction, action)
