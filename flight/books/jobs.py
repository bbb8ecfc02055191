"""The book of jobs: what was submitted, where each is in its life, and the checkpoints to go on from."""

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from flight.books.seal import Sealed, SealedEntries, digest_of
from flight.jobs.guard.finding import Finding
from mission.jobs import ENDED_STATES, FINDINGS_KEPT_MAX, REMEMBERED_JOBS_MAX, JobState, PauseCause


class JobSubmitted(msgspec.Struct, frozen=True, tag=True):
    """A job was queued."""

    job_id: int
    recipe: str
    corpus: str
    seed: int
    steps: int
    overrides: str
    deadline: int = 0
    """TAI in nanoseconds, 0 for none."""


class JobMoved(msgspec.Struct, frozen=True, tag=True):
    """A job changed its state."""

    job_id: int
    state: JobState
    cause: PauseCause = PauseCause.NONE
    reason: str = ""


class JobDescribed(msgspec.Struct, frozen=True, tag=True):
    """What the worker found when it opened the job."""

    job_id: int
    corpus_sha256: bytes
    steps: int
    tokens_per_step: int


class CheckpointMade(msgspec.Struct, frozen=True, tag=True):
    """A checkpoint is whole and synced; from now on it is the one to go on from."""

    job_id: int
    step: int
    slot: str
    sha256: str
    octets: int
    loss: float
    validation_loss: float


class CheckpointDropped(msgspec.Struct, frozen=True, tag=True):
    """The current checkpoint could not be used; the one before it is current again."""

    job_id: int


class JobInexact(msgspec.Struct, frozen=True, tag=True):
    """A job went on from a checkpoint of another exactness key, as its recipe allows."""

    job_id: int
    differences: str


class JobUnconfined(msgspec.Struct, frozen=True, tag=True):
    """The kernel refused to confine a package as it should be, or no longer does."""

    job_id: int
    refused: str


class WorkerRestarted(msgspec.Struct, frozen=True, tag=True):
    """A job's worker was lost."""

    job_id: int


class JobSpent(msgspec.Struct, frozen=True, tag=True):
    """The device took more energy for a job."""

    job_id: int
    energy_j: float


class FaultsMended(msgspec.Struct, frozen=True, tag=True):
    """A job's guard found that something was struck, and undid it."""

    job_id: int
    count: int
    findings: tuple[Finding, ...] = ()
    """The latest of them, which the next worker is told."""


class JobDiscarded(msgspec.Struct, frozen=True, tag=True):
    """What an ended job kept in the store is given back."""

    job_id: int


class DeviceReset(msgspec.Struct, frozen=True, tag=True):
    """The device gave wrong results again and again, and is begun anew."""

    count: int = 1


class DeviceDistrusted(msgspec.Struct, frozen=True, tag=True):
    """The device gave wrong results again and again; no job is given to it until it is trusted again."""

    reason: str


class DeviceTrusted(msgspec.Struct, frozen=True, tag=True):
    """An operator says that jobs may be given to the device again."""


class JobSampled(msgspec.Struct, frozen=True, tag=True):
    """The trained model wrote this."""

    job_id: int
    text: str


class JobFinished(msgspec.Struct, frozen=True, tag=True):
    """A job came to its last step."""

    job_id: int
    step: int
    loss: float
    validation_loss: float
    weights_sha256: bytes
    late_s: float | None = None
    """By how much it came after its deadline, if it had one and that was reckoned."""


JobChange = (
    JobSubmitted
    | JobMoved
    | JobDescribed
    | CheckpointMade
    | CheckpointDropped
    | JobInexact
    | JobUnconfined
    | WorkerRestarted
    | JobSpent
    | FaultsMended
    | JobDiscarded
    | DeviceReset
    | DeviceDistrusted
    | DeviceTrusted
    | JobSampled
    | JobFinished
)
"""What can become of a job."""


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
    checkpoints_refused: int = 0
    inexact: str = ""
    """What differed of the exactness key when it last went on under another one."""
    unconfined: str = ""
    """What the kernel refused of the walls around a package when its last worker began."""
    worker_restarts: int = 0
    energy_j: float = 0.0
    """What the device took for it, 0 if that is not measured."""
    faults_mended: int = 0
    is_discarded: bool = False
    """Whether nothing of it is kept in the store."""
    findings: tuple[Finding, ...] = ()
    """The latest, oldest first, since the device was trusted."""
    sample: str = ""
    finished: JobFinished | None = None

    @property
    def checkpoint(self) -> CheckpointMade | None:
        """The checkpoint to go on from."""
        return self.checkpoints[-1] if self.checkpoints else None


