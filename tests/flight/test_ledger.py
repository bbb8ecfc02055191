"""The ledger: what is committed survives, what is not does not, and the journal stays bounded."""

import errno

import msgspec
import pytest

import flight.ledger
from flight.books.boots import Booted
from flight.books.commands import REMEMBERED_COMMANDS_MAX, Answer, Begun, Executed, Identity
from flight.books.events import EventSwitched
from flight.books.housekeeping import (
    DeadBand,
    HousekeepingSwitched,
    IntervalChanged,
    ReportedOnChange,
    StructureDeleted,
    StructureMade,
)
from flight.books.jobs import (
    CheckpointDropped,
    CheckpointMade,
    DeviceDistrusted,
    DeviceTrusted,
    FaultsMended,
    JobDescribed,
    JobDiscarded,
    JobFinished,
    JobMoved,
    JobSampled,
    JobSpent,
    JobSubmitted,
    WorkerRestarted,
)
from flight.books.parameters import SettingChanged
from flight.books.schedule import ActivitiesDeleted, ActivitiesInserted, Activity
from flight.books.seal import StruckBookError
from flight.books.time import ClockKept, TimeReportsSet
from flight.disk import RealDisk
from flight.jobs.guard.finding import Finding
from flight.ledger import Ledger
from mission.jobs import REMEMBERED_JOBS_MAX, JobState, PauseCause, Struck


def identity(number):
    return Identity(1, 0x42, number, bytes(16))


def checkpoint(step):
    return CheckpointMade(1, step, "a", f"{step:064x}", 10, 2.0, 3.0)


CHANGES = (
    Booted(3),
    HousekeepingSwitched(1, True),
    JobSubmitted(1, "tiny", "text", 7, 20, ""),
    JobMoved(1, JobState.PAUSED, PauseCause.OPERATOR, "why"),
    JobDescribed(1, b"\x01" * 32, 20, 100),
    checkpoint(5),
    checkpoint(10),
    checkpoint(15),
    WorkerRestarted(1),
    WorkerRestarted(1),
    JobSpent(1, 12.5),
    JobSampled(1, "to be"),
    JobFinished(1, 20, 1.0, 2.0, b"\x02" * 32),
    ClockKept("run", 10**18, 3, 10**18, 10**18 + 5, None),
    TimeReportsSet(3),
    SettingChanged(200, b"\x00\x00\x01\xf4"),
    SettingChanged(201, b"\x00\x00\x00\x0a"),
    SettingChanged(201, None),
    EventSwitched(5, False),
    EventSwitched(6, False),
    EventSwitched(6, True),
    StructureMade(1, 130, (1, 2)),
    IntervalChanged(1, 130, 500),
    ReportedOnChange(1, 130, (DeadBand(2, 0.5),)),
    ReportedOnChange(2, 130, (DeadBand(2, 0.5),)),
    ReportedOnChange(2, 130, None),
    StructureMade(2, 131, (1,)),
    StructureDeleted(2, 131),
    HousekeepingSwitched(130, True, 2),
    Begun(identity(1), b"1234"),
    Executed(identity(2), (Answer(1, 1, b"yes"),)),
)


def contents(ledger):
    """Give everything a ledger knows, comparable."""
    jobs = {job_id: tuple(getattr(job, name) for name in job.__slots__) for job_id, job in ledger.jobs.items()}
    commands = [ledger.answers_to(identity(number)) for number in range(9)]
    begun = [ledger.request_begun(identity(number)) for number in range(9)]
    structures = ledger.structures
    kept = (structures.made, structures.switched, structures.intervals_ms, structures.bands)
    others = (kept, ledger.clock, ledger.time_report_exponent, ledger.settings, ledger.events.disabled)
    return ledger.boot_count, ledger.housekeeping, jobs, commands, begun, others


