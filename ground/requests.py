"""What programs may ask of a station in service, and what it answers; `ground.socket_server` carries both.

One line of JSON is one request, ``{"id": 7, "op": "send", "name": ..., "arguments": {...}}``, and is answered with one,
``{"reply": 7, "ok": {...}}`` or ``{"reply": 7, "error": "..."}``. Operations are those of `OPERATIONS`. After
``subscribe``, whose answer is the station's snapshot, events follow as ``{"event": {...}}``.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.security import KeyStatus
from ground import outbox
from ground.archive.history import CommandRecord, History
from ground.events import KeyChanged
from ground.file_names import is_in_outbox
from ground.files import TransferAction, parse_transaction
from ground.socket_server import Connection
from ground.transfer_options import TransferOptions
from mission.definition import DICTIONARY
from mission.field_types import Octets
from mission.fields import FieldType, Layout, Rows

if TYPE_CHECKING:
    from ground.serve import StationService

# Of the latest commands, or transfers, in one answer.
ROWS_ASKED_MAX = 1_000

_TRANSFER_ACTIONS = {each.value: each for each in TransferAction}

# The state machine has one more, which a key store does by itself.
_KEY_OPERATIONS = {each.value: each for each in (KeyOperation.ACTIVATE, KeyOperation.DEACTIVATE, KeyOperation.DESTROY)}


def answer(host: "StationService", line: bytes, connection: Connection) -> dict[str, Any]:
    """Do what one line asks for, and give the answer."""
    number = None
    try:
        request = msgspec.json.decode(line)
        if not isinstance(request, dict):
            raise MisuseError("expected a request as a JSON object, found another value")
        number = request.pop("id", None)
        operation = request.pop("op", None)
        if operation not in OPERATIONS:
            raise MisuseError(f"unknown operation {operation!r}: expected one of {', '.join(OPERATIONS)}")
        shape, act = OPERATIONS[operation]
        return {"reply": number, "ok": act(host, msgspec.convert(request, shape), connection)}
    except msgspec.MsgspecError as error:
        return {"reply": number, "error": f"request: {error}"}
    except MisuseError as error:
        return {"reply": number, "error": str(error)}
    except sqlite3.Error as error:
        return {"reply": number, "error": f"archive: {error}"}


class _NoArguments(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _SendRequest(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = {}
    service: str = Service.AD.name


class _TelecommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    service_type: int
    subtype: int
    data: str = ""
    service: str = Service.AD.name


class _CopRequest(msgspec.Struct, forbid_unknown_fields=True):
    directive: str | None = None
    value: int | None = None


class _KeysRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: str | None = None
    spi: int | None = None


class _CommandsRequest(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 20


class _CommandRequest(msgspec.Struct, forbid_unknown_fields=True):
    command_id: int


class _PutRequest(msgspec.Struct, forbid_unknown_fields=True):
    source_name: str
    destination_name: str
    options: dict[str, Any] = {}


class _TransfersRequest(msgspec.Struct, forbid_unknown_fields=True):
    limit: int = 20


class _TransferRequest(msgspec.Struct, forbid_unknown_fields=True):
    action: str
    transaction: str


def _send(host: "StationService", request: _SendRequest, connection: Connection) -> dict[str, Any]:
    arguments = _typed_arguments(request.name, request.arguments)
    command_id = host.station.command(
        request.name, arguments, service=_service_of(request.service), now_ns=time.monotonic_ns()
    )
    return host.issue(command_id)


def _telecommand(host: "StationService", request: _TelecommandRequest, connection: Connection) -> dict[str, Any]:
    try:
        data = bytes.fromhex(request.data)
    except ValueError:
        raise MisuseError(f"data: expected hexadecimal octets, found {request.data!r}") from None
    command_id = host.station.telecommand(
        request.service_type,
        request.subtype,
        data,
        service=_service_of(request.service),
        now_ns=time.monotonic_ns(),
    )
    return host.issue(command_id)


def _subscribe(host: "StationService", request: _NoArguments, connection: Connection) -> dict[str, Any]:
    connection.is_subscribed = True
    return host.station.snapshot()


def _state(host: "StationService", request: _NoArguments, connection: Connection) -> dict[str, Any]:
    return host.station.snapshot()


def _jobs(host: "StationService", request: _NoArguments, connection: Connection) -> dict[str, Any]:
    return {"jobs": host.station.snapshot()["jobs"]}


def _commands(host: "StationService", request: _CommandsRequest, connection: Connection) -> dict[str, Any]:
    limit = max(0, min(request.limit, ROWS_ASKED_MAX))
    with contextlib.closing(History.open(host.config.archive_path)) as history:
        return {"commands": [asdict(each) for each in history.commands(limit)]}


def _command(host: "StationService", request: _CommandRequest, connection: Connection) -> dict[str, Any]:
    with contextlib.closing(History.open(host.config.archive_path)) as history:
        command = history.command(request.command_id)
    if command is None:
        raise MisuseError(f"unknown command number {request.command_id}")
    return _staged(command)


def _cop1(host: "StationService", request: _CopRequest, connection: Connection) -> dict[str, Any]:
    if request.directive is not None:
        if request.directive not in Directive.__members__:
            known = ", ".join(Directive.__members__)
            raise MisuseError(f"directive: expected one of {known}, found {request.directive!r}")
        try:
            directive = Directive[request.directive]
            host.station.direct_cop1(directive, request.value, now_ns=time.monotonic_ns())
        finally:
            host.take(host.station.take_events())
            host.wake()
    return host.station.snapshot()["cop1"]


def _keys(host: "StationService", request: _KeysRequest, connection: Connection) -> dict[str, Any]:
    if host.security is None:
        raise MisuseError("expected a station with keys, found one that serves --insecure")
    if request.action is not None:
        if request.action not in _KEY_OPERATIONS or request.spi is None:
            known = ", ".join(_KEY_OPERATIONS)
            raise MisuseError(f"keys: expected one of {known} and an SPI, found {request.action!r} and {request.spi}")
        try:
            moved = host.security.operate(request.spi, _KEY_OPERATIONS[request.action])
        except OSError as error:
            raise MisuseError(f"keys: expected a disk that takes the change, found: {error}; try again") from None
        host.take(
            [KeyChanged(time_ns=time.monotonic_ns(), spi=moved.spi, before=moved.before.name, after=moved.after.name)]
        )
        host.wake()
    return {
        "set_id": host.security.set_id,
        "standing": host.security.standing.value,
        "counts": host.security.counts,
        "keys": [_key_row(status) for status in host.security.keys],
    }


def _files(host: "StationService", request: _NoArguments, connection: Connection) -> dict[str, Any]:
    return {"directory": str(host.files.root)}


def _put(host: "StationService", request: _PutRequest, connection: Connection) -> dict[str, Any]:
    if not is_in_outbox(request.source_name):
        raise MisuseError(f"put: expected a file in the outbox, found {request.source_name!r}")
    try:
        options = TransferOptions.read(request.options)
        transaction = host.station.put_file(
            request.source_name, request.destination_name, options, now_ns=time.monotonic_ns()
        )
    except MisuseError:
        outbox.remove(host.files.root, request.source_name)
        raise
    host.take(host.station.take_events())
    host.wake()
    return {"transaction": str(transaction)}


def _transfers(host: "StationService", request: _TransfersRequest, connection: Connection) -> dict[str, Any]:
    limit = max(0, min(request.limit, ROWS_ASKED_MAX))
    under_way = {each["transaction"]: each for each in host.station.transfers()}
    with contextlib.closing(History.open(host.config.archive_path)) as history:
        kept = [asdict(each) for each in history.transfers(limit)]
    return {"transfers": [{**each, **under_way.get(each["transaction"], {})} for each in kept]}


def _transfer(host: "StationService", request: _TransferRequest, connection: Connection) -> dict[str, Any]:
    transaction = parse_transaction(request.transaction)
    if request.action not in _TRANSFER_ACTIONS:
        raise MisuseError(f"transfer: expected one of {', '.join(_TRANSFER_ACTIONS)}, found {request.action!r}")
    try:
        host.station.act_on_transfer(_TRANSFER_ACTIONS[request.action], transaction, time.monotonic_ns())
    finally:
        host.take(host.station.take_events())
        host.wake()
    return {}


def _stop(host: "StationService", request: _NoArguments, connection: Connection) -> dict[str, Any]:
    host.stop()
    return {}


OPERATIONS: dict[str, tuple[type, Callable[["StationService", Any, Connection], dict[str, Any]]]] = {
    "send": (_SendRequest, _send),
    "telecommand": (_TelecommandRequest, _telecommand),
    "subscribe": (_NoArguments, _subscribe),
    "state": (_NoArguments, _state),
    "jobs": (_NoArguments, _jobs),
    "commands": (_CommandsRequest, _commands),
    "command": (_CommandRequest, _command),
    "cop1": (_CopRequest, _cop1),
    "keys": (_KeysRequest, _keys),
    "files": (_NoArguments, _files),
    "put": (_PutRequest, _put),
    "transfers": (_TransfersRequest, _transfers),
    "transfer": (_TransferRequest, _transfer),
    "stop": (_NoArguments, _stop),
}


def _key_row(status: KeyStatus) -> dict[str, Any]:
    """Give one key in plain values."""
    association = status.association
    return {
        "spi": association.spi,
        "link": association.link.value,
        "virtual_channel": association.virtual_channel,
        "suite": association.suite.value,
        "state": status.state.value,
        "sends": status.sends,
        "reserved": status.reserved,
        "highest": status.highest,
    }


def _typed_arguments(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Turn what JSON cannot carry back: octets came as hexadecimal; names of enumerations are taken as they are."""
    return _typed_values(DICTIONARY.command(name).arguments, arguments)


def _typed_values(layout: Layout, values: dict[str, Any]) -> dict[str, Any]:
    types = {field.name: field.type for field in layout.fields}
    return {key: _typed_value(key, types.get(key), value) for key, value in values.items()}


def _typed_value(key: str, kind: FieldType | None, value: Any) -> Any:
    match kind, value:
        case Octets(), str():
            try:
                return bytes.fromhex(value)
            except ValueError:
                raise MisuseError(f"{key}: expected hexadecimal octets, found {value!r}") from None
        case Rows(layout), list():
            return [_typed_values(layout, row) if isinstance(row, dict) else row for row in value]
        case _:
            return value


def _service_of(name: str) -> Service:
    if name not in Service.__members__:
        raise MisuseError(f"service: expected one of {', '.join(Service.__members__)}, found {name!r}")
    return Service[name]


def _staged(command: CommandRecord) -> dict[str, Any]:
    """Give a command of the archive in the form of its latest `ground.events.CommandStaged`."""
    return {
        "type": "CommandStaged",
        "command_id": command.command_id,
        "name": command.name,
        "sequence_count": command.sequence_count,
        "stage": command.stage,
        "attempt": command.attempt,
        "text": command.text,
    }
