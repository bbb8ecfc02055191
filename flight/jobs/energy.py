"""What jobs cost in energy: told as it is measured, and made durable along with what else becomes of a job."""

from flight.books.jobs import JobSpent


class EnergyAccount:
    """The energy of jobs that is not durable yet."""

    def __init__(self) -> None:
        self._spent_j: dict[int, float] = {}

    def spend(self, job_id: int, energy_j: float) -> None:
        """Take note of energy that went into a job."""
        self._spent_j[job_id] = self._spent_j.get(job_id, 0.0) + energy_j

    def of(self, job_id: int) -> float:
        """Give what is not durable yet of a job, in joules."""
        return self._spent_j.get(job_id, 0.0)

    def changes(self, job_id: int) -> tuple[JobSpent, ...]:
        """Give what is to become durable of a job; `settle` says that it is."""
        return (JobSpent(job_id, self._spent_j[job_id]),) if self._spent_j.get(job_id) else ()

    def settle(self, job_id: int) -> None:
        """Take note that all of a job is durable."""
        self._spent_j.pop(job_id, None)
