"""Brings a whole file under its name and does its filestore requests, once, wherever power is cut in between.

The journal is told before each step what is about to be done, and each step can be done again.

Source: CCSDS 727.0-B-5 4.6.1.2.8, 4.9.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from ccsds.cfdp.codes import ConditionCode, DeliveryCode, FileStatus
from ccsds.cfdp.directives import Finished, Metadata
from ccsds.cfdp.filestore import has_file, sync_names
from ccsds.cfdp.filestore_requests import Intent, judge, not_performed, perform
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.host import Host
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import ReceiverStage
from ccsds.cfdp.tlv import SUCCESSFUL, FilestoreRequest, FilestoreResponse


@dataclass(slots=True)
class Progress:
    """How far a delivery is; the journal has it at every change."""

    stage: ReceiverStage = ReceiverStage.RECEIVING
    responses: list[FilestoreResponse] = field(default_factory=list)
    intent: Intent | None = None


def deliver(host: Host, part: str, metadata: Metadata, progress: Progress, save: Callable[[], None]) -> Finished:
    """Bring a whole and synced part file under its name, and do the requests.

    Args:
        host: The entity, with the store that the files are in.
        part: The path of the part file.
        metadata: What the sender wants.
        progress: How far it is; kept up to date.
        save: Tells the journal of the progress.

    Returns:
        What the sender is told.
    """
    store, name = host.store, metadata.destination_name
    if progress.stage is ReceiverStage.RECEIVING:
        progress.stage = ReceiverStage.RENAMING
        save()
    if progress.stage is ReceiverStage.RENAMING:
        if name:
            # After a power cut the rename may have been done: then there is no part file any more.
            if has_file(store, part):
                store.rename(part, name)
            sync_names(store, part, name)
        progress.stage = ReceiverStage.REQUESTS
    requests = [option for option in metadata.options if isinstance(option, FilestoreRequest)]
    for request in requests[len(progress.responses) :]:
        progress.responses.append(_do(host, request, progress, save))
        progress.intent = None
    is_good = all(response.status == SUCCESSFUL for response in progress.responses)
    return Finished(
        ConditionCode.NO_ERROR if is_good else ConditionCode.FILESTORE_REJECTION,
        DeliveryCode.COMPLETE,
        FileStatus.RETAINED if name else FileStatus.UNREPORTED,
        tuple(progress.responses),
    )


def fitted(finished: Finished, header: PduHeader, pdu_octets_max: int) -> Finished:
    """Give what of it a PDU of the far end's can say: messages go first, then the responses to the last requests."""
    for responses in (
        finished.responses,
        tuple(msgspec.structs.replace(response, message="") for response in finished.responses),
    ):
        said = msgspec.structs.replace(finished, responses=responses)
        if len(Pdu(header, said).encode()) <= pdu_octets_max:
            return said
    while said.responses and len(Pdu(header, said).encode()) > pdu_octets_max:
        said = msgspec.structs.replace(said, responses=said.responses[:-1])
    return said


def _do(host: Host, request: FilestoreRequest, progress: Progress, save: Callable[[], None]) -> FilestoreResponse:
    """Do one request, unless one before it failed."""
    if any(response.status != SUCCESSFUL for response in progress.responses):
        return not_performed(request)
    if progress.intent is None:
        judged = judge(host.store, request, host.mib.part_directory, host.is_being_sent)
        if isinstance(judged, FilestoreResponse):
            return judged
        progress.intent = judged
        try:
            save()
        except OSError:
            # Done without the word of it in the journal, it could be done twice.
            progress.intent = None
            raise
    return perform(host.store, progress.intent, host.mib.part_directory)
