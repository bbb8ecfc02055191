"""The files of a station on a directory of this computer: what came, what goes, and what is not whole yet.

It is a `ccsds.cfdp.filestore.FileStore`. What a link asks for can write anywhere in it but below `OUTBOX`: there are
the files that are being sent, which only the station's owner makes and removes. What is durable is as POSIX has it: the
content of a file after ``fsync(path)``, names after ``fsync`` of their directory; a directory that had to be made for a
file is durable at once.
"""

import errno
import hashlib
import os
from pathlib import Path, PurePosixPath

from ccsds.errors import MisuseError
from ground.file_names import OUTBOX

# Room that no file takes: the archive and the keys lie on the same disk, and must go on when files have filled it.
RESERVE_OCTETS = 64 << 20

# Of a file's version: by chance two are equal once in 2^64.
VERSION_OCTETS = 8


class DirectoryStore:
    """A store of files on a directory.

    Args:
        root: The directory; it is made if it is missing.
        reserve_octets: Room on the disk that nothing written here takes.

    Raises:
        MisuseError: There is a file in its place.
        OSError: It cannot be made.
    """

    def __init__(self, root: Path | str, reserve_octets: int = RESERVE_OCTETS) -> None:
        self.root = Path(root).absolute()
        self._reserve_octets = reserve_octets
        if self.root.exists() and not self.root.is_dir():
            raise MisuseError(f"files {self.root}: expected a directory, found a file")
        self.root.mkdir(parents=True, exist_ok=True)

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `FileStore.read`."""
        with self._locate(path).open("rb") as file:
            file.seek(offset_octets)
            return file.read(-1 if length_octets is None else length_octets)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `FileStore.pwrite`."""
        target = self._writable(path)
        self._require_room(data)
        self._make_directories(target.parent)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                written = os.pwrite(descriptor, view, offset_octets)
                view, offset_octets = view[written:], offset_octets + written
        finally:
            os.close(descriptor)

    def append(self, path: str, data: bytes) -> None:
        """See `FileStore.append`."""
        try:
            end = self.size(path)
        except FileNotFoundError:
            end = 0
        self.pwrite(path, end, data)

    def fsync(self, path: str) -> None:
        """See `FileStore.fsync`."""
        sync(self._locate(path))

    def rename(self, old: str, new: str) -> None:
        """See `FileStore.rename`."""
        source, target = self._writable(old), self._writable(new)
        if not source.is_file():
            raise FileNotFoundError(errno.ENOENT, "expected a file to rename, found none", old)
        self._make_directories(target.parent)
        source.replace(target)

    def list(self, prefix: str = "") -> list[str]:
        """See `FileStore.list`."""
        found = (path for path in self._locate(prefix).rglob("*") if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def size(self, path: str) -> int:
        """See `FileStore.size`."""
        target = self._locate(path)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "expected a file, found a directory", path)
        return target.stat().st_size

    def remove(self, path: str) -> None:
        """See `FileStore.remove`."""
        self._writable(path).unlink()

    def is_directory(self, path: str) -> bool:
        """See `FileStore.is_directory`."""
        return self._locate(path).is_dir()

    def make_directory(self, path: str) -> None:
        """See `FileStore.make_directory`."""
        target = self._writable(path)
        self._make_directories(target.parent)
        target.mkdir()
        sync(target.parent)

    def remove_directory(self, path: str) -> None:
        """See `FileStore.remove_directory`."""
        self._writable(path).rmdir()

    def version(self, path: str) -> bytes:
        """See `FileStore.version`."""
        status = self._locate(path).stat()
        told = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
        return hashlib.blake2b(told.encode(), digest_size=VERSION_OCTETS).digest()

    def free_octets(self) -> int:
        """See `FileStore.free_octets`; without what is kept back."""
        status = os.statvfs(self.root)
        return max(0, status.f_bavail * status.f_frsize - self._reserve_octets)

    def is_inside(self, path: str) -> bool:
        """See `FileStore.is_inside`."""
        try:
            return self._locate(path).resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):  # It climbs out, or its links go round in a circle.
            return False

    def _locate(self, path: str) -> Path:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts:
            raise PermissionError(errno.EACCES, "expected a path inside the store, found another", path)
        return self.root / pure

    def _writable(self, path: str) -> Path:
        target = self._locate(path)
        outbox = (self.root / OUTBOX).resolve()
        if target.resolve().is_relative_to(outbox):
            raise PermissionError(errno.EACCES, "expected a path outside of the outbox, found one in it", path)
        return target

    def _require_room(self, data: bytes) -> None:
        if len(data) > self.free_octets():
            text = f"expected room for {len(data)} octets, found {self.free_octets()} and {self._reserve_octets} kept"
            raise OSError(errno.ENOSPC, text)

    def _make_directories(self, directory: Path) -> None:
        """Make a directory and those above it, each durable."""
        if directory.is_dir():
            return
        self._make_directories(directory.parent)
        directory.mkdir(exist_ok=True)
        sync(directory.parent)


def sync(path: Path) -> None:
    """Make a file's content durable, or a directory's names.

    Raises:
        OSError: There is none, or the disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
