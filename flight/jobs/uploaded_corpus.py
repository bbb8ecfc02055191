"""Corpora that came as files: a job may learn from ``files/NAME`` of the store, as CFDP left it there.

Such a file is UTF-8 text, packed by Zstandard if its name ends in ``.zst``. It is known by the SHA-256 of its text: the
worker checks that again, and a job that has begun goes on from no other text. It imports no torch.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import zstandard

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.jobs.corpus import CorpusFile, Origin
from mission.files import FILES_DIRECTORY

# A text is read, unpacked and summed while nobody is served: this takes a board about a fifth of a second.
UPLOADED_OCTETS_MAX = 64 << 20

_PREFIX = f"{FILES_DIRECTORY}/"
_PACKED = ".zst"


class Corpora(Mapping[str, CorpusFile]):
    """The corpora that jobs may name: those on board, and any file of the store.

    Args:
        on_board: Those that were there from the start, by name.
        disk: The store.
    """

    def __init__(self, on_board: Mapping[str, CorpusFile], disk: Disk) -> None:
        self._on_board = on_board
        self._disk = disk

    def __getitem__(self, name: str) -> CorpusFile:
        """Give one.

        Raises:
            KeyError: There is none of this name.
            MisuseError: The file is no text, or too long.
            OSError: The store failed.
        """
        if not name.startswith(_PREFIX):
            return self._on_board[name]
        try:
            data = _read(self._disk, name)
        except FileNotFoundError:
            raise KeyError(name) from None
        return CorpusFile(
            name=name,
            path=Path(name),
            sha256=hashlib.sha256(data).hexdigest(),
            length_octets=len(data),
            origin=Origin.UPLOADED,
            notice="",
        )

    def __contains__(self, name: object) -> bool:
        """Tell whether there is one; a file is not read for that."""
        if not isinstance(name, str) or not name.startswith(_PREFIX):
            return name in self._on_board
        # Whatever would lead out of the folder, or below it in another way, names nothing.
        return name in self._disk.list(FILES_DIRECTORY)

    def __iter__(self) -> Iterator[str]:
        """Give the names of those that were there from the start."""
        return iter(self._on_board)

    def __len__(self) -> int:
        """Give how many were there from the start."""
        return len(self._on_board)


def is_uploaded(path: str) -> bool:
    """Tell whether the path of a corpus is that of a file of the store."""
    return path.startswith(_PREFIX)


def read_uploaded(disk: Disk, path: str, sha256: str) -> str:
    """Read the text of a file of the store, and check that it is the one that was named.

    Raises:
        OSError: It cannot be read now; that may pass.
        MisuseError: It is not there, or no text.
        MalformedError: It is another text by now.
    """
    try:
        data = _read(disk, path)
    except FileNotFoundError:
        raise MisuseError(f"corpus {path}: expected a file of the store, found none") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise MalformedError(f"corpus {path}: expected SHA-256 {sha256}, found {found}")
    return data.decode()


def _read(disk: Disk, path: str) -> bytes:
    """Give the octets of a text, unpacked, which are UTF-8."""
    if disk.size(path) > UPLOADED_OCTETS_MAX:
        raise MisuseError(f"corpus {path}: expected at most {UPLOADED_OCTETS_MAX} octets, found {disk.size(path)}")
    data = disk.read(path)
    if path.endswith(_PACKED):
        try:
            with zstandard.ZstdDecompressor(max_window_size=UPLOADED_OCTETS_MAX * 2).stream_reader(data) as unpacked:
                data = unpacked.read(UPLOADED_OCTETS_MAX + 1)
        except zstandard.ZstdError as error:
            raise MisuseError(f"corpus {path}: expected Zstandard, found {error}") from None
    if not 0 < len(data) <= UPLOADED_OCTETS_MAX:
        raise MisuseError(f"corpus {path}: expected 1 to {UPLOADED_OCTETS_MAX} octets of text, found {len(data)}")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise MisuseError(f"corpus {path}: expected UTF-8 text, found {error.reason} at octet {error.start}") from None
    return data
