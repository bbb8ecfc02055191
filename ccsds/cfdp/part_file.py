"""A file that is not whole yet: what came of it, in any order, summed as it comes. It never decides what that means.

Octets are gathered while they come in order, and written in pieces. `sync` makes them durable; only what it covered may
be told to the journal.

Source: CCSDS 727.0-B-5 4.6.1.2.
"""

from collections.abc import Iterable
from enum import Enum

from ccsds.cfdp.checksum import FileChecksum, Run, file_checksum
from ccsds.cfdp.codes import ChecksumType
from ccsds.cfdp.filestore import FileStore, has_file, sync_names
from ccsds.cfdp.host import PIECE_OCTETS
from ccsds.cfdp.intervals import IntervalSet
from ccsds.cfdp.records import RUNS_MAX
from ccsds.cfdp.room import Room


class Taken(Enum):
    """What became of a segment."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONTRADICTION = "contradiction"
    """Other octets came before for the same offset; nothing was written."""
    NO_ROOM = "no room"
    """There are too many gaps, or it is too far away for what is free in the store; nothing was written."""


class PartFile:
    """A file that is not whole yet.

    Args:
        store: Where it is.
        room: Of the store.
        path: Its path there.
        runs: What is in it, if it was begun before.
        kind: How it is summed, None if that is not known yet.
    """

    def __init__(self, store: FileStore, room: Room, path: str, runs: Iterable[Run], kind: ChecksumType | None) -> None:
        self._store = store
        self._room = room
        self.path = path
        self._kind = kind
        self._received = IntervalSet((start, end) for start, end, _ in runs)
        self.unsynced_octets = 0
        """Written since `sync`."""
        self._has_durable_name = bool(len(self._received))
        self._buffer: list[bytes] = []
        self._buffer_start = self._next = 0
        # Up to where octets may follow each other without a look at what is there.
        self._next_max = 0
        self._checksum: FileChecksum | None = None if kind is None else file_checksum(kind, runs)

    @property
    def received(self) -> IntervalSet:
        """What came."""
        self.flush()
        return self._received

    @property
    def end(self) -> int:
        """One past the highest octet that came."""
        return max(self._next if self._buffer else 0, self._received.end)

    @property
    def octets(self) -> int:
        """How much came, written or not."""
        return self._received.octets + (self._next - self._buffer_start if self._buffer else 0)

    @property
    def is_synced(self) -> bool:
        """Whether all that came is durable."""
        return not self._buffer and not self.unsynced_octets

    def octets_max(self) -> int:
        """Give how large it may become: what came, and the room that is not promised to others."""
        return self._room.free_octets(self.path) + self.received.octets

    def promise(self, size_octets: int) -> None:
        """Have room kept for all of it."""
        self._room.promise(self.path, max(0, size_octets - self.received.octets))

    def take_next(self, offset: int, data: bytes) -> bool:
        """Take octets that follow the last ones; tell whether they do."""
        end = offset + len(data)
        if offset != self._next or end > self._next_max:
            return False
        self._buffer.append(data)
        self._next = end
        if end - self._buffer_start >= PIECE_OCTETS:
            self.flush()
        return True

    def take(self, offset: int, data: bytes, octets_max: int) -> Taken:
        """Take octets wherever they are.

        Args:
            offset: Of the first.
            data: They.
            octets_max: How large the file can be.
        """
        end = offset + len(data)
        received = self.received
        for start, stop in received.within(offset, end):
            if self._store.read(self.path, start, stop - start) != data[start - offset : stop - offset]:
                return Taken.CONTRADICTION
        gaps = received.gaps(offset, end)
        if not gaps:
            return Taken.DUPLICATE
        if len(received) + len(gaps) > RUNS_MAX:
            return Taken.NO_ROOM
        if end - received.end > PIECE_OCTETS and end - received.end > self._room.free_octets(self.path):
            return Taken.NO_ROOM
        for start, stop in gaps:
            self._begin(start, octets_max)
            self._buffer.append(data[start - offset : stop - offset])
            self._next = stop
            self.flush()
        return Taken.NEW

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._buffer:
            return
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        self._store.pwrite(self.path, self._buffer_start, data)
        if self._checksum is not None:
            self._checksum.add(self._buffer_start, data)
        self._received.add(self._buffer_start, self._next)
        self._room.take(self.path, len(data))
        self.unsynced_octets += len(data)
        self._buffer.clear()
        self._buffer_start = self._next

    def sync(self) -> None:
        """Make all of it durable."""
        self.flush()
        if not self._received.end:
            self._store.pwrite(self.path, 0, b"")
        self._store.fsync(self.path)
        if not self._has_durable_name:
            sync_names(self._store, self.path)
            self._has_durable_name = True
        self.unsynced_octets = 0

    def runs(self) -> tuple[Run, ...]:
        """Give what came, with its checksums, for the journal."""
        received = tuple((start, end, 0) for start, end in self.received)[:RUNS_MAX]
        if self._checksum is None:
            return received
        sums = {(start, end): total for start, end, total in self._checksum.runs()}
        modular = next((total for (start, end), total in sums.items() if start == end), 0)
        # A modular sum belongs to no run: the first carries it.
        return tuple(
            (start, end, sums.get((start, end), modular if at == 0 else 0))
            for at, (start, end, _) in enumerate(received)
        )

    def sum_by(self, kind: ChecksumType) -> None:
        """Learn how the file is summed, and sum what is there."""
        self.flush()
        checksum = file_checksum(kind)
        for start, end in self._received:
            for offset in range(start, end, PIECE_OCTETS):
                checksum.add(offset, self._store.read(self.path, offset, min(PIECE_OCTETS, end - offset)))
        self._kind, self._checksum = kind, checksum

    def checksum(self) -> int:
        """Give the checksum; it means something once the file is whole."""
        self.flush()
        return self._checksum.value() if self._checksum is not None else 0

    def stored_checksum(self, kind: ChecksumType) -> int:
        """Give the checksum of what lies in the store, which a particle may have struck since it came."""
        self.flush()
        checksum = file_checksum(kind)
        for offset in range(0, self._received.end, PIECE_OCTETS):
            checksum.add(offset, self._store.read(self.path, offset, min(PIECE_OCTETS, self._received.end - offset)))
        return checksum.value()

    def discard(self) -> None:
        """Remove it, and know nothing of it any more; it can come again."""
        if has_file(self._store, self.path):
            self._store.remove(self.path)
        self.forget()

    def forget(self) -> None:
        """Know nothing of what is in it any more."""
        self._buffer.clear()
        self._received.clear()
        self.close()
        self._checksum = None if self._kind is None else file_checksum(self._kind)
        self._has_durable_name = False
        self.unsynced_octets = 0

    def close(self) -> None:
        """Let nothing follow without a look."""
        self._next_max = -1

    def release(self) -> None:
        """Give back what it was promised and did not take."""
        self._room.promise(self.path, 0)

    def _begin(self, start: int, octets_max: int) -> None:
        self._buffer_start = self._next = start
        gap = self._received.gaps(start, octets_max, 1)
        self._next_max = gap[0][1] if gap and gap[0][0] == start else start