class JobRecords(Sealed, Mapping[int, JobRecord]):
    """The jobs by number, oldest first. Those that ended hardly change any more, and have a digest each.

    The seal is of all numbers, of the jobs that have not ended, and of the digests of the others: so it tells of any
    state that was struck. Who walks over the jobs is given them as they are in memory, who asks for one, verified.
    """

    def __init__(self) -> None:
        self._records: dict[int, JobRecord] = {}
        self._ended: SealedEntries[int, JobRecord] = SealedEntries()

    def __getitem__(self, job_id: int) -> JobRecord:
        """Give a job.

        Raises:
            KeyError: There is none of this number.
            StruckBookError: It has ended, and is not what it was then.
        """
        return self._ended[job_id] if job_id in self._ended else self._records[job_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def items(self) -> ItemsView[int, JobRecord]:
        """Give the jobs with their numbers, those that ended not verified."""
        return self._records.items()

    def values(self) -> ValuesView[JobRecord]:
        """Give the jobs, those that ended not verified."""
        return self._records.values()

    @property
    def seal(self) -> tuple[int, ...]:
        """See `flight.books.seal.Sealed`."""
        others = [each for each in self._records.values() if each.state not in ENDED_STATES]
        return digest_of((list(self._records), others)), *self._ended.seal

    def is_whole(self) -> bool:
        """See `flight.books.seal.Sealed`."""
        return self._ended.is_whole()

    def add(self, job_id: int, job: JobRecord) -> None:
        """Add a job, and forget the oldest that ended if there are too many."""
        self._ended.pop(job_id, None)
        self._records[job_id] = job
        for other in [number for number, each in self._records.items() if each.state in ENDED_STATES]:
            if len(self._records) <= REMEMBERED_JOBS_MAX:
                return
            del self._records[other], self._ended[other]

    @contextmanager
    def changing(self, job_id: int) -> Iterator[JobRecord | None]:
        """Give a job to be changed; None if it is forgotten by now."""
        self._ended.pop(job_id, None)
        job = self._records.get(job_id)
        yield job
        if job is not None and job.state in ENDED_STATES:
            self._ended[job_id] = job


class JobBook:
    """The jobs, those that ended among them."""

    changes = (
        JobSubmitted,
        JobMoved,
        JobDescribed,
        CheckpointMade,
        CheckpointDropped,
        JobInexact,
        JobUnconfined,
        WorkerRestarted,
        JobSpent,
        FaultsMended,
        JobDiscarded,
        DeviceReset,
        DeviceDistrusted,
        DeviceTrusted,
        JobSampled,
        JobFinished,
    )

    def __init__(self) -> None:
        self.records = JobRecords()
        """By number, oldest first."""
        self.distrust = ""
        """Why no job is given to the device; empty while it is trusted."""
        self.device_resets = 0
        """How often the device was begun anew since it was last trusted, or a job was done."""

    def apply(self, change: JobChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case JobSubmitted():
                self.records.add(change.job_id, JobRecord(change))
            case DeviceDistrusted(reason):
                self.distrust = reason
            case DeviceReset(count):
                self.device_resets += count
            case DeviceTrusted():
                self.distrust, self.device_resets = "", 0
                for job_id in self.records:
                    with self.records.changing(job_id) as job:
                        if job is not None:
                            job.findings = ()
            case _:
                with self.records.changing(change.job_id) as job:
                    if job is not None:  # Else an old record was read back.
                        self._change(job, change)

    def _change(self, job: JobRecord, change: JobChange) -> None:
        match change:
            case JobMoved(_, state, cause, reason):
                job.state, job.cause, job.reason = state, cause, reason
            case JobDescribed():
                job.described = change
            case CheckpointMade():
                job.checkpoints = [*job.checkpoints[-1:], change]
            case CheckpointDropped():
                job.checkpoints = job.checkpoints[:-1]
                job.checkpoints_refused += 1
            case JobInexact(_, differences):
                job.inexact = differences
            case JobUnconfined(_, refused):
                job.unconfined = refused
            case WorkerRestarted():
                job.worker_restarts += 1
            case JobSpent(_, energy_j):
                job.energy_j += energy_j
            case FaultsMended(_, count, findings):
                job.faults_mended += count
                job.findings = (*job.findings, *findings)[-FINDINGS_KEPT_MAX:]
            case JobSampled(_, text):
                job.sample = text
            case JobDiscarded():
                job.is_discarded = True
                job.checkpoints = []
            case JobFinished():
                job.finished = change
                self.device_resets = 0

    def snapshot(self) -> Iterator[tuple[JobChange, ...]]:
        """See `flight.books.book.Book`."""
        for job_id, job in self.records.items():
            changes: list[JobChange] = [job.submitted, JobMoved(job_id, job.state, job.cause, job.reason)]
            changes += [job.described] if job.described else []
            changes += [CheckpointDropped(job_id)] * job.checkpoints_refused
            changes += job.checkpoints
            changes += [JobInexact(job_id, job.inexact)] if job.inexact else []
            changes += [JobUnconfined(job_id, job.unconfined)] if job.unconfined else []
            changes += [WorkerRestarted(job_id)] * job.worker_restarts
            changes += [JobSpent(job_id, job.energy_j)] if job.energy_j else []
            changes += [FaultsMended(job_id, job.faults_mended, job.findings)] if job.faults_mended else []
            changes += [JobSampled(job_id, job.sample)] if job.sample else []
            changes += [job.finished] if job.finished else []
            changes += [JobDiscarded(job_id)] if job.is_discarded else []
            yield tuple(changes)
        # After the jobs: one that is done says that the device is well.
        if self.device_resets:
            yield (DeviceReset(self.device_resets),)
        if self.distrust:
            yield (DeviceDistrusted(self.distrust),)
