"""The write-ahead log of an archive, synced where that is due.

SQLite fixes how a transaction is synced before it begins, when nobody knows yet whether a command will be in it. So
commits only write the log, and who has to rely on one has it synced here.
"""

import os
import sqlite3
from pathlib import Path


class NotSyncedError(sqlite3.OperationalError):
    """What was committed is in the archive, and it is not known whether it is on the disk."""


class Log:
    """The log of one file.

    Args:
        connection: To the file, which is in WAL mode.
        path: Of the file.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._descriptor = os.open(f"{path}-wal", os.O_RDONLY | os.O_CLOEXEC)
        self._is_believed = True

    def sync(self) -> None:
        """Wait for the disk.

        After a failure the system may say that all is well and have forgotten what it could not write. So all of the
        log is brought into the file then, which SQLite syncs, before the log is believed again.

        Raises:
            NotSyncedError: It failed.
        """
        try:
            if not self._is_believed:
                self._bring_into_file()
            os.fsync(self._descriptor)
        except (OSError, sqlite3.Error) as error:
            self._is_believed = False
            raise NotSyncedError(f"the log could not be synced: {error}") from None
        self._is_believed = True

    def close(self) -> None:
        """Let it go."""
        os.close(self._descriptor)

    def _bring_into_file(self) -> None:
        _, frames, done = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames != done:
            raise OSError("it was not before, and somebody reads of it; it is tried again")
