"""A command that a test sent: the stages it went through, and waiting for one of them."""

from collections.abc import Mapping
from typing import Any

from ground.events import FINAL, Stage
from hil.bench.waiting import WAIT_S, Clock, NotSeenError

_ENDED = frozenset(stage.name for stage in FINAL)


class Command:
    """One command on its way.

    Args:
        command_id: The station's number for it.
        name: As in the dictionary.
        clock: Lets time go on.
    """

    def __init__(self, command_id: int, name: str, clock: Clock) -> None:
        self.command_id = command_id
        self.name = name
        self.stages: list[tuple[float, str, str]] = []
        """(seconds, name of the stage, text), in order; one that is sent again goes through some of them again."""
        self.tries = 0
        """How often it was sent."""
        self._clock = clock

    @property
    def stage(self) -> str:
        """The latest stage, such as ``RELEASED``, ``ACCEPTED`` or ``COMPLETED``."""
        return self.stages[-1][1] if self.stages else "QUEUED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.stage in _ENDED

    def wait(self, stage: str = "COMPLETED", timeout_s: float = WAIT_S) -> "Command":
        """Wait until it has been in a stage.

        Raises:
            NotSeenError: It ended otherwise, or has not come so far in time; with the way it went.
        """
        __tracebackhide__ = True
        expected = f"command {self.name} to be {Stage[stage].name}"
        self._clock.wait_until(
            lambda: self._was(stage) or self.has_ended, timeout_s=timeout_s, expected=expected, found=self._way
        )
        if not self._was(stage):
            raise NotSeenError(f"expected {expected}, found {self._way()}")
        return self

    def observe(self, event: Mapping[str, Any], seconds: float) -> None:
        """Take a `ground.events.CommandStaged` in plain form."""
        self.stages.append((seconds, event["stage"], event["text"]))
        self.tries = max(self.tries, event["attempt"])

    def _was(self, stage: str) -> bool:
        return any(each == stage for _, each, _ in self.stages)

    def _way(self) -> str:
        told = [f"{stage} at {seconds:.2f} s{f' ({text})' if text else ''}" for seconds, stage, text in self.stages]
        return ", ".join(told) or "QUEUED"
