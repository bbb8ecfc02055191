"""The archive: what is acknowledged is durable, identities are never used twice, and reading gives back what came."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground.archive import archive as archive_module
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.events import (
    CommandIssued,
    CommandStaged,
    EventReported,
    FrameReceived,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    ReportReceived,
    Stage,
)
from mission.dictionary import Severity
from mission.housekeeping import StructureKind

ROOT = Path(__file__).parents[2]


def issued(command_id: int, sequence_count: int) -> CommandIssued:
    return CommandIssued(
        time_ns=0,
        command_id=command_id,
        name="job.cancel",
        arguments={"job_id": 7},
        service=Service.AD,
        source_id=1,
        sequence_count=sequence_count,
        octets=b"\x18\x42",
    )


def staged(command_id: int, stage: Stage, attempt: int = 1, text: str = "") -> CommandStaged:
    return CommandStaged(
        time_ns=0,
        command_id=command_id,
        name="job.cancel",
        sequence_count=0,
        stage=stage,
        attempt=attempt,
        text=text,
    )


def frame(octets: bytes = b"frame") -> FrameReceived:
    return FrameReceived(time_ns=0, virtual_channel=0, corrected=2, octets=octets)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "archive.sqlite"


@pytest.fixture
def draw():
    numbers = count(100)
    return lambda: next(numbers)


def test_a_new_archive_draws_an_identity_and_keeps_it(path, draw):
    first = Archive.open(path, draw_source_id=draw, unix_ns=0)
    first.record([issued(1, 0)], 10)
    first.close()
    again = Archive.open(path, draw_source_id=draw, unix_ns=0)
    assert (first.identity.source_id, first.identity.next_sequence_count) == (100, 0)
    assert (again.identity.source_id, again.identity.next_sequence_count) == (100, 1)
    assert (first.identity.next_command_id, again.identity.next_command_id) == (1, 2)
    again.close()


def test_the_sequence_count_wraps_after_its_fourteen_bits(path, draw):
    first = Archive.open(path, draw_source_id=draw, unix_ns=0)
    first.record([issued(1, 16383)], 10)
    first.close()
    again = Archive.open(path, draw_source_id=draw, unix_ns=0)
    assert again.identity.next_sequence_count == 0
    again.close()


def test_an_archive_brought_back_from_a_copy_in_the_same_place_takes_a_new_identity(path, draw, tmp_path):
    Archive.open(path, draw_source_id=draw, unix_ns=0).close()
    shutil.copy2(path, tmp_path / "copy")
    used = Archive.open(path, draw_source_id=draw, unix_ns=0)
    used.record([issued(1, 0)], 10)
    used.close()
    shutil.copy2(tmp_path / "copy", path)
    restored = Archive.open(path, draw_source_id=draw, unix_ns=0)
    assert used.identity.source_id == 100
    assert (restored.identity.source_id, restored.identity.next_sequence_count) == (101, 0)
    restored.close()


def test_an_archive_brought_back_together_with_its_lock_takes_a_new_identity(path, draw, tmp_path):
    Archive.open(path, draw_source_id=draw, unix_ns=0).close()
    shutil.copytree(path.parent, tmp_path / "backup")
    used = Archive.open(path, draw_source_id=draw, unix_ns=0)
    used.record([issued(1, 0)], 10)
    used.close()
    shutil.rmtree(path.parent)
    shutil.copytree(tmp_path / "backup", path.parent)
    restored = Archive.open(path, draw_source_id=draw, unix_ns=0)
    assert restored.identity.source_id == 101
    restored.close()


def test_an_archive_never_draws_an_identity_it_had(path, tmp_path):
    archive = Archive.open(path, draw_source_id=lambda: 5, unix_ns=0)
    archive.record([issued(1, 0)], 0)
    archive.close()
    shutil.copy(path, tmp_path / "copy")
    numbers = iter([5, 1, 5, 6])
    restored = Archive.open(tmp_path / "copy", draw_source_id=lambda: next(numbers), unix_ns=0)
    assert restored.identity.source_id == 6
    assert restored.identity.next_command_id == 2
    restored.close()
    shutil.copy(path, tmp_path / "other copy")
    with pytest.raises(MisuseError, match="expected a source identifier never used before, found none in 1000 draws"):
        Archive.open(tmp_path / "other copy", draw_source_id=lambda: 5, unix_ns=0)


def test_commands_are_read_back_with_all_their_stages(path, draw):
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    archive.record([issued(1, 0), staged(1, Stage.QUEUED)], 10)
    archive.record([staged(1, Stage.RELEASED), staged(1, Stage.QUEUED, 2, "no report")], 20)
    archive.record([staged(1, Stage.COMPLETED, 2)], 30)
    history = History.open(path)
    (command,) = history.commands()
    assert (command.name, command.arguments, command.octets) == ("job.cancel", {"job_id": 7}, b"\x18\x42")
    assert (command.stage, command.attempt) == (Stage.COMPLETED, 2)
    assert [(each.unix_ns, each.stage, each.attempt, each.text) for each in command.stages] == [
        (10, Stage.QUEUED, 1, ""),
        (20, Stage.RELEASED, 1, ""),
        (20, Stage.QUEUED, 2, "no report"),
        (30, Stage.COMPLETED, 2, ""),
    ]
    assert history.command(1) == command
    assert history.command(2) is None
    history.close()
    archive.close()


def test_telemetry_is_read_back_decoded(path, draw):
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    values = {"job_id": 1, "loss": float("nan"), "digest": b"\xab"}
    where = {"time_ns": 0, "tai_ns": 99, "virtual_channel": 0}
    archive.record(
        [
            frame(b"\x00\x01"),
            ReportReceived(**where, apid=0x42, service=128, subtype=130, name="job_progress", values=values),
            HousekeepingReceived(
                **where, kind=StructureKind.HOUSEKEEPING, structure=2, name="jobs", values={"job_id": 1}
            ),
            EventReported(**where, severity=Severity.HIGH, name="store_failed", text="it failed", values={}),
            LinkChanged(time_ns=0, state=LinkState.UP),
        ],
        1_000,
    )
    archive.commit()
    history = History.open(path)
    assert [(each.virtual_channel, each.corrected, each.octets) for each in history.frames()] == [(0, 2, b"\x00\x01")]
    assert [(each.name, each.service, each.subtype) for each in history.packets()] == [
        ("store_failed", 5, 4),
        ("jobs", 3, 25),
        ("job_progress", 128, 130),
    ]
    (progress,) = history.packets("job_progress")
    assert progress.values == {"job_id": 1, "loss": None, "digest": "ab"}
    assert (progress.tai_ns, progress.unix_ns) == (99, 1_000)
    assert [each.kind for each in history.events()] == ["LinkChanged", "EventReported"]
    assert history.events()[0].content == {"type": "LinkChanged", "time_ns": 0, "state": "UP"}
    history.close()
    archive.close()


def test_telemetry_waits_for_its_batch_and_a_command_takes_what_waits_along(path, draw, monkeypatch):
    monkeypatch.setattr(archive_module, "BATCH_ROWS_MAX", 3)
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    history = History.open(path)
    archive.record([frame(), frame()], 0)
    assert len(history.frames()) == 0
    archive.record([frame()], 0)
    assert len(history.frames()) == 3
    archive.record([frame(), issued(1, 0)], 0)
    assert len(history.frames()) == 4
    history.close()
    archive.close()


def test_old_frames_and_events_make_room_and_commands_stay(path, draw, monkeypatch):
    monkeypatch.setattr(archive_module, "FRAMES_KEPT_MAX", 5)
    monkeypatch.setattr(archive_module, "EVENTS_KEPT_MAX", 2)
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    for index in range(20):
        archive.record([frame(bytes([index])), LinkChanged(time_ns=0, state=LinkState.UP), issued(index, index)], 0)
    history = History.open(path)
    assert [each.octets[0] for each in history.frames()] == [19, 18, 17, 16, 15]
    assert len(history.events()) == 2
    assert len(history.commands(limit=100)) == 20
    history.close()
    archive.close()


def test_commands_that_had_not_ended_when_the_station_stopped_are_closed_as_lost(path, draw):
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    archive.record([issued(1, 0), staged(1, Stage.STARTED), issued(2, 1), staged(2, Stage.COMPLETED)], 10)
    archive.close()
    archive = Archive.open(path, draw_source_id=draw, unix_ns=50)
    history = History.open(path)
    second, first = history.commands()
    assert (second.stage, first.stage) == (Stage.COMPLETED, Stage.LOST)
    assert first.text == "the station stopped before the answer came"
    assert first.stages[-1].unix_ns == 50
    history.close()
    archive.close()


def test_two_stations_cannot_share_an_archive(path, draw):
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    with pytest.raises(MisuseError, match="found another station using it"):
        Archive.open(path, draw_source_id=draw, unix_ns=0)
    archive.close()
    Archive.open(path, draw_source_id=draw, unix_ns=0).close()


def test_a_file_that_is_no_archive_is_refused_and_left_as_it_was(tmp_path, draw):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and long enough to be one " * 10)
    for open_it in (lambda: Archive.open(path, draw_source_id=draw, unix_ns=0), lambda: History.open(path)):
        with pytest.raises(MisuseError, match=r"expected an archive of a station at .*notes.txt, found"):
            open_it()
    assert path.read_text().startswith("not a database")


def test_an_archive_of_another_version_is_refused(tmp_path, draw):
    path = tmp_path / "old.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("CREATE TABLE something (id)")
    connection.close()
    for open_it in (lambda: Archive.open(path, draw_source_id=draw, unix_ns=0), lambda: History.open(path)):
        with pytest.raises(MisuseError, match=r"expected an archive of version 5 at .*, found version 99"):
            open_it()


def test_reading_an_archive_that_is_not_there_makes_none(tmp_path):
    path = tmp_path / "nothing.sqlite"
    with pytest.raises(MisuseError, match=r"expected an archive of a station at .*, found no file"):
        History.open(path)
    assert not path.exists()


def test_a_disk_error_is_raised_and_later_records_are_kept_again(path, draw):
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    archive.record([issued(1, 0)], 0)
    with pytest.raises(sqlite3.Error):
        archive.record([frame(), issued(1, 0)], 0)
    archive.record([frame(), issued(2, 1)], 0)
    history = History.open(path)
    assert [each.command_id for each in history.commands()] == [2, 1]
    assert len(history.frames()) == 1
    history.close()
    archive.close()


def test_nothing_acknowledged_is_lost_when_the_station_is_killed(path, draw):
    script = f"""
