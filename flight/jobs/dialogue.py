"""What the worker at work is asked for, and what is kept of its answers, as long as the job goes on as it should.

It grants steps by the pace, has checkpoints written, journals what they came to and what the guard found, and has
progress told. It starts, ends and judges nothing: that is the life cycle of the job, which is the engine's.
"""

from collections.abc import Callable
from dataclasses import replace

from flight.books.jobs import CheckpointMade, FaultsMended, JobSampled
from flight.jobs.announcer import Announcer
from flight.jobs.energy import EnergyAccount
from flight.jobs.engine_config import EngineConfig
from flight.jobs.guard.finding import Finding
from flight.jobs.messages import (
    Evaluated,
    Probe,
    Request,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Step,
    Stepped,
)
from flight.jobs.pace import FULL, FULL_PERMILLE
from flight.jobs.running import RunningJob
from flight.jobs.worker_port import WorkerPort
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from mission.jobs import FINDINGS_KEPT_MAX
from mission.words.jobs import JOB_PROGRESS_PERIOD

NS_PER_MS = 1_000_000

# One request at work and one waiting, so that the worker is never idle between them; more would only delay a pause.
OUTSTANDING_REQUESTS_MAX = 2


class Dialogue:
    """What is said between an engine and its worker.

    Args:
        config: How the engine works.
        ledger: Where it is kept what came of it.
        worker: The worker port.
        announcer: Who tells of it.
        energy: Whose entries go with a checkpoint.
        tai_ns: Gives on-board time, which the guard of a job is told with its steps.
    """

    def __init__(
        self,
        config: EngineConfig,
        ledger: Ledger,
        worker: WorkerPort,
        announcer: Announcer,
        energy: EnergyAccount,
        tai_ns: Callable[[int], int],
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._worker = worker
        self._announcer = announcer
        self._energy = energy
        self._tai_ns = tai_ns
        self._next_progress_ns = 0
        self.pace = FULL
        """How much of the time the worker may work."""

    def bind(self, pool: ParameterPool) -> None:
        """Follow the settings by which an operator changes how often progress is told."""
        pool.bind(
            JOB_PROGRESS_PERIOD,
            self._config.progress_period_ns // NS_PER_MS,
            lambda value, _: self._tell_each(value * NS_PER_MS),
        )

    def send(self, running: RunningJob, request: Request, now_ns: int) -> None:
        """Ask the worker for something."""
        if isinstance(request, Save):
            current = self._ledger.jobs[running.job_id].checkpoint
            slot = "b" if current is not None and current.slot == "a" else "a"
            request = Save(slot, current.sha256 if current is not None else "")
        elif isinstance(request, Step):
            request = Step(request.count, self._tai_ns(now_ns))
        running.sent(request, now_ns)
        self._worker.send(request)

    def feed(self, running: RunningJob, now_ns: int) -> bool:
        """Keep the worker busy.

        Returns:
            Whether it is parked: the worker may go.
        """
        if running.outstanding and isinstance(running.outstanding[0], Probe | Start):
            return False
        is_full = self.pace.duty_permille == FULL_PERMILLE
        if not running.is_parking and not is_full and (running.outstanding or now_ns < running.rest_until_ns):
            return False
        while len(running.outstanding) < (OUTSTANDING_REQUESTS_MAX if is_full else 1):
            request = running.next_request(self._config.grant_ns, self._config.grant_steps_max)
            if request is None:
                break
            self.send(running, request, now_ns)
        if running.is_parking and not running.outstanding:
            checkpoint = self._ledger.jobs[running.job_id].checkpoint
            if running.step == (checkpoint.step if checkpoint else 0):
                return True
            self.send(running, Save(""), now_ns)
        return False

    def stepped(self, running: RunningJob, request: Request, reply: Stepped, elapsed_ns: int, now_ns: int) -> None:
        """Take note of steps that are done."""
        running.stepped(request, reply, elapsed_ns)
        if now_ns >= self._next_progress_ns and not running.is_parking:
            self._tell_progress(running, now_ns)

    def keep(self, running: RunningJob, reply: Evaluated | Saving | Saved | Sampled, now_ns: int) -> None:
        """Keep what the worker came to beside its steps.

        Raises:
            OSError: It could not be made durable.
            MisuseError: It is no answer to what was asked.
        """
        match reply:
            case Evaluated(_, validation_loss, _):
                running.validation_loss = validation_loss
                self._tell_progress(running, now_ns)
            case Saving():
                running.saving(reply.step)
            case Saved():
                self._saved(running, reply)
            case Sampled(text):
                self._ledger.commit(JobSampled(running.job_id, text))

    def found(self, running: RunningJob, findings: tuple[Finding, ...]) -> None:
        """Journal what the guard found, and tell it.

        Raises:
            OSError: It could not be made durable.
        """
        if not findings:
            return
        self._ledger.commit(FaultsMended(running.job_id, len(findings), findings[-FINDINGS_KEPT_MAX:]))
        self._announcer.found(running.job_id, findings)

    def _saved(self, running: RunningJob, reply: Saved) -> None:
        begun = running.saved(reply.step)
        made = CheckpointMade(
            job_id=running.job_id,
            step=reply.step,
            slot=reply.slot,
            sha256=reply.sha256,
            octets=reply.length_octets,
            loss=begun.loss,
            validation_loss=begun.validation_loss,
        )
        self._ledger.commit(made, *self._energy.changes(running.job_id))
        self._energy.settle(running.job_id)
        self._announcer.saved(running.job_id, reply)

    def _tell_progress(self, running: RunningJob, now_ns: int) -> None:
        self._next_progress_ns = now_ns + self._config.progress_period_ns
        self._announcer.progressed(running)

    def _tell_each(self, period_ns: int) -> None:
        self._config = replace(self._config, progress_period_ns=period_ns)
