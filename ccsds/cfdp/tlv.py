"""What CFDP directives carry as type, length, value: filestore requests and responses, messages, overrides, entity ids.

It never does what a request asks; that is `ccsds.cfdp.filestore_requests`.

Source: CCSDS 727.0-B-5 5.4.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Self

import msgspec

from ccsds.cfdp.codes import ConditionCode, HandlerCode
from ccsds.errors import MalformedError, MisuseError

# The length has one octet.
VALUE_OCTETS_MAX = 255


class TlvType(IntEnum):
    """Which kind of value it is."""

    FILESTORE_REQUEST = 0
    FILESTORE_RESPONSE = 1
    MESSAGE_TO_USER = 2
    # 3 is reserved.
    FAULT_HANDLER_OVERRIDE = 4
    FLOW_LABEL = 5
    ENTITY_ID = 6


class FilestoreAction(IntEnum):
    """What the file store is asked to do (table 5-16)."""

    CREATE_FILE = 0
    DELETE_FILE = 1
    RENAME_FILE = 2
    APPEND_FILE = 3
    REPLACE_FILE = 4
    CREATE_DIRECTORY = 5
    REMOVE_DIRECTORY = 6
    DENY_FILE = 7
    """Delete it if it is there."""
    DENY_DIRECTORY = 8
    """Remove it if it is there."""


WITH_TWO_NAMES = frozenset({FilestoreAction.RENAME_FILE, FilestoreAction.APPEND_FILE, FilestoreAction.REPLACE_FILE})

SUCCESSFUL = 0
NOT_PERFORMED = 15
"""Status of a response: 1 to 14 mean what `ccsds.cfdp.filestore_requests` says for each action (table 5-18)."""


class FilestoreRequest(msgspec.Struct, frozen=True, tag=True):
    """Something to be done at the receiver once the file is delivered."""

    action: FilestoreAction
    first_name: str
    second_name: str = ""

    def encode(self) -> bytes:
        """Give the whole TLV."""
        names = encode_lv(self.first_name.encode())
        if self.action in WITH_TWO_NAMES:
            names += encode_lv(self.second_name.encode())
        return encode_tlv(TlvType.FILESTORE_REQUEST, bytes([self.action << 4]) + names)

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of the TLV."""
        action, _, first, second, rest = _read_action(value)
        if rest:
            raise MalformedError(f"filestore request: expected nothing after the names, found {rest.hex()}")
        return cls(action, first, second)


