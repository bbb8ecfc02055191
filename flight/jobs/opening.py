"""How a job is opened: from what is durably known of it to its run and the first request to its worker."""

from collections.abc import Mapping

from ccsds.errors import MisuseError
from flight.books.jobs import JobRecord
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.messages import CheckpointReference, Start
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.package.packages import Packages
from flight.jobs.plan import Intervals, Plan
from flight.jobs.queue import recipe_of
from flight.jobs.running import RunningJob


def open_job(
    job: JobRecord, corpora: Mapping[str, CorpusFile], packages: Packages, tai_ns: int
) -> tuple[RunningJob, Start]:
    """Give the run of a job from its last checkpoint, or from its beginning, and the request that opens it.

    Args:
        job: What is durably known of it.
        corpora: The corpora on board, by name.
        packages: The packages in the store.
        tai_ns: On-board time.

    Raises:
        MisuseError: There is no such recipe, corpus or package on board any more, and why.
        OSError: The corpus could not be read now.
    """
    recipe = recipe_of(job.submitted)
    if isinstance(recipe, PackageRecipe):
        corpus = packages.find(job.submitted.corpus, recipe.package)
    else:
        corpus = corpora.get(job.submitted.corpus)
    if corpus is None:
        raise MisuseError(f"corpus {job.submitted.corpus!r} is no longer on board")
    begun_with = job.described.corpus_sha256.hex() if job.described else corpus.sha256
    if corpus.origin is Origin.UPLOADED and corpus.sha256 != begun_with:
        raise MisuseError(f"corpus {corpus.name!r} is another text than the one the job began with")
    job_id = job.submitted.job_id
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
        tai_ns=tai_ns,
    )
    return running, start
