"""The numbers of CFDP: what stands in the fields of its PDUs. It holds no behaviour.

Source: CCSDS 727.0-B-5 5.
"""

from enum import IntEnum


class Direction(IntEnum):
    """Which way a PDU goes."""

    TOWARD_RECEIVER = 0
    TOWARD_SENDER = 1


class TransmissionMode(IntEnum):
    """Whether what is lost is asked for again."""

    ACKNOWLEDGED = 0
    """Class 2."""
    UNACKNOWLEDGED = 1
    """Class 1."""


class DirectiveCode(IntEnum):
    """Which directive a PDU is (table 5-4)."""

    # 0x00 to 0x03 are reserved.
    EOF = 0x04
    FINISHED = 0x05
    ACK = 0x06
    METADATA = 0x07
    NAK = 0x08
    PROMPT = 0x09
    # 0x0A and 0x0B are reserved.
    KEEP_ALIVE = 0x0C


class ConditionCode(IntEnum):
    """Why a transaction ended, or what is wrong with it (table 5-5)."""

    NO_ERROR = 0
    POSITIVE_ACK_LIMIT_REACHED = 1
    KEEP_ALIVE_LIMIT_REACHED = 2
    INVALID_TRANSMISSION_MODE = 3
    FILESTORE_REJECTION = 4
    FILE_CHECKSUM_FAILURE = 5
    FILE_SIZE_ERROR = 6
    NAK_LIMIT_REACHED = 7
    INACTIVITY_DETECTED = 8
    INVALID_FILE_STRUCTURE = 9
    CHECK_LIMIT_REACHED = 10
    UNSUPPORTED_CHECKSUM_TYPE = 11
    # 12 and 13 are reserved.
    SUSPEND_REQUEST_RECEIVED = 14
    CANCEL_REQUEST_RECEIVED = 15


class ChecksumType(IntEnum):
    """How a file is summed (SANA registry of CFDP checksum types)."""

    MODULAR = 0
    CRC_32C = 2
    CRC_32 = 3
    NULL = 15


class DeliveryCode(IntEnum):
    """Whether all of a file came."""

    COMPLETE = 0
    INCOMPLETE = 1


class FileStatus(IntEnum):
    """What became of the delivered file."""

    DISCARDED = 0
    """On purpose."""
    REJECTED = 1
    """By the file store."""
    RETAINED = 2
    UNREPORTED = 3


class TransactionStatus(IntEnum):
    """What an entity knows of the transaction that it acknowledges."""

    UNDEFINED = 0
    """It keeps no list of finished transactions, and this is not a running one."""
    ACTIVE = 1
    TERMINATED = 2
    UNRECOGNIZED = 3


class HandlerCode(IntEnum):
    """What is done when a fault is declared (table 5-18)."""

    # 0 is reserved.
    CANCEL = 1
    SUSPEND = 2
    IGNORE = 3
    ABANDON = 4


class PromptResponse(IntEnum):
    """What a Prompt PDU wants."""

    NAK = 0
    KEEP_ALIVE = 1


class RecordContinuation(IntEnum):
    """Where records begin and end in a segment that has metadata (table 5-14)."""

    NEITHER = 0
    START = 1
    END = 2
    WHOLE = 3
