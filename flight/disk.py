"""The one door to durable storage: the `Disk` port and the real disk behind it.

Everything the spacecraft must remember goes through a `Disk`, so that the HIL harness can put a seeded one in its
place, which tears and forgets what was not synced. Paths are relative, with forward slashes, and never leave the root.

What is durable, as POSIX has it: the content of a file after ``fsync(path)``; that a file exists under its name (after
creating, renaming or removing it) after ``fsync`` of its directory, where ``""`` is the root. So it is with
directories, but one that had to be made for a file is durable at once, and no name in a directory outlasts it.

A `Disk` has all that CFDP asks of a store of files (`ccsds.cfdp.filestore.FileStore`); `flight.filestore.folder` is one
directory of it.

This file and `flight.jobs.worker` are the only ones in the flight software that touch files.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Protocol

from ccsds.errors import MisuseError

# Paths whose place is remembered: those of a busy store, a few hundred octets each.
LOCATED_MAX = 1024

# Of a file's version: by chance two are equal once in 2^64.
VERSION_OCTETS = 8


class Disk(Protocol):
    """What the spacecraft asks of a store. Every method may raise ``OSError`` (disk full, bad medium).

    A missing file raises ``FileNotFoundError``, except for `list`, which gives nothing.
    """

    def append(self, path: str, data: bytes) -> None:
        """Add ``data`` at the end of a file, which is made (with its directories) if it is missing."""
        ...

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """Write ``data`` at an offset in a file, which is made (with its directories) if it is missing."""
        ...

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """Read up to ``length_octets`` (all, if None) from an offset."""
        ...

    def fsync(self, path: str) -> None:
        """Make a file's content durable, or a directory's names; ``""`` is the root directory."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what was there; durable once the directory is synced."""
        ...

    def list(self, prefix: str = "") -> list[str]:
        """Paths of all files below a directory (``""`` for all), sorted."""
        ...

    def size(self, path: str) -> int:
        """Give the length of a file in octets."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file; durable once the directory is synced."""
        ...

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory of this name."""
        ...

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """Paths of all directories below a directory (``""`` for all), sorted."""
        ...

    def make_directory(self, path: str) -> None:
        """Make a directory; one that is there raises ``FileExistsError``. Durable once the one above is synced."""
        ...

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; any other raises ``OSError``. Durable once the one above is synced."""
        ...

    def free_octets(self) -> int:
        """Give how much more can be stored."""
        ...

    def version(self, path: str) -> bytes:
        """Give a few octets that differ once a file was written to or replaced, and stay the same over a restart."""
        ...

    def is_inside(self, path: str, directory: str = "") -> bool:
        """Tell whether a path stays inside a directory when its symbolic links are followed."""
        ...


@lru_cache(maxsize=LOCATED_MAX)
def directory_of(path: str) -> str:
    """Give the directory of a disk path, in the form that `Disk.fsync` takes (``""`` for the root)."""
    parent = str(PurePosixPath(path).parent)
    return "" if parent == "." else parent