def test_every_kind_of_change_survives_a_reboot(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    for change in CHANGES:
        ledger.commit(change)
    assert contents(Ledger(RealDisk(tmp_path))) == contents(ledger)
    assert [each.step for each in ledger.jobs[1].checkpoints] == [10, 15]


def test_every_kind_of_change_survives_a_compaction(tmp_path, monkeypatch):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(*CHANGES)
    monkeypatch.setattr(flight.ledger, "COMPACTION_OCTETS_MIN", 1)
    ledger.commit(CheckpointDropped(1))
    monkeypatch.undo()
    assert ledger.journal_octets == (tmp_path / "journal").stat().st_size
    assert contents(Ledger(RealDisk(tmp_path))) == contents(ledger)
    assert [each.step for each in ledger.jobs[1].checkpoints] == [10]


def test_changes_committed_together_are_all_there_or_none_at_every_torn_length(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(Booted(1))
    whole = (tmp_path / "journal").read_bytes()
    ledger.commit(HousekeepingSwitched(1, True), Executed(identity(2), (Answer(1, 1, b"yes"),)))
    data = (tmp_path / "journal").read_bytes()
    (tmp_path / "journal.copy").unlink()
    for length in range(len(whole), len(data)):
        (tmp_path / "journal").write_bytes(data[:length])
        torn = Ledger(RealDisk(tmp_path))
        assert torn.housekeeping == {}
        assert torn.answers_to(identity(2)) is None
        assert torn.damaged_octets == length - len(whole)


def test_a_commit_after_a_torn_tail_is_not_lost_with_it(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(Booted(1))
    with (tmp_path / "journal").open("ab") as file:
        file.write(b"LJR1\x00\x00\x01\x00torn")
    Ledger(RealDisk(tmp_path)).commit(Booted(2))
    again = Ledger(RealDisk(tmp_path))
    assert again.boot_count == 2
    assert again.damaged_octets == 0


class FailingDisk(RealDisk):
    """Writes, and then fails to say that it is durable."""

    fails = False

    def fsync(self, path):
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(path)


def test_a_record_whose_fate_is_unknown_cannot_come_back(tmp_path):
    disk = FailingDisk(tmp_path)
    ledger = Ledger(disk)
    ledger.commit(Booted(1))
    disk.fails = True
    with pytest.raises(OSError, match="Input/output"):
        ledger.commit(HousekeepingSwitched(1, True))
    assert ledger.housekeeping == {}
    disk.fails = False
    ledger.commit(HousekeepingSwitched(2, True))
    assert Ledger(RealDisk(tmp_path)).housekeeping == {2: True}


def test_the_oldest_commands_and_jobs_are_forgotten_beyond_the_bound(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(*(Executed(identity(number), ()) for number in range(REMEMBERED_COMMANDS_MAX + 1)))
    assert ledger.answers_to(identity(0)) is None
    assert ledger.answers_to(identity(1)) == ()
    for number in range(1, REMEMBERED_JOBS_MAX + 2):
        ledger.commit(JobSubmitted(number, "tiny", "text", 7, 20, ""), JobMoved(number, JobState.DONE))
    assert 1 not in ledger.jobs
    assert len(ledger.jobs) == REMEMBERED_JOBS_MAX


def test_a_record_of_another_version_is_passed_over_and_counted(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(Booted(1))
    ledger._journal.append(b"\x81\xa7changes\x91\x81\xa4type\xa3New")
    again = Ledger(RealDisk(tmp_path))
    assert again.boot_count == 1
    assert again.damaged_octets > 0


def test_the_journal_stays_bounded_over_ten_thousand_commits(tmp_path, monkeypatch):
    monkeypatch.setattr(flight.ledger, "COMPACTION_OCTETS_MIN", 10_000)
    monkeypatch.setattr(flight.disk, "_sync", lambda path: None)
    ledger = Ledger(RealDisk(tmp_path))
    longest = compactions = before = 0
    for number in range(10_000):
        ledger.commit(HousekeepingSwitched(1, number % 2 == 0))
        longest = max(longest, ledger.journal_octets)
        compactions += ledger.journal_octets < before
        before = ledger.journal_octets
    assert longest < 11_000
    assert 0 < compactions < 100
    assert Ledger(RealDisk(tmp_path)).housekeeping == {1: False}


@pytest.fixture
def struck(tmp_path):
    """A ledger, in a book of which a bit has flipped: the seed of a job that is queued."""
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(JobSubmitted(1, "tiny", "text", 7, 20, ""), Executed(identity(2), (Answer(1, 1, b"yes"),)))
    msgspec.structs.force_setattr(ledger.jobs[1].submitted, "seed", 3)
    return ledger


@pytest.mark.parametrize(
    "act",
    [
        lambda ledger: ledger.commit(JobMoved(1, JobState.STARTING)),
        lambda ledger: ledger.commit(Booted(4)),
        lambda ledger: ledger.rewrite(),
        lambda ledger: ledger.verify(),
    ],
    ids=["a commit of the same book", "a commit of another", "a journal written anew", "a look"],
)
def test_nothing_becomes_durable_by_a_book_that_was_struck_in_memory(struck, tmp_path, act):
    before = (tmp_path / "journal").read_bytes()
    with pytest.raises(StruckBookError, match="expected the book of jobs as its last change left it"):
        act(struck)
    assert (tmp_path / "journal").read_bytes() == before
    assert Ledger(RealDisk(tmp_path)).jobs[1].submitted.seed == 7


def test_a_command_is_not_answered_from_memory_that_was_struck(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(Executed(identity(2), (Answer(1, 1, b"yes"),)))
    ledger.commit(Begun(identity(3), b"1234"))
    msgspec.structs.force_setattr(ledger._commands.executed[identity(2)][0], "data", b"yds")
    with pytest.raises(StruckBookError, match=r"entry Identity.* of a book as it was made"):
        ledger.answers_to(identity(2))
    with pytest.raises(StruckBookError, match="book of commands"):
        ledger.verify("commands")
    with pytest.raises(StruckBookError, match="book of commands"):
        ledger.rewrite()
    msgspec.structs.force_setattr(next(iter(ledger._commands.begun)), "sequence_count", 5)
    with pytest.raises(StruckBookError, match="its key changed"):
        ledger.request_begun(identity(3))


ENDED = (
    JobSubmitted(1, "tiny", "text", 7, 20, ""),
    JobMoved(1, JobState.DONE),
    JobSubmitted(2, "tiny", "text", 7, 20, ""),
)


@pytest.fixture
def ended(tmp_path):
    """A ledger with a job that is done, and one that waits."""
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(*ENDED)
    return ledger


def test_a_job_that_ended_and_was_struck_is_not_read_and_is_no_matter_to_others(ended):
    msgspec.structs.force_setattr(ended.jobs[1].submitted, "seed", 3)
    ended.commit(JobMoved(2, JobState.RUNNING))
    assert ended.jobs[2].state is JobState.RUNNING
    with pytest.raises(StruckBookError, match="entry 1 of a book"):
        assert ended.jobs[1]
    with pytest.raises(StruckBookError, match="entry 1 of a book"):
        ended.jobs.get(1)
    with pytest.raises(StruckBookError, match="book of jobs"):
        ended.verify("jobs")
    with pytest.raises(StruckBookError, match="book of jobs"):
        ended.rewrite()


@pytest.mark.parametrize(("job_id", "state"), [(1, JobState.QUEUED), (2, JobState.DONE)])
def test_a_state_that_is_struck_keeps_everything_from_becoming_durable_whichever_job_it_is_of(ended, job_id, state):
    ended.jobs[job_id].state = state
    with pytest.raises(StruckBookError, match="book of jobs"):
        ended.commit(Booted(4))


def test_the_number_of_a_job_that_is_struck_is_missed(ended):
    records = ended.jobs._records
    records[5] = records.pop(1)
    with pytest.raises(StruckBookError, match="book of jobs"):
        ended.commit(Booted(4))


def test_a_job_that_ended_can_be_resumed_discarded_and_forgotten(ended, tmp_path):
    ended.commit(JobDiscarded(1))
    assert ended.jobs[1].is_discarded
    ended.commit(JobMoved(1, JobState.QUEUED))
    ended.commit(JobSpent(1, 2.5))
    ended.commit(JobMoved(1, JobState.FAILED, reason="why"))
    ended.verify()
    assert [(number, job.state) for number, job in ended.jobs.items()] == [(1, JobState.FAILED), (2, JobState.QUEUED)]
    assert (ended.jobs[1].energy_j, ended.jobs[1].reason) == (2.5, "why")
    assert contents(Ledger(RealDisk(tmp_path))) == contents(ended)
    ended.commit(*(JobSubmitted(number, "tiny", "text", 7, 20, "") for number in range(3, REMEMBERED_JOBS_MAX + 2)))
    ended.verify()
    assert [1 in ended.jobs, 2 in ended.jobs, len(ended.jobs)] == [False, True, REMEMBERED_JOBS_MAX]


def test_when_the_device_is_trusted_jobs_that_ended_are_whole_and_hold_no_findings(ended):
    finding = Finding(struck=Struck.STATE, where="w", step=3, redone_steps=1)
    ended.commit(FaultsMended(1, 1, (finding,)), DeviceDistrusted("why"))
    assert ended.jobs[1].findings == (finding,)
    ended.commit(DeviceTrusted())
    ended.verify()
    assert (ended.jobs[1].findings, ended.jobs[1].faults_mended, ended.distrust) == ((), 1, "")


def test_who_looks_at_a_schedule_or_a_store_changes_nothing(tmp_path):
    ledger = Ledger(RealDisk(tmp_path))
    activities = tuple(Activity(key, b"request", 1, 0, 10**18 + key) for key in range(1, 4))
    ledger.commit(ActivitiesInserted(activities))
    ledger.commit(ActivitiesDeleted((2,)))
    assert ledger.schedule.agenda.due(10**18 + 3, 2) == [1, 3]
    assert ledger.schedule.agenda.first() == (10**18 + 1, 1)
    assert ledger.storage.state(4).reserved_end == 0
    ledger.verify()


@pytest.fixture
def scheduled(tmp_path):
    """A ledger with three commands in its schedule."""
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(ActivitiesInserted(tuple(Activity(key, b"request", 1, 0, 10**18 + key) for key in range(1, 4))))
    return ledger


def test_a_scheduled_command_that_was_struck_is_not_read(scheduled):
    msgspec.structs.force_setattr(scheduled.schedule.activities[2], "packet", b"requesu")
    assert scheduled.schedule.activities[1].packet == b"request"
    with pytest.raises(StruckBookError, match="entry 2 of a book"):
        scheduled.schedule.activities[2]
    with pytest.raises(StruckBookError):
        list(scheduled.schedule.activities.values())
    with pytest.raises(StruckBookError, match="book of schedule"):
        scheduled.verify()


def test_a_scheduled_command_whose_key_was_struck_is_missed(scheduled):
    entries = scheduled.schedule.activities._entries
    entries[6] = entries.pop(2)
    for key in (2, 6):
        with pytest.raises(StruckBookError, match="its key changed"):
            scheduled.schedule.activities.get(key)
    with pytest.raises(StruckBookError, match="book of schedule"):
        scheduled.verify()


def test_a_scheduled_command_whose_time_was_struck_does_not_come_due(scheduled):
    agenda = scheduled.schedule.agenda
    due_ns, order, key = agenda._entries[0]
    agenda._entries[0] = (due_ns ^ 1 << 40, order, key)
    with pytest.raises(StruckBookError, match="key 1 on the agenda"):
        agenda.first()
    with pytest.raises(StruckBookError, match="book of schedule"):
        scheduled.verify()


def test_a_change_does_not_make_what_was_struck_before_it_whole(scheduled):
    msgspec.structs.force_setattr(scheduled.schedule.activities[2], "packet", b"requesu")
    scheduled.commit(ActivitiesDeleted((1,)), ActivitiesInserted((Activity(4, b"request", 1, 0, 10**18),)))
    with pytest.raises(StruckBookError, match="book of schedule"):
        scheduled.verify()
