"""How fast CFDP is on one core, beside cfdp-py in the same run, and what memory a large file takes.

Both ends are in one process and hand each other their PDUs; processor time is counted, so that what else the machine
does weighs less. Runs of the two alternate. cfdp-py writes real files and keeps no journal, so ours is measured with a
store in memory, and with real files and both journals on disk, synced as on board.

    python -m tools.bench.cfdp_speed
"""

import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from ccsds.cfdp.entity import Entity
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import PutRequest
from flight.disk import RealDisk
from flight.journal import Journal
from tools.bench.cfdp_peer import PeerEnd, VirtualClock
from tools.bench.row import Row, plain

GROUP = "link"
RUNS = 5
SIZE_OCTETS = 16 << 20
SEGMENT_OCTETS = 1024
PEER_OCTETS = 2 << 20
MANY = 100
MANY_OCTETS = 1 << 20
MANY_SMALL_OCTETS = SIZE_OCTETS // MANY
LARGE_OCTETS = 5 << 30
LARGE_SEGMENT_OCTETS = 60_000

TARGET_MB_PER_S = 25
TARGET_RATIO = 3
TARGET_SHARE = 0.8
TARGET_EXTRA_MB = 60

# The time that goes by with each PDU: 1 us, as on a line of 8 Gbit/s.
_STEP_NS = 1000


class SparseStore(MemoryStore):
    """A store of files on this computer that keeps blocks of zeros as holes.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `FileStore.read`."""
        with (self._root / path).open("rb") as file:
            file.seek(offset_octets)
            return file.read(-1 if length_octets is None else length_octets)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `FileStore.pwrite`."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            if data.count(0) < len(data):
                os.pwrite(descriptor, data, offset_octets)
            elif os.fstat(descriptor).st_size < offset_octets + len(data):
                os.ftruncate(descriptor, offset_octets + len(data))
        finally:
            os.close(descriptor)

    def fsync(self, path: str) -> None:
        """Leave it to the kernel: this store is not there to survive."""

    def rename(self, old: str, new: str) -> None:
        """See `FileStore.rename`."""
        (self._root / old).replace(self._root / new)

    def size(self, path: str) -> int:
        """See `FileStore.size`."""
        return (self._root / path).stat().st_size

    def remove(self, path: str) -> None:
        """See `FileStore.remove`."""
        (self._root / path).unlink()

    def is_directory(self, path: str) -> bool:
        """See `FileStore.is_directory`."""
        return (self._root / path).is_dir()

    def version(self, path: str) -> bytes:
        """Give nothing: no file of a bench changes."""
        return b""

    def free_octets(self) -> int:
        """Give more than any bench needs: holes take nothing."""
        return 1 << 50


def loopback_s(files: int, size: int) -> float:
    """Send files at once from one entity to another, both with stores in memory; give the processor time."""
    stores = MemoryStore(1 << 30), MemoryStore(1 << 30)
    return _copy_s(_pair(stores, SEGMENT_OCTETS), files, size)[0]


def disk_loopback_s(size: int) -> tuple[float, float]:
    """Send a file from one directory to another, with both journals on disk; give processor time and wall time."""
    with tempfile.TemporaryDirectory() as folder:
        disks = RealDisk(Path(folder) / "from"), RealDisk(Path(folder) / "to")
        journals = Journal(disks[0], "cfdp.journal"), Journal(disks[1], "cfdp.journal")
        for journal in journals:
            journal.recover()
        return _copy_s(_pair(disks, SEGMENT_OCTETS, journals), 1, size)


def peer_loopback_s() -> float:
    """Send a file from cfdp-py to cfdp-py; give the processor time."""
    with tempfile.TemporaryDirectory() as folder, VirtualClock() as clock:
        content = random.Random(7).randbytes(PEER_OCTETS)
        (Path(folder) / "file").write_bytes(content)
        ends = PeerEnd(1, 2, clock), PeerEnd(2, 1, clock)
        ends[0].put(Path(folder) / "file", Path(folder) / "copy")
        began_s = time.process_time()
        now_ns = 0
        while not ends[1].is_complete:
            now_ns += _STEP_NS
            for side in (0, 1):
                pdu = ends[side].transmit(now_ns)
                if pdu is not None:
                    ends[1 - side].receive(pdu, now_ns)
        elapsed_s = time.process_time() - began_s
        if (Path(folder) / "copy").read_bytes() != content:
            raise RuntimeError("expected cfdp-py to copy the file, found another")
        return elapsed_s


def large_file_extra_mb() -> tuple[float, float]:
    """Send 5 GiB of holes with a few octets in them; give the extra memory in MB at its most, and MB/s."""
    with tempfile.TemporaryDirectory() as folder:
        roots = Path(folder) / "from", Path(folder) / "to"
        for root in roots:
            root.mkdir()
        stores = SparseStore(roots[0]), SparseStore(roots[1])
        marks = {0: b"begin", (1 << 32) - 3: b"across", LARGE_OCTETS - 3: b"end"}
        for offset, mark in marks.items():
            stores[0].pwrite("file", offset, mark)
        process = psutil.Process()
        ends = _pair(stores, LARGE_SEGMENT_OCTETS)
        before = process.memory_info().rss
        most = before
        began_s = time.process_time()
        ends[0].put(PutRequest(destination=2, source_name="file", destination_name="copy"), 0)
        most = max(most, _exchange(ends, process))
        elapsed_s = time.process_time() - began_s
        if stores[1].size("copy") != LARGE_OCTETS:
            raise RuntimeError(f"expected {LARGE_OCTETS} octets, found {stores[1].size('copy')}")
        for offset, mark in marks.items():
            if stores[1].read("copy", offset, len(mark)) != mark:
                raise RuntimeError(
                    f"expected {mark!r} at {offset}, found {stores[1].read('copy', offset, len(mark))!r}"
                )
        return (most - before) / 1e6, LARGE_OCTETS / elapsed_s / 1e6


