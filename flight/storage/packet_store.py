"""One packet store on board: numbered packets in a ring of segment files, outside of the ledger's journal.

A packet is in memory until its batch is written; each batch is one synced record of a segment. What a power cut takes
is the batch in memory and a torn end; a damaged record costs only itself. Numbers are reserved in the ledger before
they are given, so that none is given twice, whatever is lost. When the store is full its oldest segment makes way; what
of it the ground had not confirmed is written down as overwritten first.
"""

import contextlib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec

from ccsds.cfdp.intervals import IntervalSet
from ccsds.errors import MalformedError
from ccsds.pus.telemetry import Telemetry
from flight.books.storage import NumbersReserved, StoreOverwrote, StoreState
from flight.disk import Disk
from flight.journal import Journal
from flight.ledger import Ledger
from mission.storage import StoreId

DIRECTORY = "stores"

# Numbers reserved at once: a record of the ledger for so many packets. After a reset the rest of them is never given.
RESERVED_COUNT = 256

# The store is cut into so many segments; what makes way at once is the part of one.
SEGMENTS_COUNT = 8
# With segments that were begun anew after damage. Beyond, the oldest makes way as if the store were full.
SEGMENTS_MAX = 64

# Packets wait for their batch at most this many; more wait only if the disk fails, and then the oldest are given up.
PENDING_PACKETS_MAX = 512
# One record holds so much, far below what a record may hold.
BATCH_OCTETS_MAX = 65_536

# Packets that were read are kept until the next are asked for: a second of the fastest link, of a segment of 2 MiB.
CACHE_OCTETS_MAX = 256 << 10
# In a segment so far from each other are the places that are known: what is read begins at one of these.
MARKED_OCTETS = 64 << 10

_SEQUENCE_COUNTS = 1 << 14
_NAME_DIGITS = 10


@dataclass(slots=True)
class _Segment:
    """One file."""

    journal: Journal
    path: str
    first: int
    end: int
    earliest_tai_ns: int
    latest_tai_ns: int
    marks: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Numbers, and where those from each on are in the file; of what was written since the start."""

    def start_of(self, number: int) -> int:
        """Give a place in the file before which a number is not."""
        return self.marks[bisect_right(self.marks, number, key=lambda mark: mark[0]) - 1][1]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a segment."""

    path: str
    first: int
    end: int
    """Numbers from ``first`` to before this are in ``packets``, if they are in the segment at all."""
    packets: dict[int, bytes]


