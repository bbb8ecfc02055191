"""The append-only journal: records framed by a mark, their length and a CRC-32C, one synced append each.

A record that was being written when power went is found by its CRC and left out. One that was damaged later (a bit
flip in the store) is taken from the second copy, if there is one, or costs only itself: reading goes on at the next
mark whose record is whole. The journal knows nothing of what is in the records.

The second copy is the same octets in another file. It gets each record, durably, once the journal has it and before
`Journal.append` returns: what is struck in one of them is whole in the other, and the copy never says more than the
journal did. One of another time, left by a power cut in a replacement, contradicts the journal somewhere, and is not
believed at all; the one that was about to take its place is looked at too. A copy that cannot be written fails nobody:
`Journal.sync_copy` makes it anew.

Layout of a record: ``4C 4A 52 31 | length 32 | CRC-32C of length and payload 32 | payload``, big-endian.
"""

import contextlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import xxhash

from ccsds.crc import crc32c
from ccsds.errors import MisuseError
from flight.disk import Disk, directory_of

MARK = b"LJR1"
_HEADER = struct.Struct(">4sII")
_LENGTH = struct.Struct(">I")

# A record is one command with its reports and effects; the largest report is a few thousand octets, and a replacement
# (below) writes one record for each job and command remembered. The bound keeps a damaged length from being believed.
RECORD_OCTETS_MAX = 1 << 20

# What `Journal.check` looks at in one go, if no record is longer: under a millisecond of a board's time.
CHECK_OCTETS = 64 << 10


@dataclass(frozen=True, slots=True)
class Recovery:
    """What reading a journal found."""

    records: tuple[bytes, ...]
    """The payloads of all whole records, oldest first."""
    damaged_octets: int
    """Octets that belong to no whole record: a torn tail, or damage."""
    lost_octets: int = 0
    """Those of them that a whole record follows, so they were whole once: damage, in both copies if there are two."""
    mended_octets: int = 0
    """Octets of records that are whole in the second copy only."""
    sync_error: OSError | None = None
    """Why what was read may be gone after the next power cut; None if it is durable."""


@dataclass(frozen=True, slots=True)
class Check:
    """What looking at a part of the journal found."""

    end_octets: int
    """Where the part ends, and the next one begins."""
    is_whole: bool
    """Whether all of its records are whole, and the second copy has the same."""


class UncertainStoreError(OSError):
    """The store failed, and whether a record is durable is not known."""


