"""Mission service [128] jobs: submit, cancel, pause, resume, report. The job engine does the rest."""

from collections.abc import Mapping
from typing import Any

from flight.books.jobs import DeviceTrusted, JobSubmitted
from flight.jobs.engine import Engine
from flight.jobs.life_cycle import Trigger
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command

_TRIGGERS = {"job.cancel": Trigger.CANCEL, "job.pause": Trigger.PAUSE, "job.resume": Trigger.RESUME}


class JobService:
    """Puts an operator's wishes to the engine."""

    number = 128

    def __init__(self, engine: Engine, reporter: Reporter) -> None:
        self._engine = engine
        self._reporter = reporter

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "device.trust":
            return Outcome(changes=(DeviceTrusted(),) if self._engine.distrust else ())
        job_id: int = arguments["job_id"]
        match command.name:
            case "job.submit":
                return Outcome(changes=self._engine.queue.submit(JobSubmitted(**arguments)))
            case "job.report":
                return self._report(job_id)
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
        return Outcome(
            changes=self._engine.queue.move(job_id, trigger),
            afterwards=lambda now_ns: self._engine.moved(job_id, before, trigger, now_ns),
        )
