"""An archive that is damaged: how that shows, and where its file goes so that the station goes on with a fresh one."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ground.archive.database import connect
from ground.archive.identity import Identity

# Every damage is looked at by a person; who has more than this does not look.
SET_ASIDE_MAX = 1_000

_SUFFIXES = ("", "-wal", "-shm")
# What a station goes on with; the rest is read where it is.
_SALVAGED = ("transfer_journal", "transfers", "stores", "alarms")
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


def salvage(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Give the rows, by table, of what a station goes on with, as far as they can be read."""
    return {table: _rows(connection, table) for table in _SALVAGED}


def make_fresh(
    path: Path, identity: Identity, tables: Mapping[str, Sequence[tuple[Any, ...]]], *, is_synced: bool
) -> None:
    """Make an archive to go on with; it is whole in its file at return, or there is none.

    Args:
        path: Where; what is left there of another try is removed.
        identity: Who the station is.
        tables: Rows that it is to have.
        is_synced: Whether it waits for the disk.

    Raises:
        sqlite3.Error: The disk failed.
        OSError: The file cannot be made.
    """
    _remove(path)
    try:
        connection = connect(path, is_synced=is_synced)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "INSERT INTO identity VALUES (1, ?, ?, ?, '')",
                (identity.source_id, identity.next_sequence_count, identity.next_command_id),
            )
            for table, rows in tables.items():
                for row in rows:
                    connection.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
            connection.execute("COMMIT")
            # Closing does the same, and does not say if it failed.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except BaseException:
        _remove(path)
        raise


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    except sqlite3.Error:
        return []


def _remove(path: Path) -> None:
    for suffix in _SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
