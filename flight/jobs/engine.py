"""The job engine: which job runs, in which state it is, and what becomes of its worker. It never imports torch.

It drives a `Worker` port by requests that are each answered once, in order (`flight.jobs.dialogue`); keeps every
transition in the ledger before anyone hears of it; and looks after the worker: one that dies or makes no progress is
replaced and goes on from the last good checkpoint, after a back-off, a bounded number of times.

Rates and estimates come from ``now_ns``, so that under virtual time equal seeds give equal telemetry.
"""

import math
from collections.abc import Callable, Mapping

from ccsds.errors import MisuseError
from flight.books.jobs import (
    CheckpointDropped,
    JobDescribed,
    JobFinished,
    JobInexact,
    JobMoved,
    JobUnconfined,
    WorkerRestarted,
)
from flight.commit import Change
from flight.disk import Disk
from flight.jobs.announcer import Announcer
from flight.jobs.corpus import CorpusFile
from flight.jobs.device_trust import DeviceTrust
from flight.jobs.dialogue import Dialogue
from flight.jobs.energy import EnergyAccount
from flight.jobs.engine_config import EngineConfig
from flight.jobs.life_cycle import Action, Trigger, follow
from flight.jobs.messages import (
    Collect,
    Evaluated,
    Failed,
    FailureKind,
    Finished,
    Join,
    Probe,
    Probed,
    Reply,
    Request,
    Sampled,
    Save,
    Saved,
    Saving,
    Started,
    Stepped,
)
from flight.jobs.opening import open_job
from flight.jobs.pace import Pace
from flight.jobs.package.packages import Packages
from flight.jobs.queue import JobQueue
from flight.jobs.recipe import Device, Recipe
from flight.jobs.room import Room
from flight.jobs.running import RunningJob
from flight.jobs.supervision import Supervision
from flight.jobs.telling import job_report, sources
from flight.jobs.uploaded_corpus import Corpora
from flight.jobs.worker_port import WorkerPort
from flight.ledger import Ledger
from flight.parameters import ParameterPool, Source
from flight.reporter import Reporter, clip_reason
from mission.jobs import ENDED_STATES, JobState, PauseCause

NS_PER_S = 1_000_000_000


