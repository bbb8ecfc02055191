"""Mission service [128] jobs: submit, cancel, pause, resume, report. The job engine does the rest."""

from collections.abc import Mapping
from typing import Any

from flight.books.jobs import DeviceTrusted, JobSubmitted
from flight.jobs.engine import Engine
from flight.jobs.life_cycle import Trigger
from flight.reporter import Reporter
from flight.services.mode import ModeService
from flight.services.service import Outcome
from flight.survival.mode import Trigger as ModeTrigger
from mission.dictionary import Command

_TRIGGERS = {"job.cancel": Trigger.CANCEL, "job.pause": Trigger.PAUSE, "job.resume": Trigger.RESUME}


class JobService:
    """Puts an operator's wishes to the engine.

    Args:
        engine: What runs jobs.
        reporter: Where reports go.
        mode: What lets jobs run; a job that is queued here asks for it.
    """

    number = 128

    def __init__(self, engine: Engine, reporter: Reporter, mode: ModeService) -> None:
        self._engine = engine
        self._mode = mode
        self._reporter = reporter

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "device.trust":
            return Outcome(changes=(DeviceTrusted(),) if self._engine.distrust else ())
        job_id: int = arguments["job_id"]
        match command.name:
            case "job.submit":
                queued = self._engine.queue.submit(JobSubmitted(**arguments))
                wanted = self._mode.changes(ModeTrigger.JOB_QUEUED) if queued else ()
                return Outcome(changes=(*queued, *wanted), afterwards=self._mode.settle)
            case "job.report":
                return self._report(job_id)
            case "job.discard":
                return Outcome(
                    changes=self._engine.queue.discard(job_id), afterwards=lambda _: self._engine.room.tidy()
                )
            case _:
                return self._move(job_id, _TRIGGERS[command.name])

    def _report(self, job_id: int) -> Outcome:
        answers = [self._reporter.encode("job_report", self._engine.report(job_id))]
        sample = self._engine.queue.find(job_id).sample
        if sample:
            answers.append(self._reporter.encode("job_sample", {"job_id": job_id, "text": sample}))
        return Outcome(answers=tuple(answers))

    def _move(self, job_id: int, trigger: Trigger) -> Outcome:
        before = self._engine.queue.find(job_id).state
        moves = self._engine.queue.move(job_id, trigger)
        wanted = self._mode.changes(ModeTrigger.JOB_QUEUED) if trigger is Trigger.RESUME else ()

        def moved(now_ns: int) -> None:
            self._engine.moved(job_id, before, trigger, now_ns)
            self._mode.settle(now_ns)

        return Outcome(changes=(*moves, *wanted), afterwards=moved)
