"""A file of this computer to read from at any offset, and a file that is there whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ccsds.errors import MisuseError


class FileSource:
    """A `packing.source.Source` on a file.

    Args:
        path: Of the file.

    Raises:
        MisuseError: There is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise MisuseError(f"{path}: expected a readable file, found {error.strerror}") from None
        self._length_octets = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        """Keep it open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._file.close()

    @property
    def length_octets(self) -> int:
        """See `packing.source.Source.length_octets`."""
        return self._length_octets

    def read(self, offset_octets: int, length_octets: int) -> bytes:
        """See `packing.source.Source.read`."""
        return os.pread(self._file.fileno(), length_octets, offset_octets)


def write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file that gets its name once all pieces were given.

    Returns:
        Its length in octets.

    Raises:
        OSError: It could not be written; what was under the name stays.
    """
    partial = path.with_name(f".{path.name}.new")
    length_octets = 0
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                length_octets += len(piece)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return length_octets
