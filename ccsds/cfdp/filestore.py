"""The port to the files that CFDP reads and writes, and what names it lets through. It does no I/O itself.

`FileStore` is the shape of ``flight.disk.Disk``; who owns the files implements it. What is
durable is as POSIX has it: content after ``fsync(path)``, names after ``fsync`` of their directory.
"""

from typing import Protocol

# Names travel as a length of one octet and a value.
NAME_OCTETS_MAX = 255

# An empty part is an absolute path, or a name written in two ways.
_REFUSED_PARTS = frozenset({"", ".", ".."})


class FileStore(Protocol):
    """What CFDP asks of a store. Every method may raise ``OSError``; a missing file raises ``FileNotFoundError``.

    Paths are relative, with forward slashes; ``""`` is the root directory. Directories are made as files need them.
    """

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """Read up to ``length_octets`` (all, if None) from an offset."""
        ...

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """Write at an offset in a file, which is made if it is missing; what is skipped reads as zeros."""
        ...

    def append(self, path: str, data: bytes) -> None:
        """Add at the end of a file, which is made if it is missing."""
        ...

    def fsync(self, path: str) -> None:
        """Make a file's content durable, or a directory's names."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what was there."""
        ...

    def list(self, prefix: str = "") -> list[str]:
        """Paths of all files below a directory, sorted; none if it is missing."""
        ...

    def size(self, path: str) -> int:
        """Give the length of a file."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory of this name."""
        ...

    def make_directory(self, path: str) -> None:
        """Make a directory; one that is there raises ``FileExistsError``."""
        ...

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory; one that is not empty raises ``OSError``."""
        ...

    def free_octets(self) -> int:
        """Give how much more can be stored."""
        ...

    def version(self, path: str) -> bytes:
        """Give a few octets that differ once a file was written to or replaced, and stay the same over a restart."""
        ...

    def is_inside(self, path: str) -> bool:
        """Tell whether the path stays inside the store when its symbolic links are followed."""
        ...


def has_file(store: FileStore, path: str) -> bool:
    """Tell whether there is a file of this name."""
    if store.is_directory(path):
        return False
    try:
        store.size(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def directory_of(path: str) -> str:
    """Give the directory of a path, in the form that `FileStore.fsync` takes."""
    return path.rpartition("/")[0]


def refusal_of(store: FileStore, path: str, part_directory: str) -> str | None:
    """Tell why a name is not let through, or None if it is.

    Args:
        store: Where it would be.
        path: The name, as a link brought it.
        part_directory: Where files wait that are not whole, which nobody may name.
    """
    if not path:
        return "expected a file name, found an empty one"
    # A name that somebody else put into the store may be no text.
    length_octets = len(path.encode(errors="replace"))
    if length_octets > NAME_OCTETS_MAX:
        return f"expected a name of at most {NAME_OCTETS_MAX} octets, found {length_octets}"
    parts = path.split("/")
    if not _REFUSED_PARTS.isdisjoint(parts) or "\\" in path or not path.isprintable():
        return f"expected a plain path inside the store, found {path!r}"
    if path == part_directory or path.startswith(part_directory + "/"):
        return f"expected a path outside {part_directory!r}, found {path!r}"
    if not store.is_inside(path):
        return f"expected a path that stays inside the store, found {path!r}, whose links leave it"
    return None


def sync_names(store: FileStore, *paths: str) -> None:
    """Make the names of files durable."""
    for directory in sorted({directory_of(path) for path in paths}):
        store.fsync(directory)
