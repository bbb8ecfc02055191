"""Whatever is changed in an archive is found, with its file, its place and the reason; and what never came is told."""

import sqlite3

import pytest

from ccsds.errors import MisuseError
from ground.access.audit import Audit
from ground.archive.verify import verify
from ground.events import FrameReceived, StoreNoted
from mission.storage import StoreId
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report

pytestmark = pytest.mark.usefixtures("small_blocks")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.sqlite"
    with opened(path) as (archive, _):
        for number in range(40):
            archive.record([report(T0_NS + number * 700 * NS_PER_S, {"x": number, "y": number / 7})], 0)
            archive.commit()
    audit = Audit.open(tmp_path / "a.sqlite.audit")
    for number in range(3):
        audit.write(number, who="anna", role="COMMANDER", door="socket", action="send", details={"n": number})
    audit.close()
    return path


def change(path, statement, *row) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute(statement, row).rowcount == 1
    connection.commit()
    connection.close()


def test_a_sound_archive_has_no_faults(path):
    found = verify(path)
    assert found.faults == []
    assert (found.acts, found.gaps) == (3, [])
    assert 20 < found.reports <= 40
    assert found.blocks > 5


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE blocks SET reports = substr(reports, 1, 60) WHERE id = 2", "block 2, core"),
        ("UPDATE blocks SET reports = 'text' WHERE id = 2", "block 2, core"),
        ("UPDATE blocks SET times = x'69' WHERE id = 2", "block 2, core of the hour from 2026-11-10T"),
        ("UPDATE blocks SET count = count + 1 WHERE id = 2", "block 2, core"),
        (
            "UPDATE columns SET numbers = x'6600' WHERE rowid IS NULL OR (field, chunk, part) IN"
            " (SELECT field, chunk, part FROM columns LIMIT 1)",
            "column x",
        ),
        (
            "UPDATE rollups SET maximum = maximum - 1 WHERE level = 1 AND (field, bucket) IN"
            " (SELECT field, bucket FROM rollups WHERE level = 1 LIMIT 1)",
            "rollup of core.x in the hour from",
        ),
    ],
)
def test_what_was_changed_is_found_in_its_place(path, statement, place):
    change(path, statement.replace("rowid IS NULL OR ", ""))
    faults = verify(path).faults
    assert faults
    assert all(each.file == str(path) for each in faults)
    assert place in faults[0].place
    assert "expected" in faults[0].reason


def test_pages_that_are_damaged_are_told(path):
    octets = bytearray(path.read_bytes())
    middle = len(octets) // 2 // 4096 * 4096
    octets[middle : middle + 4096] = bytes(4096)
    path.write_bytes(octets)
    assert verify(path).faults
    path.write_bytes(b"\xff" * 5_000)
    (fault,) = verify(path).faults
    assert (fault.place, fault.reason) == ("file", "file is not a database")


def test_an_audit_that_was_changed_is_told(path):
    audit = path.with_name("a.sqlite.audit")
    audit.write_text(audit.read_text().replace('"n":1', '"n":7'))
    (fault,) = verify(path).faults
    assert (fault.file, fault.place) == (str(audit), "audit")


def test_what_never_came_is_told_by_its_counters(path):
    with opened(path) as (archive, _):
        for count in (250, 251, 254, 255, 0, 0, 2):
            archive.record(
                [FrameReceived(time_ns=0, virtual_channel=1, corrected=0, octets=bytes([0, 0, 0, count]))], 0
            )
        noted = StoreNoted(
            time_ns=0, store=StoreId.EVENTS, here=[(0, 5), (8, 20)], overwritten=[], lost=[], confirmed=30
        )
        archive.record([noted], 0)
    assert [str(each) for each in verify(path).gaps] == [
        "frames of virtual channel 1: 2 missing from 1970-01-01T00:00:00Z",
        "frames of virtual channel 1: 1 missing from 1970-01-01T00:00:00Z",
        "packets of store EVENTS: 3 missing from 5",
        "packets of store EVENTS: 10 missing from 20",
    ]


def test_no_archive_is_no_fault_of_one(tmp_path):
    with pytest.raises(MisuseError, match="found no file"):
        verify(tmp_path / "nothing")
