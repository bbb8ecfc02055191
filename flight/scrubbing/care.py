"""Which files are under care, and the disk that tells when one of them is about to change.

A file under care does not change by itself: whoever changes it in order goes through `CaringDisk`, which has its second
copy forgotten, durably, before the change begins. So a file that differs from its copy was struck.
"""

from collections.abc import Callable

from flight.disk import Disk

# Parts of files wait here until they are whole; only then are they files.
_PART_DIRECTORIES = ("files/.cfdp/",)

DAMAGED_SUFFIX = ".damaged"
"""The end of the name that a file gets which nothing can mend."""


def is_cared_for(path: str) -> bool:
    """Tell whether a path of the store is that of a file of the ground, of a model, or of what slots hold."""
    if path.endswith((DAMAGED_SUFFIX, ".new")) or path.startswith(_PART_DIRECTORIES):
        return False
    match path.split("/"):
        case ["files", _, *_]:
            return True
        case ["jobs", _, "model.safetensors"]:
            return True
        case ["slots", name]:
            return name.endswith((".zip", ".toml"))
        case _:
            return False


class CaringDisk:
    """A `flight.disk.Disk` that says which file is about to change.

    Args:
        disk: The disk.
        changing: Called with the path of a file under care before it is written, renamed, replaced or removed. If it
            raises ``OSError``, the change is not begun.
    """

    def __init__(self, disk: Disk, changing: Callable[[str], None]) -> None:
        self._disk = disk
        self._changing = changing

    def append(self, path: str, data: bytes) -> None:
        """See `flight.disk.Disk.append`."""
        self._tell(path)
        self._disk.append(path, data)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `flight.disk.Disk.pwrite`."""
        self._tell(path)
        self._disk.pwrite(path, offset_octets, data)

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `flight.disk.Disk.read`."""
        return self._disk.read(path, offset_octets, length_octets)

    def fsync(self, path: str) -> None:
        """See `flight.disk.Disk.fsync`."""
        self._disk.fsync(path)

    def rename(self, old: str, new: str) -> None:
        """See `flight.disk.Disk.rename`."""
        self._tell(old)
        self._tell(new)
        self._disk.rename(old, new)

    def list(self, prefix: str = "") -> list[str]:
        """See `flight.disk.Disk.list`."""
        return self._disk.list(prefix)

    def size(self, path: str) -> int:
        """See `flight.disk.Disk.size`."""
        return self._disk.size(path)

    def remove(self, path: str) -> None:
        """See `flight.disk.Disk.remove`."""
        self._tell(path)
        self._disk.remove(path)

    def is_directory(self, path: str) -> bool:
        """See `flight.disk.Disk.is_directory`."""
        return self._disk.is_directory(path)

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """See `flight.disk.Disk.list_directories`."""
        return self._disk.list_directories(prefix)

    def make_directory(self, path: str) -> None:
        """See `flight.disk.Disk.make_directory`."""
        self._disk.make_directory(path)

    def remove_directory(self, path: str) -> None:
        """See `flight.disk.Disk.remove_directory`."""
        self._disk.remove_directory(path)

    def version(self, path: str) -> bytes:
        """See `flight.disk.Disk.version`."""
        return self._disk.version(path)

    def free_octets(self) -> int:
        """See `flight.disk.Disk.free_octets`."""
        return self._disk.free_octets()

    def is_inside(self, path: str, directory: str = "") -> bool:
        """See `flight.disk.Disk.is_inside`."""
        return self._disk.is_inside(path, directory)

    def _tell(self, path: str) -> None:
        if is_cared_for(path):
            self._changing(path)
