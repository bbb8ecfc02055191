"""Packing without loss: a file whole, or as its difference from a base that the other end holds.

What comes out is the file that went in, octet for octet, and its SHA-256 is held against the head's before anybody may
use it. Both ways memory holds a block or two, however large the file is.
"""

import hashlib
import struct
from collections.abc import Generator, Iterator

import zstandard

from ccsds.errors import MalformedError, MisuseError
from packing.container import (
    BLOCK_OCTETS,
    Head,
    Kind,
    block_end,
    decompress,
    read_blocks,
    read_head,
    write_block,
    write_head,
)
from packing.layout import Element, Stretch, header_digest, stretches_of
from packing.planes import join, split
from packing.source import Source, digesting

# Planes of noise gain nothing from more effort, planes of exponents hardly anything.
LEVEL = 3

_PLANE = struct.Struct(">BI")
_PLAIN, _ZSTANDARD = 0, 1


def pack(source: Source, base: Source | None = None) -> Iterator[bytes]:
    """Pack a file.

    Args:
        source: The file; a safetensors file packs well, any other is taken as it is.
        base: What the other end holds already, with the same tensors, if only the difference is to be told.

    Yields:
        The packed file, piece by piece; empty ones where it only read.

    Raises:
        MalformedError: The file changed meanwhile.
        MisuseError: The base is laid out otherwise.
        OSError: A file could not be read.
    """
    stretches = tuple(stretches_of(source))
    against = None if base is None else _Base(base, stretches)
    sha256 = yield from digesting(source, BLOCK_OCTETS)
    yield write_head(
        Head(
            kind=Kind.LOSSLESS if base is None else Kind.DIFFERENCE,
            length_octets=source.length_octets,
            sha256=sha256,
            base_sha256=b"" if base is None else (yield from digesting(base, BLOCK_OCTETS)),
            base_octets=0 if base is None else base.length_octets,
            base_header_sha256=b"" if base is None else header_digest(base),
            stretches=stretches,
        )
    )
    compressor, digest = zstandard.ZstdCompressor(level=LEVEL), hashlib.sha256()
    for element, offset, length_octets in _pieces(stretches):
        octets = source.read(offset, length_octets)
        digest.update(octets)
        known = None if against is None else against.read(offset, length_octets)
        yield write_block(b"".join(_write_plane(plane, compressor) for plane in split(octets, element, known)))
    if digest.digest() != sha256:
        raise MalformedError("file: expected it to stay as it is while it is packed, found it changed")