class PacketStore:
    """One store.

    Args:
        store: Which.
        disk: Where it is.
        ledger: Where its numbers are reserved.
        octets_max: What it may take of the disk.
    """

    def __init__(self, store: StoreId, disk: Disk, ledger: Ledger, octets_max: int) -> None:
        self.store = store
        self._disk = disk
        self._ledger = ledger
        self._octets_max = octets_max
        self._segment_octets = max(1, octets_max // SEGMENTS_COUNT)
        self._directory = f"{DIRECTORY}/{store.name.lower()}"
        self._segments: list[_Segment] = []
        self._is_open = False
        self._pending: dict[int, bytes] = {}
        self._cached = _Read("", 0, 0, {})
        self.held = IntervalSet()
        """The numbers of all packets on board, written or not."""
        self.pending_octets = 0
        self.unstored_count = 0
        """Packets that could not be kept since the start: no number could be reserved, or the disk failed."""
        self.damaged_octets = 0
        """Found at the start."""
        self._recover()
        self.next = max(self.state.reserved_end, self.held.end)
        """The number of the next packet."""

    @property
    def state(self) -> StoreState:
        """What is durable beside the packets."""
        return self._ledger.storage.state(self.store)

    @property
    def octets(self) -> int:
        """Its length on the disk."""
        return sum(segment.journal.length_octets for segment in self._segments)

    @property
    def pending_count(self) -> int:
        """Packets that are not written yet."""
        return len(self._pending)

    @property
    def first(self) -> int:
        """The oldest number on board; the next, if there is none."""
        return next((start for start, _ in self.held), self.next)

    def reserve(self) -> NumbersReserved:
        """Give the change that lets numbers be given for a while."""
        return NumbersReserved(self.store, self.next + RESERVED_COUNT)

    def put(self, packet: Telemetry) -> int | None:
        """Take a packet, which is kept with its number as its sequence count; give that number.

        Returns:
            None if it cannot be kept.
        """
        if self.next >= self.state.reserved_end:
            try:
                self._ledger.commit(self.reserve())
            except OSError:
                self.unstored_count += 1
                return None
        number = self.next
        self.next += 1
        octets = msgspec.structs.replace(packet, sequence_count=number % _SEQUENCE_COUNTS).encode()
        self._pending[number] = octets
        self.pending_octets += len(octets)
        self.held.add(number, number + 1)
        if len(self._pending) > PENDING_PACKETS_MAX:
            self._forget(next(iter(self._pending)))
            self.unstored_count += 1
        return number

    def write(self) -> list[StoreOverwrote]:
        """Make all packets durable, and give what had to make way.

        Raises:
            OSError: The disk failed; what is not written waits.
        """
        made_way: list[StoreOverwrote] = []
        while self._pending:
            batch = self._batch()
            payload = msgspec.msgpack.encode(list(batch.items()))
            self._make_room(len(payload), made_way)
            self._append(batch, payload)
            for number in batch:
                self.pending_octets -= len(self._pending.pop(number))
        return made_way

    def read(self, number: int) -> bytes | None:
        """Give a packet; None if it is not there, or cannot be read any more."""
        if number in self._pending:
            return self._pending[number]
        at = bisect_right(self._segments, number, key=lambda segment: segment.first) - 1
        if at < 0 or number >= self._segments[at].end:
            return None
        segment = self._segments[at]
        cached = self._cached
        if cached.path != segment.path or not cached.first <= number < cached.end:
            try:
                cached = self._cached = _read_from(segment, number)
            except OSError:
                return None
        return cached.packets.get(number)

    def release(self) -> None:
        """Let go of what is only kept to be read soon."""
        self._cached = _Read("", 0, 0, {})

    def discard(self, number: int) -> None:
        """Take note that a packet cannot be read any more."""
        self.held.remove(number, number + 1)

    def numbers_between(self, start_tai_ns: int, end_tai_ns: int) -> IntervalSet:
        """Give the numbers of all packets of a range of time."""
        found = IntervalSet()
        for segment in self._segments:
            if segment.latest_tai_ns < start_tai_ns or segment.earliest_tai_ns > end_tai_ns:
                continue
            if start_tai_ns <= segment.earliest_tai_ns and segment.latest_tai_ns <= end_tai_ns:
                for start, end in self.held.within(segment.first, segment.end):
                    found.add(start, end)
                continue
            with contextlib.suppress(OSError):  # What cannot be read cannot be played back either.
                for number, packet in _packets(segment.journal.recover().records):
                    if number < segment.end and start_tai_ns <= Telemetry.decode(packet).time_tai_ns <= end_tai_ns:
                        found.add(number, number + 1)
        for number, packet in self._pending.items():
            if start_tai_ns <= Telemetry.decode(packet).time_tai_ns <= end_tai_ns:
                found.add(number, number + 1)
        return found

    def delete_before(self, tai_ns: int) -> None:
        """Delete the segments that end before a time.

        Raises:
            OSError: The disk failed; some may be deleted.
        """
        for segment in [each for each in self._segments if each.latest_tai_ns < tai_ns]:
            self._remove(segment)

    def _batch(self) -> dict[int, bytes]:
        batch: dict[int, bytes] = {}
        octets = 0
        for number, packet in self._pending.items():
            if batch and octets + len(packet) > BATCH_OCTETS_MAX:
                break
            batch[number] = packet
            octets += len(packet)
        return batch

    def _append(self, batch: dict[int, bytes], payload: bytes) -> None:
        numbers = list(batch)
        if not self._is_open or self._segments[-1].journal.length_octets >= self._segment_octets:
            path = f"{self._directory}/{numbers[0]:0{_NAME_DIGITS}d}"
            journal = Journal(self._disk, path)
            self._is_open = False
        else:
            path, journal = self._segments[-1].path, self._segments[-1].journal
        start_octets = journal.length_octets
        try:
            journal.append(payload)
        except OSError:
            # Its end may be torn, and what is torn may be there after all: what follows goes into another file.
            self._is_open = False
            raise
        times = [Telemetry.decode(packet).time_tai_ns for packet in batch.values()]
        if self._is_open:
            segment = self._segments[-1]
            segment.end = numbers[-1] + 1
            segment.earliest_tai_ns = min(segment.earliest_tai_ns, *times)
            segment.latest_tai_ns = max(segment.latest_tai_ns, *times)
            if start_octets - segment.marks[-1][1] >= MARKED_OCTETS:
                segment.marks.append((numbers[0], start_octets))
        else:
            self._segments.append(_Segment(journal, path, numbers[0], numbers[-1] + 1, min(times), max(times)))
            self._is_open = True
        if self._cached.path == path:
            self.release()

    def _make_room(self, octets: int, made_way: list[StoreOverwrote]) -> None:
        """Let the oldest segments make way for so many octets."""
        while self._segments and (self.octets + octets > self._octets_max or len(self._segments) >= SEGMENTS_MAX):
            segment = self._segments[0]
            ranges = tuple(
                gap
                for start, end in self.held.within(segment.first, segment.end)
                for gap in self.state.confirmed.gaps(start, end)
            )
            if ranges:
                change = StoreOverwrote(self.store, ranges, segment.end)
                self._ledger.commit(change)
                made_way.append(change)
            self._remove(segment)

    def _remove(self, segment: _Segment) -> None:
        self._disk.remove(segment.path)
        if segment is self._segments[-1]:
            self._is_open = False
        self._segments.remove(segment)
        self.held.remove(segment.first, segment.end)
        if self._cached.path == segment.path:
            self.release()
        self._disk.fsync(self._directory)

    def _forget(self, number: int) -> None:
        self.pending_octets -= len(self._pending.pop(number))
        self.held.remove(number, number + 1)

    def _recover(self) -> None:
        """Read what is on the disk; a segment that cannot be read is left out."""
        for path in self._disk.list(self._directory):
            journal = Journal(self._disk, path)
            try:
                recovery = journal.recover()
            except OSError:
                continue
            found = list(_packets(recovery.records))
            self.damaged_octets += recovery.damaged_octets
            first_kept = self.state.first_kept
            if not found or min(found)[0] < first_kept:
                # Nothing is in it, or power went after it was written down as overwritten.
                self._disk.remove(path)
                continue
            times = [Telemetry.decode(packet).time_tai_ns for _, packet in found]
            for number, _ in found:
                self.held.add(number, number + 1)
            first, end = min(found)[0], max(found)[0] + 1
            self._segments.append(_Segment(journal, path, first, end, min(times), max(times)))
            self._is_open = recovery.damaged_octets == 0
        self._segments.sort(key=lambda segment: segment.first)
        for segment, following in pairwise(self._segments):
            # What seemed to fail and was durable after all was written once more into the next file.
            segment.end = min(segment.end, following.first)


def _read_from(segment: _Segment, number: int) -> _Read:
    """Read a segment from a number on, as far as the bound lets.

    Raises:
        OSError: The disk failed.
    """
    packets: dict[int, bytes] = {}
    octets = 0
    for record in segment.journal.read_from(segment.start_of(number)):
        batch = _batch_of(record)
        if not batch or batch[-1][0] < number:
            continue
        if octets > CACHE_OCTETS_MAX:
            return _Read(segment.path, number, batch[0][0], packets)
        if _is_whole(batch):
            packets.update(batch)
            octets += sum(len(packet) for _, packet in batch)
    return _Read(segment.path, number, segment.end, packets)


def _packets(records: tuple[bytes, ...]) -> list[tuple[int, bytes]]:
    """Read the packets of records; what is none of this version, or damaged, is left out."""
    found: list[tuple[int, bytes]] = []
    for record in records:
        batch = _batch_of(record)
        if _is_whole(batch):
            found += batch
    return found


def _batch_of(record: bytes) -> list[tuple[int, bytes]]:
    try:
        return _DECODER.decode(record)
    except msgspec.DecodeError:
        return []


def _is_whole(batch: list[tuple[int, bytes]]) -> bool:
    try:
        for _, packet in batch:
            Telemetry.decode(packet)
    except MalformedError:
        return False
    return True


_DECODER = msgspec.msgpack.Decoder(list[tuple[int, bytes]])
