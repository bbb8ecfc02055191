"""Files on their way up: a copy of each, made before it is sent, so that its source may change or go meanwhile.

The copy is a file of the station's store, in a directory of its own below `ground.file_names.OUTBOX`. It comes in piece
by piece (`Incoming`); the station removes it once its transfer is over, and at its start those that belong to none.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ccsds.errors import MisuseError
from ground.file_names import OUTBOX, is_in_outbox, plain_name
from ground.file_store import RESERVE_OCTETS, sync


class Incoming:
    """A copy that is being made.

    Args:
        root: Directory of the store.
        name: What the file is called where it comes from.

    Raises:
        MisuseError: The name is empty.
        OSError: The disk does not take it.
    """

    def __init__(self, root: Path, name: str) -> None:
        plain = plain_name(name)
        if not plain.strip("."):
            raise MisuseError(f"expected the name of a file, found {name!r}")
        self._root = root
        outbox = root / OUTBOX
        outbox.mkdir(exist_ok=True)
        self._own = Path(tempfile.mkdtemp(dir=outbox))
        self._target = self._own / plain
        self._file = self._target.open("wb")

    def write(self, data: bytes) -> None:
        """Add what came.

        Raises:
            OSError: The disk is full, but for what is kept free of files.
        """
        if shutil.disk_usage(self._root).free < len(data) + RESERVE_OCTETS:
            raise OSError(
                28, "expected room on the disk beside what is kept free of files, found none", self._target.name
            )
        self._file.write(data)

    def finish(self) -> str:
        """Give the copy's name in the store; it is durable when this returns.

        Raises:
            OSError: It cannot be written.
        """
        self._file.close()
        for each in (self._target, self._own, self._root / OUTBOX, self._root):
            sync(each)
        return self._target.relative_to(self._root).as_posix()

    def discard(self) -> None:
        """Remove what was made so far."""
        self._file.close()
        shutil.rmtree(self._own, ignore_errors=True)


def remove(root: Path, name: str) -> None:
    """Remove a copy; nothing happens if it is none, or is gone."""
    if is_in_outbox(name):
        shutil.rmtree(root / PurePosixPath(name).parent, ignore_errors=True)


def clear(root: Path, kept: Iterable[str]) -> None:
    """Remove all copies but those of these names."""
    wanted = {PurePosixPath(name).parent.name for name in kept if is_in_outbox(name)}
    outbox = root / OUTBOX
    if outbox.is_dir():
        for each in outbox.iterdir():
            if each.name not in wanted:
                shutil.rmtree(each, ignore_errors=True)
