"""The files of a station: what lies here, what comes up to be sent, and what is on its way.

What a name says never leads out of the directory of the station's files.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from ccsds.errors import MisuseError
from ground import outbox
from ground.access.principal import Principal, Role
from ground.archive.history import History
from ground.events import StationEvent, plain
from ground.file_names import is_in_outbox
from ground.file_store import DirectoryStore
from ground.files import TransferAction, parse_transaction
from ground.server.commanding import ROWS_ASKED_MAX
from ground.server.reading import read_archive
from ground.station import Station
from ground.transfer_options import TransferOptions

_ACTIONS = {each.value: each for each in TransferAction}


class Filer(Protocol):
    """The station in service, as far as files go."""

    station: Station
    files: DirectoryStore

    def take(self, events: list[StationEvent]) -> None:
        """Keep events, then tell them to those who listen."""
        ...

    def wake(self) -> None:
        """Have the link look at the station."""
        ...

    def note_action(self, by: Principal, action: str, details: Mapping[str, Any]) -> None:
        """Keep what somebody does."""
        ...


class Filing:
    """The files of one station.

    Args:
        filer: The station in service.
        archive_path: Where what became of transfers is kept.
    """

    def __init__(self, filer: Filer, archive_path: Path) -> None:
        self._filer = filer
        self._archive_path = archive_path

    @property
    def root(self) -> Path:
        """Where the station's files are."""
        return self._filer.files.root

    def directory(self, name: str = "") -> list[dict[str, Any]]:
        """Give what lies in a directory of the station's files, by name.

        Raises:
            MisuseError: It is none, or does not lie in the station's files.
        """
        path = self.path(name)
        if not path.is_dir():
            raise MisuseError(f"expected a directory of the station's files, found {name!r}")
        rows = []
        for each in sorted(path.iterdir()):
            if each.name.startswith(".") or each.is_symlink():
                continue
            status = each.stat()
            rows.append(
                {
                    "name": each.relative_to(self.root).as_posix(),
                    "is_directory": each.is_dir(),
                    "size_octets": 0 if each.is_dir() else status.st_size,
                    "changed_unix_ns": status.st_mtime_ns,
                }
            )
        return rows[:ROWS_ASKED_MAX]

    def path(self, name: str) -> Path:
        """Give where a file or directory of the station's files is.

        Raises:
            MisuseError: It would lie elsewhere, or is hidden: what is on its way is nobody's business.
        """
        parts = [] if name in ("", ".") else name.split("/")
        path = self.root.joinpath(*parts)
        is_plain = all(part and not part.startswith(".") and "\\" not in part and part.isprintable() for part in parts)
        if not is_plain or not path.resolve().is_relative_to(self.root.resolve()):
            raise MisuseError(f"expected a name below the station's files, found {name!r}")
        return path

    def begin_upload(self, by: Principal, name: str) -> "outbox.Incoming":
        """Begin to take in a file that is to be sent; see `ground.outbox.Incoming`.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: The name is none.
            OSError: The disk does not take it.
        """
        by.require(Role.COMMANDER, "file")
        return outbox.Incoming(self.root, name)

    def put(self, by: Principal, source_name: str, destination_name: str, options: Mapping[str, Any]) -> str:
        """Begin to send a file of the outbox, and give the name of its transfer; it is in the journal at return.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is no such file, a name is none, or too many are on their way.
        """
        by.require(Role.COMMANDER, "file")
        if not is_in_outbox(source_name):
            raise MisuseError(f"put: expected a file in the outbox, found {source_name!r}")
        self._filer.note_action(by, "put", {"source_name": source_name, "destination_name": destination_name})
        try:
            transaction = self._filer.station.put_file(
                source_name, destination_name, TransferOptions.read(dict(options)), now_ns=time.monotonic_ns()
            )
        except MisuseError:
            outbox.remove(self.root, source_name)
            raise
        self._follow()
        return str(transaction)

    async def transfers(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest transfers, newest first; those that are under way with how far they are."""
        limit = max(0, min(limit, ROWS_ASKED_MAX))

        def read(history: History) -> list[dict[str, Any]]:
            return [plain(asdict(each)) for each in history.transfers(limit)]

        kept = await read_archive(self._archive_path, read)
        under_way = {each["transaction"]: each for each in self._filer.station.transfers()}
        return [{**each, **plain(under_way.get(each["transaction"], {}))} for each in kept]

    def act(self, by: Principal, transaction: str, action: str) -> None:
        """Suspend, resume, cancel or ask about a transfer at the station's end.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is no such action, or the transfer is not under way.
        """
        by.require(Role.COMMANDER, "transfer")
        if action not in _ACTIONS:
            raise MisuseError(f"transfer: expected one of {', '.join(_ACTIONS)}, found {action!r}")
        known = parse_transaction(transaction)
        self._filer.note_action(by, f"transfer {action}", {"transaction": transaction})
        try:
            self._filer.station.act_on_transfer(_ACTIONS[action], known, time.monotonic_ns())
        finally:
            self._follow()

    def _follow(self) -> None:
        self._filer.take(self._filer.station.take_events())
        self._filer.wake()
