"""The queue of jobs: what an operator may ask of it, and what that would change.

It changes nothing itself: each wish gives the changes that are committed together with the telecommand's answers.
"""

from collections.abc import Mapping

from ccsds.errors import MisuseError
from flight.books.jobs import JobDiscarded, JobMoved, JobRecord, JobSubmitted
from flight.commit import Change
from flight.jobs.corpus import CorpusFile
from flight.jobs.life_cycle import Trigger, follow
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.package.packages import Packages
from flight.jobs.recipe import Recipe, load_any_recipe
from flight.jobs.room import Room
from flight.ledger import Ledger
from mission.jobs import ENDED_STATES, QUEUE_JOBS_MAX, JobState, PauseCause


class JobQueue:
    """All jobs that the ledger remembers.

    Args:
        ledger: Where they are kept.
        corpora: The corpora on board, by name.
        packages: The packages in the store.
        room: What of the store they may take.
    """

    def __init__(self, ledger: Ledger, corpora: Mapping[str, CorpusFile], packages: Packages, room: Room) -> None:
        self._ledger = ledger
        self._room = room
        self._corpora = corpora
        self._packages = packages

    def submit(self, submitted: JobSubmitted) -> tuple[Change, ...]:
        """Give the changes that queue a job; none, if it is queued already.

        Raises:
            MisuseError: It cannot be queued, and why.
        """
        known = self._ledger.jobs.get(submitted.job_id)
        if known is not None:
            if known.submitted != submitted:
                raise MisuseError(f"job {submitted.job_id} is another job already: expected an unused job id")
            if known.state in (JobState.FAILED, JobState.CANCELLED):
                raise MisuseError(f"job {submitted.job_id} has ended {known.state.name}: expected an unused job id")
            return ()
        self._check_length()
        recipe = recipe_of(submitted)
        if isinstance(recipe, PackageRecipe):
            self._packages.find(submitted.corpus, recipe.package)
        elif submitted.corpus not in self._corpora:
            known_corpora = ", ".join(sorted(self._corpora)) or "none"
            raise MisuseError(
                f"unknown corpus {submitted.corpus!r}: expected one of {known_corpora}, or files/NAME in the store"
            )
        self._room.check()
        return (submitted,)

    def move(self, job_id: int, trigger: Trigger) -> tuple[Change, ...]:
        """Give the changes that an operator's wish makes.

        Raises:
            MisuseError: There is no such job, or the wish makes no sense in its state.
        """
        job = self.find(job_id)
        _, after = follow(job.state, trigger)
        if job.state is JobState.FAILED and after is JobState.QUEUED:
            self._check_length()
        return (JobMoved(job_id, after, PauseCause.OPERATOR if after is JobState.PAUSED else PauseCause.NONE),)

    def discard(self, job_id: int) -> tuple[Change, ...]:
        """Give the changes by which nothing of an ended job is kept in the store; none, if that is so already.

        Raises:
            MisuseError: There is no such job, or it has not ended.
        """
        job = self.find(job_id)
        if job.state not in ENDED_STATES:
            raise MisuseError(f"job {job_id} is {job.state.name}: expected one that has ended; job.cancel ends it")
        return () if job.is_discarded else (JobDiscarded(job_id),)

    def settle(self, held_by: PauseCause) -> list[tuple[int, Trigger]]:
        """Give the moves that a hold makes: all that wait or run are paused; without one, what was held goes on."""
        if held_by is PauseCause.NONE:
            return [
                (number, Trigger.RESUME)
                for number, job in self._ledger.jobs.items()
                if job.state is JobState.PAUSED and job.cause is not PauseCause.OPERATOR
            ]
        active = (JobState.QUEUED, JobState.STARTING, JobState.RUNNING)
        return [(number, Trigger.PAUSE) for number, job in self._ledger.jobs.items() if job.state in active]

    @property
    def is_done(self) -> bool:
        """Whether every job has ended."""
        for job in self._ledger.jobs.values():
            if job.state not in ENDED_STATES:
                return False
        return True

    def next_job_id(self) -> int:
        """Give the job that goes on first once nothing holds jobs; 0 if there is none."""
        active = (JobState.RUNNING, JobState.STARTING, JobState.QUEUED)
        for number, job in self._ledger.jobs.items():
            is_held = job.state is JobState.PAUSED and job.cause is not PauseCause.OPERATOR
            if job.state in active or is_held:
                return number
        return 0

    def _check_length(self) -> None:
        waiting = sum(job.state not in ENDED_STATES for job in self._ledger.jobs.values())
        if waiting >= QUEUE_JOBS_MAX:
            raise MisuseError(f"the queue is full: expected fewer than {QUEUE_JOBS_MAX} jobs, found {waiting}")

    def find(self, job_id: int) -> JobRecord:
        """Give a job.

        Raises:
            MisuseError: There is none of this number.
        """
        if job_id not in self._ledger.jobs:
            raise MisuseError(f"unknown job {job_id}")
        return self._ledger.jobs[job_id]


def recipe_of(submitted: JobSubmitted) -> Recipe | PackageRecipe:
    """Give the recipe that a job asks for.

    Raises:
        MisuseError: There is no such recipe, or its overrides are wrong.
    """
    recipe = load_any_recipe(submitted.recipe).override(submitted.overrides)
    return recipe.override(f"training.steps = {submitted.steps}") if submitted.steps else recipe
