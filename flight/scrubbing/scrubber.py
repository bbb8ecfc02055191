"""The scrubber: looks through the journal and all files under care, a slice at a time, and mends what was struck.

A pass begins each ``scrub_period``; between slices it waits as ``scrub_rate`` has it, so that commands never wait for
more than one slice. A file that is changed while it is looked at is left alone, and taken under care afresh. After a
reboot a pass begins anew. SHA-256 tells which of file and copy was struck; the journal is mended from what is in
memory. Whether memory is what it was, it sees by the seals of the ledger's books.
"""

import errno
import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from flight.beat import next_beat
from flight.disk import Disk, directory_of
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from flight.scrubbing.care import DAMAGED_SUFFIX, is_cared_for
from flight.scrubbing.second_copies import FILES_MAX, PATH_OCTETS_MAX, Kind, Label, SecondCopies, place_of
from mission.words.scrubbing import (
    COPY_RENEWED,
    FILE_LOST,
    FILE_MENDED,
    JOURNAL_REWRITTEN,
    SCRUB_COPIES_MAX,
    SCRUB_FAILED,
    SCRUB_PERIOD,
    SCRUB_RATE,
)

NS_PER_S = 1_000_000_000

# A slice takes a board some 3 ms to read and sum.
SLICE_OCTETS = 1 << 20

# The first pass after a start: resets that come often must not keep it from ever coming.
FIRST_PASS_NS = 600 * NS_PER_S

# How often files that nobody has a copy of are looked for: for so long, and as long as it takes to copy, a new file
# is not protected.
SEARCH_NS = 600 * NS_PER_S

# How often the books are glanced at beside each commit, and ended jobs looked at, whose files may be removed: for so
# long telemetry may tell what was struck.
BOOKS_NS = 60 * NS_PER_S
# How often all that they hold is looked at: for so long a command that is due later may have lost its place.
WHOLE_BOOKS_NS = 3600 * NS_PER_S

# How often it is tried again to write the second copy of the journal, if that failed with a record.
COPY_SYNC_NS = 60 * NS_PER_S

# Room in the store that second copies never take: what is done there matters more.
RESERVE_OCTETS = 64 << 20

Slices = Generator[int, None, None]
"""A piece of work that gives, after each slice, how many octets it looked at."""


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    passes: int = 0
    octets: int = 0
    mended: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _Task:
    path: str
    """The file under work; empty for what concerns none."""
    slices: Slices