class Journal:
    """A journal in one file of a disk.

    Args:
        disk: Where it is kept.
        path: Its path there.
        copy_path: The path of its second copy; None keeps none.
    """

    def __init__(self, disk: Disk, path: str, copy_path: str | None = None) -> None:
        self._disk = disk
        self._path = path
        self._copy_path = copy_path
        # How much of the journal the second copy has, as far as is known; None if it is something else.
        self._copied_octets: int | None = 0
        self._is_copy_synced = False
        # Whether the disk failed when the copy was written last: then only `sync_copy` tries again.
        self._is_copy_failing = False
        # By where a slice begins that was found whole: where its last record ends in it, and the digest up to there. To
        # see that octets are the same again is a fraction of the work of finding all records in them anew.
        self._seen: dict[int, tuple[int, int]] = {}
        self.length_octets = 0
        self.generation = 0
        """Goes up with each `replace`: places in the journal mean something else from then on."""

    @property
    def has_synced_copy(self) -> bool:
        """Whether there is nothing for `sync_copy` to do."""
        return self._copy_path is None or (self._is_copy_synced and self._copied_octets == self.length_octets)

    def recover(self) -> Recovery:
        """Read the journal. To be called once, before anything is appended.

        What is read is made durable first: the process that wrote it may have been killed before it could, and what
        is believed now must not be gone after the next power cut.

        Raises:
            OSError: The disk failed to read it.
        """
        sync_error = self._make_durable()
        try:
            data = self._disk.read(self._path)
        except FileNotFoundError:
            data = b""
        self.length_octets = len(data)
        records = _records_in(data)
        own_octets = _octets_of(records)
        copied = self._read_copy(self._copy_path)
        self._copied_octets = len(copied) if copied is not None and data.startswith(copied) else None
        merged = _merge(records, _records_in(copied or b""))
        if merged == records and self._copy_path is not None:
            merged = _merge(records, _records_in(self._read_copy(_successor_of(self._copy_path)) or b""))
        octets, end = _octets_of(merged), _end_of(merged)
        return Recovery(
            tuple(merged[start] for start in sorted(merged)),
            damaged_octets=max(len(data), end) - octets,
            lost_octets=end - octets,
            mended_octets=octets - own_octets,
            sync_error=sync_error,
        )

    def read_from(self, start_octets: int) -> Iterator[bytes]:
        """Read the records from a place on, where one begins; those of a second copy are left out.

        Raises:
            OSError: The disk failed to read it.
        """
        self._make_durable()
        data = self._disk.read(self._path, start_octets)
        self.length_octets = start_octets + len(data)
        for _, payload in _walk(data):
            yield payload

    def append(self, payload: bytes) -> None:
        """Add a record; it is durable when this returns, and in the second copy too unless the disk fails there.

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
        if self._copy_path is not None and not self._is_copy_failing:
            with contextlib.suppress(OSError):
                self._follow(self._copy_path, record)

    def replace(self, payloads: Iterable[bytes]) -> None:
        """Put a new journal in the place of this one, all or nothing; it is durable when this returns.

        Raises:
            OSError: The disk failed; the journal is the old one or the new one.
            MisuseError: A record is longer than `RECORD_OCTETS_MAX`.
        """
        successor = _successor_of(self._path)
        length_octets = self._write_anew(successor, map(_frame, payloads))
        has_copy = self._copy_path is not None and self._prepare_copy(self._copy_path, successor)
        self._disk.rename(successor, self._path)
        self._disk.fsync(directory_of(self._path))
        self.length_octets = length_octets
        self.generation += 1
        self._seen.clear()
        self._copied_octets = None
        if self._copy_path is not None and has_copy:
            with contextlib.suppress(OSError):
                self._change_copy(self._copy_path)

    def sync_copy(self) -> None:
        """Bring the second copy up to the journal; it is durable when this returns.

        Raises:
            OSError: The disk failed. The journal is not touched by that.
        """
        if self._copy_path is None or self.has_synced_copy:
            return
        self._follow(self._copy_path, b"")

    def check(self, start_octets: int) -> Check:
        """Look at some records, and at the second copy of them.

        Args:
            start_octets: Where a record begins, of this generation.

        Raises:
            OSError: The disk failed.
        """
        data = self._disk.read(self._path, start_octets, CHECK_OCTETS)
        if len(data) >= _HEADER.size:
            first_octets = _HEADER.size + min(_HEADER.unpack_from(data)[1], RECORD_OCTETS_MAX)
            if first_octets > len(data):
                data = self._disk.read(self._path, start_octets, first_octets)
        end = self._whole_octets(data, start_octets)
        is_at_end = start_octets + end == self.length_octets
        is_whole = end > 0 or (is_at_end and not data)
        if self._copy_path is not None and self._copied_octets is not None:
            octets = max(0, min(end, self._copied_octets - start_octets))
            is_whole = is_whole and self._read_copy(self._copy_path, start_octets, octets) == data[:octets]
        return Check(start_octets + end, is_whole)

    def _whole_octets(self, data: bytes, start_octets: int) -> int:
        """Give how many octets of a slice are whole records."""
        seen_octets, seen = self._seen.get(start_octets, (0, 0))
        if seen_octets and xxhash.xxh3_64_intdigest(data[:seen_octets]) == seen:
            return seen_octets
        end = 0
        while (payload := _record_at(data, end)) is not None:
            end += _HEADER.size + len(payload)
        if len(data) >= CHECK_OCTETS:  # Nothing comes to this slice any more.
            self._seen[start_octets] = (end, xxhash.xxh3_64_intdigest(data[:end]))
        return end

    def _make_durable(self) -> OSError | None:
        """Make durable what is about to be read, and give what went wrong."""
        try:
            self._disk.fsync(self._path)
            self._disk.fsync(directory_of(self._path))
        except FileNotFoundError:
            pass
        except OSError as error:
            return error
        return None

    def _follow(self, copy_path: str, last: bytes) -> None:
        """Bring the second copy up to the journal, durably; ``last`` is the end of the journal."""
        copied_octets, self._copied_octets = self._copied_octets, None
        self._is_copy_failing = True
        if copied_octets is None:
            self._write_anew(_successor_of(copy_path), [self._disk.read(self._path)])
            self._change_copy(copy_path)
            return
        if copied_octets != self.length_octets - len(last):
            last = self._disk.read(self._path, copied_octets)
        if last:
            self._disk.append(copy_path, last)
        self._disk.fsync(copy_path)
        if not self._is_copy_synced:
            self._disk.fsync(directory_of(copy_path))
        self._copy_follows()

    def _prepare_copy(self, copy_path: str, source: str) -> bool:
        """Have a copy of another journal ready, durably, before that one takes the place; tell whether it is."""
        self._is_copy_failing = True
        with contextlib.suppress(OSError):
            self._write_anew(_successor_of(copy_path), [self._disk.read(source)])
            self._disk.fsync(directory_of(copy_path))
            return True
        return False

    def _change_copy(self, copy_path: str) -> None:
        """Let the copy that is ready take the place of the one there is."""
        self._disk.rename(_successor_of(copy_path), copy_path)
        self._disk.fsync(directory_of(copy_path))
        self._copy_follows()

    def _copy_follows(self) -> None:
        self._copied_octets = self.length_octets
        self._is_copy_synced, self._is_copy_failing = True, False

    def _write_anew(self, path: str, pieces: Iterable[bytes]) -> int:
        """Write a file from its beginning, and sync it; give its length."""
        if path in self._disk.list(directory_of(path)):
            self._disk.remove(path)
        length_octets = 0
        for piece in pieces:
            self._disk.append(path, piece)
            length_octets += len(piece)
        self._disk.fsync(path)
        return length_octets

    def _read_copy(self, path: str | None, start_octets: int = 0, length_octets: int | None = None) -> bytes | None:
        """Read a second copy, empty if there is none; give None if the disk failed, and what is in it is not known."""
        if path is None:
            return b""
        try:
            return self._disk.read(path, start_octets, length_octets)
        except FileNotFoundError:
            return b""
        except OSError:
            return None


def _successor_of(path: str) -> str:
    """Give where a file is written that is about to take the place of another."""
    return f"{path}.new"


def _records_in(data: bytes) -> dict[int, bytes]:
    """Give the payloads of whole records by where they start."""
    return dict(_walk(data))


def _walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give where each whole record starts, and its payload, in order."""
    position = 0
    while 0 <= position < len(data):
        payload = _record_at(data, position)
        if payload is not None:
            yield position, payload
            position += _HEADER.size + len(payload)
        else:
            position = data.find(MARK, position + 1)


def _merge(records: dict[int, bytes], copied: dict[int, bytes]) -> dict[int, bytes]:
    """Add to the records of a journal those that only its second copy has, unless the two contradict each other."""
    if any(copied[start] != payload for start, payload in records.items() if start in copied):
        return records
    # A record that is damaged may hold, as its payload, what looks like a record: the copy knows better.
    added = {start: payload for start, payload in copied.items() if start not in records}
    hidden = {
        inner
        for start, payload in added.items()
        for inner in records
        if start < inner and inner + _HEADER.size + len(records[inner]) <= start + _HEADER.size + len(payload)
    }
    merged = {start: payload for start, payload in {**records, **added}.items() if start not in hidden}
    end = 0
    for start in sorted(merged):
        if start < end:
            return records
        end = start + _HEADER.size + len(merged[start])
    return merged


def _octets_of(records: dict[int, bytes]) -> int:
    return sum(_HEADER.size + len(payload) for payload in records.values())


def _end_of(records: dict[int, bytes]) -> int:
    return max((start + _HEADER.size + len(payload) for start, payload in records.items()), default=0)


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
