"""The fixed header of a CFDP PDU, and the CRC that may end it. It never looks at what the PDU says.

The layout, most significant bit first:

    version 3 = 1 | type 1 | direction 1 | mode 1 | CRC 1 | large file 1
    length of what follows the header, CRC included, 16
    segmentation control 1 | octets of an entity id - 1, 3 | segment metadata 1 | octets of the sequence number - 1, 3
    source entity id | transaction sequence number | destination entity id

Source: CCSDS 727.0-B-5 5.1.
"""

import struct
from enum import IntEnum
from typing import Self

import msgspec

from ccsds.cfdp.codes import Direction, TransmissionMode
from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, MisuseError

VERSION = 1
FIXED_OCTETS = 4
# Three bits hold the octets of an id, less one.
ID_OCTETS_MAX = 8
# The length field has 16 bits.
FIELD_OCTETS_MAX = 65_535

_HEADER = struct.Struct(">BHB")


class PduType(IntEnum):
    """What follows the header."""

    DIRECTIVE = 0
    FILE_DATA = 1


# Looked up by their bit, which costs a tenth of a call of the enumeration.
_DIRECTIONS, _MODES, _TYPES = tuple(Direction), tuple(TransmissionMode), tuple(PduType)


class PduHeader(msgspec.Struct, frozen=True):
    """The header of a PDU; the length is computed when it is encoded."""

    direction: Direction
    mode: TransmissionMode
    source: int
    """Entity id of the sender of the file."""
    sequence: int
    """Transaction sequence number, which the source chose."""
    destination: int
    """Entity id of the receiver of the file."""
    has_crc: bool = False
    is_large: bool = False
    """Sizes and offsets have 64 bits in place of 32."""
    entity_octets: int = 2
    sequence_octets: int = 4
    preserves_records: bool = False
    has_segment_metadata: bool = False

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value in (("entity id", self.entity_octets), ("sequence number", self.sequence_octets)):
            if not 1 <= value <= ID_OCTETS_MAX:
                raise MisuseError(f"CFDP header: expected 1 to {ID_OCTETS_MAX} octets of {name}, found {value}")
        for name, value, octets in (
            ("source", self.source, self.entity_octets),
            ("destination", self.destination, self.entity_octets),
            ("sequence number", self.sequence, self.sequence_octets),
        ):
            if value < 0 or value >> 8 * octets:
                raise MisuseError(f"CFDP header: expected a {name} of {octets} octets, found {value}")

    def encode(self, pdu_type: PduType, field: bytes) -> bytes:
        """Give the whole PDU.

        Args:
            pdu_type: What the field is.
            field: What follows the header, without the CRC, at most 65535 octets with it.

        Raises:
            MisuseError: The field is too long.
        """
        length_octets = len(field) + (CRC16_OCTETS if self.has_crc else 0)
        if length_octets > FIELD_OCTETS_MAX:
            raise MisuseError(f"CFDP PDU: expected at most {FIELD_OCTETS_MAX} octets of data, found {length_octets}")
        pdu = (
            _HEADER.pack(
                VERSION << 5
                | pdu_type << 4
                | self.direction << 3
                | self.mode << 2
                | bool(self.has_crc) << 1
                | bool(self.is_large),
                length_octets,
                bool(self.preserves_records) << 7
                | (self.entity_octets - 1) << 4
                | bool(self.has_segment_metadata) << 3
                | (self.sequence_octets - 1),
            )
            + self.source.to_bytes(self.entity_octets, "big")
            + self.sequence.to_bytes(self.sequence_octets, "big")
            + self.destination.to_bytes(self.entity_octets, "big")
            + field
        )
        return pdu + crc16(pdu).to_bytes(CRC16_OCTETS, "big") if self.has_crc else pdu

    @property
    def octets(self) -> int:
        """The length of the header itself."""
        return FIXED_OCTETS + 2 * self.entity_octets + self.sequence_octets

    @classmethod
    def decode(cls, pdu: bytes) -> tuple[Self, PduType, bytes]:
        """Read the header of exactly one PDU, and check its length and CRC.

        Returns:
            The header, what the field is, and the field without the CRC.

        Raises:
            MalformedError: It is not version 1, is longer or shorter than it says, or its CRC is wrong.
        """
        if len(pdu) < FIXED_OCTETS:
            raise MalformedError(f"expected {FIXED_OCTETS} octets of CFDP header, found {len(pdu)}")
        flags, length_octets, sizes = _HEADER.unpack_from(pdu)
        if flags >> 5 != VERSION:
            raise MalformedError(f"CFDP header: expected version {VERSION}, found {flags >> 5}")
        entity_octets, sequence_octets = (sizes >> 4 & 7) + 1, (sizes & 7) + 1
        header_octets = FIXED_OCTETS + 2 * entity_octets + sequence_octets
        if len(pdu) != header_octets + length_octets:
            raise MalformedError(
                f"expected a CFDP PDU of {header_octets + length_octets} octets by its header, found {len(pdu)}"
            )
        has_crc = bool(flags >> 1 & 1)
        field = bytes(pdu[header_octets:])
        if has_crc:
            if crc16(pdu) or length_octets < CRC16_OCTETS:
                raise MalformedError(f"CFDP PDU: expected CRC {crc16(pdu[:-2]):04x}, found {pdu[-2:].hex()}")
            field = field[:-CRC16_OCTETS]
        middle = FIXED_OCTETS + entity_octets
        header = cls(
            _DIRECTIONS[flags >> 3 & 1],
            _MODES[flags >> 2 & 1],
            int.from_bytes(pdu[FIXED_OCTETS:middle], "big"),
            int.from_bytes(pdu[middle : middle + sequence_octets], "big"),
            int.from_bytes(pdu[middle + sequence_octets : header_octets], "big"),
            has_crc,
            bool(flags & 1),
            entity_octets,
            sequence_octets,
            bool(sizes >> 7),
            bool(sizes >> 3 & 1),
        )
        return header, _TYPES[flags >> 4 & 1], field
