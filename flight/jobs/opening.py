"""How a job is opened: from what is durably known of it to its run and the first request to its worker."""

from flight.books.jobs import JobRecord
from flight.jobs.corpus import CorpusFile
from flight.jobs.messages import CheckpointReference, Start
from flight.jobs.plan import Intervals, Plan
from flight.jobs.recipe import Recipe
from flight.jobs.running import RunningJob


def open_job(job_id: int, job: JobRecord, recipe: Recipe, corpus: CorpusFile) -> tuple[RunningJob, Start]:
    """Give the run of a job from its last checkpoint, or from its beginning, and the request that opens it.

    Args:
        job_id: Its number.
        job: What is durably known of it.
        recipe: Its recipe, overrides applied.
        corpus: What it learns from.
    """
    checkpoint = job.checkpoint
    intervals = Intervals(
        steps=recipe.training.steps,
        evaluation=recipe.training.evaluation_interval,
        checkpoint=recipe.training.checkpoint_interval,
    )
    running = RunningJob(job_id, recipe, Plan(intervals, checkpoint.step if checkpoint else 0))
    running.corpus_sha256 = corpus.sha256
    if checkpoint is not None:
        running.loss, running.validation_loss = checkpoint.loss, checkpoint.validation_loss
    start = Start(
        job_id=job_id,
        recipe=recipe.to_toml(),
        corpus_path=str(corpus.path),
        corpus_sha256=corpus.sha256,
        seed=job.submitted.seed,
        checkpoint=checkpoint
        and CheckpointReference(slot=checkpoint.slot, step=checkpoint.step, sha256=checkpoint.sha256),
        findings=job.findings,
    )
    return running, start
