"""A job that a test submitted: how far it is, and waiting for what comes of it."""

from collections.abc import Mapping
from typing import Any

from hil.bench.waiting import WAIT_S, Clock, NotSeenError
from hil.latest_word import ENDED, LatestWord
from mission.jobs import JobState


class Job:
    """One job on board, as the ground hears of it.

    Args:
        job_id: Its number.
        clock: Lets time go on.
    """

    def __init__(self, job_id: int, clock: Clock) -> None:
        self.job_id = job_id
        self.state = "QUEUED"
        """The latest that was heard, such as ``RUNNING`` or ``DONE``."""
        self.step = 0
        """Training steps done, by the latest telemetry."""
        self.losses: list[tuple[int, float]] = []
        """(step, training loss) as they came down."""
        self.report: dict[str, Any] = {}
        """The latest report: validation loss, digest of the weights, restarts of the worker and more."""
        self.sample = ""
        """What the trained model wrote."""
        self.heard_s = clock.now_s
        self._clock = clock
        self._latest = LatestWord()
        self._reported = LatestWord()

    @property
    def has_ended(self) -> bool:
        """Whether it is over, and its last report is here."""
        return self.report.get("state") in ENDED

    def wait(self, state: str = "DONE", timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until it has reached a state; give its latest report.

        Raises:
            NotSeenError: It ended in another, or is not there in time.
        """
        __tracebackhide__ = True
        wanted = JobState[state].name
        expected = f"job {self.job_id} to be {wanted}"
        is_end = wanted in ENDED
        self._clock.wait_until(
            lambda: self.has_ended or (not is_end and self.state == wanted),
            timeout_s=timeout_s,
            expected=expected,
            found=self._found,
        )
        if self.state != wanted:
            raise NotSeenError(f"expected {expected}, found {self._found()}")
        return self.report

    def wait_for_step(self, step: int, timeout_s: float = WAIT_S) -> None:
        """Wait until telemetry has told of a step.

        Raises:
            NotSeenError: It ended before, or has not come so far in time.
        """
        __tracebackhide__ = True
        expected = f"job {self.job_id} to reach step {step}"
        self._clock.wait_until(
            lambda: self.step >= step or self.has_ended, timeout_s=timeout_s, expected=expected, found=self._found
        )
        if self.step < step:
            raise NotSeenError(f"expected {expected}, found {self._found()}")

    def observe(self, event: Mapping[str, Any], seconds: float) -> None:
        """Take a report or an event of the job, in the station's plain form."""
        self.heard_s = seconds
        name, values = event["name"], event["values"]
        match name:
            case "job_changed":
                if self._latest.hear(self.job_id, values["after"], event):
                    self.state = values["after"]
            case "job_sample":
                self.sample = values["text"]
            case "job_progress":
                state = self.state if self.state in ENDED else JobState.RUNNING.name
                self._take(state, event)
            case "job_report":
                self._take(values["state"], event)
                # The change to the same state may have been heard before it.
                if self._reported.hear(self.job_id, values["state"], event):
                    self.report = dict(values)

    def _take(self, state: str, event: Mapping[str, Any]) -> None:
        step, loss = event["values"]["step"], event["values"]["loss"]
        if self._latest.hear(self.job_id, state, event):
            self.state, self.step = state, step
        # What is played back may have come before.
        heard = self.losses[-1:] if event["stored"] is None else self.losses
        if loss is not None and (step, loss) not in heard:
            self.losses.append((step, loss))

    def _found(self) -> str:
        failure = self.report.get("failure", "")
        return f"it {self.state} at step {self.step}{f': {failure}' if failure else ''}"
