"""The durable state of the spacecraft: what the journal adds up to, and the one way to change it.

`Ledger.commit` writes the changes as one synced record first and applies them after, so that what is in memory never
runs ahead of what a power cut would leave. The ledger decides nothing; services and the job engine do.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from ccsds.sdls.window import Receipt
from flight.disk import Disk
from flight.journal import Journal, UncertainStoreError
from flight.records import (
    Answer,
    Begun,
    Booted,
    Change,
    CheckpointDropped,
    CheckpointMade,
    Commit,
    Executed,
    HousekeepingSwitched,
    Identity,
    JobDescribed,
    JobFinished,
    JobMoved,
    JobSampled,
    JobSubmitted,
    KeySetLoaded,
    WorkerRestarted,
)
from mission.jobs import ENDED_STATES, REMEMBERED_JOBS_MAX, JobState, PauseCause

JOURNAL_PATH = "journal"

# DESIGN.md 10.3: a station repeats a command within minutes; 4,096 is more than a day of commanding at one a second
# through the passes of a low orbit, at about 200 octets each.
REMEMBERED_COMMANDS_MAX = 4_096

# Key sets whose anti-replay windows are kept, so that going back to an earlier set lets no old frame in again. A set
# lasts for years, and keys cannot be sent over the link.
KEY_SETS_MAX = 8

# The journal is rewritten when it is longer than this and has doubled since the last time, so that it stays bounded
# and the work of rewriting is spread thinly.
COMPACTION_OCTETS_MIN = 4 << 20


@dataclass(slots=True)
class JobRecord:
    """What is durably known of one job."""

    submitted: JobSubmitted
    state: JobState = JobState.QUEUED
    cause: PauseCause = PauseCause.NONE
    reason: str = ""
    described: JobDescribed | None = None
    checkpoints: list[CheckpointMade] = field(default_factory=list)
    """The last two checkpoints, the current one last."""
    worker_restarts: int = 0
    sample: str = ""
    finished: JobFinished | None = None

    @property
    def checkpoint(self) -> CheckpointMade | None:
        """The checkpoint to go on from."""
        return self.checkpoints[-1] if self.checkpoints else None


class Ledger:
    """Durable state on a disk.

    Args:
        disk: Where the journal is.

    Raises:
        OSError: The disk failed while the journal was read.
    """

    def __init__(self, disk: Disk) -> None:
        self._journal = Journal(disk, JOURNAL_PATH)
        self._compacted_octets = 0
        self._is_suspect = False
        self.boot_count = 0
        self.housekeeping: dict[int, bool] = {}
        self.jobs: OrderedDict[int, JobRecord] = OrderedDict()
        # By key set, the one in use last; and in it by SPI.
        self._receipts: OrderedDict[str, dict[int, Receipt]] = OrderedDict()
        self._loaded_key_set: str | None = None
        self._executed: OrderedDict[Identity, tuple[Answer, ...]] = OrderedDict()
        self._begun: OrderedDict[Identity, bytes] = OrderedDict()
        recovery = self._journal.recover()
        self.damaged_octets = recovery.damaged_octets
        for payload in recovery.records:
            try:
                commit = Commit.decode(payload)
            except msgspec.DecodeError:
                self.damaged_octets += len(payload)
                continue
            self._apply(commit)
        # A torn tail must not stand before the next record, or one that follows could be mistaken for part of it.
        self._is_suspect = self.damaged_octets > 0

    @property
    def journal_octets(self) -> int:
        """Length of the journal."""
        return self._journal.length_octets

    def commit(self, *changes: Change) -> None:
        """Make changes durable, all or none, then apply them.

        Raises:
            OSError: The disk failed; nothing is applied, and nothing of it will come back.
            UncertainStoreError: The disk failed, and neither could the record be taken back; nothing is applied, but
                after a reboot it may turn out to be durable. The next commit tries again to take it back.
        """
        if self._is_suspect:
            self._compact()
        if self._loaded_key_set not in (None, self.key_set):
            changes = (KeySetLoaded(self._loaded_key_set), *changes)
        commit = Commit(changes)
        try:
            self._journal.append(commit.encode())
        except UncertainStoreError as error:
            self._is_suspect = True
            try:
                self._compact()
            except OSError:
                raise error from None
            raise OSError(error.errno, error.strerror) from None
        except OSError:
            self._is_suspect = True
            raise
        self._apply(commit)
        length_octets = self._journal.length_octets
        if length_octets > COMPACTION_OCTETS_MIN and length_octets > 2 * self._compacted_octets:
            try:
                self._compact()
            except OSError:  # What was committed is durable all the same; the next commit tries again and reports.
                self._is_suspect = True

    def answers_to(self, identity: Identity) -> tuple[Answer, ...] | None:
        """Give the reports a telecommand was answered with, or None if it never was."""
        return self._executed.get(identity)

    def request_begun(self, identity: Identity) -> bytes | None:
        """Give the request id of a telecommand that began to act and was never answered, else None."""
        return self._begun.get(identity)

    @property
    def key_set(self) -> str | None:
        """The key set that receipts are of, or None if there was never any."""
        return next(reversed(self._receipts), None)

    def load_key_set(self, set_id: str) -> tuple[Receipt, ...]:
        """Say that receipts are of another key set from now on; the next commit carries it.

        Returns:
            The last anti-replay window of each SPI of that set.
        """
        self._loaded_key_set = set_id
        return tuple(self._receipts.get(set_id, {}).values())

    def _apply(self, commit: Commit) -> None:
        for change in commit.changes:
            match change:
                case Executed(identity, answers):
                    self._begun.pop(identity, None)
                    self._executed[identity] = answers
                    while len(self._executed) > REMEMBERED_COMMANDS_MAX:
                        self._executed.popitem(last=False)
                case Begun(identity, request_id):
                    self._begun[identity] = request_id
                    while len(self._begun) > REMEMBERED_COMMANDS_MAX:
                        self._begun.popitem(last=False)
                case Booted(boot_count):
                    self.boot_count = boot_count
                case Receipt(spi):
                    if self.key_set is not None:
                        self._receipts[self.key_set][spi] = change
                case KeySetLoaded(set_id):
                    self._receipts.setdefault(set_id, {})
                    self._receipts.move_to_end(set_id)
                    while len(self._receipts) > KEY_SETS_MAX:
                        self._receipts.popitem(last=False)
                case HousekeepingSwitched(structure_id, enabled):
                    self.housekeeping[structure_id] = enabled
                case JobSubmitted(job_id):
                    self.jobs[job_id] = JobRecord(change)
                    self._forget_old_jobs()
                case _:
                    self._apply_to_job(change)

    def _apply_to_job(self, change: Change) -> None:
        job = self.jobs.get(getattr(change, "job_id", 0))
        if job is None:  # A change of a job that is forgotten by now: an old record read back.
            return
        match change:
            case JobMoved(_, state, cause, reason):
                job.state, job.cause, job.reason = state, cause, reason
            case JobDescribed():
                job.described = change
            case CheckpointMade():
                job.checkpoints = [*job.checkpoints[-1:], change]
            case CheckpointDropped():
                job.checkpoints = job.checkpoints[:-1]
            case WorkerRestarted():
                job.worker_restarts += 1
            case JobSampled(_, text):
                job.sample = text
            case JobFinished():
                job.finished = change

    def _forget_old_jobs(self) -> None:
        for job_id in [job_id for job_id, job in self.jobs.items() if job.state in ENDED_STATES]:
            if len(self.jobs) <= REMEMBERED_JOBS_MAX:
                return
            del self.jobs[job_id]

    def _compact(self) -> None:
        self._journal.replace(commit.encode() for commit in self._snapshot())
        self._compacted_octets = self._journal.length_octets
        self._is_suspect = False

    def _snapshot(self) -> Iterator[Commit]:
        """Say the whole state in as few changes as there are things in it."""
        yield Commit((Booted(self.boot_count),))
        for set_id, receipts in self._receipts.items():
            yield Commit((KeySetLoaded(set_id), *receipts.values()))
        for structure_id, enabled in self.housekeeping.items():
            yield Commit((HousekeepingSwitched(structure_id, enabled),))
        for job_id, job in self.jobs.items():
            changes: list[Change] = [job.submitted, JobMoved(job_id, job.state, job.cause, job.reason)]
            changes += [job.described] if job.described else []
            changes += job.checkpoints
            changes += [WorkerRestarted(job_id)] * job.worker_restarts
            changes += [JobSampled(job_id, job.sample)] if job.sample else []
            changes += [job.finished] if job.finished else []
            yield Commit(tuple(changes))
        for identity, request_id in self._begun.items():
            yield Commit((Begun(identity, request_id),))
        for identity, answers in self._executed.items():
            yield Commit((Executed(identity, answers),))
