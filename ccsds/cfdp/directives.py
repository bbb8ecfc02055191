"""The seven directives of CFDP and the file data segment: what stands after a PDU's header.

Each has ``encode(is_large)`` and ``decode(data, is_large)``; `ccsds.cfdp.pdu` joins them with a header. Spare bits are
ignored when they are read, since not every implementation leaves them at 0.

Source: CCSDS 727.0-B-5 5.2 and 5.3.
"""

import struct
from collections.abc import Callable
from typing import Self

import msgspec

from ccsds.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    DirectiveCode,
    FileStatus,
    PromptResponse,
    RecordContinuation,
    TransactionStatus,
)
from ccsds.cfdp.tlv import (
    FilestoreResponse,
    Option,
    TlvType,
    decode_lv,
    decode_options,
    decode_text,
    encode_lv,
    encode_options,
    encode_tlv,
    split_tlvs,
)
from ccsds.errors import MalformedError, MisuseError

# Six bits hold the length of segment metadata.
SEGMENT_METADATA_OCTETS_MAX = 63

_SIZES = (struct.Struct(">I"), struct.Struct(">Q"))
_ENTITY_OCTETS_MAX = 8
_CONDITIONS = {int(condition): condition for condition in ConditionCode}


class FileData(msgspec.Struct, frozen=True):
    """A segment of the file."""

    offset_octets: int
    data: bytes
    metadata: bytes | None = None
    """Up to 63 octets about the segment, None if the header has no flag for them."""
    continuation: RecordContinuation = RecordContinuation.NEITHER

    def encode(self, is_large: bool) -> bytes:
        """Give the field of the PDU."""
        offset = _encode_sizes(is_large, self.offset_octets)
        if self.metadata is None:
            return offset + self.data
        if len(self.metadata) > SEGMENT_METADATA_OCTETS_MAX:
            raise MisuseError(
                f"file data: expected at most {SEGMENT_METADATA_OCTETS_MAX} octets of segment metadata, "
                f"found {len(self.metadata)}"
            )
        return bytes([self.continuation << 6 | len(self.metadata)]) + self.metadata + offset + self.data

    @classmethod
    def decode(cls, data: bytes, is_large: bool, has_metadata: bool = False) -> Self:
        """Read the field of the PDU."""
        metadata, continuation = None, RecordContinuation.NEITHER
        if has_metadata:
            if not data or len(data) - 1 < data[0] & 63:
                raise MalformedError(f"file data: segment metadata is cut short, found {len(data)} octets")
            continuation = RecordContinuation(data[0] >> 6)
            metadata, data = data[1 : 1 + (data[0] & 63)], data[1 + (data[0] & 63) :]
        (offset,), rest = _decode_sizes("file data", data, is_large, 1)
        return cls(offset, rest, metadata, continuation)


class Metadata(msgspec.Struct, frozen=True):
    """What file this is. Without names only messages and filestore requests are carried."""

    size_octets: int
    """0 if it is not known."""
    source_name: str
    destination_name: str
    checksum_type: int
    """A `ChecksumType`, or a number that this entity does not know."""
    closure_requested: bool = False
    options: tuple[Option, ...] = ()

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        return (
            bytes([bool(self.closure_requested) << 6 | self.checksum_type & 15])
            + _encode_sizes(is_large, self.size_octets)
            + encode_lv(self.source_name.encode())
            + encode_lv(self.destination_name.encode())
            + encode_options(self.options)
        )

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        flags, data = _first_octet("Metadata", data)
        (size,), data = _decode_sizes("Metadata", data, is_large, 1)
        source, data = decode_lv(data)
        destination, data = decode_lv(data)
        return cls(
            size, decode_text(source), decode_text(destination), flags & 15, bool(flags >> 6 & 1), decode_options(data)
        )


class Eof(msgspec.Struct, frozen=True):
    """All of the file was sent once, or its sender gave up."""

    condition: ConditionCode
    checksum: int
    size_octets: int
    fault_location: int | None = None
    """Entity id of who cancelled, if one did."""

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        return (
            bytes([self.condition << 4])
            + self.checksum.to_bytes(4, "big")
            + _encode_sizes(is_large, self.size_octets)
            + _encode_location(self.fault_location)
        )

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        flags, data = _first_octet("EOF", data)
        if len(data) < 4:
            raise MalformedError(f"EOF: expected 4 octets of checksum, found {len(data)}")
        (size,), rest = _decode_sizes("EOF", data[4:], is_large, 1)
        location, responses = _decode_tail("EOF", rest)
        if responses:
            raise MalformedError("EOF: expected no filestore response, found one")
        return cls(_condition("EOF", flags), int.from_bytes(data[:4], "big"), size, location)


class Finished(msgspec.Struct, frozen=True):
    """What became of the file at its receiver."""

    condition: ConditionCode
    delivery: DeliveryCode
    file_status: FileStatus
    responses: tuple[FilestoreResponse, ...] = ()
    fault_location: int | None = None

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        return (
            bytes([self.condition << 4 | self.delivery << 2 | self.file_status])
            + b"".join(response.encode() for response in self.responses)
            + _encode_location(self.fault_location)
        )

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        flags, rest = _first_octet("Finished", data)
        location, responses = _decode_tail("Finished", rest)
        return cls(
            _condition("Finished", flags), DeliveryCode(flags >> 2 & 1), FileStatus(flags & 3), responses, location
        )


