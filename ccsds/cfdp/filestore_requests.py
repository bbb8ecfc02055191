"""Does what filestore requests ask, so that doing one twice, across a power cut, is doing it once.

A request is judged first: either it is refused, or an `Intent` says all that doing it needs. Who calls makes the intent
durable, performs it, and may perform it again after a reboot with the same end.

Source: CCSDS 727.0-B-5 4.9, tables 5-16 to 5-18.
"""

from collections.abc import Callable

import msgspec

from ccsds.cfdp.filestore import FileStore, has_file, refusal_of, sync_names
from ccsds.cfdp.tlv import (
    NOT_PERFORMED,
    SUCCESSFUL,
    WITH_TWO_NAMES,
    FilestoreAction,
    FilestoreRequest,
    FilestoreResponse,
)

# Files are copied in pieces of this, so that memory does not grow with them.
COPY_OCTETS = 1 << 18

NOT_ALLOWED = {
    FilestoreAction.CREATE_FILE: 1,
    FilestoreAction.DELETE_FILE: 2,
    FilestoreAction.RENAME_FILE: 3,
    FilestoreAction.APPEND_FILE: 3,
    FilestoreAction.REPLACE_FILE: 3,
    FilestoreAction.CREATE_DIRECTORY: 1,
    FilestoreAction.REMOVE_DIRECTORY: 2,
    FilestoreAction.DENY_FILE: 2,
    FilestoreAction.DENY_DIRECTORY: 2,
}
"""The status of each action that the store does not allow."""


class Intent(msgspec.Struct, frozen=True):
    """A request that can be done."""

    request: FilestoreRequest
    append_at_octets: int = 0
    """For an append: how long the first file was."""


def judge(
    store: FileStore, request: FilestoreRequest, part_directory: str, is_being_sent: Callable[[str], bool]
) -> Intent | FilestoreResponse:
    """Tell whether a request can be done, or why not.

    Args:
        store: The files.
        request: What is asked.
        part_directory: Where nobody may name a file.
        is_being_sent: Tells whether the file of a name is on its way out, so that it must stay as it is.
    """
    names = [request.first_name] + ([request.second_name] if request.action in WITH_TWO_NAMES else [])
    for name in names:
        refusal = refusal_of(store, name, part_directory)
        if refusal:
            return respond(request, NOT_ALLOWED[request.action], refusal)
    # The first is what every action changes; a rename changes no second one that there is.
    if is_being_sent(request.first_name):
        return respond(request, NOT_ALLOWED[request.action], "it is being sent")
    try:
        status = _status_of(store, request)
        length = store.size(request.first_name) if request.action is FilestoreAction.APPEND_FILE and not status else 0
    except OSError as error:
        return respond(request, NOT_ALLOWED[request.action], str(error))
    return respond(request, status) if status else Intent(request, length)


def perform(store: FileStore, intent: Intent, part_directory: str) -> FilestoreResponse:
    """Do a request; done twice, it is done once."""
    try:
        _ACTIONS[intent.request.action](store, intent, part_directory)
    except OSError as error:
        return respond(intent.request, NOT_ALLOWED[intent.request.action], str(error))
    return respond(intent.request, SUCCESSFUL)


def respond(request: FilestoreRequest, status: int, message: str = "") -> FilestoreResponse:
    """Give the response to a request; a message that is too long is cut."""
    text = message.encode()[:64].decode(errors="ignore")
    return FilestoreResponse(request.action, status, request.first_name, request.second_name, text)


def not_performed(request: FilestoreRequest) -> FilestoreResponse:
    """Give the response to a request that was not tried."""
    return respond(request, NOT_PERFORMED)


def _status_of(store: FileStore, request: FilestoreRequest) -> int:
    first, second = request.first_name, request.second_name
    match request.action:
        case FilestoreAction.CREATE_FILE:
            return 1 if has_file(store, first) or store.is_directory(first) else 0
        case FilestoreAction.DELETE_FILE:
            return 0 if has_file(store, first) else 1
        case FilestoreAction.RENAME_FILE:
            if not has_file(store, first):
                return 1
            return 2 if has_file(store, second) or store.is_directory(second) else 0
        case FilestoreAction.APPEND_FILE | FilestoreAction.REPLACE_FILE:
            if not has_file(store, first):
                return 1
            return 0 if has_file(store, second) else 2
        case FilestoreAction.CREATE_DIRECTORY:
            return 1 if store.is_directory(first) or has_file(store, first) else 0
        case FilestoreAction.REMOVE_DIRECTORY:
            return 0 if store.is_directory(first) else 1
        case FilestoreAction.DENY_FILE:
            return 2 if store.is_directory(first) else 0
        case FilestoreAction.DENY_DIRECTORY:
            return 2 if has_file(store, first) else 0


def _create(store: FileStore, intent: Intent, part_directory: str) -> None:
    store.pwrite(intent.request.first_name, 0, b"")
    store.fsync(intent.request.first_name)
    sync_names(store, intent.request.first_name)


def _delete(store: FileStore, intent: Intent, part_directory: str) -> None:
    if has_file(store, intent.request.first_name):
        store.remove(intent.request.first_name)
        sync_names(store, intent.request.first_name)


def _rename(store: FileStore, intent: Intent, part_directory: str) -> None:
    first, second = intent.request.first_name, intent.request.second_name
    if has_file(store, first):
        store.rename(first, second)
    sync_names(store, first, second)


def _append(store: FileStore, intent: Intent, part_directory: str) -> None:
    first, second = intent.request.first_name, intent.request.second_name
    # A file appended to itself is read only as far as it was before.
    end = intent.append_at_octets if first == second else store.size(second)
    _copy(store, second, first, intent.append_at_octets, end)
    store.fsync(first)


def _replace(store: FileStore, intent: Intent, part_directory: str) -> None:
    first, second = intent.request.first_name, intent.request.second_name
    part = f"{part_directory}/replacement"
    if has_file(store, part):
        store.remove(part)
    store.pwrite(part, 0, b"")
    _copy(store, second, part, 0, store.size(second))
    store.fsync(part)
    store.rename(part, first)
    sync_names(store, part, first)


def _copy(store: FileStore, source: str, target: str, target_at: int, end: int) -> None:
    for offset in range(0, end, COPY_OCTETS):
        piece = store.read(source, offset, min(COPY_OCTETS, end - offset))
        store.pwrite(target, target_at + offset, piece)


def _make_directory(store: FileStore, intent: Intent, part_directory: str) -> None:
    if not store.is_directory(intent.request.first_name):
        store.make_directory(intent.request.first_name)
    sync_names(store, intent.request.first_name)


def _remove_directory(store: FileStore, intent: Intent, part_directory: str) -> None:
    if store.is_directory(intent.request.first_name):
        store.remove_directory(intent.request.first_name)
        sync_names(store, intent.request.first_name)


_ACTIONS: dict[FilestoreAction, Callable[[FileStore, Intent, str], None]] = {
    FilestoreAction.CREATE_FILE: _create,
    FilestoreAction.DELETE_FILE: _delete,
    FilestoreAction.RENAME_FILE: _rename,
    FilestoreAction.APPEND_FILE: _append,
    FilestoreAction.REPLACE_FILE: _replace,
    FilestoreAction.CREATE_DIRECTORY: _make_directory,
    FilestoreAction.REMOVE_DIRECTORY: _remove_directory,
    FilestoreAction.DENY_FILE: _delete,
    FilestoreAction.DENY_DIRECTORY: _remove_directory,
}
