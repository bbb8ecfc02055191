"""The append-only journal: records framed by a mark, their length and a CRC-32C, one synced append each.

A record that was being written when power went is found by its CRC and left out. One that was damaged later (a bit
flip in the store) costs only itself: reading goes on at the next mark whose record is whole. The journal knows nothing
of what is in the records.

Layout of a record: ``4C 4A 52 31 | length 32 | CRC-32C of length and payload 32 | payload``, big-endian.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from ccsds.crc import crc32c
from ccsds.errors import MisuseError
from flight.disk import Disk, directory_of

MARK = b"LJR1"
_HEADER = struct.Struct(">4sII")
_LENGTH = struct.Struct(">I")

# A record is one command with its reports and effects; the largest report is a few thousand octets, and a replacement
# (below) writes one record for each job and command remembered. The bound keeps a damaged length from being believed.
RECORD_OCTETS_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Recovery:
    """What reading a journal found."""

    records: tuple[bytes, ...]
    """The payloads of all whole records, oldest first."""
    damaged_octets: int
    """Octets that belong to no whole record: a torn tail, or damage."""


class UncertainStoreError(OSError):
    """The store failed, and whether a record is durable is not known."""


class Journal:
    """A journal in one file of a disk.

    Args:
        disk: Where it is kept.
        path: Its path there.
    """

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path
        self.length_octets = 0

    def recover(self) -> Recovery:
        """Read the journal. To be called once, before anything is appended.

        What is read is made durable first: the process that wrote it may have been killed before it could, and what
        is believed now must not be gone after the next power cut.

        Raises:
            OSError: The disk failed.
        """
        try:
            self._disk.fsync(self._path)
            self._disk.fsync(directory_of(self._path))
            data = self._disk.read(self._path)
        except FileNotFoundError:
            data = b""
        self.length_octets = len(data)
        records: list[bytes] = []
        damaged_octets = 0
        position = 0
        while position < len(data):
            payload = _record_at(data, position)
            if payload is not None:
                records.append(payload)
                position += _HEADER.size + len(payload)
                continue
            resume = data.find(MARK, position + 1)
            resume = len(data) if resume < 0 else resume
            damaged_octets += resume - position
            position = resume
        return Recovery(tuple(records), damaged_octets)

    def append(self, payload: bytes) -> None:
        """Add a record; it is durable when this returns.

        Raises:
            OSError: The disk failed while the record was written; it is torn, and counts for nothing.
            UncertainStoreError: The record is written, but the disk failed to say that it is durable. Only a `replace`
                that succeeds makes certain that it is not.
            MisuseError: The record is longer than `RECORD_OCTETS_MAX`.
        """
        record = _frame(payload)
        is_new = self.length_octets == 0
        self._disk.append(self._path, record)
        try:
            self._disk.fsync(self._path)
            if is_new:
                self._disk.fsync(directory_of(self._path))
        except OSError as error:
            raise UncertainStoreError(error.errno, error.strerror) from error
        self.length_octets += len(record)

    def replace(self, payloads: Iterable[bytes]) -> None:
        """Put a new journal in the place of this one, all or nothing; it is durable when this returns.

        Raises:
            OSError: The disk failed; the journal is the old one or the new one.
            MisuseError: A record is longer than `RECORD_OCTETS_MAX`.
        """
        successor = f"{self._path}.new"
        if successor in self._disk.list(directory_of(self._path)):
            self._disk.remove(successor)
        length_octets = 0
        for payload in payloads:
            record = _frame(payload)
            self._disk.append(successor, record)
            length_octets += len(record)
        self._disk.fsync(successor)
        self._disk.rename(successor, self._path)
        self._disk.fsync(directory_of(self._path))
        self.length_octets = length_octets


def _frame(payload: bytes) -> bytes:
    if len(payload) > RECORD_OCTETS_MAX:
        raise MisuseError(f"expected a journal record of at most {RECORD_OCTETS_MAX} octets, found {len(payload)}")
    length = _LENGTH.pack(len(payload))
    return _HEADER.pack(MARK, len(payload), crc32c(length + payload)) + payload


def _record_at(data: bytes, position: int) -> bytes | None:
    if len(data) - position < _HEADER.size:
        return None
    mark, length_octets, crc = _HEADER.unpack_from(data, position)
    start = position + _HEADER.size
    if mark != MARK or length_octets > RECORD_OCTETS_MAX or start + length_octets > len(data):
        return None
    payload = data[start : start + length_octets]
    return payload if crc32c(_LENGTH.pack(length_octets) + payload) == crc else None