def run() -> list[Row]:
    """Measure, and give the rows."""
    # First, while nothing else has made the process large and left memory to be used again.
    extra_mb, large_mb_per_s = large_file_extra_mb()
    ours, theirs, on_disk, on_disk_wall, many, many_small = [], [], [], [], [], []
    for _ in range(RUNS):
        ours.append(SIZE_OCTETS / loopback_s(1, SIZE_OCTETS) / 1e6)
        many.append(MANY * MANY_OCTETS / loopback_s(MANY, MANY_OCTETS) / 1e6)
        many_small.append(MANY * MANY_SMALL_OCTETS / loopback_s(MANY, MANY_SMALL_OCTETS) / 1e6)
        disk_s, disk_wall_s = disk_loopback_s(SIZE_OCTETS)
        on_disk.append(SIZE_OCTETS / disk_s / 1e6)
        on_disk_wall.append(SIZE_OCTETS / disk_wall_s / 1e6)
        theirs.append(PEER_OCTETS / peer_loopback_s() / 1e6)
    name = "CFDP class 2 loopback, 16 MiB in 1 KiB segments, CRC-32C"
    wall = statistics.median(on_disk_wall)
    return [
        _against_peer(f"{name}, stores in memory", ours, theirs),
        _against_peer(
            f"{name}, files and journals on disk, synced ({wall:.0f} MB/s by the wall clock)", on_disk, theirs
        ),
        _against_one("CFDP class 2 loopback, 100 files of 1 MiB at once", many, ours),
        _against_one("CFDP class 2 loopback, 100 files of 164 KiB at once", many_small, ours),
        Row(
            group=GROUP,
            name=f"CFDP class 2, 5 GiB sparse file at {large_mb_per_s:.0f} MB/s: extra memory",
            value=round(extra_mb, 1),
            unit="MB",
            target=f"< {TARGET_EXTRA_MB} MB",
            ok=extra_mb < TARGET_EXTRA_MB,
        ),
    ]


def _against_peer(name: str, ours: list[float], theirs: list[float]) -> Row:
    value, peer_value = statistics.median(ours), statistics.median(theirs)
    return Row(
        group=GROUP,
        name=name,
        value=round(value, 1),
        unit="MB/s",
        peer="cfdp-py 0.7, 2 MiB, CRC-32, files on disk, not synced",
        peer_value=round(peer_value, 2),
        ratio=round(value / peer_value, 1),
        target=f">= {TARGET_MB_PER_S} MB/s, ratio >= {TARGET_RATIO}",
        ok=value >= TARGET_MB_PER_S and value / peer_value >= TARGET_RATIO,
    )


def _against_one(name: str, many: list[float], one: list[float]) -> Row:
    # In pairs: what else the machine does changes from run to run.
    ratio = statistics.median(together / alone for together, alone in zip(many, one, strict=True))
    return Row(
        group=GROUP,
        name=name,
        value=round(statistics.median(many), 1),
        unit="MB/s",
        peer="one file of 16 MiB",
        peer_value=round(statistics.median(one), 1),
        ratio=round(ratio, 2),
        target=f"ratio >= {TARGET_SHARE}",
        ok=ratio >= TARGET_SHARE,
    )


def _copy_s(ends: tuple[Entity, Entity], files: int, size: int) -> tuple[float, float]:
    """Send files at once, and see that they arrive as they are; give processor time and wall time."""
    content = random.Random(7).randbytes(size)
    for index in range(files):
        ends[0].store.pwrite(f"file{index}", 0, content)
    began_s, began_wall_s = time.process_time(), time.perf_counter()
    for index in range(files):
        ends[0].put(PutRequest(destination=2, source_name=f"file{index}", destination_name=f"copy{index}"), 0)
    _exchange(ends)
    elapsed_s, elapsed_wall_s = time.process_time() - began_s, time.perf_counter() - began_wall_s
    if any(ends[1].store.read(f"copy{index}") != content for index in range(files)):
        raise RuntimeError("expected the files to arrive as they are, found others")
    return elapsed_s, elapsed_wall_s


def _pair(
    stores: tuple[FileStore, FileStore],
    segment_octets: int,
    journals: tuple[Journal | None, Journal | None] = (None, None),
) -> tuple[Entity, Entity]:
    ends = tuple(
        Entity(
            Mib(entity=here, remotes=(RemoteConfig(entity=3 - here, segment_octets=segment_octets),)), store, journal
        )
        for here, store, journal in ((1, stores[0], journals[0]), (2, stores[1], journals[1]))
    )
    for end in ends:
        end.contact(True, 0)
    return ends[0], ends[1]


def _exchange(ends: tuple[Entity, Entity], process: psutil.Process | None = None) -> int:
    """Let two entities talk until neither has anything to do; give the most memory used."""
    source, destination = ends
    now_ns = turns = most = 0
    while True:
        now_ns += _STEP_NS
        turns += 1
        down = source.transmit(now_ns)
        if down is not None:
            destination.receive(down, now_ns)
        up = destination.transmit(now_ns)
        if up is not None:
            source.receive(up, now_ns)
        source.advance(now_ns)
        destination.advance(now_ns)
        if process is not None and turns % 512 == 0:
            most = max(most, process.memory_info().rss)
        if down is None and up is None and not source.running and not destination.running:
            return most


if __name__ == "__main__":
    for row in run():
        print(plain(row))
