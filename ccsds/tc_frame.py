"""The TC transfer frame: what carries telecommand packets, or a command to FARM-1 itself, on one virtual channel.

The layout, most significant bit first; no segment header; the FECF (CRC-16) is always there and last:

    version 2 = 0 | bypass 1 | control command 1 | spare 2 = 0 | spacecraft id 10
    virtual channel 6 | octets of the frame - 1, 10 | N(S) 8

Source: CCSDS 232.0-B-4 4.1.
"""

from enum import Enum
from typing import Self

import msgspec

from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, MisuseError

HEADER_OCTETS = 5
OVERHEAD_OCTETS = HEADER_OCTETS + CRC16_OCTETS
# The length field has 10 bits and counts from one (4.1.2.7).
FRAME_OCTETS_MAX = 1_024
DATA_OCTETS_MAX = FRAME_OCTETS_MAX - OVERHEAD_OCTETS

SPACECRAFT_ID_MAX = 0x3FF
VIRTUAL_CHANNEL_MAX = 0x3F

UNLOCK = b"\x00"
"""The control command that takes FARM-1 out of lockout (4.1.3.3.2)."""
_SET_VR = b"\x82\x00"


class TcFrameKind(Enum):
    """How FARM-1 treats a frame: the bypass flag and the control command flag."""

    AD = 0b00
    """Data in sequence: accepted once and in order."""
    # 0b01, a control command in sequence, is reserved.
    BD = 0b10
    """Data that bypasses the sequence: accepted whenever it arrives."""
    BC = 0b11
    """A control command to FARM-1."""


class TcFrame(msgspec.Struct, frozen=True):
    """One frame."""

    kind: TcFrameKind
    spacecraft_id: int
    """0 to 1023."""
    virtual_channel: int
    """0 to 63."""
    sequence: int
    """N(S), 0 to 255; 0 for BD and BC."""
    data: bytes
    """Packets, or a control command: 1 to 1017 octets."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not 0 <= self.spacecraft_id <= SPACECRAFT_ID_MAX:
            raise MisuseError(f"TC frame: expected spacecraft id 0 to {SPACECRAFT_ID_MAX}, found {self.spacecraft_id}")
        if not 0 <= self.virtual_channel <= VIRTUAL_CHANNEL_MAX:
            raise MisuseError(
                f"TC frame: expected virtual channel 0 to {VIRTUAL_CHANNEL_MAX}, found {self.virtual_channel}"
            )
        if not 0 <= self.sequence <= 0xFF:
            raise MisuseError(f"TC frame: expected N(S) 0 to 255, found {self.sequence}")
        if not 1 <= len(self.data) <= DATA_OCTETS_MAX:
            raise MisuseError(f"TC frame: expected 1 to {DATA_OCTETS_MAX} octets of data, found {len(self.data)}")

    def encode(self) -> bytes:
        """Give the whole frame."""
        first = self.kind.value << 12 | self.spacecraft_id
        second = self.virtual_channel << 10 | len(self.data) + OVERHEAD_OCTETS - 1
        frame = first.to_bytes(2, "big") + second.to_bytes(2, "big") + bytes([self.sequence]) + self.data
        return frame + crc16(frame).to_bytes(CRC16_OCTETS, "big")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read a frame, and leave what follows it: the fill of a CLTU may be anything.

        Raises:
            MalformedError: Its length, its FECF or a fixed bit is wrong.
        """
        if len(data) < OVERHEAD_OCTETS + 1:
            raise MalformedError(f"expected {OVERHEAD_OCTETS + 1} octets or more of TC frame, found {len(data)}")
        first = data[0] << 8 | data[1]
        second = data[2] << 8 | data[3]
        length_octets = (second & 0x3FF) + 1
        if not OVERHEAD_OCTETS < length_octets <= len(data):
            raise MalformedError(
                f"TC frame: expected a length of {OVERHEAD_OCTETS + 1} to the {len(data)} octets there are, "
                f"found {length_octets}"
            )
        frame = bytes(data[:length_octets])
        if crc16(frame):
            raise MalformedError(
                f"TC frame: expected FECF {crc16(frame[:-CRC16_OCTETS]):04x}, found {frame[-CRC16_OCTETS:].hex()}"
            )
        if first >> 14:
            raise MalformedError(f"TC frame: expected version 0, found {first >> 14}")
        if first >> 10 & 0b11:
            raise MalformedError(f"TC frame: expected spare bits 0, found {first >> 10 & 0b11}")
        flags = first >> 12 & 0b11
        if flags == 0b01:
            raise MalformedError("TC frame: expected AD, BD or BC, found a control command in sequence")
        return cls(
            TcFrameKind(flags),
            first & SPACECRAFT_ID_MAX,
            second >> 10,
            frame[4],
            frame[HEADER_OCTETS:-CRC16_OCTETS],
        )


def set_vr(vr: int) -> bytes:
    """Give the control command that sets V(R), the number of the AD frame that FARM-1 waits for (4.1.3.3.3).

    Raises:
        MisuseError: It is not 0 to 255.
    """
    if not 0 <= vr <= 0xFF:
        raise MisuseError(f"Set V(R): expected 0 to 255, found {vr}")
    return _SET_VR + bytes([vr])


def read_set_vr(command: bytes) -> int | None:
    """Give the V(R) that a control command sets, or None if it is another one."""
    return command[2] if len(command) == 3 and command.startswith(_SET_VR) else None
