"""The memory of another process, past the process itself, as a particle comes to it: Linux's ``/proc/PID/mem``.

Whoever strikes it must be allowed to trace the process, as its parents are.
"""

import errno
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from hil.faults.flip import Flip

# So much of it is held here at once: a process that trains may have gigabytes.
PIECE_OCTETS = 64 << 20


def addresses_of(pid: int, octets: bytes) -> list[int]:
    """Give where a process that stands still has some octets, in memory that it may write.

    Raises:
        OSError: There is no such process, or its memory is not ours to read.
    """
    found: list[int] = []
    with Path(f"/proc/{pid}/maps").open() as regions, _open(pid, "rb") as memory:
        for region in regions:
            span, mode, *_ = region.split()
            if mode.startswith("rw"):
                begin, end = (int(each, 16) for each in span.split("-"))
                found += _addresses_in(memory, begin, end, octets)
    return found


def octets_at(pid: int, address: int, length_octets: int) -> bytes:
    """Give what lies at an address.

    Raises:
        OSError: There is no such process, or no such memory.
    """
    with _open(pid, "rb") as memory:
        content = b"".join(_pieces(memory, address, address + length_octets))
    if len(content) < length_octets:
        raise OSError(errno.EIO, "Input/output error")
    return content


def strike_process(pid: int, address: int, flip: Flip) -> None:
    """Flip bits of what lies at an address.

    Args:
        pid: Whose memory.
        address: Where the octets begin that the flip was drawn for.
        flip: Which bits.

    Raises:
        OSError: There is no such process, or no such memory.
    """
    for offset, mask in flip.masks:
        (octet,) = octets_at(pid, address + offset, 1)
        with _open(pid, "r+b") as memory:
            memory.seek(address + offset)
            memory.write(bytes((octet ^ mask,)))


def _open(pid: int, mode: str) -> FileIO:
    return FileIO(f"/proc/{pid}/mem", mode)


def _addresses_in(memory: FileIO, begin: int, end: int, octets: bytes) -> Iterator[int]:
    """Find some octets from one address to another, piece by piece."""
    content, start = b"", begin
    for piece in _pieces(memory, begin, end):
        content += piece
        at = content.find(octets)
        while at >= 0:
            yield start + at
            at = content.find(octets, at + 1)
        # The octets may lie across the end of a piece.
        kept = content[max(len(content) - len(octets) + 1, 0) :]
        start, content = start + len(content) - len(kept), kept


def _pieces(memory: FileIO, begin: int, end: int) -> Iterator[bytes]:
    """Give what lies from one address to another, as far as it can be read, in pieces of any length."""
    memory.seek(begin)
    while begin < end:
        try:
            piece = memory.read(min(end - begin, PIECE_OCTETS))
        except OSError:  # Part of a file that is shorter now, or of a device; or there is nothing.
            return
        if not piece:  # The process is gone.
            return
        yield piece
        begin += len(piece)
