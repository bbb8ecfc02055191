"""A file store in memory: for tests, benches, and a board whose files need not outlive it. Nothing in it is durable."""

import errno
import posixpath
from collections import Counter
from functools import lru_cache

from ccsds.cfdp.filestore import directory_of

# Half the memory of a small board.
OCTETS_MAX = 256 << 20


class MemoryStore:
    """A `FileStore` in memory, without symbolic links.

    Args:
        octets_max: How much it holds.
    """

    def __init__(self, octets_max: int = OCTETS_MAX) -> None:
        self._octets_max = octets_max
        self._files: dict[str, bytearray] = {}
        self._directories: set[str] = {""}
        self._octets = 0
        # How often each file was written to or replaced.
        self._changes: Counter[str] = Counter()

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `FileStore.read`."""
        end = None if length_octets is None else offset_octets + length_octets
        return bytes(memoryview(self._file(path))[offset_octets:end])

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `FileStore.pwrite`."""
        path = _normal(path)
        if path in self._directories:
            raise IsADirectoryError(f"expected a file at {path!r}, found a directory")
        file = self._files.get(path)
        if file is None:
            self._make_directories(directory_of(path))
            file = self._files[path] = bytearray()
        growth = offset_octets + len(data) - len(file)
        if growth > 0 and growth > self.free_octets():
            raise OSError(errno.ENOSPC, f"expected room for {growth} octets, found {self.free_octets()}")
        self._octets += max(0, growth)
        if offset_octets > len(file):
            file.extend(bytes(offset_octets - len(file)))
        file[offset_octets : offset_octets + len(data)] = data
        self._changes[path] += 1

    def append(self, path: str, data: bytes) -> None:
        """See `FileStore.append`."""
        self.pwrite(path, len(self._files.get(_normal(path), b"")), data)

    def fsync(self, path: str) -> None:
        """See `FileStore.fsync`."""
        path = _normal(path)
        if path not in self._files and path not in self._directories:
            raise FileNotFoundError(f"expected a file or a directory to sync, found nothing at {path!r}")

    def rename(self, old: str, new: str) -> None:
        """See `FileStore.rename`."""
        file = self._file(old)
        if _normal(new) in self._directories:
            raise IsADirectoryError(f"expected a file at {new!r}, found a directory")
        self._make_directories(directory_of(_normal(new)))
        del self._files[_normal(old)]
        self._octets -= len(self._files.get(_normal(new), b""))
        self._files[_normal(new)] = file
        self._changes[_normal(new)] += 1

    def list(self, prefix: str = "") -> list[str]:
        """See `FileStore.list`."""
        start = _normal(prefix) + "/" if _normal(prefix) else ""
        return sorted(path for path in self._files if path.startswith(start))

    def size(self, path: str) -> int:
        """See `FileStore.size`."""
        return len(self._file(path))

    def remove(self, path: str) -> None:
        """See `FileStore.remove`."""
        self._octets -= len(self._file(path))
        del self._files[_normal(path)]

    def is_directory(self, path: str) -> bool:
        """See `FileStore.is_directory`."""
        return _normal(path) in self._directories

    def make_directory(self, path: str) -> None:
        """See `FileStore.make_directory`."""
        path = _normal(path)
        if path in self._directories or path in self._files:
            raise FileExistsError(f"expected nothing at {path!r}, found something")
        self._make_directories(path)

    def remove_directory(self, path: str) -> None:
        """See `FileStore.remove_directory`."""
        path = _normal(path)
        if path not in self._directories:
            raise FileNotFoundError(f"expected a directory at {path!r}, found none")
        if not path or any(name.startswith(path + "/") for name in (*self._files, *self._directories)):
            raise OSError(errno.ENOTEMPTY, f"expected an empty directory at {path!r}")
        self._directories.remove(path)

    def version(self, path: str) -> bytes:
        """See `FileStore.version`."""
        return f"{self.size(path)} {self._changes[_normal(path)]}".encode()

    def free_octets(self) -> int:
        """See `FileStore.free_octets`."""
        return self._octets_max - self._octets

    def is_inside(self, path: str) -> bool:
        """See `FileStore.is_inside`."""
        return True

    def _file(self, path: str) -> bytearray:
        try:
            return self._files[_normal(path)]
        except KeyError:
            raise FileNotFoundError(f"expected a file at {path!r}, found none") from None

    def _make_directories(self, path: str) -> None:
        while path not in self._directories:
            if path in self._files:
                raise NotADirectoryError(f"expected a directory at {path!r}, found a file")
            self._directories.add(path)
            path = directory_of(path)


# Paths of the files that are written at the same time, and as many again.
@lru_cache(maxsize=1024)
def _normal(path: str) -> str:
    normal = posixpath.normpath(path)
    return "" if normal == "." else normal
