"""What the journal keeps of transactions, so that both ends go on after a reboot. It never writes anything itself.

Every record is all that must be known of one transaction, so the last one of each is enough, in any journal that keeps
the order: ``flight.journal.Journal`` is a `Journal`.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol

import msgspec

from ccsds.cfdp.checksum import Run
from ccsds.cfdp.codes import ChecksumType, ConditionCode, Direction, TransmissionMode
from ccsds.cfdp.directives import Eof, Finished, Metadata
from ccsds.cfdp.events import Role, TransactionId
from ccsds.cfdp.filestore_requests import Intent
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.tlv import FilestoreResponse, Option
from ccsds.errors import MalformedError

# The journal is written anew, with what still matters, after so many records: a few hundred octets each.
RECORDS_MAX = 8192

# Runs kept in a record: 24 octets each, so that a record stays well below the journal's bound of 1 MiB. What does not
# fit is asked for again after a reboot.
RUNS_MAX = 16_384


class Journal(Protocol):
    """Where records become durable. Both methods may raise ``OSError``."""

    def append(self, payload: bytes) -> None:
        """Add a record; it is durable when this returns."""
        ...

    def replace(self, payloads: Iterable[bytes]) -> None:
        """Put other records in the place of all, or of none; they are durable when this returns."""
        ...


class PutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be sent. Without names only the options go."""

    destination: int
    """Entity id of the far end."""
    source_name: str = ""
    destination_name: str = ""
    mode: TransmissionMode | None = None
    """None: as the MIB says, as with the next two."""
    closure_requested: bool | None = None
    checksum_type: ChecksumType | None = None
    priority: int = 4
    """0 to 7; 0 goes first, and what has the same priority takes turns."""
    options: tuple[Option, ...] = ()


class SenderRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A transaction that is sent from here."""

    header: PduHeader
    request: PutRequest
    metadata: Metadata
    progress_octets: int = 0
    runs: tuple[Run, ...] = ()
    """Of the checksum, up to the progress."""
    condition: ConditionCode = ConditionCode.NO_ERROR
    """Of the EOF, if it was cancelled."""
    is_suspended: bool = False
    version: bytes = b""
    """Of the file when it was put; empty in journals of old, which know of none."""


class ReceiverStage(IntEnum):
    """How far the delivery of a file is."""

    RECEIVING = 0
    RENAMING = 1
    """It is whole and synced, and is about to get its name."""
    REQUESTS = 2
    """It has its name; filestore requests are being done."""
    FINISHED = 3


class ReceiverRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A transaction that is received here."""

    header: PduHeader
    """Of what is sent back."""
    metadata: Metadata | None = None
    eof: Eof | None = None
    runs: tuple[Run, ...] = ()
    """What is synced in the part file, and its checksums if the Metadata is known."""
    stage: ReceiverStage = ReceiverStage.RECEIVING
    responses: tuple[FilestoreResponse, ...] = ()
    intent: Intent | None = None
    """The filestore request that may have been done."""
    finished: Finished | None = None
    is_suspended: bool = False


class ClosedRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A transaction that is over, and what it answers to late PDUs."""

    header: PduHeader
    """Of the answers."""
    role: Role
    condition: ConditionCode
    finished: Finished | None = None


class SequenceRecord(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Sequence numbers below this are used up."""

    next_sequence: int


Record = SenderRecord | ReceiverRecord | ClosedRecord | SequenceRecord

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Give the octets of a record."""
    return _encoder.encode(record)


def decode_record(data: bytes) -> Record:
    """Read a record.

    Raises:
        MalformedError: It is none.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError(f"CFDP journal: expected a record, found {len(data)} octets: {error}") from error


def transaction_of(header: PduHeader) -> TransactionId:
    """Give the transaction that a PDU is of."""
    return TransactionId(header.source, header.sequence)


def role_of(record: SenderRecord | ReceiverRecord | ClosedRecord) -> Role:
    """Give which end of its transaction a record is of."""
    match record:
        case SenderRecord():
            return Role.SENDER
        case ReceiverRecord():
            return Role.RECEIVER
        case ClosedRecord():
            return record.role


def turned(header: PduHeader, direction: Direction) -> PduHeader:
    """Give the header of PDUs in a direction of the same transaction, without segment metadata."""
    return msgspec.structs.replace(header, direction=direction, has_segment_metadata=False, preserves_records=False)
