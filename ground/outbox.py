"""Files on their way up: a copy of each, made before it is sent, so that its source may change or go meanwhile.

The copy is a file of the station's store, in a directory of its own below `ground.file_names.OUTBOX`. Whoever puts a
file makes it (`copy_in`); the station removes it once its transfer is over, and at its start those that belong to none.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from ccsds.errors import MisuseError
from ground.file_names import OUTBOX, is_in_outbox, plain_name
from ground.file_store import sync


def copy_in(root: Path, source: Path) -> str:
    """Copy a file into the outbox of a store, and give its name in the store; it is durable when this returns.

    Raises:
        MisuseError: There is no such file.
        OSError: It cannot be read or written.
    """
    if not source.is_file():
        raise MisuseError(f"expected a file at {source}, found {'a directory' if source.is_dir() else 'none'}")
    outbox = root / OUTBOX
    outbox.mkdir(exist_ok=True)
    own = Path(tempfile.mkdtemp(dir=outbox))
    target = own / plain_name(source.name)
    try:
        shutil.copyfile(source, target)
        for each in (target, own, outbox, root):
            sync(each)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    return target.relative_to(root).as_posix()


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
