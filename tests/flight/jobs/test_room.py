"""What jobs take of the store, and what of it is given back: by state, by quota, after a cut, and when it is asked."""

import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import JobDiscarded, JobMoved, JobSubmitted
from flight.books.seal import StruckBookError
from flight.disk import RealDisk
from flight.jobs.room import OCTETS_PER_MIB, Room
from flight.ledger import Ledger
from mission.jobs import JobState


class Store:
    """A store with jobs in it, each with two slots and a model of a MiB."""

    def __init__(self, folder):
        self.disk = RealDisk(folder)
        self.ledger = Ledger(self.disk)
        self.room = Room(self.ledger, self.disk)

    def add(self, number, state=None):
        for name in ("slot-a.safetensors", "slot-b.safetensors", "model.safetensors"):
            self.disk.append(f"jobs/{number}/{name}", bytes(OCTETS_PER_MIB))
        if state is not None:
            self.ledger.commit(JobSubmitted(number, "tiny", "text", 7, 20, ""), JobMoved(number, state))

    def kept(self, number):
        return {path.rpartition("/")[2].partition(".")[0] for path in self.disk.list(f"jobs/{number}")}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


ALL = {"slot-a", "slot-b", "model"}


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (JobState.QUEUED, ALL),
        (JobState.STARTING, ALL),
        (JobState.RUNNING, ALL),
        (JobState.PAUSED, ALL),
        (JobState.FAILED, ALL),
        (JobState.DONE, {"model"}),
        (JobState.CANCELLED, {"model"}),
    ],
)
def test_what_is_kept_of_a_job_goes_by_its_state(store, state, kept):
    store.add(1, state)
    store.room.tidy()
    assert store.kept(1) == kept


def test_a_file_is_not_removed_by_a_job_that_was_struck_in_memory(store):
    store.add(1, JobState.DONE)
    store.ledger.jobs[1].is_discarded = True
    with pytest.raises(StruckBookError, match="entry 1 of a book"):
        store.room.tidy()
    assert store.kept(1) == ALL


def test_over_the_quota_what_nobody_remembers_goes_first_and_then_failed_jobs_oldest_first(store):
    store.add(7)
    store.add(9)
    for number, state in ((2, JobState.FAILED), (1, JobState.FAILED), (3, JobState.PAUSED), (4, JobState.DONE)):
        store.add(number, state)
    store.room._follow(10)  # There are 6 + 3 + 3 + 3 + 1 = 16 MiB.
    assert [store.kept(number) for number in (7, 9, 2, 1, 3, 4)] == [set(), set(), ALL, ALL, ALL, {"model"}]
    store.room._follow(9)
    assert [store.kept(number) for number in (2, 1)] == [{"model"}, ALL]
    store.room._follow(1)
    assert [store.kept(number) for number in (2, 1, 3, 4)] == [{"model"}, {"model"}, ALL, {"model"}]


def test_no_job_is_taken_while_jobs_have_all_that_they_may(store):
    store.add(1, JobState.PAUSED)
    store.room.check()
    store.room._follow(3)
    with pytest.raises(MisuseError, match="expected less than 3 MiB taken by jobs, found 3 MiB"):
        store.room.check()
    store.room._follow(0)
    store.room.check()


def test_a_discarded_job_keeps_nothing_also_when_the_power_went_before_it_was_gone(store):
    store.add(1, JobState.DONE)
    store.ledger.commit(JobDiscarded(1))
    again = Store(store.disk.root)
    again.room.tidy()
    assert again.kept(1) == set()


def test_a_store_that_cannot_remove_is_no_reason_to_stop(store, monkeypatch):
    store.add(1, JobState.DONE)

    def fail(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store.disk, "remove", fail)
    store.room.tidy()
    monkeypatch.undo()
    store.room.tidy()
    assert store.kept(1) == {"model"}
