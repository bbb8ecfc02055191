"""How workers are looked after: how long one may take to answer, and what follows when one is lost.

It counts and reckons; it kills nothing, keeps nothing and reports nothing: the engine does. A lost worker is followed
by another after a back-off that doubles with each loss in a row, a bounded number of times.
"""

from dataclasses import dataclass, replace
from typing import Any

from flight.jobs.running import RunningJob
from flight.parameters import ParameterPool
from mission.words.jobs import WORKER_BACKOFF, WORKER_DEADLINE, WORKER_RESTARTS_MAX

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class SupervisionConfig:
    """How workers are looked after."""

    progress_deadline_ns: int = 300 * NS_PER_S
    """A worker that has not answered a request for this long is taken for hung. A whole-split evaluation of the
    largest shipped recipe takes about a minute on a small board."""
    backoff_ns: int = NS_PER_S
    """Wait before the first restart of a worker; doubled for each further one."""
    backoff_max_ns: int = 60 * NS_PER_S
    restarts_max: int = 5
    """Workers lost one after another, without a new checkpoint, before the job is given up."""


class Supervision:
    """Looks after the workers of one engine.

    Args:
        config: How.
    """

    def __init__(self, config: SupervisionConfig) -> None:
        self._config = config
        self.losses = 0
        """Workers lost since the last checkpoint of the job at hand."""
        self.hold_until_ns = 0
        """Nothing is started before this."""

    @property
    def is_at_end(self) -> bool:
        """Whether so many were lost in a row that the job is given up."""
        return self.losses > self._config.restarts_max

    def progressed(self) -> None:
        """Take note that the job at hand has a new checkpoint, or is another one."""
        self.losses = 0

    def lost(self) -> None:
        """Take note that a worker was lost."""
        self.losses += 1

    def back_off(self, now_ns: int) -> None:
        """Wait before the next worker is started."""
        backoff_ns = self._config.backoff_ns << max(self.losses - 1, 0)
        self.hold_until_ns = now_ns + min(backoff_ns, self._config.backoff_max_ns)

    def stand_still(self, now_ns: int) -> None:
        """Wait as long as it ever does: the store failed, and another worker would meet the same."""
        self.hold_until_ns = now_ns + self._config.backoff_max_ns

    def deadline_ns(self, running: RunningJob) -> int | None:
        """Give the time at which a worker is taken for hung, or None if it was asked for nothing."""
        return running.waiting_since_ns + self.patience_ns(running) if running.outstanding else None

    def patience_ns(self, running: RunningJob) -> int:
        """Give how long the request at work may take."""
        return self._config.progress_deadline_ns

    def bind(self, pool: ParameterPool) -> None:
        """Follow the settings by which an operator changes how workers are looked after."""
        config = self._config
        pool.bind(
            WORKER_DEADLINE,
            config.progress_deadline_ns // NS_PER_S,
            lambda value, _: self._configure(progress_deadline_ns=value * NS_PER_S),
        )
        pool.bind(
            WORKER_BACKOFF,
            config.backoff_ns // NS_PER_S,
            lambda value, _: self._configure(backoff_ns=value * NS_PER_S),
        )
        pool.bind(WORKER_RESTARTS_MAX, config.restarts_max, lambda value, _: self._configure(restarts_max=value))

    def _configure(self, **changes: Any) -> None:
        self._config = replace(self._config, **changes)