class RealDisk:
    """A `Disk` on a directory of this computer.

    Args:
        root: The directory; it is made if it is missing.

    Raises:
        MisuseError: There is a file in its place.
        OSError: It cannot be made.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).absolute()
        if self.root.exists() and not self.root.is_dir():
            raise MisuseError(f"store {self.root}: expected a directory, found a file")
        self.root.mkdir(parents=True, exist_ok=True)
        self._located: dict[str, Path] = {}

    def lock(self) -> None:
        """Keep this directory for this process as long as it runs.

        Raises:
            MisuseError: Another process has it.
        """
        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MisuseError(
                f"store {self.root}: expected no other flight software on it, found one running"
            ) from None

    def append(self, path: str, data: bytes) -> None:
        """See `Disk.append`."""
        self._write(path, data, os.O_WRONLY | os.O_CREAT | os.O_APPEND, None)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `Disk.pwrite`."""
        self._write(path, data, os.O_WRONLY | os.O_CREAT, offset_octets)

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `Disk.read`."""
        with self.locate(path).open("rb") as file:
            file.seek(offset_octets)
            return file.read(-1 if length_octets is None else length_octets)

    def fsync(self, path: str) -> None:
        """See `Disk.fsync`."""
        _sync(self.locate(path))

    def rename(self, old: str, new: str) -> None:
        """See `Disk.rename`."""
        source, target = self.locate(old), self.locate(new)
        if not source.exists():
            raise FileNotFoundError(f"expected a file to rename at {old!r}, found none")
        self._make_directory(target.parent)
        source.replace(target)

    def list(self, prefix: str = "") -> list[str]:
        """See `Disk.list`."""
        start = len(str(self.root)) + 1
        return sorted(path[start:] for path in _files_below(str(self.locate(prefix))))

    def size(self, path: str) -> int:
        """See `Disk.size`."""
        return self.locate(path).stat().st_size

    def remove(self, path: str) -> None:
        """See `Disk.remove`."""
        self.locate(path).unlink()

    def is_directory(self, path: str) -> bool:
        """See `Disk.is_directory`."""
        return self.locate(path).is_dir()

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """See `Disk.list_directories`."""
        found = (path for path in self.locate(prefix).rglob("*") if path.is_dir())
        return tuple(sorted(path.relative_to(self.root).as_posix() for path in found))

    def make_directory(self, path: str) -> None:
        """See `Disk.make_directory`."""
        directory = self.locate(path)
        self._make_directory(directory.parent)
        directory.mkdir()
        _sync(directory.parent)

    def remove_directory(self, path: str) -> None:
        """See `Disk.remove_directory`."""
        self.locate(path).rmdir()

    def version(self, path: str) -> bytes:
        """See `Disk.version`."""
        # Without the inode, which some file systems number anew at each start.
        status = self.locate(path).stat()
        told = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        return hashlib.blake2b(told.encode(), digest_size=VERSION_OCTETS).digest()

    def free_octets(self) -> int:
        """See `Disk.free_octets`."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize

    def is_inside(self, path: str, directory: str = "") -> bool:
        """See `Disk.is_inside`."""
        try:
            return self.locate(path).resolve().is_relative_to(self.locate(directory).resolve())
        except (MisuseError, OSError, RuntimeError):  # It climbs out, or its links go round in a circle.
            return False

    def locate(self, path: str) -> Path:
        """Give the path on this computer of a disk path.

        Raises:
            MisuseError: The path is absolute or climbs out of the root.
        """
        located = self._located.get(path)
        if located is None:
            pure = PurePosixPath(path)
            if pure.is_absolute() or ".." in pure.parts:
                raise MisuseError(f"expected a path inside the store, found {path!r}")
            if len(self._located) >= LOCATED_MAX:
                self._located.clear()
            located = self._located[path] = self.root / pure
        return located

    def _make_directory(self, directory: Path) -> None:
        """Make a directory and those above it, each durable, so that only names in it need to be synced."""
        if directory.is_dir():
            return
        self._make_directory(directory.parent)
        directory.mkdir(exist_ok=True)
        _sync(directory.parent)

    def _write(self, path: str, data: bytes, flags: int, offset_octets: int | None) -> None:
        target = self.locate(path)
        try:
            descriptor = os.open(target, flags | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            self._make_directory(target.parent)
            descriptor = os.open(target, flags | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                if offset_octets is None:
                    written = os.write(descriptor, view)
                else:
                    written = os.pwrite(descriptor, view, offset_octets)
                    offset_octets += written
                view = view[written:]
        finally:
            os.close(descriptor)


def _files_below(directory: str) -> Iterator[str]:
    """Give the paths of all files below a directory; one that is gone, or is none, has none."""
    try:
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(entry.path)
        elif _is_file(entry):
            yield entry.path


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether it is a file, or a link to one; a link that goes round is none."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