class Engine:
    """The queue of jobs and the worker that serves it.

    Args:
        config: How it works.
        ledger: Where jobs are kept.
        worker: The worker port.
        reporter: Where reports and events go.
        corpora: The corpora on board, by name.
        disk: Where workers leave checkpoints; the engine only removes what is no longer needed.
        tai_ns: Gives on-board time, which goes on from boot to boot; ``now_ns`` itself if it is not said.
    """

    def __init__(
        self,
        config: EngineConfig,
        ledger: Ledger,
        worker: WorkerPort,
        reporter: Reporter,
        corpora: Mapping[str, CorpusFile],
        disk: Disk,
        tai_ns: Callable[[int], int] = int,
    ) -> None:
        self._tai_ns = tai_ns
        self._ledger = ledger
        self._worker = worker
        self._corpora = Corpora(corpora, disk)
        self._packages = Packages(disk)
        self.room = Room(ledger, disk)
        self.queue = JobQueue(ledger, self._corpora, self._packages, self.room)
        self._running: RunningJob | None = None
        self._supervision = Supervision(config.supervision)
        self._mode_hold = PauseCause.NONE
        self._device = DeviceTrust(ledger, reporter)
        self._announcer = Announcer(reporter)
        self._energy = EnergyAccount()
        self._dialogue = Dialogue(config, ledger, worker, self._announcer, self._energy, tai_ns)

    def hold(self, cause: PauseCause) -> None:
        """Pause every job from now on for a cause that is no operator's, or with NONE let go on what it held."""
        self._mode_hold = cause

    def allow(self, pace: Pace) -> None:
        """Keep to a pace from now on."""
        self._dialogue.pace = pace
        if self._running is not None:
            self._running.rest(pace)

    def spend(self, energy_j: float) -> None:
        """Take note of energy that the device took for the job at work."""
        if self._running is not None:
            self._running.energy_j += energy_j
            self._energy.spend(self._running.job_id, energy_j)

    @property
    def _may_launch(self) -> bool:
        return not self._device.is_lost and self._dialogue.pace.may_launch

    @property
    def _held_by(self) -> PauseCause:
        return self._mode_hold if self._mode_hold is not PauseCause.NONE else self._dialogue.pace.hold

    def may_compute(self, *, is_running: bool) -> bool:
        """Tell whether something else than a job may use the device now: by the same rules as jobs.

        Args:
            is_running: Whether its worker runs already; it may go on where no worker may be started.
        """
        return (
            self._held_by is PauseCause.NONE
            and not self._device.is_lost
            and (is_running or self._dialogue.pace.may_launch)
        )

    def moved(self, job_id: int, before: JobState, trigger: Trigger, now_ns: int) -> None:
        """Act upon a move that an operator asked for, once it is committed."""
        self._announce_move(job_id, before)
        action, _ = follow(before, trigger)
        self._act(action, job_id, now_ns)
        self._tidy_after(job_id)

    # What drives it.

    def boot(self, now_ns: int) -> None:
        """Put back into the queue what was at work when the flight software ended."""
        for job_id, job in list(self._ledger.jobs.items()):
            if job.state in (JobState.STARTING, JobState.RUNNING):
                self._move(job_id, Trigger.REBOOT, now_ns)
        self.room.tidy()

    def advance(self, now_ns: int) -> None:
        """Start the next job, pause or resume what the hold says, or find out that a worker hangs."""
        if self._running is None and self.queue.is_done:
            return  # Most of the time, and this is asked with everything that happens on board.
        if now_ns >= self._supervision.hold_until_ns:
            for job_id, trigger in self.queue.settle(self._held_by):
                self._move(job_id, trigger, now_ns, cause=self._held_by)
        running = self._running
        if running is None:
            self._select(now_ns)
            return
        excess = self._supervision.excess(self._worker.memory_octets, now_ns)
        if excess:
            self.lost(excess, now_ns)
            return
        if not running.outstanding:
            self._feed(running, now_ns)
        deadline_ns = self._supervision.deadline_ns(running)
        if deadline_ns is not None and now_ns >= deadline_ns:
            waited_s = self._supervision.patience_ns(running) // NS_PER_S
            self.lost(f"no answer to {type(running.outstanding[0]).__name__} in {waited_s} s", now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do."""
        if self._running is None and self.queue.is_done:
            return None
        if self.queue.settle(self._held_by):
            return self._supervision.hold_until_ns
        if self._running is not None:
            return self._supervision.next_deadline(self._running)
        if not self._may_launch:
            return None
        due = (JobState.QUEUED, JobState.STARTING, JobState.RUNNING)
        return self._supervision.hold_until_ns if any(job.state in due for job in self._ledger.jobs.values()) else None

    def reply(self, reply: Reply, now_ns: int) -> None:
        """Take the worker's reply to the oldest request."""
        running = self._running
        if running is None or not running.outstanding:
            return  # The worker was killed while this was on its way.
        request, elapsed_ns = running.answered(now_ns)
        running.rest(self._dialogue.pace, elapsed_ns, now_ns)
        try:
            if isinstance(reply, Stepped | Evaluated | Saving | Saved | Finished | Failed):
                self._dialogue.found(running, reply.findings)
            match reply:
                case Probed():
                    self._device.passed()
                    self._release()  # The job gets a worker of its own.
                case Started():
                    self._started(running, reply, now_ns)
                case Stepped():
                    self._dialogue.stepped(running, request, reply, elapsed_ns, now_ns)
                case Evaluated() | Saving() | Saved() | Sampled():
                    self._dialogue.keep(running, reply, now_ns)
                    if isinstance(reply, Saved):
                        self._supervision.progressed()
                case Finished():
                    self._finished(running, reply, now_ns)
                case Failed():
                    self._failed(running, request, reply, now_ns)
        except OSError as error:
            self._store_failed(error, now_ns)
        except ValueError as error:  # A reply that cannot be: whoever gave it is not to be trusted with more.
            self.lost(f"a {type(reply).__name__} that makes no sense: {error}", now_ns)
        if self._running is running:
            self._feed(running, now_ns)

    def lost(self, reason: str, now_ns: int) -> None:
        """Take note that the worker is gone, or is to be taken for gone."""
        running = self._running
        if running is None:
            return
        self._announcer.lost(running, reason)
        self._release()
        self._supervision.lost()
        try:
            if running.outstanding and isinstance(running.outstanding[0], Probe):
                self._device.distrust(f"not even what is known came from it: {reason}")
            self._ledger.commit(WorkerRestarted(running.job_id), *self._energy.changes(running.job_id))
        except OSError as error:
            self._store_failed(error, now_ns)
            return
        self._energy.settle(running.job_id)
        if self.queue.find(running.job_id).state not in (JobState.STARTING, JobState.RUNNING):
            return  # It was being parked: it goes on from its last checkpoint when it is resumed.
        if self._supervision.is_at_end:
            self._move(
                running.job_id, Trigger.GIVE_UP, now_ns, f"{self._supervision.losses} workers lost in a row: {reason}"
            )
        else:
            self._move(running.job_id, Trigger.LOSE, now_ns, reason)

    # What it tells.

    @property
    def job_id(self) -> int:
        """The job at work, 0 if none."""
        return self._running.job_id if self._running else 0

    @property
    def distrust(self) -> str:
        """Why no job is given to the device; empty while it is trusted."""
        return self._ledger.distrust

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of jobs have their values from."""
        return sources(self._ledger.jobs, lambda: self._running)

    def bind(self, pool: ParameterPool) -> None:
        """Follow the settings by which an operator changes how workers are looked after."""
        self._supervision.bind(pool)
        self.room.bind(pool)
        self._dialogue.bind(pool)

    @property
    def running(self) -> RunningJob | None:
        """The run of the job at work; it is read, and what it costs is told to it."""
        return self._running

    def report(self, job_id: int) -> dict[str, object]:
        """Give the fields of a job's report.

        Raises:
            MisuseError: There is no such job.
        """
        job = self.queue.find(job_id)
        running = self._running if self._running and self._running.job_id == job_id else None
        return job_report(job_id, job, running, self.energy_j(job_id))

    def energy_j(self, job_id: int) -> float:
        """Give what the device took for a job, in joules; 0 if that is not measured, or there is no such job."""
        job = self._ledger.jobs.get(job_id)
        return job.energy_j + self._energy.of(job_id) if job is not None else 0.0

    # The life cycle.

    def _select(self, now_ns: int) -> None:
        if now_ns < self._supervision.hold_until_ns or not self._may_launch:
            return
        jobs = self._ledger.jobs
        for job_id in [job_id for job_id, job in jobs.items() if job.state is JobState.RUNNING]:
            # A store failure came between this job and its worker.
            self._move(job_id, Trigger.LOSE, now_ns, "the store failed")
            return
        for job_id, job in jobs.items():
            if job.state is JobState.STARTING:
                self._launch(job_id, now_ns)
                return
        for job_id, job in jobs.items():
            if job.state is JobState.QUEUED:
                self._supervision.progressed()
                self._move(job_id, Trigger.SELECT, now_ns)
                return

    def _move(
        self,
        job_id: int,
        trigger: Trigger,
        now_ns: int,
        reason: str = "",
        *also: Change,
        cause: PauseCause = PauseCause.NONE,
    ) -> None:
        before = self._ledger.jobs[job_id].state
        action, after = follow(before, trigger)
        try:
            spent = self._energy.changes(job_id)
            self._ledger.commit(*also, *spent, JobMoved(job_id, after, cause, clip_reason(reason)))
        except OSError as error:
            self._store_failed(error, now_ns)
            return
        self._energy.settle(job_id)
        self._act(action, job_id, now_ns)
        self._announce_move(job_id, before)
        self._tidy_after(job_id)

    def _tidy_after(self, job_id: int) -> None:
        if self._ledger.jobs[job_id].state in ENDED_STATES:
            self.room.tidy()

    def _announce_move(self, job_id: int, before: JobState) -> None:
        self._announcer.moved(self._ledger.jobs[job_id], before, self.report(job_id))

    def _act(self, action: Action, job_id: int, now_ns: int) -> None:
        has_worker = self._running is not None and self._running.job_id == job_id
        match action:
            case Action.LAUNCH:
                self._launch(job_id, now_ns)
            case Action.RELAUNCH:
                self._supervision.back_off(now_ns)
            case Action.PARK if has_worker and self._running is not None:
                self._running.is_parking = True
                self._feed(self._running, now_ns)
            case Action.RELEASE if has_worker:
                self._release()

    def _launch(self, job_id: int, now_ns: int) -> None:
        job = self._ledger.jobs[job_id]
        try:
            running, start = open_job(job, self._corpora, self._packages, self._tai_ns(now_ns))
        except MisuseError as error:  # The software on board changed since the job was queued.
            self._move(job_id, Trigger.GIVE_UP, now_ns, str(error))
            return
        except OSError as error:
            self._store_failed(error, now_ns)
            return
        self._running = running
        request = start if self._device.in_doubt is None else Probe(self._device.in_doubt)
        try:
            self._worker.launch()
        except OSError as error:
            self.lost(f"no worker could be started: {error}", now_ns)
            return
        self._dialogue.send(running, request, now_ns)

    def _feed(self, running: RunningJob, now_ns: int) -> None:
        """Keep the worker busy, or let it go once it is parked."""
        if self._dialogue.feed(running, now_ns):
            self._release()

    def _release(self) -> None:
        self._worker.kill()
        self._running = None

    def _store_failed(self, error: OSError, now_ns: int) -> None:
        """Stand still for a while: nothing may happen that cannot be remembered."""
        self._announcer.store_failed(str(error))
        if self._running is not None:
            self._release()
        self._supervision.stand_still(now_ns)

    # The work.

    def _started(self, running: RunningJob, reply: Started, now_ns: int) -> None:
        running.tokens_per_step = reply.tokens_per_step
        described = JobDescribed(
            running.job_id, bytes.fromhex(running.corpus_sha256), running.recipe.training.steps, reply.tokens_per_step
        )
        if reply.inexact:
            self._ledger.commit(JobInexact(running.job_id, clip_reason(reply.inexact)))
        if reply.unconfined != self._ledger.jobs[running.job_id].unconfined:
            self._ledger.commit(JobUnconfined(running.job_id, clip_reason(reply.unconfined)))
        self._announcer.started(running.job_id, reply)
        self._move(running.job_id, Trigger.READY, now_ns, "", described)

    def _finished(self, running: RunningJob, reply: Finished, now_ns: int) -> None:
        finished = JobFinished(
            job_id=running.job_id,
            step=reply.step,
            loss=running.loss,
            validation_loss=running.validation_loss,
            weights_sha256=bytes.fromhex(reply.weights_sha256),
            late_s=None if math.isnan(running.late_s) else running.late_s,
        )
        self._move(running.job_id, Trigger.FINISH, now_ns, "", finished)

    def _failed(self, running: RunningJob, request: Request, reply: Failed, now_ns: int) -> None:
        job = self._ledger.jobs[running.job_id]
        if isinstance(request, Collect | Join):
            running.begun = None
        match reply.kind:
            case FailureKind.CHECKPOINT if job.checkpoint is not None:
                before = job.checkpoints[-2] if len(job.checkpoints) > 1 else None
                self._announcer.refused(running.job_id, job.checkpoint, before, reply.reason)
                self._ledger.commit(CheckpointDropped(running.job_id))
                self._release()  # It goes on from the one before, or from the beginning.
            case FailureKind.STORE if isinstance(request, Save | Collect | Join) and not running.is_parking:
                # The job is as it was; the next checkpoint may have more luck.
                self._announcer.store_failed(reply.reason)
            case FailureKind.STORE:
                self._store_failed(OSError(reply.reason), now_ns)
            case FailureKind.LOST | FailureKind.MEMORY:
                self.lost(reply.reason, now_ns)
            case FailureKind.UNFIT | FailureKind.JOB if isinstance(request, Probe) or reply.kind is FailureKind.UNFIT:
                self._supervision.progressed()  # The device is to blame: no job is given up for it.
                self._device.doubt(reply.reason, _device_of(running))
                self.lost(reply.reason, now_ns)
            case _ if job.state in (JobState.STARTING, JobState.RUNNING):
                self._move(running.job_id, Trigger.GIVE_UP, now_ns, reply.reason)
            case _:
                self._release()


def _device_of(running: RunningJob) -> Device:
    """Give what the job at work computes on; a package has the processor."""
    return running.recipe.device if isinstance(running.recipe, Recipe) else Device.CPU
