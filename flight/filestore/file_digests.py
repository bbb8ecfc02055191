"""Digests of files, computed a slice at a time, so that a large file keeps nobody waiting.

A digest that a reboot falls into is forgotten: asking again costs a command.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MisuseError
from flight.disk import Disk

# A slice takes a board some 3 ms to read and sum.
SLICE_OCTETS = 1 << 20
# Between slices: the flight software does other things most of the time, and 5 GiB take a minute.
SLICE_INTERVAL_NS = 10_000_000
# Files that wait: more are a script's mistake.
DIGESTS_MAX = 16


@dataclass(frozen=True, slots=True)
class FileDigest:
    """What became of one file."""

    name: str
    size_octets: int
    sha256: bytes
    """Empty if it could not be read to its end."""
    failure: str
    """Why not."""


@dataclass(slots=True)
class _Work:
    name: str
    size_octets: int
    done_octets: int = 0
    # The type that hashlib gives has no public name.
    sha256: Any = field(default_factory=hashlib.sha256)


class FileDigests:
    """Computes digests one after the other.

    Args:
        disk: Where the files are.
        tell: Takes each result.
    """

    def __init__(self, disk: Disk, tell: Callable[[FileDigest], None]) -> None:
        self._disk = disk
        self._tell = tell
        self._works: deque[_Work] = deque()
        self._due_ns = 0

    def ask(self, name: str, now_ns: int) -> None:
        """Have the digest of a file computed; asked for while it waits, it is told once.

        Raises:
            MisuseError: Too many wait already.
            OSError: There is no such file, or the store failed.
        """
        size_octets = self._disk.size(name)
        if any(work.name == name for work in self._works):
            return
        if len(self._works) >= DIGESTS_MAX:
            raise MisuseError(f"expected at most {DIGESTS_MAX} files whose digest is being computed")
        if not self._works:
            self._due_ns = now_ns
        self._works.append(_Work(name, size_octets))

    def advance(self, now_ns: int) -> None:
        """Compute a slice if it is due."""
        if not self._works or now_ns < self._due_ns:
            return
        self._due_ns = now_ns + SLICE_INTERVAL_NS
        work = self._works[0]
        failure = ""
        try:
            octets = min(SLICE_OCTETS, work.size_octets - work.done_octets)
            data = self._disk.read(work.name, work.done_octets, octets)
            if len(data) < octets:
                failure = f"expected {work.size_octets} octets, found the end at {work.done_octets + len(data)}"
        except OSError as error:
            data, failure = b"", str(error)
        work.sha256.update(data)
        work.done_octets += len(data)
        if failure or work.done_octets == work.size_octets:
            self._works.popleft()
            digest = b"" if failure else work.sha256.digest()
            self._tell(FileDigest(work.name, work.size_octets, digest, failure))

    def next_deadline(self) -> int | None:
        """Give when the next slice is due."""
        return self._due_ns if self._works else None
