"""A job's deadline: the pace that it takes to be in time, and by how much it will be late at the pace that there is."""

import math
from dataclasses import dataclass

from flight.governor.forecast import Forecast
from flight.jobs.pace import FULL_PERMILLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a job has yet to do; not-a-number where it is not known."""

    job_id: int
    busy_s: float
    """How long its worker has to be busy until it is done."""
    deadline_in_s: float
    """Time until it is wanted, below 0 if that is past; infinity if there is no hurry."""

    @property
    def needed_permille(self) -> float:
        """The duty at which it is done just in time; more than all if it cannot be."""
        if self.deadline_in_s == math.inf or math.isnan(self.busy_s):
            return 0.0
        return math.inf if self.deadline_in_s <= 0 else self.busy_s / self.deadline_in_s * FULL_PERMILLE

    def late_s(self, duty_permille: int, forecast: Forecast | None) -> float:
        """Give by how much it will be late, 0 if in time; not-a-number if that cannot be known.

        Args:
            duty_permille: What it has now.
            forecast: What it will have, if that is known; otherwise it is what it has now.
        """
        if self.deadline_in_s == math.inf or math.isnan(self.busy_s):
            return math.nan
        if forecast is not None:
            done_in_s = forecast.busy_after_s(self.busy_s)
        elif duty_permille:
            done_in_s = self.busy_s * FULL_PERMILLE / duty_permille
        else:
            done_in_s = self.busy_s  # Held, and nobody knows for how long: late by so much at least.
        return max(done_in_s - self.deadline_in_s, 0.0)
