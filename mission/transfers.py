"""The words about files that both ends share, as numbers on the wire. Data only; the meaning is in `ccsds.cfdp`.

Members have the names of their twins there, by which each end finds them.
"""

from enum import IntEnum


class FileKind(IntEnum):
    """What a name in the store stands for."""

    FILE = 1
    DIRECTORY = 2


class TransferRole(IntEnum):
    """Which end of a transfer the spacecraft is: `ccsds.cfdp.events.Role`."""

    SENDER = 1
    RECEIVER = 2


class FileChecksum(IntEnum):
    """How a file is summed: `ccsds.cfdp.codes.ChecksumType`, with the registry's numbers."""

    MODULAR = 0
    CRC_32C = 2
    CRC_32 = 3
    NULL = 15
    AS_PROFILE = 255
    """As the link's profile has it."""


class PduRefusal(IntEnum):
    """Why a PDU was not taken: `ccsds.cfdp.events.Rejection`."""

    MALFORMED = 1
    FOREIGN_ENTITY = 2
    UNKNOWN_TRANSACTION = 3
    OUT_OF_PLACE = 4
    CONTRADICTION = 5
    BEYOND_FILE = 6
    NO_ROOM = 7
    SPOILT = 8
