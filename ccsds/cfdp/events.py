"""What a CFDP entity tells its owner. Each has a one-line ``str``; none asks for an answer.

Source: CCSDS 727.0-B-5 3.5 (the indications).
"""

from enum import Enum

import msgspec

from ccsds.cfdp.codes import ConditionCode, DeliveryCode, FileStatus, HandlerCode
from ccsds.cfdp.tlv import FilestoreResponse, Option


class TransactionId(msgspec.Struct, frozen=True, order=True):
    """Who sends, and which of its transactions it is."""

    source: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.source}-{self.sequence}"


class Role(Enum):
    """Which end of a transaction this entity is."""

    SENDER = "sender"
    RECEIVER = "receiver"


class Rejection(Enum):
    """Why a PDU was not taken."""

    MALFORMED = "malformed"
    """It is not what the standard says, or lies about its length."""
    FOREIGN_ENTITY = "foreign entity"
    """It is not for this entity, or from one that the MIB does not know."""
    UNKNOWN_TRANSACTION = "unknown transaction"
    OUT_OF_PLACE = "out of place"
    """Nobody sends it in this direction or state."""
    CONTRADICTION = "contradiction"
    """It says other than an earlier PDU: other octets for an offset, another size."""
    BEYOND_FILE = "beyond the file"
    """It is past the file's end, or the largest that there may be."""
    NO_ROOM = "no room"
    """There are too many transactions, or too many gaps."""
    SPOILT = "spoilt"
    """The store does not hold what came: all of the file is asked for again."""


class PduRejected(msgspec.Struct, frozen=True, tag=True):
    """A PDU was counted and dropped."""

    rejection: Rejection
    condition: ConditionCode
    detail: str
    transaction: TransactionId | None = None

    def __str__(self) -> str:
        where = f" of {self.transaction}" if self.transaction else ""
        return f"CFDP PDU{where} rejected, {self.rejection.value} ({self.condition.name}): {self.detail}"


class TransactionStarted(msgspec.Struct, frozen=True, tag=True):
    """A transaction began, here or at the far end."""

    transaction: TransactionId
    role: Role

    def __str__(self) -> str:
        return f"CFDP {self.transaction}: started as {self.role.value}"


class MetadataReceived(msgspec.Struct, frozen=True, tag=True):
    """It is known which file comes."""

    transaction: TransactionId
    source_name: str
    destination_name: str
    size_octets: int
    options: tuple[Option, ...]

    def __str__(self) -> str:
        return (
            f"CFDP {self.transaction}: {self.source_name!r} to {self.destination_name!r}, "
            f"{self.size_octets} octets, {len(self.options)} options"
        )


class FileSent(msgspec.Struct, frozen=True, tag=True):
    """All of a file was sent once (EOF-Sent.indication)."""

    transaction: TransactionId

    def __str__(self) -> str:
        return f"CFDP {self.transaction}: sent once"


class FaultRaised(msgspec.Struct, frozen=True, tag=True):
    """A fault was declared, and its handler chosen."""

    transaction: TransactionId
    role: Role
    condition: ConditionCode
    handler: HandlerCode
    detail: str

    def __str__(self) -> str:
        what = f"{self.condition.name} at the {self.role.value}, {self.handler.name}"
        return f"CFDP {self.transaction}: {what}: {self.detail}"


class TransactionSuspended(msgspec.Struct, frozen=True, tag=True):
    """A transaction stands still until it is resumed."""

    transaction: TransactionId
    role: Role
    condition: ConditionCode

    def __str__(self) -> str:
        return f"CFDP {self.transaction}: {self.role.value} suspended ({self.condition.name})"


class TransactionResumed(msgspec.Struct, frozen=True, tag=True):
    """A transaction goes on."""

    transaction: TransactionId
    role: Role
    progress_octets: int

    def __str__(self) -> str:
        return f"CFDP {self.transaction}: {self.role.value} resumed at {self.progress_octets}"


class ProgressReported(msgspec.Struct, frozen=True, tag=True):
    """The receiver of a file was asked how far it is, and said it."""

    transaction: TransactionId
    progress_octets: int

    def __str__(self) -> str:
        return f"CFDP {self.transaction}: {self.progress_octets} octets are at the receiver"


class TransactionFinished(msgspec.Struct, frozen=True, tag=True):
    """A transaction is over at this end."""

    transaction: TransactionId
    role: Role
    condition: ConditionCode
    delivery: DeliveryCode
    file_status: FileStatus
    name: str
    """Of the file at this end, empty if it never became known."""
    size_octets: int
    responses: tuple[FilestoreResponse, ...] = ()

    def __str__(self) -> str:
        return (
            f"CFDP {self.transaction}: {self.role.value} finished, {self.condition.name}, {self.delivery.name}, "
            f"{self.file_status.name}, {self.name!r}, {self.size_octets} octets"
        )


Event = (
    PduRejected
    | TransactionStarted
    | MetadataReceived
    | FileSent
    | FaultRaised
    | TransactionSuspended
    | TransactionResumed
    | ProgressReported
    | TransactionFinished
)
