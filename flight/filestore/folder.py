"""A directory of a disk as a disk of its own, from which nothing outside it can be named.

It also keeps back some room: what fills the folder never takes from the rest of the disk the space that its owner needs
to go on. Symbolic links are not followed here; who lets names in from a link asks `Folder.is_inside` first.
"""

import errno
from pathlib import PurePosixPath

from ccsds.errors import MisuseError
from flight.disk import Disk


class Folder:
    """A `flight.disk.Disk` below a directory of another one.

    Args:
        disk: The other one.
        directory: The directory; it need not be there yet.
        reserve_octets: Room on the disk that nothing written here takes.
    """

    def __init__(self, disk: Disk, directory: str, reserve_octets: int = 0) -> None:
        self._disk = disk
        self._directory = directory
        self._reserve_octets = reserve_octets

    def append(self, path: str, data: bytes) -> None:
        """See `flight.disk.Disk.append`."""
        self._require_room(data)
        self._disk.append(self._place(path), data)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `flight.disk.Disk.pwrite`."""
        self._require_room(data)
        self._disk.pwrite(self._place(path), offset_octets, data)

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `flight.disk.Disk.read`."""
        return self._disk.read(self._place(path), offset_octets, length_octets)

    def fsync(self, path: str) -> None:
        """See `flight.disk.Disk.fsync`."""
        self._disk.fsync(self._place(path))

    def rename(self, old: str, new: str) -> None:
        """See `flight.disk.Disk.rename`."""
        self._disk.rename(self._place(old), self._place(new))

    def list(self, prefix: str = "") -> list[str]:
        """See `flight.disk.Disk.list`."""
        return [path[len(self._directory) + 1 :] for path in self._disk.list(self._place(prefix))]

    def size(self, path: str) -> int:
        """See `flight.disk.Disk.size`."""
        return self._disk.size(self._place(path))

    def remove(self, path: str) -> None:
        """See `flight.disk.Disk.remove`."""
        self._disk.remove(self._place(path))

    def is_directory(self, path: str) -> bool:
        """See `flight.disk.Disk.is_directory`."""
        return self._disk.is_directory(self._place(path))

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """See `flight.disk.Disk.list_directories`."""
        return tuple(path[len(self._directory) + 1 :] for path in self._disk.list_directories(self._place(prefix)))

    def make_directory(self, path: str) -> None:
        """See `flight.disk.Disk.make_directory`."""
        self._disk.make_directory(self._place(path))

    def remove_directory(self, path: str) -> None:
        """See `flight.disk.Disk.remove_directory`."""
        self._disk.remove_directory(self._place(path))

    def version(self, path: str) -> bytes:
        """See `flight.disk.Disk.version`."""
        return self._disk.version(self._place(path))

    def free_octets(self) -> int:
        """See `flight.disk.Disk.free_octets`; without what is kept back."""
        return max(0, self._disk.free_octets() - self._reserve_octets)

    def is_inside(self, path: str, directory: str = "") -> bool:
        """See `flight.disk.Disk.is_inside`."""
        try:
            return self._disk.is_inside(self._place(path), self._place(directory))
        except MisuseError:
            return False

    def _place(self, path: str) -> str:
        """Give where a path of the folder is on the disk.

        Raises:
            MisuseError: It is absolute or climbs out.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts:
            raise MisuseError(f"expected a path inside the folder, found {path!r}")
        return str(PurePosixPath(self._directory) / pure)

    def _require_room(self, data: bytes) -> None:
        if len(data) > self.free_octets():
            raise OSError(errno.ENOSPC, f"expected room for {len(data)} octets, found {self.free_octets()}")
