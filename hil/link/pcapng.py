"""pcapng: the blocks of a capture file that Wireshark and tshark read, written and read back. It opens no file.

A section header comes first, then one description for each interface, numbered from 0, then the packets. All numbers
are little-endian, times are in nanoseconds. Reading takes what this module writes, and skips blocks and options that it
does not know; a file of the other byte order is refused.

Source: draft-ietf-opsawg-pcapng 3 (blocks), 4.1 (section header), 4.2 (interface), 4.3 (enhanced packet).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from ccsds.errors import MalformedError

BYTE_ORDER_MAGIC = 0x1A2B3C4D
# The first of the link types that everybody may use for what is their own.
LINKTYPE_USER0 = 147
_TICKS_PER_S_EXPONENT = 9

# The longest block that is read: far above what any writer makes, and below what memory would notice.
BLOCK_OCTETS_MAX = 1 << 24


class BlockType(IntEnum):
    """The kinds of blocks known here."""

    SECTION_HEADER = 0x0A0D0D0A
    INTERFACE_DESCRIPTION = 1
    ENHANCED_PACKET = 6


class OptionCode(IntEnum):
    """The options known here; some numbers mean another thing in another block."""

    END = 0
    COMMENT = 1
    INTERFACE_NAME = 2
    PACKET_FLAGS = 2
    INTERFACE_DESCRIPTION = 3
    USER_APPLICATION = 4
    TIME_RESOLUTION = 9


class Direction(IntEnum):
    """Which way a packet went, in the lowest bits of its flags."""

    UNKNOWN = 0
    INBOUND = 1
    OUTBOUND = 2


@dataclass(frozen=True, slots=True)
class SectionHeader:
    """What a file begins with."""

    application: str = ""

    def encode(self) -> bytes:
        """Give the block."""
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
        options = [(OptionCode.USER_APPLICATION, self.application.encode())] if self.application else []
        return _block(BlockType.SECTION_HEADER, body, options)


@dataclass(frozen=True, slots=True)
class Interface:
    """Where packets were seen."""

    name: str
    description: str = ""

    def encode(self) -> bytes:
        """Give the block."""
        options = [(OptionCode.INTERFACE_NAME, self.name.encode())]
        if self.description:
            options.append((OptionCode.INTERFACE_DESCRIPTION, self.description.encode()))
        options.append((OptionCode.TIME_RESOLUTION, bytes([_TICKS_PER_S_EXPONENT])))
        return _block(BlockType.INTERFACE_DESCRIPTION, struct.pack("<HHI", LINKTYPE_USER0, 0, 0), options)


@dataclass(frozen=True, slots=True)
class Packet:
    """Octets that were seen together."""

    interface: int
    """The number of the interface."""
    time_ns: int
    data: bytes
    comment: str = ""
    direction: Direction = Direction.UNKNOWN

    def encode(self) -> bytes:
        """Give the block."""
        high, low = divmod(self.time_ns, 1 << 32)
        body = struct.pack("<IIIII", self.interface, high, low, len(self.data), len(self.data)) + _padded(self.data)
        options = [(OptionCode.COMMENT, self.comment.encode())] if self.comment else []
        if self.direction is not Direction.UNKNOWN:
            options.append((OptionCode.PACKET_FLAGS, struct.pack("<I", self.direction)))
        return _block(BlockType.ENHANCED_PACKET, body, options)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read the block's body.

        Raises:
            MalformedError: It is too short for what it says.
        """
        if len(body) < 20:
            raise MalformedError(f"expected 20 octets of a packet block, found {len(body)}")
        interface, high, low, captured, _ = struct.unpack_from("<IIIII", body)
        options_at = 20 + captured + -captured % 4
        if options_at > len(body):
            raise MalformedError(f"expected {captured} octets of a packet, found {len(body) - 20}")
        options = _options(body[options_at:])
        flags = int.from_bytes(options.get(OptionCode.PACKET_FLAGS, b""), "little") & 3
        return cls(
            interface,
            (high << 32) + low,
            body[20 : 20 + captured],
            options.get(OptionCode.COMMENT, b"").decode(errors="replace"),
            Direction(flags) if flags in tuple(Direction) else Direction.UNKNOWN,
        )


def read_pcapng(data: bytes) -> tuple[list[Interface], list[Packet]]:
    """Read a whole file.

    Raises:
        MalformedError: It is no pcapng file, of the other byte order, or cut in the middle of a block.
    """
    interfaces: list[Interface] = []
    packets: list[Packet] = []
    place = 0
    while place < len(data):
        if len(data) - place < 12:
            raise MalformedError(f"expected a block of a capture at {place}, found {len(data) - place} octets")
        kind, length = struct.unpack_from("<II", data, place)
        if place == 0:
            magic = int.from_bytes(data[8:12], "little")
            if kind != BlockType.SECTION_HEADER or magic != BYTE_ORDER_MAGIC:
                raise MalformedError("expected a little-endian pcapng file, found another beginning")
        if length < 12 or length % 4 or length > BLOCK_OCTETS_MAX or place + length > len(data):
            raise MalformedError(f"expected a whole block of a capture at {place}, found a length of {length}")
        body = data[place + 8 : place + length - 4]
        if kind == BlockType.INTERFACE_DESCRIPTION:
            options = _options(body[8:])
            if options.get(OptionCode.TIME_RESOLUTION) != bytes([_TICKS_PER_S_EXPONENT]):
                raise MalformedError("expected times of a capture in nanoseconds, found another resolution")
            interfaces.append(
                Interface(
                    options.get(OptionCode.INTERFACE_NAME, b"").decode(errors="replace"),
                    options.get(OptionCode.INTERFACE_DESCRIPTION, b"").decode(errors="replace"),
                )
            )
        elif kind == BlockType.ENHANCED_PACKET:
            packet = Packet.decode(body)
            if packet.interface >= len(interfaces):
                raise MalformedError(f"expected a described interface, found number {packet.interface}")
            packets.append(packet)
        place += length
    return interfaces, packets


def _block(kind: BlockType, body: bytes, options: list[tuple[OptionCode, bytes]]) -> bytes:
    if options:
        body += b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options)
        body += struct.pack("<HH", OptionCode.END, 0)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _options(data: bytes) -> dict[int, bytes]:
    """Give the first of each option."""
    options: dict[int, bytes] = {}
    place = 0
    while place + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, place)
        if code == OptionCode.END:
            break
        if place + 4 + length > len(data):
            raise MalformedError(f"expected {length} octets of an option, found {len(data) - place - 4}")
        options.setdefault(code, data[place + 4 : place + 4 + length])
        place += 4 + length + -length % 4
    return options


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
