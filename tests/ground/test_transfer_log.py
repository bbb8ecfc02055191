"""Transfers outlive their station: killed anywhere in one, either way, the next goes on, and so does the history."""

import random
import sqlite3
from itertools import count

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.records import SequenceRecord, decode_record
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.archive.schema import SCHEMA_VERSION, STEPS
from ground.file_store import DirectoryStore
from ground.files import FilesHome
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import (
    TransferFailed,
    TransferFinished,
)
from mission.profiles import PROFILES
from tests.ground.far_end import FarEnd, FileLadder

PROFILE = PROFILES["sband"]
UNIX_NS = 1_800_000_000_000_000_000
CONTENT = random.Random(2).randbytes(1_250_000)


class Life:
    """A station on an archive and a directory, which may be killed and begun anew; its far end stays."""

    def __init__(self, folder) -> None:
        self.path = folder / "archive.sqlite"
        self.store = DirectoryStore(folder / "files", reserve_octets=0)
        self.far = FarEnd(PROFILE)
        self.events: list = []
        self.now_ns = 0
        self._draws = count(7)
        self.begin()

    def begin(self) -> None:
        self.archive = Archive.open(self.path, draw_source_id=lambda: next(self._draws), unix_ns=UNIX_NS + self.now_ns)
        home = FilesHome(store=self.store, journal=self.archive.transfers, records=self.archive.transfers.records())
        station = Station(StationConfig(profile=PROFILE, source_id=1), files=home)
        self.ladder = FileLadder(station, self.far, self.store, now_ns=self.now_ns)

    def run(self, seconds: float, until=lambda: False) -> bool:
        """Run, with every event recorded before anything more leaves."""
        end_ns = self.now_ns + int(seconds * 1e9)
        while self.now_ns < end_ns and not until():
            self.ladder.run(0.01)
            self.now_ns = self.ladder.now_ns
            self.archive.record(self.ladder.events, UNIX_NS + self.now_ns)
            self.events += self.ladder.events
            self.ladder.events.clear()
        return until()

    def memory_octets(self):
        return 0

    def kill(self) -> None:
        self.archive.abandon()

    def history(self):
        history = History.open(self.path)
        try:
            return history.transfers()
        finally:
            history.close()

    def is_over(self) -> bool:
        return any(isinstance(event, TransferFinished | TransferFailed) for event in self.events)


@pytest.fixture
def life(tmp_path):
    return Life(tmp_path)


def test_a_file_goes_up_across_kills_of_the_station(life):
    life.store.pwrite("photo", 0, CONTENT)
    life.ladder.station.put_file("photo", "up", now_ns=0)
    for _ in range(3):
        life.run(3)
        assert not life.is_over()
        life.kill()
        life.begin()
        assert len(life.ladder.station.transfers()) == 1
    assert life.run(100, life.is_over)
    assert life.far.store.read("up") == CONTENT
    (row,) = life.history()
    assert (row.outcome, row.direction, row.done_octets) == ("FINISHED", "UP", len(CONTENT))


def test_a_file_comes_down_across_kills_of_the_station(life):
    life.far.put(CONTENT, "source", "down")
    for _ in range(3):
        life.run(3)
        assert not life.is_over()
        assert life.store.list() == [".cfdp/42-1.part"]
        life.kill()
        life.begin()
    assert life.run(200, life.is_over)
    assert life.store.read("down") == CONTENT
    (row,) = life.history()
    assert (row.transaction, row.outcome, row.destination_name) == ("42-1", "FINISHED", "down")


def test_at_most_a_mebibyte_comes_again_after_a_kill(life):
    life.far.put(CONTENT, "source", "down")
    assert life.run(100, lambda: _done(life) > 1_150_000)
    before = _done(life)
    life.kill()
    life.begin()
    assert before - (1 << 20) <= _done(life) < before
    assert life.run(200, life.is_over)
    assert life.store.read("down") == CONTENT


