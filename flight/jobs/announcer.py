"""What the engine says of jobs as it happens: events, and the reports that nobody asked for. It decides nothing."""

from collections.abc import Iterable

from flight.books.jobs import CheckpointMade, JobRecord
from flight.jobs.guard.coverage import guarding_of
from flight.jobs.guard.finding import Finding
from flight.jobs.messages import Saved, Started
from flight.jobs.recipe import GuardLevel
from flight.jobs.running import RunningJob
from flight.jobs.telling import progress
from flight.reporter import Reporter, clip_reason
from mission.jobs import ENDED_STATES, JobState
from mission.words.core import STORE_FAILED
from mission.words.jobs import (
    CHECKPOINT_REFUSED,
    CHECKPOINT_SAVED,
    FAULT_MENDED,
    GUARD_RAISED,
    JOB_CHANGED,
    JOB_INEXACT,
    JOB_RESUMED,
    WORKER_LOST,
)


class Announcer:
    """Says what becomes of jobs.

    Args:
        reporter: Where it says it.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def moved(self, job: JobRecord, before: JobState, report: dict[str, object]) -> None:
        """Say that a job changed its state, and all that is known of it if it ended."""
        self._reporter.event(
            JOB_CHANGED,
            job_id=job.submitted.job_id,
            step=report["step"],
            before=before,
            after=job.state,
            reason=job.reason,
        )
        if job.state in ENDED_STATES:
            self._reporter.report("job_report", report)
            if job.sample:
                self._reporter.report("job_sample", {"job_id": job.submitted.job_id, "text": job.sample})

    def started(self, job_id: int, reply: Started) -> None:
        """Say what a worker goes on from, if not from the beginning."""
        if reply.inexact:
            self._reporter.event(JOB_INEXACT, job_id=job_id, reason=clip_reason(reply.inexact))
        if reply.step:
            self._reporter.event(JOB_RESUMED, job_id=job_id, step=reply.step)

    def progressed(self, running: RunningJob) -> None:
        """Say how far a job is."""
        self._reporter.report("job_progress", progress(running))

    def found(self, job_id: int, findings: Iterable[Finding]) -> None:
        """Say what the guard of a job found."""
        for each in findings:
            self._reporter.event(
                FAULT_MENDED,
                job_id=job_id,
                step=each.step,
                struck=each.struck,
                where=clip_reason(each.where),
                redone_steps=each.redone_steps,
            )
            if each.raised_to:
                self._reporter.event(
                    GUARD_RAISED,
                    job_id=job_id,
                    step=each.step,
                    guard=guarding_of(GuardLevel(each.raised_to)),
                    where=clip_reason(each.where),
                )

    def saved(self, job_id: int, reply: Saved) -> None:
        """Say that a checkpoint counts."""
        self._reporter.event(CHECKPOINT_SAVED, job_id=job_id, step=reply.step, octets=reply.length_octets)

    def refused(self, job_id: int, refused: CheckpointMade, before: CheckpointMade | None, reason: str) -> None:
        """Say that a checkpoint cannot be gone on from, and what is instead."""
        self._reporter.event(
            CHECKPOINT_REFUSED,
            job_id=job_id,
            step=refused.step,
            next_step=before.step if before is not None else 0,
            reason=clip_reason(reason),
        )

    def lost(self, running: RunningJob, reason: str) -> None:
        """Say that a worker is gone."""
        self._reporter.event(WORKER_LOST, job_id=running.job_id, step=running.step, reason=clip_reason(reason))

    def store_failed(self, reason: str) -> None:
        """Say that the store failed."""
        self._reporter.event(STORE_FAILED, reason=clip_reason(reason))