class Scrubber:
    """Scrubs one store.

    Args:
        disk: The store itself; what is done there is told to nobody.
        ledger: Whose journal it looks through, and which knows what jobs have ended.
        reporter: Where it says what it found.
        is_settled: Tells whether a path under care is not written any more by another process.
        now_ns: When it starts.
    """

    rate_octets_per_s: int = SCRUB_RATE.default
    copies_octets_max: int = SCRUB_COPIES_MAX.default

    def __init__(
        self, disk: Disk, ledger: Ledger, reporter: Reporter, is_settled: Callable[[str], bool], now_ns: int
    ) -> None:
        self._disk = disk
        self._ledger = ledger
        self._reporter = reporter
        self._is_settled = is_settled
        self.copies = SecondCopies(disk)
        self.counts = Counts()
        self._tasks: deque[_Task] = deque()
        self._slice_ns = now_ns
        self._pass_ns = now_ns + FIRST_PASS_NS
        self._search_ns = next_beat(now_ns, SEARCH_NS)
        self._books_ns = next_beat(now_ns, BOOKS_NS)
        self._whole_books_ns = next_beat(now_ns, WHOLE_BOOKS_NS)
        self._copy_sync_ns: int | None = None
        self._is_in_pass = False
        self._period_ns = SCRUB_PERIOD.default * NS_PER_S

    @property
    def is_busy(self) -> bool:
        """Whether it has something to look at."""
        return bool(self._tasks)

    def set_period(self, period_ns: int, now_ns: int) -> None:
        """Set how long is between the beginnings of two passes; 0 for none."""
        self._period_ns = period_ns
        self._pass_ns = min(self._pass_ns, now_ns + period_ns) if period_ns else self._pass_ns

    def start(self, now_ns: int) -> None:
        """Begin a pass now; what is under work goes on first, and a pass that is under way counts as this one."""
        if self._is_in_pass:
            return
        self._pass_ns = now_ns + self._period_ns
        self._is_in_pass = True
        self._tasks.append(_Task("", self._check_journal()))
        self._tasks.extend(_Task("", self._check(place)) for place in self.copies.places)
        self._tasks.append(_Task("", self._end_pass()))

    def changing(self, path: str) -> None:
        """Forget the copy of a file that is about to change.

        Raises:
            OSError: It cannot be forgotten, so the file must not change: the copy would be taken for what is right.
        """
        for task in [task for task in self._tasks if task.path == path]:
            self._tasks.remove(task)
        self.copies.forget(place_of(path))

    def advance(self, now_ns: int) -> None:
        """Do what is due: at most one slice.

        Raises:
            StruckBookError: The books are not what they were.
        """
        if now_ns >= self._books_ns:
            self._books_ns = next_beat(now_ns, BOOKS_NS)
            self._ledger.glance()
            self._ledger.verify("jobs")
        if now_ns >= self._whole_books_ns:
            self._whole_books_ns = next_beat(now_ns, WHOLE_BOOKS_NS)
            self._ledger.verify()
        if self._period_ns and now_ns >= self._pass_ns and not self._is_in_pass:
            self.start(now_ns)
        if now_ns >= self._search_ns:
            self._search_ns = next_beat(now_ns, SEARCH_NS)
            self._search()
        self._follow_journal(now_ns)
        if self._tasks and now_ns >= self._slice_ns:
            octets = self._work()
            self.counts.octets += octets
            self._slice_ns = now_ns + octets * NS_PER_S // self.rate_octets_per_s

    def next_deadline(self) -> int:
        """Give when something is due."""
        deadlines = [self._search_ns, self._books_ns]
        if self._period_ns and not self._is_in_pass:
            deadlines.append(self._pass_ns)
        if self._copy_sync_ns is not None:
            deadlines.append(self._copy_sync_ns)
        if self._tasks:
            deadlines.append(self._slice_ns)
        return min(deadlines)

    def _work(self) -> int:
        """Do one slice of the first task."""
        task = self._tasks[0]
        try:
            return next(task.slices)
        except StopIteration:
            pass
        except OSError as error:
            self._reporter.event(SCRUB_FAILED, reason=clip_reason(str(error)))
        # What it did on the way may have put its own file's task out of the queue.
        if self._tasks and self._tasks[0] is task:
            self._tasks.popleft()
        return 0

    def _follow_journal(self, now_ns: int) -> None:
        """Make the second copy of the journal anew, some time after it could not be written."""
        if self._ledger.journal.has_synced_copy:
            self._copy_sync_ns = None
        elif self._copy_sync_ns is None:
            self._copy_sync_ns = next_beat(now_ns, COPY_SYNC_NS)
        elif now_ns >= self._copy_sync_ns:
            self._copy_sync_ns = next_beat(now_ns, COPY_SYNC_NS)
            try:
                self._ledger.journal.sync_copy()
            except OSError as error:
                self._reporter.event(SCRUB_FAILED, reason=clip_reason(str(error)))

    def _search(self) -> None:
        """Find the files that are to be taken under care."""
        try:
            paths = self._disk.list()
        except OSError as error:
            self._reporter.event(SCRUB_FAILED, reason=clip_reason(str(error)))
            return
        waiting = {task.path for task in self._tasks}
        for path in paths:
            if len(self.copies.places) + len(waiting) >= FILES_MAX:
                return
            if is_cared_for(path) and not self.copies.has(path) and path not in waiting and self._is_settled(path):
                self._tasks.append(_Task(path, self._adopt(path)))
                waiting.add(path)

    def _check_journal(self) -> Slices:
        journal = self._ledger.journal
        generation, position = journal.generation, 0
        while position < journal.length_octets:
            check = journal.check(position)
            yield check.end_octets - position
            if journal.generation != generation:
                generation, position = journal.generation, 0  # It was rewritten, which mends it too.
            elif not check.is_whole:
                self._ledger.rewrite()
                self.counts.mended += 1
                self._reporter.event(JOURNAL_REWRITTEN, position=position)
                return
            else:
                position = check.end_octets

    def _check(self, place: str) -> Slices:
        """Look at one file and its copy."""
        label = self.copies.label(place)
        if label is None:
            self.copies.forget(place)  # What it was of is found by the next search, if it is still there.
            return
        self._tasks[0] = _Task(label.path, self._compare(place, label))
        yield 0

    def _compare(self, place: str, label: Label) -> Slices:
        digests = _Digests(self._disk, label, place)
        yield from digests.read()
        if digests.is_file_whole and digests.is_copy_whole:
            return
        if digests.is_file_whole:
            yield from self._take(label.path, label)
            self.copies.finish(label)
            self._reporter.event(COPY_RENEWED, path=label.path)
        elif digests.is_copy_whole and label.kind is Kind.WHOLE:
            yield from self._take(place, label)
            self.copies.restore(label.path)
            self.counts.mended += 1
            self._reporter.event(FILE_MENDED, path=label.path, octets=label.length_octets)
        else:
            self.copies.forget(place)
            if digests.has_file:
                self._disk.rename(label.path, label.path + DAMAGED_SUFFIX)
                self._disk.fsync(directory_of(label.path))
            self.counts.lost += 1
            self._reporter.event(FILE_LOST, path=label.path, octets=label.length_octets)

    def _adopt(self, path: str) -> Slices:
        """Take a file under care as it is."""
        if len(path.encode()) > PATH_OCTETS_MAX:
            return
        # What a power cut could still undo must not be held against the file.
        self._disk.fsync(path)
        self._disk.fsync(directory_of(path))
        length_octets = self._disk.size(path)
        room_octets = min(
            self.copies_octets_max - self.copies.octets, self._disk.free_octets() - RESERVE_OCTETS - length_octets
        )
        kind = Kind.WHOLE if length_octets <= room_octets else Kind.DIGEST
        sha256 = hashlib.sha256()
        self.copies.begin()
        for data in self._slices_of(path, length_octets):
            sha256.update(data)
            if kind is Kind.WHOLE:
                self.copies.add(data)
            yield len(data)
        self.copies.finish(Label(path=path, kind=kind, length_octets=length_octets, sha256=sha256.digest()))

    def _take(self, source: str, label: Label) -> Slices:
        """Begin a copy with what was just seen to be whole.

        Raises:
            OSError: It is not any more.
        """
        sha256 = hashlib.sha256()
        self.copies.begin()
        for data in self._slices_of(source, label.length_octets):
            sha256.update(data)
            self.copies.add(data)
            yield len(data)
        if sha256.digest() != label.sha256:
            raise OSError(errno.EIO, f"{source} was struck while it was copied")

    def _slices_of(self, path: str, length_octets: int) -> Iterator[bytes]:
        for offset in range(0, length_octets, SLICE_OCTETS):
            yield self._disk.read(path, offset, min(SLICE_OCTETS, length_octets - offset))

    def _end_pass(self) -> Slices:
        self._is_in_pass = False
        self.counts.passes += 1
        yield from ()


