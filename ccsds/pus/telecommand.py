"""The PUS-C telecommand packet: what one asks a service on board to do, and the identity of the request.

The secondary header, most significant bit first, after the six octets of the space packet's own header; CRC-16 last:

    PUS version 4 = 2 | acknowledgement flags 4 | service 8 | subtype 8 | source id 16

The acknowledgement flags are, from the lowest bit up: acceptance, start, progress, completion. Some implementations
have them the other way round. It never knows what a service does with its data.

Source: ECSS-E-ST-70-41C 7.4.4 (header), 6.1.4 and 8.1.2.1 (request identifier).
"""

import struct
from enum import IntFlag
from typing import Self

import msgspec

from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import APID_MAX, HEADER_OCTETS, PACKET_OCTETS_MAX, SEQUENCE_COUNT_MAX, packet_length

PUS_VERSION = 2
"""PUS-C."""

OVERHEAD_OCTETS = 13
"""Octets of a telecommand that are not its application data: two headers and the CRC-16."""
DATA_OCTETS_MAX = PACKET_OCTETS_MAX - OVERHEAD_OCTETS
REQUEST_ID_OCTETS = 4

_HEADERS = struct.Struct(">HHHBBBH")
_REQUEST_ID = struct.Struct(">HH")
# Version 0, telecommand, with a secondary header; and a whole packet, not a segment.
_IDENTIFICATION = 0x1800
_UNSEGMENTED = 0xC000


class AckFlags(IntFlag):
    """Which verification reports the sender asks for. Failures are reported whether or not it asks."""

    ACCEPTANCE = 0b0001
    START = 0b0010
    PROGRESS = 0b0100
    COMPLETION = 0b1000


ALL_ACKS = AckFlags.ACCEPTANCE | AckFlags.START | AckFlags.PROGRESS | AckFlags.COMPLETION


class RequestId(msgspec.Struct, frozen=True):
    """The name of a telecommand in its verification reports: the first four octets of its packet."""

    apid: int
    sequence_count: int

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        _check_identity(self.apid, self.sequence_count)

    def encode(self) -> bytes:
        """Give the four octets."""
        return _REQUEST_ID.pack(_IDENTIFICATION | self.apid, _UNSEGMENTED | self.sequence_count)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the four octets.

        Raises:
            MalformedError: There are more or fewer, or they are not the beginning of a telecommand.
        """
        if len(data) != REQUEST_ID_OCTETS:
            raise MalformedError(f"expected {REQUEST_ID_OCTETS} octets of request identifier, found {len(data)}")
        identification, sequence = _REQUEST_ID.unpack(data)
        _check_fixed_bits(identification, sequence)
        return cls(identification & APID_MAX, sequence & SEQUENCE_COUNT_MAX)

    def __str__(self) -> str:
        return f"{self.apid:#x}/{self.sequence_count}"


class Telecommand(msgspec.Struct, frozen=True):
    """One telecommand packet."""

    apid: int
    """Of the application on board that it is for, 0 to 2047."""
    sequence_count: int
    """0 to 16383."""
    service: int
    """PUS service type, 0 to 255."""
    subtype: int
    """Message subtype, 0 to 255."""
    source_id: int = 0
    """Who asks, 0 to 65535."""
    ack: AckFlags = ALL_ACKS
    data: bytes = b""
    """Application data, 0 to 65529 octets."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        _check_identity(self.apid, self.sequence_count)
        if not 0 <= self.service <= 0xFF or not 0 <= self.subtype <= 0xFF:
            raise MisuseError(
                f"telecommand: expected service and subtype 0 to 255, found {self.service} and {self.subtype}"
            )
        if not 0 <= self.source_id <= 0xFFFF:
            raise MisuseError(f"telecommand: expected source id 0 to 65535, found {self.source_id}")
        if not 0 <= self.ack <= ALL_ACKS:
            raise MisuseError(f"telecommand: expected acknowledgement flags of 4 bits, found {int(self.ack):#x}")
        if len(self.data) > DATA_OCTETS_MAX:
            raise MisuseError(f"telecommand: expected up to {DATA_OCTETS_MAX} octets of data, found {len(self.data)}")

    def encode(self) -> bytes:
        """Give the whole packet."""
        packet = (
            _HEADERS.pack(
                _IDENTIFICATION | self.apid,
                _UNSEGMENTED | self.sequence_count,
                len(self.data) + OVERHEAD_OCTETS - HEADER_OCTETS - 1,
                PUS_VERSION << 4 | self.ack,
                self.service,
                self.subtype,
                self.source_id,
            )
            + self.data
        )
        return packet + crc16(packet).to_bytes(CRC16_OCTETS, "big")

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read exactly one packet.

        Raises:
            MalformedError: Its length, its CRC-16 (only then the message says ``CRC``) or a fixed bit is wrong.
        """
        length_octets = packet_length(packet)
        if length_octets != len(packet):
            raise MalformedError(f"expected a packet of {length_octets} octets by its header, found {len(packet)}")
        if length_octets < OVERHEAD_OCTETS:
            raise MalformedError(f"telecommand: expected {OVERHEAD_OCTETS} octets or more, found {length_octets}")
        if crc16(packet):
            raise MalformedError(
                f"telecommand: expected CRC-16 {crc16(packet[:-CRC16_OCTETS]):04x}, "
                f"found {packet[-CRC16_OCTETS:].hex()}"
            )
        identification, sequence, _, first, service, subtype, source_id = _HEADERS.unpack_from(packet)
        _check_fixed_bits(identification, sequence)
        if first >> 4 != PUS_VERSION:
            raise MalformedError(f"telecommand: expected PUS version {PUS_VERSION}, found {first >> 4}")
        return cls(
            identification & APID_MAX,
            sequence & SEQUENCE_COUNT_MAX,
            service,
            subtype,
            source_id,
            AckFlags(first & 0xF),
            bytes(packet[_HEADERS.size : -CRC16_OCTETS]),
        )

    @property
    def request_id(self) -> RequestId:
        """Its name in verification reports."""
        return RequestId(self.apid, self.sequence_count)


def _check_identity(apid: int, sequence_count: int) -> None:
    if not 0 <= apid <= APID_MAX:
        raise MisuseError(f"telecommand: expected APID 0 to {APID_MAX}, found {apid}")
    if not 0 <= sequence_count <= SEQUENCE_COUNT_MAX:
        raise MisuseError(f"telecommand: expected sequence count 0 to {SEQUENCE_COUNT_MAX}, found {sequence_count}")


def _check_fixed_bits(identification: int, sequence: int) -> None:
    if identification & ~APID_MAX != _IDENTIFICATION:
        raise MalformedError(
            "telecommand: expected version 0, type telecommand and a secondary header (0x1800), "
            f"found {identification & ~APID_MAX:#06x}"
        )
    if sequence & ~SEQUENCE_COUNT_MAX != _UNSEGMENTED:
        raise MalformedError(f"telecommand: expected sequence flags 3 (unsegmented), found {sequence >> 14}")
