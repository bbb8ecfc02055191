"""Reading the archive beside its writer: in a thread, so that a long look holds up neither the link nor listeners."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ground.archive.history import History

Found = TypeVar("Found")


async def read_archive(path: Path, read: Callable[[History], Found]) -> Found:
    """Have something read from an archive.

    Args:
        path: Of the archive.
        read: Does it; it is called on another thread, and must not touch the station.

    Raises:
        MisuseError: There is no archive of this version.
        sqlite3.Error: It cannot be read.
    """

    def look() -> Found:
        with contextlib.closing(History.open(path)) as history:
            return read(history)

    return await asyncio.to_thread(look)
