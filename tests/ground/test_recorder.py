"""What becomes of what an archive cannot keep: what is told once waits, what was lost is not confirmed."""

import contextlib
import errno
import os
import sqlite3
import time

import pytest

from ccsds.cfdp.codes import ConditionCode, FileStatus
from ccsds.cop1.fop import Service
from ground import recorder as recorder_module
from ground.alarms.events import AlarmChanged
from ground.alarms.life_cycle import AlarmState, Level
from ground.archive import damage
from ground.archive.history import History
from ground.events import (
    ArchiveFailed,
    ArchiveRegained,
    CommandIssued,
    CommandStaged,
    LinkChanged,
    LinkState,
    Stage,
    StoreNoted,
)
from ground.recorder import Recorder
from ground.transfer_events import TransferDirection, TransferFailed, TransferFinished, TransferStarted
from mission.storage import StoreId
from tests.ground.archive.conftest import T0_NS, report
from tests.ground.test_full_disk import full_disk

PAGE_OCTETS = 4096


class Kept:
    """A recorder on an archive, and what it said and told."""

    def __init__(self, path) -> None:
        self.path = path
        self.said: list[str] = []
        self.told: list = []
        self.losses = 0
        self.recorder = Recorder(path, lambda: 5, self.said.append, self.told.append)
        self.recorder.open()
        self.recorder.when_lost = self._lose

    def _lose(self) -> None:
        self.losses += 1

    @contextlib.contextmanager
    def history(self):
        history = History.open(self.path)
        try:
            yield history
        finally:
            history.close()

    def commands(self) -> dict[int, list[Stage]]:
        with self.history() as history:
            return {each.command_id: [stage.stage for stage in each.stages] for each in history.commands()}

    def events(self, kind: str) -> list[str]:
        with self.history() as history:
            return [each.text for each in reversed(history.events(10_000)) if each.kind == kind]

    def damage(self, *tables: str) -> None:
        """Overwrite the first page of each of these tables."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = [
                connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (each,)).fetchone()[0]
                for each in tables
            ]
        with open(self.path, "r+b") as file:
            for page in pages:
                file.seek((page - 1) * PAGE_OCTETS)
                file.write(b"\xff" * PAGE_OCTETS)


@pytest.fixture
def kept(tmp_path):
    kept = Kept(tmp_path / "a.sqlite")
    yield kept
    with contextlib.suppress(OSError):  # It may be closed already.
        kept.recorder.archive.abandon()


def issued(command_id: int, *, is_automatic: bool = False, time_ns: int | None = None) -> CommandIssued:
    return CommandIssued(
        time_ns=time.monotonic_ns() if time_ns is None else time_ns,
        command_id=command_id,
        name="storage.confirm" if is_automatic else "test.connection",
        arguments={},
        service=Service.AD,
        source_id=5,
        sequence_count=command_id,
        octets=b"x",
        is_automatic=is_automatic,
    )


def staged(command_id: int, stage: Stage) -> CommandStaged:
    return CommandStaged(time_ns=0, command_id=command_id, name="x", sequence_count=0, stage=stage, attempt=1)


def noted(end: int) -> StoreNoted:
    now_ns = time.monotonic_ns()
    return StoreNoted(time_ns=now_ns, store=StoreId.EVENTS, here=[(0, end)], overwritten=[], lost=[], confirmed=end)


def changed() -> LinkChanged:
    return LinkChanged(time_ns=0, state=LinkState.UP)


ABOUT = {
    "time_ns": 0,
    "transaction": "1-1",
    "direction": TransferDirection.DOWN,
    "source_name": "a",
    "destination_name": "b",
    "size_octets": 9,
}
TOLD_ONCE = {
    "a stage": staged(1, Stage.COMPLETED),
    "an alarm": AlarmChanged(time_ns=0, parameter="p", state=AlarmState.UNACKNOWLEDGED, level=Level.WARNING, value=1.0),
    "a start of a transfer": TransferStarted(**ABOUT),
    "an end of a transfer": TransferFinished(**ABOUT, file_status=FileStatus.RETAINED),
    "a failure of a transfer": TransferFailed(**ABOUT, condition=ConditionCode.NO_ERROR, text="why"),
}


@pytest.mark.parametrize("event", TOLD_ONCE.values(), ids=TOLD_ONCE)
def test_each_that_is_told_once_waits_for_room(kept, event):
    kept.recorder.keep([issued(1)])
    with full_disk():
        assert kept.recorder.keep([event, changed()]) is not None
    kept.recorder.commit()
    assert kept.events("LinkChanged") == []
    if isinstance(event, CommandStaged):
        assert kept.commands() == {1: [Stage.COMPLETED]}
    else:
        assert kept.events(type(event).__name__) == [str(event)]


def test_what_the_tables_refuse_is_given_up_and_nothing_waits_for_it(kept):
    assert kept.recorder.keep([issued(1)]) is None
    assert "UNIQUE" in kept.recorder.keep([issued(1), staged(1, Stage.LOST)])
    kept.recorder.commit()
    assert kept.commands() == {1: []}


def test_of_what_waits_the_oldest_makes_room_and_that_is_told(kept, monkeypatch):
    monkeypatch.setattr(recorder_module, "WAITING_MAX", 4)
    small = Kept(kept.path.with_name("b.sqlite"))
    small.recorder.keep([issued(number) for number in range(1, 10)])
    with full_disk():
        for number in range(1, 10):
            small.recorder.keep([staged(number, Stage.COMPLETED)])
    small.recorder.keep([changed()])
    small.recorder.commit()
    # The first of the nine was followed by the event that the archive failed.
    ended = [number for number, stages in small.commands().items() if stages]
    assert sorted(ended) == [6, 7, 8, 9]
    (regained,) = [each for each in small.told if isinstance(each, ArchiveRegained)]
    assert (regained.waited, regained.dropped) == (4, 6)
    assert str(regained) == "archive written again; events that waited: 4, and lost before them: 6"
    small.recorder.close()


def test_all_that_waited_is_counted_though_the_reason_changed_meanwhile(kept):
    kept.recorder.keep([issued(1)])
    with full_disk():
        kept.recorder.keep([staged(1, Stage.RELEASED)])
        kept.recorder.keep([staged(1, Stage.ACCEPTED)])
    assert "UNIQUE" in kept.recorder.keep([issued(1)])  # What waited is kept before.
    kept.recorder.keep([changed()])
    kept.recorder.commit()
    (regained,) = [each for each in kept.told if isinstance(each, ArchiveRegained)]
    assert [type(each) for each in kept.told] == [ArchiveFailed, ArchiveFailed, ArchiveRegained]
    assert regained.waited == 2 + 2
    # The next trouble is counted by itself.
    kept.recorder.commit()
    with full_disk():
        kept.recorder.keep([staged(1, Stage.STARTED)])
    kept.recorder.keep([changed()])
    kept.recorder.commit()
    assert kept.told[-1].waited == 2


def test_what_waits_is_kept_once_though_the_disk_fails_while_it_is_kept(kept, monkeypatch):
    kept.recorder.keep([issued(1)])
    with full_disk():
        for stage in (Stage.RELEASED, Stage.ACCEPTED, Stage.COMPLETED):
            kept.recorder.keep([staged(1, stage)])
    sync, calls = os.fsync, []

    def fail_at_second(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_at_second)
    for _ in range(4):
        kept.recorder.keep([issued(1 + len(kept.commands()))])
        kept.recorder.commit()
    assert kept.commands()[1] == [Stage.RELEASED, Stage.ACCEPTED, Stage.COMPLETED]


class TestALogThatCannotBeSynced:
    """It is in the file, and may not outlast the computer."""

    @pytest.fixture
    def broken(self, monkeypatch):
        """Whether the disk is broken; true until it is cleared."""
        sync, broken = os.fsync, [True]

        def sync_or_fail(descriptor: int) -> None:
            if broken:
                raise OSError(errno.EIO, "Input/output error")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", sync_or_fail)
        return broken

    def test_what_is_told_once_is_there_once_and_is_not_called_kept_before_it_is_synced(self, kept, broken):
        assert "could not be synced" in kept.recorder.keep([issued(1), staged(1, Stage.RELEASED)])
        kept.recorder.commit()
        assert kept.recorder.trouble == "the log could not be synced: [Errno 5] Input/output error"
        assert kept.losses == 0
        broken.clear()
        kept.recorder.keep([staged(1, Stage.COMPLETED)])
        kept.recorder.commit()
        assert kept.recorder.trouble == ""
        assert kept.commands() == {1: [Stage.RELEASED, Stage.COMPLETED]}

    def test_what_waited_is_there_once_too(self, kept, broken):
        broken.clear()
        kept.recorder.keep([issued(1)])
        with full_disk():
            kept.recorder.keep([staged(1, Stage.COMPLETED)])
        broken.append(True)
        for _ in range(3):
            kept.recorder.commit()
        broken.clear()
        kept.recorder.keep([changed()])
        kept.recorder.commit()
        assert kept.commands() == {1: [Stage.COMPLETED]}
        assert kept.events("ArchiveRegained")[:1] == []
        assert kept.recorder.trouble == ""

    def test_it_is_believed_again_only_once_all_of_it_is_in_the_file(self, kept, broken):
        kept.recorder.keep([issued(1)])
        broken.clear()
        # The system has forgotten what it could not write: the log may be gone, the file may not.
        assert kept.recorder.keep([]) is None
        alone = kept.path.with_name("alone.sqlite")
        alone.write_bytes(kept.path.read_bytes())
        with contextlib.closing(sqlite3.connect(alone)) as connection:
            assert connection.execute("SELECT id FROM commands").fetchall() == [(1,)]

    def test_a_reader_that_holds_the_log_is_waited_for_and_what_was_recorded_stays(self, kept, broken):
        with contextlib.closing(sqlite3.connect(kept.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM commands").fetchone()
            kept.recorder.keep([issued(1)])
            broken.clear()
            assert "somebody reads of it" in kept.recorder.keep([issued(2)])
            reader.execute("COMMIT")
        assert kept.recorder.keep([issued(3)]) is None
        assert list(kept.commands()) == [3, 2, 1]


class TestADamagedFile:
    """A fresh one is begun; what the spacecraft would be told of what was lost is not."""

    def test_a_confirmation_from_before_is_not_kept_so_that_it_cannot_leave(self, kept):
        kept.recorder.keep([report(T0_NS, {"x": 1})])
        kept.damage("commands")
        events = [report(T0_NS + 1, {"x": 2}), noted(2), issued(1, is_automatic=True), staged(1, Stage.QUEUED)]
        assert kept.recorder.keep(events) == "what was to be confirmed was lost"
        assert kept.losses >= 1
        assert kept.commands() == {}
        assert kept.recorder.stores() == []
        # One that is made afterwards is.
        assert kept.recorder.keep([noted(1), issued(2, is_automatic=True)]) is None
        assert list(kept.commands()) == [2]
        assert [each.confirmed for each in kept.recorder.stores()] == [1]

    def test_nor_is_one_that_comes_after_what_waited_has_met_the_damage(self, kept):
        kept.recorder.keep([issued(1)])
        with full_disk():
            kept.recorder.keep([staged(1, Stage.COMPLETED)])
        before = [noted(2), issued(2, is_automatic=True)]
        kept.damage("stages", "commands")
        assert kept.recorder.keep(before) == "what was to be confirmed was lost"
        assert kept.commands() == {}
        assert kept.recorder.stores() == []

    def test_nor_is_one_that_was_made_before_a_disk_that_was_full(self, kept):
        kept.recorder.keep([report(T0_NS, {"x": 1})])
        before = [noted(2), issued(1, is_automatic=True)]
        with full_disk():
            with pytest.raises(OSError, match="the archive failed"):
                kept.recorder.archive.transfers.append(b"record")
        losses = kept.losses
        assert losses >= 1
        assert kept.recorder.keep(before) == "what was to be confirmed was lost"
        assert kept.losses == losses + 1  # What came with it is not kept either.
        assert kept.recorder.keep(before[:1]) is None
        assert kept.recorder.stores() == []

    def test_what_was_noted_before_is_left_out_and_the_rest_is_kept(self, kept):
        kept.damage("stores")
        assert kept.recorder.keep([report(T0_NS, {"x": 1}), noted(2), issued(1)]) is None
        assert list(kept.commands()) == [1]
        with kept.history() as history:
            assert len(history.packets()) == 1
        assert kept.recorder.stores() == []
        assert kept.events("ArchiveFailed") == []
        kept.recorder.commit()
        (failed,) = kept.events("ArchiveFailed")
        assert "set aside as a.sqlite.damaged-1, a fresh one is begun" in failed

    def test_it_is_told_that_what_was_recorded_is_lost_though_nothing_can_be_read_any_more(self, kept):
        kept.damage("packets", "packets_by_name")
        with pytest.raises(sqlite3.DatabaseError):
            kept.recorder.archive.record([report(T0_NS, {"x": 1}), issued(1)], 0)
        assert kept.losses == 1

    def test_it_is_told_when_a_fresh_one_is_begun(self, kept):
        kept.recorder.archive.begin_anew()
        assert kept.losses == 1

    def test_until_a_fresh_one_can_be_begun_each_write_tries_and_what_is_told_once_waits(self, kept):
        kept.recorder.keep([issued(1)])
        kept.damage("stages", "events")
        with full_disk():
            for stage in (Stage.RELEASED, Stage.COMPLETED):
                reason = kept.recorder.keep([staged(1, stage), *[TOLD_ONCE["an alarm"]] * 2])
                assert "damaged, and no fresh one could be begun" in reason
            assert list(kept.path.parent.glob("*.fresh*")) == []
            with pytest.raises(OSError, match="the archive failed"):
                kept.recorder.archive.transfers.append(b"record")
        assert len(kept.told) == 1
        assert kept.recorder.keep([issued(2)]) is None
        assert list(kept.commands()) == [2]
        assert len(kept.events("AlarmChanged")) == 4
        assert sorted(each.name for each in kept.path.parent.glob("a.sqlite*")) == [
            "a.sqlite",
            "a.sqlite-shm",
            "a.sqlite-wal",
            "a.sqlite.damaged-1",
            "a.sqlite.lock",
        ]

    @pytest.mark.parametrize("step", ["set_aside", "rename", "connect"])
    def test_a_step_that_fails_is_gone_on_from(self, kept, monkeypatch, step):
        kept.recorder.keep([noted(7), issued(1)])
        kept.damage("stages")
        with monkeypatch.context() as patched:
            match step:
                case "set_aside":
                    patched.setattr(damage, "SET_ASIDE_MAX", 0)
                case "rename":
                    rename = type(kept.path).rename

                    def refuse(path, target):
                        if path.name.endswith(".fresh"):
                            raise OSError(errno.EACCES, "Permission denied")
                        return rename(path, target)

                    patched.setattr(type(kept.path), "rename", refuse)
                case "connect":
                    opened = sqlite3.connect

                    def refuse_to_open(path, *arguments, **named):
                        if path == kept.path:
                            raise sqlite3.OperationalError("unable to open database file")
                        return opened(path, *arguments, **named)

                    patched.setattr(sqlite3, "connect", refuse_to_open)
            for _ in range(2):
                assert "no fresh one could be begun" in kept.recorder.keep([staged(1, Stage.COMPLETED)])
                with pytest.raises(OSError, match="the archive failed"):
                    kept.recorder.archive.transfers.append(b"record")
                with pytest.raises(OSError, match="the archive failed"):
                    kept.recorder.archive.transfers.records()
            kept.recorder.commit()
        kept.recorder.commit()
        assert kept.recorder.trouble == ""
        assert kept.recorder.keep([issued(2)]) is None
        assert list(kept.commands()) == [2]
        assert [each.confirmed for each in kept.recorder.stores()] == [7]
        kept.recorder.archive.transfers.append(b"record")
        assert kept.recorder.archive.transfers.records()[-1] == b"record"
        assert not kept.path.with_name("a.sqlite.fresh").exists()
        assert kept.path.with_name("a.sqlite.damaged-1").exists()
        kept.recorder.close()
        assert kept.said == []
        again = Kept(kept.path)
        assert again.recorder.archive.identity.next_command_id == 3
        again.recorder.close()


def test_a_stage_of_a_command_that_is_not_kept_is_not_kept_and_counts_for_no_other(kept):
    kept.recorder.keep([staged(1, Stage.LOST)])
    kept.recorder.keep([issued(1)])
    assert kept.commands() == {1: []}


class TestAStop:
    """All that waits is kept at a stop."""

    def test_what_waits_is_kept(self, kept):
        kept.recorder.keep([issued(1)])
        with full_disk():
            kept.recorder.keep([staged(1, Stage.COMPLETED)])
        kept.recorder.close()
        assert kept.commands() == {1: [Stage.COMPLETED]}
        assert len(kept.events("ArchiveFailed")) == 1
        assert kept.said == []

    def test_what_cannot_be_kept_is_said(self, kept):
        kept.recorder.keep([issued(1)])
        with full_disk():
            kept.recorder.keep([staged(1, Stage.COMPLETED)])
            kept.recorder.close()
        assert kept.said[0] == "archive: what waited is lost (events: 2): disk I/O error"
        assert kept.said[1].startswith("archive: not closed in order: ")
