"""How fast CFDP is on one core, beside cfdp-py in the same run, and what memory a large file takes.

Both ends are in one process and hand each other their PDUs; processor time is counted, so that what else the machine
does weighs less. Runs of the two alternate.

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
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import PutRequest
from tools.bench.cfdp_peer import PeerEnd, VirtualClock
from tools.bench.row import Row, plain

GROUP = "link"
RUNS = 5
SIZE_OCTETS = 16 << 20
SEGMENT_OCTETS = 1024
PEER_OCTETS = 2 << 20
MANY = 100
MANY_OCTETS = 1 << 20
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

    def free_octets(self) -> int:
        """Give more than any bench needs: holes take nothing."""
        return 1 << 50


def loopback_s(files: int, size: int) -> float:
    """Send files at once from one entity to another; give the processor time."""
    content = random.Random(7).randbytes(size)
    stores = MemoryStore(1 << 30), MemoryStore(1 << 30)
    ends = _pair(stores, SEGMENT_OCTETS)
    for index in range(files):
        stores[0].pwrite(f"file{index}", 0, content)
    began_s = time.process_time()
    for index in range(files):
        ends[0].put(PutRequest(destination=2, source_name=f"file{index}", destination_name=f"copy{index}"), 0)
    _exchange(ends)
    elapsed_s = time.process_time() - began_s
    if any(stores[1].read(f"copy{index}") != content for index in range(files)):
        raise RuntimeError("expected the files to arrive as they are, found others")
    return elapsed_s


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
    ours, theirs, many = [], [], []
    for _ in range(RUNS):
        ours.append(SIZE_OCTETS / loopback_s(1, SIZE_OCTETS) / 1e6)
        theirs.append(PEER_OCTETS / peer_loopback_s() / 1e6)
        many.append(MANY * MANY_OCTETS / loopback_s(MANY, MANY_OCTETS) / 1e6)
    value, peer_value, together = statistics.median(ours), statistics.median(theirs), statistics.median(many)
    return [
        Row(
            group=GROUP,
            name="CFDP class 2 loopback, 16 MiB in 1 KiB segments, CRC-32C",
            value=round(value, 1),
            unit="MB/s",
            peer="cfdp-py 0.7, 2 MiB, CRC-32",
            peer_value=round(peer_value, 2),
            ratio=round(value / peer_value, 1),
            target=f">= {TARGET_MB_PER_S} MB/s, ratio >= {TARGET_RATIO}",
            ok=value >= TARGET_MB_PER_S and value / peer_value >= TARGET_RATIO,
        ),
        Row(
            group=GROUP,
            name="CFDP class 2 loopback, 100 files of 1 MiB at once",
            value=round(together, 1),
            unit="MB/s",
            peer="one file at a time",
            peer_value=round(value, 1),
            ratio=round(together / value, 2),
            target=f"ratio >= {TARGET_SHARE}",
            ok=together / value >= TARGET_SHARE,
        ),
        Row(
            group=GROUP,
            name=f"CFDP class 2, 5 GiB sparse file at {large_mb_per_s:.0f} MB/s: extra memory",
            value=round(extra_mb, 1),
            unit="MB",
            target=f"< {TARGET_EXTRA_MB} MB",
            ok=extra_mb < TARGET_EXTRA_MB,
        ),
    ]


def _pair(stores: tuple[MemoryStore, MemoryStore], segment_octets: int) -> tuple[Entity, Entity]:
    ends = tuple(
        Entity(Mib(entity=here, remotes=(RemoteConfig(entity=3 - here, segment_octets=segment_octets),)), store)
        for here, store in ((1, stores[0]), (2, stores[1]))
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