class _Digests:
    """The digests of a file and of its copy, taken side by side."""

    def __init__(self, disk: Disk, label: Label, place: str) -> None:
        self._disk = disk
        self._label = label
        self._place = place
        self.has_file = False
        self.is_file_whole = False
        self.is_copy_whole = False

    def read(self) -> Slices:
        label = self._label
        file, copy = hashlib.sha256(), hashlib.sha256()
        try:
            size_octets = self._disk.size(label.path)
            self.has_file = True
        except OSError:
            size_octets = -1
        is_whole_copy = label.kind is Kind.WHOLE
        for offset in range(0, label.length_octets, SLICE_OCTETS):
            octets = min(SLICE_OCTETS, label.length_octets - offset)
            taken = self._take(label.path, offset, octets, file)
            if is_whole_copy:
                taken += self._take(self._place, offset, octets, copy)
            yield taken
        self.is_file_whole = size_octets == label.length_octets and file.digest() == label.sha256
        self.is_copy_whole = not is_whole_copy or copy.digest() == label.sha256

    def _take(self, path: str, offset: int, octets: int, digest: "hashlib._Hash") -> int:
        try:
            data = self._disk.read(path, offset, octets)
        except OSError:  # What cannot be read is not whole: its digest differs.
            return 0
        digest.update(data)
        return len(data)
