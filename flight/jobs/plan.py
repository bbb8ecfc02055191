"""The order of work of one training job: steps, evaluations, checkpoints, and what ends it.

What comes next depends on the recipe and on the step alone, never on time or on how many steps are granted at once, so
that a job that was interrupted does the same work as one that was not.
"""

from collections import deque
from dataclasses import dataclass

from ccsds.errors import MisuseError
from flight.jobs.messages import Evaluate, Finish, Request, Sample, Save, Step

# A checkpoint is begun this share of an interval before it has to count, and steps go on while it is written. Of a
# minute that is four seconds, time for gigabytes; of fewer steps than this there is none, and training waits.
LEAD_DIVISOR = 16


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How often what is done, in training steps."""

    steps: int
    """Steps in all."""
    evaluation: int
    checkpoint: int
    """From the one that counts: as many steps are lost at most."""

    @property
    def checkpoint_cadence(self) -> int:
        """Steps between the beginnings of two checkpoints."""
        return self.checkpoint - self.checkpoint // LEAD_DIVISOR

    def __post_init__(self) -> None:
        """Refuse intervals that never come.

        Raises:
            MisuseError: Naming the interval.
        """
        for name in ("steps", "evaluation", "checkpoint"):
            if getattr(self, name) < 1:
                raise MisuseError(f"{name}: expected 1 step or more, found {getattr(self, name)}")


class Plan:
    """The requests of one job, in order.

    Args:
        intervals: How often what is done.
        start_step: The step of the checkpoint that the worker goes on from, 0 for a fresh start.
    """

    def __init__(self, intervals: Intervals, start_step: int = 0) -> None:
        self._intervals = intervals
        self.step = start_step
        """The step the worker is at once it has done all that was given out."""
        self._due: deque[Request] = deque()
        if start_step >= intervals.steps:
            self._arrive()

    def next(self, steps_max: int) -> Request | None:
        """Give the next request, or None when there is none.

        Args:
            steps_max: The most steps to grant; 0 gives only what is due at the step already reached.
        """
        if self._due:
            return self._due.popleft()
        count = min(steps_max, self._to_boundary())
        if count < 1:
            return None
        self.step += count
        if self._to_boundary(after=self.step - 1) == 1:
            self._arrive()
        return Step(count)

    def peek(self) -> Request | None:
        """Give what is due at the step already reached, if anything, without giving it out."""
        return self._due[0] if self._due else None

    def _to_boundary(self, after: int | None = None) -> int:
        """Count the steps until the next one at which something else is due."""
        step = self.step if after is None else after
        intervals = self._intervals
        boundaries = (
            (step // intervals.evaluation + 1) * intervals.evaluation,
            (step // intervals.checkpoint_cadence + 1) * intervals.checkpoint_cadence,
            intervals.steps,
        )
        return min(boundaries) - step

    def _arrive(self) -> None:
        """Note what is due at the step just granted."""
        is_last = self.step >= self._intervals.steps
        if is_last or self.step % self._intervals.evaluation == 0:
            self._due.append(Evaluate())
        if is_last:
            self._due += (Sample(), Finish())
        elif self.step % self._intervals.checkpoint_cadence == 0:
            self._due.append(Save(""))
