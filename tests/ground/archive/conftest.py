"""What tests of the archive share: small reports, and an archive whose blocks are small too."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ground.archive import archive as archive_module
from ground.archive import blocks as blocks_module
from ground.archive import tail as tail_module
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.events import HousekeepingReceived, StoredAt
from mission.housekeeping import StructureKind
from mission.storage import StoreId

NS_PER_S = 1_000_000_000
T0_NS = 2_173_000_000 * NS_PER_S


def report(
    tai_ns: int, values: dict[str, Any], name: str = "core", *, identity: bytes = b"", stored: int | None = None
) -> HousekeepingReceived:
    return HousekeepingReceived(
        time_ns=0,
        tai_ns=tai_ns,
        virtual_channel=0,
        kind=StructureKind.HOUSEKEEPING,
        structure=1,
        name=name,
        values=values,
        identity=identity or tai_ns.to_bytes(8, "big", signed=True),
        stored=None if stored is None else StoredAt(StoreId.HOUSEKEEPING, stored),
        packet=b"packet",
    )


@contextmanager
def opened(path: Path) -> Iterator[tuple[Archive, History]]:
    archive = Archive.open(path, draw_source_id=lambda: 5, unix_ns=0, is_synced=False)
    history = History.open(path)
    try:
        yield archive, history
    finally:
        history.close()
        archive.close()


@pytest.fixture
def small_blocks(monkeypatch):
    """Make a handful of reports fill what thousands do."""
    monkeypatch.setattr(tail_module, "TAIL_REPORTS_MAX", 6)
    monkeypatch.setattr(archive_module, "BATCH_ROWS_MAX", 9)
    monkeypatch.setattr(blocks_module, "BLOCK_REPORTS_MAX", 4)
