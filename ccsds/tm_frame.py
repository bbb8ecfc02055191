"""The TM transfer frame: a slice of the packets of one virtual channel, with a CLCW for the way back.

The layout, most significant bit first; no secondary header; the FECF (CRC-16) is always there and last:

    version 2 = 0 | spacecraft id 10 | virtual channel 3 | OCF flag 1 | master channel count 8 | virtual channel count 8
    secondary header 1 = 0 | synchronisation 1 = 0 | packet order 1 = 0 | segment length 2 = 3 | first header pointer 11
    data | OCF 4 octets, if there is one | FECF 2 octets

Cutting packets into frames and back is `ccsds.tm_packets`.

Source: CCSDS 132.0-B-3 4.1.
"""

import struct
from typing import Self

import msgspec

from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, MisuseError

HEADER_OCTETS = 6
OCF_OCTETS = 4
# What Reed-Solomon codeblocks and receivers are made for; the standard leaves it to the mission (4.1.1.2).
FRAME_OCTETS_MAX = 2_048

SPACECRAFT_ID_MAX = 0x3FF
VIRTUAL_CHANNEL_MAX = 7

NO_PACKET_START = 0x7FF
"""First header pointer of a frame in which no packet starts."""
ONLY_IDLE = 0x7FE
"""First header pointer of a frame that has no packets at all, only fill."""

_HEADER = struct.Struct(">HBBH")
# Secondary header, synchronisation and packet order flags 0, segment length identifier 3.
_STATUS = 0x1800
_STATUS_MASK = 0xF800


class TmFrame(msgspec.Struct, frozen=True):
    """One frame."""

    spacecraft_id: int
    """0 to 1023."""
    virtual_channel: int
    """0 to 7."""
    mc_count: int
    """Master channel frame count, 0 to 255."""
    vc_count: int
    """Virtual channel frame count, 0 to 255."""
    first_header_pointer: int
    """Where in the data the first packet starts, `NO_PACKET_START` or `ONLY_IDLE`."""
    data: bytes
    ocf: bytes | None = None
    """Operational control field, four octets: the CLCW."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value, highest in (
            ("spacecraft id", self.spacecraft_id, SPACECRAFT_ID_MAX),
            ("virtual channel", self.virtual_channel, VIRTUAL_CHANNEL_MAX),
            ("master channel count", self.mc_count, 0xFF),
            ("virtual channel count", self.vc_count, 0xFF),
        ):
            if not 0 <= value <= highest:
                raise MisuseError(f"TM frame: expected {name} 0 to {highest}, found {value}")
        if self.ocf is not None and len(self.ocf) != OCF_OCTETS:
            raise MisuseError(f"TM frame: expected {OCF_OCTETS} octets of OCF, found {len(self.ocf)}")
        room_octets = FRAME_OCTETS_MAX - tm_overhead_octets(has_ocf=self.ocf is not None)
        if not 1 <= len(self.data) <= room_octets:
            raise MisuseError(f"TM frame: expected 1 to {room_octets} octets of data, found {len(self.data)}")
        if not _is_pointer(self.first_header_pointer, len(self.data)):
            raise MisuseError(
                f"TM frame: expected a first header pointer into {len(self.data)} octets of data, "
                f"found {self.first_header_pointer}"
            )

    def encode(self) -> bytes:
        """Give the whole frame."""
        frame = (
            _HEADER.pack(
                self.spacecraft_id << 4 | self.virtual_channel << 1 | (self.ocf is not None),
                self.mc_count,
                self.vc_count,
                _STATUS | self.first_header_pointer,
            )
            + self.data
            + (self.ocf or b"")
        )
        return frame + crc16(frame).to_bytes(CRC16_OCTETS, "big")

    @classmethod
    def decode(cls, data: bytes, has_ocf: bool = True) -> Self:
        """Read exactly one frame.

        Args:
            data: The frame.
            has_ocf: Whether frames of this channel carry an OCF, which is agreed and in each frame's header too.

        Raises:
            MalformedError: Its length, its FECF, its pointer or a fixed bit is wrong.
        """
        overhead_octets = tm_overhead_octets(has_ocf)
        if not overhead_octets < len(data) <= FRAME_OCTETS_MAX:
            raise MalformedError(
                f"expected {overhead_octets + 1} to {FRAME_OCTETS_MAX} octets of TM frame, found {len(data)}"
            )
        if crc16(data):
            raise MalformedError(
                f"TM frame: expected FECF {crc16(data[:-CRC16_OCTETS]):04x}, found {data[-CRC16_OCTETS:].hex()}"
            )
        identification, mc_count, vc_count, status = _HEADER.unpack_from(data)
        if identification >> 14:
            raise MalformedError(f"TM frame: expected version 0, found {identification >> 14}")
        if identification & 1 != has_ocf:
            raise MalformedError(f"TM frame: expected OCF flag {int(has_ocf)}, found {identification & 1}")
        if status & _STATUS_MASK != _STATUS:
            raise MalformedError(
                f"TM frame: expected data field status {_STATUS >> 11:05b} before the pointer, found {status >> 11:05b}"
            )
        end = len(data) - overhead_octets + HEADER_OCTETS
        pointer = status & NO_PACKET_START
        if not _is_pointer(pointer, end - HEADER_OCTETS):
            raise MalformedError(
                f"TM frame: expected a first header pointer into {end - HEADER_OCTETS} octets of data, found {pointer}"
            )
        return cls(
            identification >> 4,
            identification >> 1 & VIRTUAL_CHANNEL_MAX,
            mc_count,
            vc_count,
            pointer,
            bytes(data[HEADER_OCTETS:end]),
            bytes(data[end:-CRC16_OCTETS]) if has_ocf else None,
        )


def tm_overhead_octets(has_ocf: bool = True) -> int:
    """Give how many octets of a frame are not its data."""
    return HEADER_OCTETS + CRC16_OCTETS + (OCF_OCTETS if has_ocf else 0)


def _is_pointer(pointer: int, data_octets: int) -> bool:
    return 0 <= pointer < data_octets or pointer in (NO_PACKET_START, ONLY_IDLE)