class Ack(msgspec.Struct, frozen=True):
    """An EOF or a Finished came."""

    directive: DirectiveCode
    condition: ConditionCode
    status: TransactionStatus

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code; the subtype is 1 for Finished alone."""
        subtype = 1 if self.directive is DirectiveCode.FINISHED else 0
        return bytes([self.directive << 4 | subtype, self.condition << 4 | self.status])

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        if len(data) != 2:
            raise MalformedError(f"ACK: expected 2 octets, found {len(data)}")
        if data[0] >> 4 not in (DirectiveCode.EOF, DirectiveCode.FINISHED):
            raise MalformedError(f"ACK: expected directive 4 or 5, found {data[0] >> 4}")
        return cls(DirectiveCode(data[0] >> 4), _condition("ACK", data[1]), TransactionStatus(data[1] & 3))


class Nak(msgspec.Struct, frozen=True):
    """What is missing between two offsets. The request (0, 0) is for the Metadata."""

    scope_start_octets: int
    scope_end_octets: int
    requests: tuple[tuple[int, int], ...] = ()
    """Start and end (not included) of each part that is missing."""

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        numbers = [self.scope_start_octets, self.scope_end_octets]
        for request in self.requests:
            numbers += request
        return _encode_sizes(is_large, *numbers)

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        (start, end), rest = _decode_sizes("NAK", data, is_large, 2)
        request_octets = 16 if is_large else 8
        if len(rest) % request_octets:
            raise MalformedError(f"NAK: expected requests of {request_octets} octets each, found {len(rest)} octets")
        numbers = struct.unpack(f">{len(rest) * 2 // request_octets}{'Q' if is_large else 'I'}", rest)
        return cls(start, end, tuple(zip(numbers[::2], numbers[1::2], strict=True)))


class Prompt(msgspec.Struct, frozen=True):
    """The sender wants a NAK or a Keep Alive now."""

    response: PromptResponse

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        return bytes([self.response << 7])

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        if len(data) != 1:
            raise MalformedError(f"Prompt: expected 1 octet, found {len(data)}")
        return cls(PromptResponse(data[0] >> 7))


class KeepAlive(msgspec.Struct, frozen=True):
    """How far the receiver is."""

    progress_octets: int

    def encode(self, is_large: bool) -> bytes:
        """Give what follows the directive code."""
        return _encode_sizes(is_large, self.progress_octets)

    @classmethod
    def decode(cls, data: bytes, is_large: bool) -> Self:
        """Read what follows the directive code."""
        (progress,), rest = _decode_sizes("Keep Alive", data, is_large, 1)
        if rest:
            raise MalformedError(f"Keep Alive: expected nothing after the progress, found {rest.hex()}")
        return cls(progress)


Directive = Metadata | Eof | Finished | Ack | Nak | Prompt | KeepAlive

CODES: dict[type[Directive], DirectiveCode] = {
    Metadata: DirectiveCode.METADATA,
    Eof: DirectiveCode.EOF,
    Finished: DirectiveCode.FINISHED,
    Ack: DirectiveCode.ACK,
    Nak: DirectiveCode.NAK,
    Prompt: DirectiveCode.PROMPT,
    KeepAlive: DirectiveCode.KEEP_ALIVE,
}
"""The code of each directive."""
DECODERS: dict[int, Callable[[bytes, bool], Directive]] = {code: kind.decode for kind, code in CODES.items()}
"""What reads each directive."""


def _encode_sizes(is_large: bool, *numbers: int) -> bytes:
    try:
        return b"".join(map(_SIZES[is_large].pack, numbers))
    except struct.error as error:
        raise MisuseError(f"expected numbers of {64 if is_large else 32} bits, found {numbers}") from error


def _decode_sizes(where: str, data: bytes, is_large: bool, count: int) -> tuple[tuple[int, ...], bytes]:
    size = _SIZES[is_large]
    if len(data) < size.size * count:
        raise MalformedError(f"{where}: expected {size.size * count} octets of offsets, found {len(data)}")
    numbers = tuple(size.unpack_from(data, size.size * at)[0] for at in range(count))
    return numbers, data[size.size * count :]


def _first_octet(where: str, data: bytes) -> tuple[int, bytes]:
    if not data:
        raise MalformedError(f"{where}: expected at least 1 octet, found none")
    return data[0], data[1:]


def _condition(where: str, octet: int) -> ConditionCode:
    condition = _CONDITIONS.get(octet >> 4)
    if condition is None:
        raise MalformedError(f"{where}: expected a condition code, found the reserved {octet >> 4}")
    return condition


def _encode_location(entity: int | None) -> bytes:
    if entity is None:
        return b""
    return encode_tlv(TlvType.ENTITY_ID, entity.to_bytes(max(1, (entity.bit_length() + 7) // 8), "big"))


def _decode_tail(where: str, data: bytes) -> tuple[int | None, tuple[FilestoreResponse, ...]]:
    location: int | None = None
    responses: list[FilestoreResponse] = []
    for kind, value in split_tlvs(data):
        if kind is TlvType.FILESTORE_RESPONSE:
            responses.append(FilestoreResponse.decode(value))
        elif kind is TlvType.ENTITY_ID and 1 <= len(value) <= _ENTITY_OCTETS_MAX and location is None:
            location = int.from_bytes(value, "big")
        else:
            raise MalformedError(f"{where}: expected a response or one entity id, found {kind.name} {value.hex()}")
    return location, tuple(responses)
