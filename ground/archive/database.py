"""The database of an archive: opened, and brought from whichever version it has to the schema of today."""

import sqlite3
from pathlib import Path

from ccsds.errors import MisuseError
from ground.archive.schema import SCHEMA_VERSION, STEPS


def connect(path: Path, *, is_synced: bool) -> sqlite3.Connection:
    """Open the file, or make it, and bring it to the schema of today.

    Args:
        path: Of the file.
        is_synced: Whether what must be durable waits for the disk.

    Raises:
        MisuseError: It is a database of something else, or of a later version.
        sqlite3.Error: It cannot be opened, or is damaged.
    """
    # Transactions are begun and ended by hand, hence no isolation level.
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if is_synced else 'OFF'}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not 0 <= version <= SCHEMA_VERSION or (version == 0 and tables):
            raise MisuseError(f"expected an archive of version {SCHEMA_VERSION} at {path}, found version {version}")
        for step in range(version, SCHEMA_VERSION):
            connection.executescript(f"BEGIN IMMEDIATE; {STEPS[step]} PRAGMA user_version = {step + 1}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection
