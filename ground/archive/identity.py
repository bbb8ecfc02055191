"""Who a station is to its spacecraft, as its archive keeps it, and the lock that lets one station at a time be it.

A source identifier is kept only where it is sure that no sequence count of it was used that the file does not know: the
file was closed in order, and is sealed with the time at which the system last changed the lock file, which no copy and
no restored backup brings along. A file that is new, restored, or whose station was killed takes a new identifier; the
spacecraft then knows its commands from those of before.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ccsds.errors import MisuseError

# Of 65535 identifiers a station uses a few in its life, so that one draw in a thousand fails at most.
DRAWS_MAX = 1_000


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who the station is to the spacecraft."""

    source_id: int
    """In every telecommand of this station (16 bits)."""
    next_sequence_count: int
    """Of its next telecommand (14 bits)."""
    next_command_id: int
    """The number its next command goes by at the ground."""


def lock_path(path: Path) -> Path:
    """Give where the lock of an archive is."""
    return Path(f"{path}.lock")


def lock_beside(path: Path) -> int:
    """Take the lock beside an archive, and give its descriptor.

    Raises:
        MisuseError: Another station has it.
        OSError: It cannot be made.
    """
    descriptor = os.open(lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise MisuseError(f"expected an archive of our own at {path}, found another station using it") from None
    return descriptor


def identify(connection: sqlite3.Connection, lock: int, draw_source_id: Callable[[], int]) -> tuple[Identity, bool]:
    """Give who the station is, and whether that is who it was: nothing was sent that this file does not know."""
    row = connection.execute("SELECT source_id, next_sequence_count, next_command_id, seal FROM identity").fetchone()
    is_sealed = False
    if row is not None and row[3] == seal_of(lock):
        is_sealed = True
        identity = Identity(source_id=row[0], next_sequence_count=row[1], next_command_id=row[2])
    else:
        used = {
            each
            for (each,) in connection.execute("SELECT source_id FROM commands UNION SELECT source_id FROM identity")
        }
        next_command_id = row[2] if row is not None else 1
        identity = Identity(
            source_id=_draw(draw_source_id, used), next_sequence_count=0, next_command_id=next_command_id
        )
    # Open, it has no seal; it gets one when it is closed in order.
    connection.execute(
        "INSERT OR REPLACE INTO identity VALUES (1, ?, ?, ?, '')",
        (identity.source_id, identity.next_sequence_count, identity.next_command_id),
    )
    return identity, is_sealed


def _draw(draw_source_id: Callable[[], int], used: set[int]) -> int:
    for _ in range(DRAWS_MAX):
        source_id = draw_source_id()
        if not 0 <= source_id < 1 << 16:
            raise MisuseError(f"expected a source identifier of 16 bits, found {source_id}")
        if source_id not in used:
            return source_id
    raise MisuseError(f"expected a source identifier never used before, found none in {DRAWS_MAX} draws")


def seal_of(lock: int) -> str:
    """Give the time of the last change of the lock file, which only the system sets."""
    return str(os.fstat(lock).st_ctime_ns)