class FilestoreResponse(msgspec.Struct, frozen=True, tag=True):
    """What became of a filestore request."""

    action: FilestoreAction
    status: int
    """0 to 15; 0 is success and 15 not performed."""
    first_name: str
    second_name: str = ""
    message: str = ""

    def encode(self) -> bytes:
        """Give the whole TLV."""
        value = bytes([self.action << 4 | self.status]) + encode_lv(self.first_name.encode())
        if self.action in WITH_TWO_NAMES:
            value += encode_lv(self.second_name.encode())
        return encode_tlv(TlvType.FILESTORE_RESPONSE, value + encode_lv(self.message.encode()))

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of the TLV."""
        action, status, first, second, rest = _read_action(value)
        message, rest = decode_lv(rest) if rest else (b"", b"")
        if rest:
            raise MalformedError(f"filestore response: expected nothing after the message, found {rest.hex()}")
        return cls(action, status, first, second, decode_text(message))


class MessageToUser(msgspec.Struct, frozen=True, tag=True):
    """Octets for the user at the receiver."""

    data: bytes

    def encode(self) -> bytes:
        """Give the whole TLV."""
        return encode_tlv(TlvType.MESSAGE_TO_USER, self.data)


class FlowLabel(msgspec.Struct, frozen=True, tag=True):
    """Octets for the layers below."""

    data: bytes

    def encode(self) -> bytes:
        """Give the whole TLV."""
        return encode_tlv(TlvType.FLOW_LABEL, self.data)


class FaultHandlerOverride(msgspec.Struct, frozen=True, tag=True):
    """What is to be done on one fault in this transaction."""

    condition: ConditionCode
    handler: HandlerCode

    def encode(self) -> bytes:
        """Give the whole TLV."""
        return encode_tlv(TlvType.FAULT_HANDLER_OVERRIDE, bytes([self.condition << 4 | self.handler]))

    @classmethod
    def decode(cls, value: bytes) -> Self:
        """Read the value of the TLV."""
        if len(value) != 1:
            raise MalformedError(f"fault handler override: expected 1 octet, found {len(value)}")
        try:
            return cls(ConditionCode(value[0] >> 4), HandlerCode(value[0] & 15))
        except ValueError as error:
            raise MalformedError(f"fault handler override: {error}") from error


Option = FilestoreRequest | MessageToUser | FaultHandlerOverride | FlowLabel
"""What Metadata may carry."""


def encode_options(options: Sequence[Option]) -> bytes:
    """Give the options of Metadata, one after the other."""
    return b"".join(option.encode() for option in options)


def decode_options(data: bytes) -> tuple[Option, ...]:
    """Read the options of Metadata.

    Raises:
        MalformedError: A TLV is cut short, or is of a type that does not belong there.
    """
    options: list[Option] = []
    for kind, value in split_tlvs(data):
        match kind:
            case TlvType.FILESTORE_REQUEST:
                options.append(FilestoreRequest.decode(value))
            case TlvType.MESSAGE_TO_USER:
                options.append(MessageToUser(value))
            case TlvType.FAULT_HANDLER_OVERRIDE:
                options.append(FaultHandlerOverride.decode(value))
            case TlvType.FLOW_LABEL:
                options.append(FlowLabel(value))
            case _:
                raise MalformedError(f"Metadata: expected an option, found {kind.name}")
    return tuple(options)


def split_tlvs(data: bytes) -> list[tuple[TlvType, bytes]]:
    """Cut octets that hold TLVs.

    Raises:
        MalformedError: One is longer than what is left, or of a reserved type.
    """
    found: list[tuple[TlvType, bytes]] = []
    while data:
        try:
            kind = TlvType(data[0])
        except ValueError as error:
            raise MalformedError(f"TLV: expected a type of 0 to 6 but 3, found {data[0]}") from error
        value, data = decode_lv(data[1:])
        found.append((kind, value))
    return found


def encode_tlv(kind: TlvType, value: bytes) -> bytes:
    """Give a TLV."""
    return bytes([kind]) + encode_lv(value)


def encode_lv(value: bytes) -> bytes:
    """Give a length and a value.

    Raises:
        MisuseError: The value is longer than a length can tell.
    """
    if len(value) > VALUE_OCTETS_MAX:
        raise MisuseError(f"expected at most {VALUE_OCTETS_MAX} octets of value, found {len(value)}")
    return bytes([len(value)]) + value


def decode_lv(data: bytes) -> tuple[bytes, bytes]:
    """Read a length and a value; give the value, and what follows it.

    Raises:
        MalformedError: The value is cut short.
    """
    if not data or len(data) - 1 < data[0]:
        raise MalformedError(f"expected {data[0] if data else 1} octets of value, found {max(0, len(data) - 1)}")
    return data[1 : 1 + data[0]], data[1 + data[0] :]


def decode_text(data: bytes) -> str:
    """Read a name.

    Raises:
        MalformedError: It is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"expected a name in UTF-8, found {data.hex()}") from error


def _read_action(value: bytes) -> tuple[FilestoreAction, int, str, str, bytes]:
    if not value:
        raise MalformedError("filestore TLV: expected an action, found no octets")
    try:
        action = FilestoreAction(value[0] >> 4)
    except ValueError as error:
        raise MalformedError(f"filestore TLV: expected an action of 0 to 8, found {value[0] >> 4}") from error
    first, rest = decode_lv(value[1:])
    second, rest = decode_lv(rest) if action in WITH_TWO_NAMES else (b"", rest)
    return action, value[0] & 15, decode_text(first), decode_text(second), rest
