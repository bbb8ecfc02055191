"""The book of jobs: what was submitted, where each is in its life, and the checkpoints to go on from."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

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
        self.records: OrderedDict[int, JobRecord] = OrderedDict()
        """By number, oldest first."""
        self.distrust = ""
        """Why no job is given to the device; empty while it is trusted."""
        self.device_resets = 0
        """How often the device was begun anew since it was last trusted, or a job was done."""

    def apply(self, change: JobChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case JobSubmitted():
                self.records[change.job_id] = JobRecord(change)
                self._forget()
                return
            case DeviceDistrusted(reason):
                self.distrust = reason
                return
            case DeviceReset(count):
                self.device_resets += count
                return
            case DeviceTrusted():
                self.distrust, self.device_resets = "", 0
                for job in self.records.values():
                    job.findings = ()
                return
        job = self.records.get(change.job_id)
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

    def _forget(self) -> None:
        for job_id in [job_id for job_id, job in self.records.items() if job.state in ENDED_STATES]:
            if len(self.records) <= REMEMBERED_JOBS_MAX:
                return
            del self.records[job_id]
