"""Second copies of files, each with the digest of what it is a copy of.

``copies/<name>`` holds the content, then twice the same label of one sector: path, length, SHA-256. The name is drawn
from the path, so that files and directories of the store cannot get in each other's way there. A copy may be of the
label alone, where room is short: then damage is found and cannot be mended.
"""

import contextlib
import hashlib
import struct
from dataclasses import dataclass
from enum import Enum

from ccsds.crc import crc32c
from ccsds.errors import MalformedError
from flight.disk import Disk, directory_of

DIRECTORY = "copies"

# A label is one sector, which every medium writes whole or not at all.
LABEL_OCTETS = 512

# A name in the store of files has 255 octets at most, and a directory before it.
PATH_OCTETS_MAX = 400

# Files under care; a listing of them is kept in memory.
FILES_MAX = 4096

_TEMPORARY = f"{DIRECTORY}/new"
_MARK = b"LCP1"
_LABEL = struct.Struct(">4sBQ32sH")
_CRC = struct.Struct(">I")


class Kind(Enum):
    """What is kept of a file."""

    WHOLE = 1
    """Content and digest."""
    DIGEST = 2
    """Only the digest."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a copy is of."""

    path: str
    kind: Kind
    length_octets: int
    """Of the file."""
    sha256: bytes

    def encode(self) -> bytes:
        """Give it as one sector."""
        path = self.path.encode()
        body = _LABEL.pack(_MARK, self.kind.value, self.length_octets, self.sha256, len(path)) + path
        body = body.ljust(LABEL_OCTETS - _CRC.size, b"\0")
        return body + _CRC.pack(crc32c(body))

    @classmethod
    def decode(cls, data: bytes) -> "Label":
        """Read it.

        Raises:
            MalformedError: It is damaged.
        """
        body, crc = data[: -_CRC.size], data[-_CRC.size :]
        if len(data) != LABEL_OCTETS or _CRC.pack(crc32c(body)) != crc:
            raise MalformedError(f"expected a whole label of {LABEL_OCTETS} octets")
        _, kind, length_octets, sha256, path_octets = _LABEL.unpack_from(body)
        path = body[_LABEL.size : _LABEL.size + path_octets].decode()
        return cls(path=path, kind=Kind(kind), length_octets=length_octets, sha256=sha256)


class SecondCopies:
    """The second copies on a disk.

    Args:
        disk: The store.

    Raises:
        OSError: The disk failed.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._sizes = {path: disk.size(path) for path in disk.list(DIRECTORY) if path != _TEMPORARY}

    @property
    def places(self) -> tuple[str, ...]:
        """Where all copies are, in order."""
        return tuple(sorted(self._sizes))

    @property
    def octets(self) -> int:
        """What all copies take."""
        return sum(self._sizes.values())

    def has(self, path: str) -> bool:
        """Tell whether a file is under care."""
        return place_of(path) in self._sizes

    def label(self, place: str) -> Label | None:
        """Read what a copy is of; None if it says so nowhere.

        Raises:
            OSError: The disk failed.
        """
        try:
            size = self._disk.size(place)
        except FileNotFoundError:
            return None
        for end in (size, size - LABEL_OCTETS):
            if end < LABEL_OCTETS:
                break
            try:
                label = Label.decode(self._disk.read(place, end - LABEL_OCTETS, LABEL_OCTETS))
            except (MalformedError, ValueError):
                continue
            if place_of(label.path) == place:
                return label
        return None

    def begin(self) -> None:
        """Begin a new copy; one that was begun before is gone."""
        if _TEMPORARY in self._disk.list(DIRECTORY):
            self._disk.remove(_TEMPORARY)
        self._disk.append(_TEMPORARY, b"")

    def add(self, data: bytes) -> None:
        """Add content to the copy that was begun."""
        self._disk.append(_TEMPORARY, data)

    def finish(self, label: Label) -> None:
        """Label the copy that was begun; it counts, and is durable, when this returns."""
        place = place_of(label.path)
        self._disk.append(_TEMPORARY, 2 * label.encode())
        self._disk.fsync(_TEMPORARY)
        self._disk.rename(_TEMPORARY, place)
        self._disk.fsync(DIRECTORY)
        self._sizes[place] = self._disk.size(place)

    def restore(self, path: str) -> None:
        """Put what was begun, without a label, in the place of a file; durable when this returns."""
        self._disk.fsync(_TEMPORARY)
        self._disk.rename(_TEMPORARY, path)
        self._disk.fsync(directory_of(path))
        self._disk.fsync(DIRECTORY)

    def forget(self, place: str) -> None:
        """Remove a copy, durably, if there is one."""
        if place in self._sizes:
            with contextlib.suppress(FileNotFoundError):
                self._disk.remove(place)
            self._disk.fsync(DIRECTORY)
            del self._sizes[place]


def place_of(path: str) -> str:
    """Give where the copy of a file is."""
    return f"{DIRECTORY}/{hashlib.sha256(path.encode()).hexdigest()[:32]}"
