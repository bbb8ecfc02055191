"""The PUS-C telemetry packet: what a service on board reports, and when. It never knows what the data means.

The secondary header, most significant bit first, after the six octets of the space packet's own header; CRC-16 last:

    PUS version 4 = 2 | time reference status 4 | service 8 | subtype 8 |
    message type counter 16 | destination id 16 | time 48 (CUC, `ccsds.time`)

Every report of every pass goes through here, so this file is written for speed: one `struct` for both headers, no
objects between the octets and the type, and range checks left to the packing where it has them.

Source: ECSS-E-ST-70-41C 7.4.3.
"""

import struct
from binascii import crc_hqx
from typing import Self

import msgspec

from ccsds.crc import CRC16_OCTETS, CRC16_PRESET
from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import APID_MAX, HEADER_OCTETS, PACKET_OCTETS_MAX, SEQUENCE_COUNT_MAX
from ccsds.time import NS_PER_S

OVERHEAD_OCTETS = 21
"""Octets of a telemetry packet that are not its source data: two headers and the CRC-16."""
DATA_OCTETS_MAX = PACKET_OCTETS_MAX - OVERHEAD_OCTETS

# The time is packed as 32 bits of seconds and 16 of fractions; the two headers together have 19 octets.
_HEADERS = struct.Struct(">HHHBBBHHIH")
_HEADERS_OCTETS = 19
_CRC = struct.Struct(">H")
# Version 0, telemetry, with a secondary header; and a whole packet, not a segment.
_IDENTIFICATION = 0x0800
_UNSEGMENTED = 0xC000
# PUS version 2; the time reference status follows.
_FIRST = 0x20
_STATUS_MAX = 0xF
# The packet's length field counts its data field from one.
_LENGTH_FIELD_OF_EMPTY = OVERHEAD_OCTETS - HEADER_OCTETS - 1


class Telemetry(msgspec.Struct, frozen=True):
    """One telemetry packet.

    Its ranges are checked when it is encoded, not on construction, for speed.
    """

    apid: int
    """Of the application on board that reports, 0 to 2047."""
    sequence_count: int
    """0 to 16383."""
    service: int
    """PUS service type, 0 to 255."""
    subtype: int
    """Message subtype, 0 to 255."""
    message_counter: int
    """0 to 65535, a count for each service, subtype and destination."""
    destination_id: int
    """Who it is for, 0 to 65535; 0 is all."""
    time_tai_ns: int
    """Nanoseconds since 1958-01-01 TAI, sent in ticks of 2^-16 seconds (rounded down)."""
    data: bytes
    """Source data, 0 to 65521 octets."""
    time_status: int = 0
    """How the time came about, 0 to 15; 0 is not told, the rest is the mission's."""

    def encode(self) -> bytes:
        """Give the whole packet.

        Raises:
            MisuseError: A field has no octets.
        """
        data = self.data
        apid = self.apid
        sequence_count = self.sequence_count
        seconds, rest_ns = divmod(self.time_tai_ns, NS_PER_S)
        try:
            if apid > APID_MAX or sequence_count > SEQUENCE_COUNT_MAX or self.time_status > _STATUS_MAX:
                raise struct.error("apid, sequence_count or time_status takes more than its bits")
            packet = (
                _HEADERS.pack(
                    _IDENTIFICATION | apid,
                    _UNSEGMENTED | sequence_count,
                    len(data) + _LENGTH_FIELD_OF_EMPTY,
                    _FIRST | self.time_status,
                    self.service,
                    self.subtype,
                    self.message_counter,
                    self.destination_id,
                    seconds,
                    (rest_ns << 16) // NS_PER_S,
                )
                + data
            )
        except struct.error as error:
            raise MisuseError(f"telemetry: expected fields within their bits, found {self}: {error}") from error
        return packet + _CRC.pack(crc_hqx(packet, CRC16_PRESET))

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read exactly one packet.

        Raises:
            MalformedError: Its length, its CRC-16 (only then the message says ``CRC``) or a fixed bit is wrong.
        """
        if len(packet) < OVERHEAD_OCTETS:
            raise MalformedError(f"telemetry: expected {OVERHEAD_OCTETS} octets or more, found {len(packet)}")
        (
            identification,
            sequence,
            length,
            first,
            service,
            subtype,
            message_counter,
            destination_id,
            seconds,
            fraction,
        ) = _HEADERS.unpack_from(packet)
        if length + HEADER_OCTETS + 1 != len(packet):
            raise MalformedError(
                f"expected a packet of {length + HEADER_OCTETS + 1} octets by its header, found {len(packet)}"
            )
        if crc_hqx(packet, CRC16_PRESET):
            raise MalformedError(
                f"telemetry: expected CRC-16 {crc_hqx(packet[:-CRC16_OCTETS], CRC16_PRESET):04x}, "
                f"found {packet[-CRC16_OCTETS:].hex()}"
            )
        if identification & 0xF800 != _IDENTIFICATION or sequence < _UNSEGMENTED:
            raise MalformedError(
                "telemetry: expected version 0, type telemetry, a secondary header and no segments, "
                f"found {packet[:4].hex()}"
            )
        if first & 0xF0 != _FIRST:
            raise MalformedError(f"telemetry: expected PUS version 2, found {first >> 4}")
        return cls(
            identification & 0x7FF,
            sequence & 0x3FFF,
            service,
            subtype,
            message_counter,
            destination_id,
            # Rounded up to a nanosecond, so that it encodes to the same tick again.
            seconds * NS_PER_S - (-fraction * NS_PER_S >> 16),
            packet[_HEADERS_OCTETS:-CRC16_OCTETS],
            first & _STATUS_MAX,
        )
