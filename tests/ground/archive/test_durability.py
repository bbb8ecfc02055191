"""What was acknowledged is there after the computer lost its power or the station was killed, and the file opens clean.

A loss of power is made by hand: each sync copies the files as they are then, and the station comes back to the last
copy. SQLite's own syncs only make more durable, so that is the least that may be there.
"""

import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from ccsds.cop1.fop import Service
from ground.alarms.events import AlarmChanged
from ground.alarms.life_cycle import AlarmState, Level
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.events import CommandIssued
from tests.ground.archive.conftest import T0_NS, report
from tools.bench.archive_load import kill_again_and_again


def issued(command_id: int) -> CommandIssued:
    return CommandIssued(
        time_ns=0,
        command_id=command_id,
        name="job.cancel",
        arguments={"job_id": 7},
        service=Service.AD,
        source_id=5,
        sequence_count=command_id,
        octets=b"\x18\x42",
    )


def acknowledged(number: int) -> AlarmChanged:
    return AlarmChanged(
        time_ns=number,
        parameter="battery_charge",
        state=AlarmState.ACKNOWLEDGED,
        level=Level.WARNING,
        value=20.0,
        actor="anna",
    )


class Computer:
    """Files of an archive on a disk that forgets what was not synced when power is lost."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = folder / "archive.sqlite"
        self._durable = folder / "durable"
        self._durable.mkdir()
        self.syncs = 0
        monkeypatch.setattr(os, "fsync", self._sync)

    def _sync(self, descriptor: int) -> None:
        self.syncs += 1
        for each in self._files():
            shutil.copy(each, self._durable / each.name)

    def lose_power(self) -> None:
        for each in self._files():
            each.unlink()
        for each in self._durable.glob("archive.sqlite*"):
            shutil.copy(each, self.path.parent / each.name)

    def _files(self) -> list[Path]:
        return [each for each in self.path.parent.glob("archive.sqlite*") if not each.name.endswith(("-shm", ".lock"))]

    def open(self) -> Archive:
        return Archive.open(self.path, draw_source_id=lambda: random.randrange(1, 1 << 16), unix_ns=0)


@pytest.fixture
def computer(tmp_path, monkeypatch):
    return Computer(tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", range(12))
def test_what_was_acknowledged_outlasts_a_loss_of_power(computer, seed):
    chance = random.Random(seed)
    archive = computer.open()
    commands, acts, records, before = [], [], [], []
    telemetry = 0
    for number in range(1, chance.randrange(2, 30)):
        match chance.randrange(4):
            case 0:
                archive.record([report(T0_NS + telemetry, {"n": telemetry})], 0)
                telemetry += 1
            case 1:
                archive.record([report(T0_NS + telemetry, {"n": telemetry}), issued(number)], 0)
                telemetry += 1
                commands.append(number)
                before.append(telemetry)
            case 2:
                archive.record([acknowledged(number)], 0)
                acts.append(number)
                before.append(telemetry)
            case 3:
                archive.transfers.append(b"record %d" % number)
                records.append(b"record %d" % number)
                before.append(telemetry)
        if chance.random() < 0.3:
            archive.commit()
    archive.abandon()
    computer.lose_power()
    archive = computer.open()
    history = History.open(computer.path)
    assert [each.command_id for each in history.commands(100)] == commands[::-1]
    assert [each.content["time_ns"] for each in history.events()] == acts[::-1]
    assert set(records) <= set(archive.transfers.records())
    assert len(history.packets(limit=100)) >= max(before, default=0)
    history.close()
    archive.close()


def test_telemetry_alone_does_not_wait_for_the_disk(computer):
    archive = computer.open()
    syncs = computer.syncs
    archive.record([report(T0_NS, {"n": 1})], 0)
    archive.commit()
    assert computer.syncs == syncs
    archive.record([issued(1)], 0)
    assert computer.syncs == syncs + 1
    archive.close()


def test_a_disk_that_cannot_sync_is_told(computer, monkeypatch):
    archive = computer.open()

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(sqlite3.OperationalError, match="the log could not be synced"):
        archive.record([issued(1)], 0)
    archive.abandon()


def test_a_killed_station_has_lost_nothing_that_was_committed(tmp_path):
    verdict = kill_again_and_again(tmp_path / "archive.sqlite", 4, wait=lambda kill: None)
    assert verdict.faults == []
    assert verdict.reports > 0
