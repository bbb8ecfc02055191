"""The packed file: a head that says what it is, then blocks, each with its own checksum.

| octets | what |
|---|---|
| 4 | ``STPK`` |
| 1 | version, 1 |
| 4 | length of the head, big-endian |
| 4 | CRC-32 of the head |
| | the head, MessagePack |
| 4 + 4 | length and CRC-32 of a block, again and again |
| | the block |

What arrives in part can be read up to its last whole block.
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum

import msgspec
import zstandard

from ccsds.errors import MalformedError, MisuseError
from packing.layout import Stretch
from packing.source import Source

MAGIC = b"STPK"
VERSION = 1

# Stretches and tensors by name: the head of a model with a hundred thousand tensors.
HEAD_OCTETS_MAX = 16 << 20
# Of what is packed; planes of half a MiB stay in a cache, and more in one piece packs no better.
BLOCK_OCTETS = 1 << 20
# Layers of a file: as many as the event that tells of them counts, in one octet. Four bring nearly all of a change.
LAYERS_MAX = 255
# A block that does not pack is a little longer than what it holds.
PACKED_BLOCK_OCTETS_MAX = BLOCK_OCTETS + 4_096

_PREFIX = struct.Struct(">4sBII")
_BLOCK = struct.Struct(">II")


class Kind(IntEnum):
    """How a file is packed."""

    LOSSLESS = 1
    """All of it."""
    DIFFERENCE = 2
    """What differs from a base, exactly."""
    LAYERS = 3
    """What differs from a base, the most important first, each layer a model that can be used."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a packed file is.

    Raises:
        MisuseError: A length is below 0, or there are more layers than `LAYERS_MAX`.
    """

    kind: Kind
    length_octets: int
    """Of the file that it makes."""
    sha256: bytes
    """Of the file that it makes; of `Kind.LAYERS`, with all layers."""
    base_sha256: bytes = b""
    """Of the file that it is applied to, if it needs one."""
    base_octets: int = 0
    """Length of that file, 0 if nobody said it."""
    base_header_sha256: bytes = b""
    """Of the header of that file, `packing.layout.header_digest`: it tells most others apart without reading them."""
    metadata: dict[str, str] = {}
    """Of `Kind.LAYERS`, what the header of the model says of it; of the others it is part of the file."""
    stretches: tuple[Stretch, ...] = ()
    layers: tuple["LayerHead", ...] = ()

    def __post_init__(self) -> None:
        """Check what is told."""
        if min(self.length_octets, self.base_octets) < 0:
            raise MisuseError(f"head: expected lengths of 0 or more, found {self.length_octets} and {self.base_octets}")
        if len(self.layers) > LAYERS_MAX:
            raise MisuseError(f"head: expected at most {LAYERS_MAX} layers, found {len(self.layers)}")


class LayerHead(msgspec.Struct, frozen=True, array_like=True):
    """One layer of a file of `Kind.LAYERS`.

    Raises:
        MisuseError: It has fewer than 0 blocks, or an error that is none.
    """

    blocks: int
    """How many it takes."""
    sha256: bytes
    """Of the file that all layers up to this one make."""
    error: float
    """Root of the mean squared error of the weights that is left, over that of the base: 1 at the base, 0 exact."""

    def __post_init__(self) -> None:
        """Check what is told."""
        if self.blocks < 0 or not 0 <= self.error <= 1:
            raise MisuseError(
                f"layer: expected 0 blocks or more and an error from 0 to 1, found {self.blocks} and {self.error}"
            )


def write_head(head: Head) -> bytes:
    """Give the beginning of a packed file."""
    body = msgspec.msgpack.encode(head)
    return _PREFIX.pack(MAGIC, VERSION, len(body), zlib.crc32(body)) + body


def write_block(body: bytes) -> bytes:
    """Give a block with its length and checksum."""
    return _BLOCK.pack(len(body), zlib.crc32(body)) + body


def read_head(source: Source) -> tuple[Head, int]:
    """Read what a packed file is.

    Returns:
        Its head, and the offset of the first block.

    Raises:
        MalformedError: It is no packed file, or its head is damaged.
        OSError: It could not be read.
    """
    prefix = source.read(0, _PREFIX.size)
    if len(prefix) < _PREFIX.size or prefix[:4] != MAGIC:
        raise MalformedError(
            f"packed file: expected it to begin with {MAGIC.decode()}, found {prefix[:4].hex() or 'nothing'}"
        )
    _, version, length_octets, crc = _PREFIX.unpack(prefix)
    if version != VERSION:
        raise MalformedError(f"packed file: expected version {VERSION}, found {version}")
    if length_octets > HEAD_OCTETS_MAX:
        raise MalformedError(f"packed file: expected a head of at most {HEAD_OCTETS_MAX} octets, found {length_octets}")
    body = source.read(_PREFIX.size, length_octets)
    if len(body) < length_octets or zlib.crc32(body) != crc:
        raise MalformedError(f"packed file: expected a head of {length_octets} octets with its checksum, found another")
    try:
        return msgspec.msgpack.decode(body, type=Head), _PREFIX.size + length_octets
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"packed file: expected a head, found {error}") from None


def block_end(source: Source, offset_octets: int) -> int:
    """Give where a block ends, by the length that it says; beyond the file if it is cut off.

    Raises:
        OSError: It could not be read.
    """
    prefix = source.read(offset_octets, _BLOCK.size)
    if len(prefix) < _BLOCK.size:
        return source.length_octets + 1
    length_octets, _ = _BLOCK.unpack(prefix)
    return offset_octets + _BLOCK.size + length_octets


def read_blocks(source: Source, offset_octets: int) -> Iterator[bytes]:
    """Give the blocks from an offset on, until the file ends.

    Raises:
        MalformedError: A block is cut off or damaged; it says at which octet. Those before it are right.
        OSError: It could not be read.
    """
    at = offset_octets
    while at < source.length_octets:
        prefix = source.read(at, _BLOCK.size)
        if len(prefix) < _BLOCK.size:
            raise MalformedError(f"packed file: expected a block at octet {at}, found the end of the file")
        length_octets, crc = _BLOCK.unpack(prefix)
        # Nothing at all is what a gap in a file that is still coming reads as, with its checksum.
        if not 0 < length_octets <= PACKED_BLOCK_OCTETS_MAX:
            raise MalformedError(
                f"packed file: expected a block of 1 to {PACKED_BLOCK_OCTETS_MAX} octets at octet {at}, found "
                f"{length_octets}"
            )
        body = source.read(at + _BLOCK.size, length_octets)
        if len(body) < length_octets:
            raise MalformedError(
                f"packed file: expected {length_octets} octets of a block at octet {at}, found {len(body)}"
            )
        if zlib.crc32(body) != crc:
            raise MalformedError(f"packed file: expected a block with its checksum at octet {at}, found another")
        yield body
        at += _BLOCK.size + length_octets


def decompress(packed: bytes, octets_max: int, decompressor: zstandard.ZstdDecompressor) -> bytes:
    """Give what Zstandard packed, and take no more memory for it than it may be long.

    Raises:
        MalformedError: It is longer, or damaged.
    """
    try:
        found = zstandard.frame_content_size(packed)
        if found > octets_max:
            raise MalformedError(f"packed block: expected at most {octets_max} octets in it, found {found}")
        return decompressor.decompress(packed, max_output_size=octets_max)
    except zstandard.ZstdError as error:
        raise MalformedError(f"packed block: expected up to {octets_max} octets in it, found {error}") from None
