"""What the engine tells of jobs: the fields of their reports, and their parameters. It decides nothing."""

import math
from collections.abc import Callable, Mapping

from ccsds.errors import MisuseError
from flight.books.jobs import JobRecord
from flight.jobs.guard.coverage import NOT_COVERED, PACKAGE_NOT_COVERED, guarding_of
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.queue import recipe_of
from flight.jobs.running import RunningJob
from flight.parameters import Source
from flight.reporter import clip_reason
from mission.jobs import Guarding, JobState


def sources(jobs: Mapping[int, JobRecord], running: Callable[[], RunningJob | None]) -> dict[str, Source]:
    """Give where the parameters of jobs have their values from.

    Args:
        jobs: What is durably known of them.
        running: Gives the one at work.
    """
    waiting = (JobState.QUEUED, JobState.PAUSED)

    def of_running(value: Callable[[RunningJob], object], otherwise: object) -> Source:
        def read(now_ns: int) -> object:
            job = running()
            return value(job) if job else otherwise

        return read

    return {
        "jobs_waiting": lambda _: sum(job.state in waiting for job in jobs.values()),
        "job_id": of_running(lambda job: job.job_id, 0),
        "job_state": of_running(lambda job: jobs[job.job_id].state, JobState.NONE),
        "job_step": of_running(lambda job: job.step, 0),
        "job_loss": of_running(lambda job: job.loss, math.nan),
        "job_tokens_per_s": of_running(lambda job: job.tokens_per_s, math.nan),
        "worker_restarts": lambda _: sum(job.worker_restarts for job in jobs.values()),
        "faults_mended": lambda _: sum(job.faults_mended for job in jobs.values()),
    }


def job_report(job_id: int, job: JobRecord, running: RunningJob | None, energy_j: float) -> dict[str, object]:
    """Give the fields of a job's report.

    Args:
        job_id: Its number.
        job: What is durably known of it.
        running: Its run, if it is the one at work.
        energy_j: What the device took for it, 0 if that is not measured.
    """
    last = job.finished or job.checkpoint
    step = running.step if running else last.step if last else 0
    return {
        "job_id": job_id,
        "state": job.state,
        "pause_cause": job.cause,
        "recipe": job.submitted.recipe,
        "corpus": job.submitted.corpus,
        "corpus_sha256": job.described.corpus_sha256 if job.described else b"",
        "seed": job.submitted.seed,
        "step": step,
        "steps": job.described.steps if job.described else job.submitted.steps,
        "loss": running.loss if running else last.loss if last else math.nan,
        "validation_loss": running.validation_loss if running else last.validation_loss if last else math.nan,
        "worker_restarts": job.worker_restarts,
        "energy": energy_j or math.nan,
        "energy_per_token": energy_per_token_j(job, step, energy_j),
        "deadline": job.submitted.deadline,
        "late": running.late_s if running else _late_s(job),
        "faults_mended": job.faults_mended,
        **_guard(job),
        "checkpoints_refused": job.checkpoints_refused,
        "inexact": clip_reason(job.inexact),
        "unconfined": clip_reason(job.unconfined),
        "weights_sha256": job.finished.weights_sha256 if job.finished else b"",
        "failure": clip_reason(job.reason) if job.state is JobState.FAILED else "",
    }


def _late_s(job: JobRecord) -> float:
    late_s = job.finished.late_s if job.finished else None
    return math.nan if late_s is None else late_s


def energy_per_token_j(job: JobRecord, step: int, energy_j: float) -> float:
    """Give what each token of a job's steps cost, with what was lost and done again; not-a-number if not known."""
    tokens = step * job.described.tokens_per_step if job.described else 0
    return energy_j / tokens if tokens and energy_j else math.nan


def _guard(job: JobRecord) -> dict[str, object]:
    try:
        recipe = recipe_of(job.submitted)
    except MisuseError:  # The software on board changed since: there is no such recipe any more.
        return {"guard": Guarding.OFF, "not_covered": ""}
    level = recipe.guard.level
    not_covered = PACKAGE_NOT_COVERED if isinstance(recipe, PackageRecipe) else NOT_COVERED
    return {"guard": guarding_of(level), "not_covered": not_covered[level]}


def progress(running: RunningJob) -> dict[str, object]:
    """Give the fields of a progress report."""
    steps = running.recipe.training.steps
    return {
        "job_id": running.job_id,
        "step": running.step,
        "steps": steps,
        "loss": running.loss,
        "validation_loss": running.validation_loss,
        "tokens_per_s": running.tokens_per_s,
        "eta": running.eta_s(steps),
    }
