"""A damaged archive is told of and set aside, and the station goes on in a fresh one as who it was."""

import sqlite3

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground.archive.archive import Archive
from ground.archive.damage import DamagedError, is_damage, set_aside
from ground.archive.history import History
from ground.events import CommandIssued
from tests.ground.archive.conftest import T0_NS, report


def issued(command_id: int) -> CommandIssued:
    return CommandIssued(
        time_ns=0,
        command_id=command_id,
        name="x",
        arguments={},
        service=Service.AD,
        source_id=5,
        sequence_count=command_id,
        octets=b"x",
    )


def opened(path) -> Archive:
    return Archive.open(path, draw_source_id=lambda: 5, unix_ns=0, is_synced=False)


@pytest.mark.parametrize("at", [0, 100])
def test_an_archive_of_ours_that_cannot_be_read_is_damaged(tmp_path, at):
    path = tmp_path / "a.sqlite"
    opened(path).close()
    octets = bytearray(path.read_bytes())
    octets[at : at + 60] = b"\xff" * 60
    path.write_bytes(octets)
    with pytest.raises(DamagedError, match=r"expected an archive of a station at .*a.sqlite, found: "):
        opened(path)
    aside = set_aside(path)
    assert aside.name == "a.sqlite.damaged-1"
    assert aside.read_bytes() == octets
    opened(path).close()
    assert set_aside(path).name == "a.sqlite.damaged-2"


def test_a_file_that_never_was_ours_is_not_called_damaged(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    for _ in range(2):
        with pytest.raises(MisuseError) as found:
            opened(path)
        assert not isinstance(found.value, DamagedError)


def test_a_station_goes_on_in_a_fresh_file_as_who_it_was(tmp_path):
    path = tmp_path / "a.sqlite"
    archive = opened(path)
    archive.record([issued(number) for number in range(1, 1_000)], 0)
    archive.transfers.append(b"a record")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'commands'").fetchone()
    connection.close()
    octets = bytearray(path.read_bytes())
    octets[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(octets)
    with pytest.raises(sqlite3.DatabaseError) as found:
        archive.record([issued(1_000)], 0)
    assert is_damage(found.value)
    aside = archive.begin_anew()
    assert aside.name == "a.sqlite.damaged-1"
    archive.record([issued(1_000), report(T0_NS, {"x": 1})], 0)
    history = History.open(path)
    assert [each.command_id for each in history.commands()] == [1_000]
    assert b"a record" in archive.transfers.records()
    history.close()
    archive.close()
    again = opened(path)
    assert (again.identity.source_id, again.identity.next_sequence_count, again.identity.next_command_id) == (
        5,
        1_001,
        1_001,
    )
    again.close()


def test_a_full_or_busy_disk_is_no_damage():
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert not is_damage(error)
    assert not is_damage(sqlite3.OperationalError("made by hand"))