import sys
from ccsds.cop1.fop import Service
from ground.archive.archive import Archive
from ground.events import CommandIssued, FrameReceived
archive = Archive.open({str(path)!r}, draw_source_id=lambda: int(sys.argv[2]), unix_ns=0)
source_id = archive.identity.source_id
number = int(sys.argv[1])
while True:
    frames = [FrameReceived(time_ns=0, virtual_channel=0, corrected=0, octets=bytes(200)) for _ in range(5)]
    archive.record(frames, 0)
    command = CommandIssued(time_ns=0, command_id=number, name="x", arguments={{}}, service=Service.AD,
                            source_id=source_id, sequence_count=number % 16384, octets=b"12")
    archive.record([command], 0)
    print(number, flush=True)
    archive.record(frames, 0)
    number += 1
"""
    acknowledged = 0
    for source_id in (77, 78, 79):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(acknowledged + 1), str(source_id)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        history = History.open(path)
        kept = history.commands(limit=100_000)
        history.close()
        numbers = [each.command_id for each in kept]
        assert numbers == list(range(numbers[0], 0, -1))
        assert numbers[0] in (acknowledged, acknowledged + 1)
        assert kept[0].source_id == source_id
        acknowledged = numbers[0]
    archive = Archive.open(path, draw_source_id=draw, unix_ns=0)
    assert archive.identity.source_id == 100
    assert archive.identity.next_command_id == acknowledged + 1
    archive.close()