def unpack(source: Source, base: Source | None = None) -> Iterator[bytes]:
    """Give the file of which `pack` made another.

    Args:
        source: The packed file.
        base: What it is a difference from, if it is one.

    Yields:
        The file, piece by piece; empty ones where it only read. It may be used once the last piece was given without
        an error.

    Raises:
        MalformedError: It is damaged, or cut off; it says how far it can be trusted.
        MisuseError: It is a difference, and the base is not given, or is another one.
        OSError: A file could not be read.
    """
    head, at = read_head(source)
    if head.kind not in (Kind.LOSSLESS, Kind.DIFFERENCE):
        raise MisuseError(f"packed file: expected one without loss, found {head.kind.name}")
    against = None
    if head.kind is Kind.DIFFERENCE:
        against = _Base((yield from check_base(head, base)), head.stretches)
    if sum(stretch.length_octets for stretch in head.stretches) != head.length_octets:
        raise MalformedError(
            f"packed file: expected stretches of {head.length_octets} octets in all, found another sum"
        )
    digest = hashlib.sha256()
    decompressor = zstandard.ZstdDecompressor()
    blocks = read_blocks(source, at)
    for element, offset, length_octets in _pieces(head.stretches):
        body = next(blocks, None)
        if body is None:
            raise MalformedError(f"packed file: expected {head.length_octets} octets in all, found {offset}")
        planes = _read_planes(body, element.width_octets, length_octets // element.width_octets, decompressor)
        octets = join(planes, element, None if against is None else against.read(offset, length_octets))
        digest.update(octets)
        yield octets
    if next(blocks, None) is not None:
        raise MalformedError("packed file: expected no more blocks, found one")
    if digest.digest() != head.sha256:
        raise MalformedError(f"packed file: expected SHA-256 {head.sha256.hex()[:16]}, found {digest.hexdigest()[:16]}")


class _Base:
    """A base, asked by the offsets of the file that is told by its difference: their headers may differ in length.

    Args:
        base: The file.
        stretches: Of the other one; the first is its header.

    Raises:
        MisuseError: It holds other tensors.
    """

    def __init__(self, base: Source, stretches: tuple[Stretch, ...]) -> None:
        own = tuple(stretches_of(base))
        if len(stretches) < 2 or own[1:] != stretches[1:]:
            raise MisuseError("base: expected a model with the same tensors in the same order, found another")
        self._base = base
        self._begin = stretches[0].length_octets
        self._shift = own[0].length_octets - self._begin

    def read(self, offset_octets: int, length_octets: int) -> bytes | None:
        """Give what it has for a part of the other file; None for its header, which stands for itself."""
        if offset_octets < self._begin:
            return None
        return self._base.read(offset_octets + self._shift, length_octets)


def check_base(head: Head, base: Source | None) -> Generator[bytes, None, Source]:
    """Give the base that a packed file is applied to, once all of it was read; see `packing.source.digesting`.

    Raises:
        MisuseError: It is not given, or is another one.
    """
    if base is None:
        raise MisuseError(f"packed file: expected the base with SHA-256 {head.base_sha256.hex()[:16]}, found none")
    found = yield from digesting(base, BLOCK_OCTETS)
    if found != head.base_sha256:
        raise MisuseError(f"base: expected SHA-256 {head.base_sha256.hex()[:16]}, found {found.hex()[:16]}")
    return base


def may_be_base(head: Head, base: Source) -> bool:
    """Tell by length and header whether a file may be the base of a packed file; only its digest tells that it is.

    Raises:
        OSError: It could not be read.
    """
    if head.base_octets and base.length_octets != head.base_octets:
        return False
    return not head.base_header_sha256 or header_digest(base) == head.base_header_sha256


def check_whole(source: Source, head: Head, offset_octets: int) -> None:
    """Make sure by the lengths of its blocks that a packed file without loss is not cut off; it reads none of them.

    Args:
        source: The packed file.
        head: Its head.
        offset_octets: Of its first block.

    Raises:
        MalformedError: It is cut off, or goes on beyond its end; it says where.
        OSError: It could not be read.
    """
    at = offset_octets
    for _, offset, _ in _pieces(head.stretches):
        at = block_end(source, at)
        if at > source.length_octets:
            raise MalformedError(
                f"packed file: expected {head.length_octets} octets in all, found them up to {offset}, where it is "
                "cut off"
            )
    if at != source.length_octets:
        raise MalformedError(f"packed file: expected {at} octets, found {source.length_octets}")


def _pieces(stretches: tuple[Stretch, ...]) -> Iterator[tuple[Element, int, int]]:
    """Give what each block holds: elements of one kind, at an offset, so many octets."""
    at = 0
    for stretch in stretches:
        end = at + stretch.length_octets
        if stretch.length_octets < 0 or stretch.length_octets % stretch.element.width_octets:
            raise MalformedError(f"packed file: expected whole elements of {stretch.element.name}, found a part of one")
        while at < end:
            length_octets = min(BLOCK_OCTETS, end - at)
            yield stretch.element, at, length_octets
            at += length_octets


def _write_plane(plane: bytes, compressor: zstandard.ZstdCompressor) -> bytes:
    packed = compressor.compress(plane)
    if len(packed) < len(plane):
        return _PLANE.pack(_ZSTANDARD, len(packed)) + packed
    return _PLANE.pack(_PLAIN, len(plane)) + plane


def _read_planes(body: bytes, count: int, length: int, decompressor: zstandard.ZstdDecompressor) -> list[bytes]:
    planes: list[bytes] = []
    at = 0
    for _ in range(count):
        if at + _PLANE.size > len(body):
            raise MalformedError(f"packed block: expected {count} planes, found {len(planes)}")
        codec, packed_octets = _PLANE.unpack_from(body, at)
        at += _PLANE.size
        packed = body[at : at + packed_octets]
        at += packed_octets
        if codec == _ZSTANDARD:
            plane = decompress(packed, length, decompressor)
        elif codec == _PLAIN:
            plane = packed
        else:
            raise MalformedError(f"packed block: expected a plane that is plain or Zstandard, found {codec}")
        if len(plane) != length:
            raise MalformedError(f"packed block: expected a plane of {length} octets, found {len(plane)}")
        planes.append(plane)
    if at != len(body):
        raise MalformedError(f"packed block: expected {at} octets, found {len(body)}")
    return planes
