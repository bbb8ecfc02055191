"""The space packet: six octets of header that name a sender, count, and tell a length. It never looks inside the data.

The layout, most significant bit first:

    version 3 = 0 | type 1 | secondary header flag 1 | APID 11
    sequence flags 2 | sequence count 14
    octets of data - 1, 16

Source: CCSDS 133.0-B-2 4.1.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Self

import msgspec

from ccsds.errors import MalformedError, MisuseError

HEADER_OCTETS = 6
PACKET_OCTETS_MIN = 7
"""A packet has at least one octet of data (4.1.2.2)."""
# The length field has 16 bits and counts from one.
DATA_OCTETS_MAX = 65_536
PACKET_OCTETS_MAX = HEADER_OCTETS + DATA_OCTETS_MAX

IDLE_APID = 0x7FF
"""The application that nobody is: packets that only fill (4.1.3.3.4.4)."""
APID_MAX = 0x7FF
SEQUENCE_COUNT_MAX = 0x3FFF

_HEADER = struct.Struct(">HHH")


class PacketType(IntEnum):
    """Which way a packet goes."""

    TELEMETRY = 0
    TELECOMMAND = 1


class SequenceFlags(IntEnum):
    """Which part of a larger whole a packet is."""

    CONTINUATION = 0b00
    FIRST = 0b01
    LAST = 0b10
    UNSEGMENTED = 0b11


class SpacePacket(msgspec.Struct, frozen=True):
    """One space packet."""

    packet_type: PacketType
    apid: int
    """Application process identifier, 0 to 2047."""
    sequence_count: int
    """0 to 16383, a count for each APID."""
    data: bytes
    """Secondary header, if there is one, and user data: 1 to 65536 octets."""
    sequence_flags: SequenceFlags = SequenceFlags.UNSEGMENTED
    has_secondary_header: bool = True

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not 0 <= self.apid <= APID_MAX:
            raise MisuseError(f"packet: expected APID 0 to {APID_MAX}, found {self.apid}")
        if not 0 <= self.sequence_count <= SEQUENCE_COUNT_MAX:
            raise MisuseError(f"packet: expected sequence count 0 to {SEQUENCE_COUNT_MAX}, found {self.sequence_count}")
        if not 1 <= len(self.data) <= DATA_OCTETS_MAX:
            raise MisuseError(f"packet: expected 1 to {DATA_OCTETS_MAX} octets of data, found {len(self.data)}")

    def encode(self) -> bytes:
        """Give the whole packet."""
        return (
            _HEADER.pack(
                self.packet_type << 12 | bool(self.has_secondary_header) << 11 | self.apid,
                self.sequence_flags << 14 | self.sequence_count,
                len(self.data) - 1,
            )
            + self.data
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read exactly one packet.

        Raises:
            MalformedError: It is not version 0, or longer or shorter than its header says.
        """
        length_octets = packet_length(data)
        if length_octets != len(data):
            raise MalformedError(f"expected a packet of {length_octets} octets by its header, found {len(data)}")
        identification, sequence, _ = _HEADER.unpack_from(data)
        if identification >> 13:
            raise MalformedError(f"packet: expected version 0, found {identification >> 13}")
        return cls(
            PacketType(identification >> 12 & 1),
            identification & APID_MAX,
            sequence & SEQUENCE_COUNT_MAX,
            bytes(data[HEADER_OCTETS:]),
            SequenceFlags(sequence >> 14),
            bool(identification >> 11 & 1),
        )


def packet_length(header: bytes) -> int:
    """Give the length of a whole packet in octets.

    Args:
        header: Its first six octets, or more.

    Raises:
        MalformedError: There are fewer.
    """
    if len(header) < HEADER_OCTETS:
        raise MalformedError(f"expected {HEADER_OCTETS} octets of primary header, found {len(header)}")
    return (header[4] << 8 | header[5]) + HEADER_OCTETS + 1


def split_packets(data: bytes) -> Iterator[bytes]:
    """Cut octets that hold whole packets, one after the other, as a TC frame does.

    Take the list of it before acting on any of them: what is wrong is known only where it comes.

    Yields:
        Each packet.

    Raises:
        MalformedError: A packet is not version 0, or is longer than what is left.
    """
    position = 0
    while position < len(data):
        length_octets = packet_length(data[position : position + HEADER_OCTETS])
        if data[position] >> 5:
            raise MalformedError(f"packet at octet {position}: expected version 0, found {data[position] >> 5}")
        if length_octets > len(data) - position:
            raise MalformedError(
                f"packet at octet {position}: expected {length_octets} octets by its header, "
                f"found {len(data) - position}"
            )
        yield bytes(data[position : position + length_octets])
        position += length_octets


def idle_packet(length_octets: int) -> bytes:
    """Give a telemetry packet that only fills.

    Args:
        length_octets: Of the whole packet, 7 to 65542.

    Raises:
        MisuseError: There is no packet of that length.
    """
    if not PACKET_OCTETS_MIN <= length_octets <= PACKET_OCTETS_MAX:
        raise MisuseError(
            f"idle packet: expected {PACKET_OCTETS_MIN} to {PACKET_OCTETS_MAX} octets, found {length_octets}"
        )
    return SpacePacket(
        packet_type=PacketType.TELEMETRY,
        apid=IDLE_APID,
        sequence_count=0,
        data=bytes(length_octets - HEADER_OCTETS),
        has_secondary_header=False,
    ).encode()
