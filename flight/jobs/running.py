"""The job that has the worker: what it was asked for and has not answered, how far it is, and how fast.

It sends nothing and keeps nothing; the engine does. Rates come from ``now_ns``, so that under virtual time equal seeds
give equal figures.
"""

import math
from collections import deque
from dataclasses import dataclass

from ccsds.errors import MisuseError
from flight.jobs.messages import Collect, Finish, Join, Request, Save, Start, Step, Stepped
from flight.jobs.pace import Pace
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.plan import Plan
from flight.jobs.recipe import Recipe

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class BegunCheckpoint:
    """A checkpoint that the worker is writing, with what is to be told of its step."""

    step: int
    loss: float
    validation_loss: float


class RunningJob:
    """One job at work.

    Args:
        job_id: Its number.
        recipe: Its recipe, overrides applied.
        plan: What it has yet to do.
    """

    def __init__(self, job_id: int, recipe: Recipe | PackageRecipe, plan: Plan) -> None:
        self.job_id = job_id
        self.recipe = recipe
        self.plan = plan
        self.outstanding: deque[Request] = deque()
        """Requests without a reply, the one at work first."""
        self.is_parking = False
        """Whether it only finishes what is due, saves a checkpoint, and then lets the worker go."""
        self.begun: BegunCheckpoint | None = None
        """The checkpoint that is being written while the job goes on."""
        self._has_stepped_since_asked = False
        """Whether steps were granted since a checkpoint was begun or asked for."""
        self.step = plan.step
        self.loss = math.nan
        self.validation_loss = math.nan
        self.tokens_per_step = 0
        self.corpus_sha256 = ""
        """Of the text it was opened with."""
        self.waiting_since_ns = 0
        """When the request at work was begun."""
        self.rest_until_ns = 0
        """It is asked for nothing more before this, unless it may use all the time."""
        self.energy_j = 0.0
        """What the device took since this worker was started, as far as it is measured."""
        self._rest_from_ns = 0
        self._rest_after_ns = 0
        self.late_s = math.nan
        """By how much it is expected after its deadline, as far as anybody reckons."""
        self._busy_ns = 0
        self._first_step = plan.step
        self._counting_step = plan.step
        """Of the checkpoint that the next worker would go on from."""
        self._longest_ns: dict[type[Request], int] = {}
        self._step_ns = 0

    @property
    def tokens_per_s(self) -> float:
        """Tokens trained on a second, not-a-number until it is known."""
        return self.tokens_per_step * NS_PER_S / self._step_ns if self._step_ns else math.nan

    def eta_s(self, steps: int) -> float:
        """Give the time until the last of ``steps`` at the present rate, in seconds."""
        return (steps - self.step) * self._step_ns / NS_PER_S

    def next_request(self, grant_ns: int, grant_steps_max: int) -> Request | None:
        """Give what to ask for next, or None if nothing is due.

        Args:
            grant_ns: Steps are granted in portions of about this long.
            grant_steps_max: The most steps in one portion.
        """
        if self._is_checkpoint_asked_for:
            # What a checkpoint came to must be known before the next one, and before the end.
            if isinstance(self.plan.peek(), Save | Finish):
                return None
        elif self.begun is not None:
            if self.is_parking or not self._risk_left or isinstance(self.plan.peek(), Save | Finish):
                return Join()
            if self._has_stepped_since_asked:  # Steps go on first, so that nobody waits for the answer.
                return Collect()
        if self.is_parking:
            return self.plan.next(0)
        # The first steps tell how long one takes.
        steps = min(max(grant_ns // self._step_ns if self._step_ns else 1, 1), grant_steps_max)
        if self.begun is not None or self._is_checkpoint_asked_for:
            steps = min(steps, self._risk_left)
        return self.plan.next(steps)

    @property
    def _risk_left(self) -> int:
        """How many steps may be done before the checkpoint that is being written has to count."""
        return max(self._counting_step + self.recipe.training.checkpoint_interval - self.plan.step, 0)

    @property
    def _is_checkpoint_asked_for(self) -> bool:
        return any(isinstance(each, Save | Collect | Join) for each in self.outstanding)

    def sent(self, request: Request, now_ns: int) -> None:
        """Take note of a request on its way."""
        if not self.outstanding:
            self.waiting_since_ns = now_ns
        self.outstanding.append(request)
        self._has_stepped_since_asked = isinstance(request, Step) or (
            self._has_stepped_since_asked and not isinstance(request, Save | Collect)
        )

    def answered(self, now_ns: int) -> tuple[Request, int]:
        """Give the request that a reply is for, and how long it took, in nanoseconds."""
        elapsed_ns, self.waiting_since_ns = now_ns - self.waiting_since_ns, now_ns
        request = self.outstanding.popleft()
        if not isinstance(request, Start):
            self._busy_ns += elapsed_ns
        each_ns = elapsed_ns // _count(request)
        self._longest_ns[type(request)] = max(self._longest_ns.get(type(request), 0), each_ns)
        return request, elapsed_ns

    def expected_ns(self) -> int | None:
        """Give how long the like of the request at work has taken at most in this run; None if there was none."""
        request = self.outstanding[0]
        longest_ns = self._longest_ns.get(type(request))
        return None if longest_ns is None else longest_ns * _count(request)

    def rest(self, pace: Pace, busy_ns: int | None = None, now_ns: int = 0) -> None:
        """Have the worker rest by a pace after it was busy, or by another pace than before.

        Args:
            pace: By what.
            busy_ns: How long it was busy, until now; None if it is resting already.
            now_ns: When.
        """
        if busy_ns is not None:
            self._rest_from_ns, self._rest_after_ns = now_ns, busy_ns
        self.rest_until_ns = self._rest_from_ns + pace.rest_ns(self._rest_after_ns)

    @property
    def is_opening(self) -> bool:
        """Whether the worker is opening the job."""
        return bool(self.outstanding) and isinstance(self.outstanding[0], Start)

    @property
    def is_busy(self) -> bool:
        """Whether the worker has something to do, other than to open the job."""
        return bool(self.outstanding) and not self.is_opening

    def busy_ns(self, now_ns: int) -> int:
        """Give how long the worker had something to do, since it opened the job."""
        return self._busy_ns + (now_ns - self.waiting_since_ns if self.is_busy else 0)

    @property
    def busy_per_step_ns(self) -> int:
        """How long it was busy for each step, with all that is done beside steps; 0 until it is known."""
        steps = self.step - self._first_step
        return self._busy_ns // steps if steps else 0

    @property
    def step_ns(self) -> int:
        """How long a step takes by itself; 0 until it is known."""
        return self._step_ns

    @property
    def energy_per_token_j(self) -> float:
        """What the device took for a token, not-a-number until it is known."""
        tokens = (self.step - self._first_step) * self.tokens_per_step
        return self.energy_j / tokens if tokens and self.energy_j else math.nan

    def stepped(self, request: Request, reply: Stepped, elapsed_ns: int) -> None:
        """Take note of steps that are done."""
        self.step, self.loss = reply.step, reply.loss
        if isinstance(request, Step) and elapsed_ns:
            # Replies that waited together say nothing of how long each took, and a grant never grows more than
            # twofold, so that one odd measurement cannot keep a pause waiting.
            self._step_ns = max(elapsed_ns // request.count, self._step_ns // 2, 1)

    def saved(self, step: int) -> BegunCheckpoint:
        """Take note of a checkpoint that counts.

        Raises:
            MisuseError: It is neither of the step that is known, nor of the one that the job is at.
        """
        begun, self.begun = self.saving(step), None
        self._counting_step = step
        return begun

    def saving(self, step: int) -> BegunCheckpoint:
        """Take note of a checkpoint that is being written, or was; one that was begun anew is of the present step.

        Raises:
            MisuseError: It is neither of the step that is known, nor of the one that the job is at.
        """
        if self.begun is None or self.begun.step != step:
            if step != self.step:
                raise MisuseError(f"checkpoint: expected one of step {self.step}, found one of step {step}")
            self.begun = BegunCheckpoint(step=step, loss=self.loss, validation_loss=self.validation_loss)
        return self.begun


def _count(request: Request) -> int:
    return request.count if isinstance(request, Step) else 1