def _done(life) -> int:
    return sum(each["done_octets"] for each in life.ladder.station.transfers())


def test_an_end_that_the_journal_knows_and_the_history_does_not_is_told_at_the_next_start(life):
    life.store.pwrite("photo", 0, b"picture")
    name = str(life.ladder.station.put_file("photo", "up", now_ns=0))
    life.run(0.01)
    # The station is driven on, but killed before its events are recorded.
    life.ladder.run(5)
    assert any(isinstance(event, TransferFinished) for event in life.ladder.events)
    life.kill()
    assert [each.outcome for each in life.history()] == ["UNDER_WAY"]
    life.begin()
    (row,) = life.history()
    assert (row.transaction, row.outcome, row.condition) == (name, "FINISHED", ConditionCode.NO_ERROR.name)


def test_a_file_that_came_whole_before_its_end_was_told_is_told_at_the_next_start(life):
    life.far.put(b"picture", "source", "down")
    life.run(0.01)
    life.ladder.down = lambda octets: octets
    life.ladder.run(0.2)
    life.kill()
    life.begin()
    life.run(5)
    (row,) = life.history()
    assert row.outcome == "FINISHED"
    assert life.store.read("down") == b"picture"


def test_a_transfer_that_no_journal_knows_any_more_has_failed(life):
    life.store.pwrite("photo", 0, b"picture")
    life.ladder.station.put_file("photo", "up", now_ns=0)
    life.run(0.01)
    life.kill()
    with sqlite3.connect(life.path) as connection:
        connection.execute("DELETE FROM transfer_journal")
    connection.close()
    life.begin()
    (row,) = life.history()
    assert (row.outcome, row.text) == ("FAILED", "the station was stopped, and its journal does not know it")


def test_numbers_go_on_in_an_archive_that_was_closed_and_jump_in_one_that_may_be_a_copy(life):
    def put() -> int:
        return life.ladder.station.put_file("photo", "up", now_ns=0).sequence

    life.store.pwrite("photo", 0, b"picture")
    first = put()
    assert first > 200_000_000
    life.run(5, lambda: not life.ladder.station.transfers())
    life.archive.close()
    life.begin()
    assert put() == first + 1
    life.run(5, lambda: not life.ladder.station.transfers())
    life.kill()
    life.now_ns += 60 * 10**9
    life.begin()
    assert put() >= first + 60


def test_the_journal_is_replaced_whole_or_not_at_all(life):
    log = life.archive.transfers
    before = log.records()

    def payloads():
        yield b"one"
        raise sqlite3.OperationalError("the disk is full")

    with pytest.raises(OSError, match="the archive failed: the disk is full"):
        log.replace(payloads())
    assert log.records() == before
    log.replace([b"one", b"two"])
    log.append(b"three")
    life.kill()
    connection = sqlite3.connect(life.path)
    assert connection.execute("SELECT record FROM transfer_journal").fetchall() == [(b"one",), (b"two",), (b"three",)]
    connection.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_an_archive_of_each_version_before_is_brought_up_with_what_is_in_it(tmp_path, version):
    path = tmp_path / "archive.sqlite"
    with sqlite3.connect(path) as connection:
        for step in range(version):
            connection.executescript(STEPS[step])
        connection.execute(
            "INSERT INTO identity (id, source_id, next_sequence_count, next_command_id, seal) VALUES (1, 9, 5, 77, '')"
        )
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    archive = Archive.open(path, draw_source_id=lambda: 10, unix_ns=UNIX_NS)
    assert archive.identity.next_command_id == 77
    assert len(archive.transfers.records()) == 1
    archive.close()
    History.open(path).close()


def test_a_new_archive_numbers_from_the_time(life):
    (record,) = [decode_record(each) for each in life.archive.transfers.records()]
    assert record == SequenceRecord(next_sequence=(UNIX_NS - 1_577_836_800_000_000_000) // 10**9)
