"""An archive that is damaged: how that shows, and where its file goes so that the station goes on with a fresh one."""

import sqlite3
from pathlib import Path

from ccsds.errors import MisuseError

# Every damage is looked at by a person; who has more than this does not look.
SET_ASIDE_MAX = 1_000

_SUFFIXES = ("", "-wal", "-shm")
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class DamagedError(MisuseError):
    """An archive of this station cannot be read."""


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error says that the file is damaged; a disk that is full or busy is not."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE


def set_aside(path: Path) -> Path:
    """Give the file of a damaged archive another name, with what belongs to it, and give that name.

    Raises:
        MisuseError: Too many were set aside before.
        OSError: It cannot be moved.
    """
    for number in range(1, SET_ASIDE_MAX + 1):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            for suffix in _SUFFIXES:
                part = Path(f"{path}{suffix}")
                if part.exists():
                    part.rename(f"{aside}{suffix}")
            return aside
    raise MisuseError(f"expected at most {SET_ASIDE_MAX} damaged archives beside {path}, found more")
