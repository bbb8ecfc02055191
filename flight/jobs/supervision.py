"""How workers are looked after: how long one may take to answer, and what follows when one is lost.

It counts and reckons; it kills nothing, keeps nothing and reports nothing: the engine does. A lost worker is followed
by another after a back-off that doubles with each loss in a row, a bounded number of times.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flight.jobs.running import RunningJob
from flight.parameters import ParameterPool
from mission.words.jobs import WORKER_BACKOFF, WORKER_DEADLINE, WORKER_MEMORY_MAX, WORKER_RESTARTS_MAX

NS_PER_S = 1_000_000_000
OCTETS_PER_MIB = 1 << 20

# A request may take this many times as long as its like did, on a board that is hot or has other things to do.
SLOWDOWN_MAX = 20

# No request is called overdue before this: a store that flushes its cache keeps everybody waiting for seconds.
PATIENCE_NS_MIN = 30 * NS_PER_S

# How often the memory of a worker is looked at; one that allocates 2 GB/s has taken half a gigabyte more by then.
MEMORY_PERIOD_NS = NS_PER_S // 4


@dataclass(frozen=True, kw_only=True)
class SupervisionConfig:
    """How workers are looked after."""

    progress_deadline_ns: int = 300 * NS_PER_S
    """A worker that has not answered a request for this long is taken for hung; sooner, once it is known how long the
    like of the request takes. A whole-split evaluation of the largest shipped recipe takes about a minute on a small
    board."""
    memory_octets_max: int = 0
    """A worker that holds more in memory is ended; 0 for any."""
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
        self._memory_due_ns = 0

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
        """Give how long the request at work may take: by what its like took, and no longer than an unknown one."""
        expected_ns = running.expected_ns()
        limit_ns = self._config.progress_deadline_ns
        return limit_ns if expected_ns is None else min(max(expected_ns * SLOWDOWN_MAX, PATIENCE_NS_MIN), limit_ns)

    def next_deadline(self, running: RunningJob) -> int:
        """Give the time at which the worker is to be looked at, or asked for more."""
        deadline_ns = self.deadline_ns(running)
        due_ns = running.rest_until_ns if deadline_ns is None else deadline_ns
        return min(due_ns, self._memory_due_ns) if self._config.memory_octets_max else due_ns

    def excess(self, memory_octets: Callable[[], int], now_ns: int) -> str:
        """Give why a worker holds too much in memory; empty if it does not, or is not to be looked at yet."""
        limit_octets = self._config.memory_octets_max
        if not limit_octets or now_ns < self._memory_due_ns:
            return ""
        self._memory_due_ns = now_ns + MEMORY_PERIOD_NS
        found_octets = memory_octets()
        if found_octets <= limit_octets:
            return ""
        limit_mib, found_mib = limit_octets // OCTETS_PER_MIB, found_octets // OCTETS_PER_MIB
        return f"memory: expected at most {limit_mib} MiB, found {found_mib} MiB"

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
        pool.bind(
            WORKER_MEMORY_MAX,
            config.memory_octets_max // OCTETS_PER_MIB,
            lambda value, _: self._configure(memory_octets_max=value * OCTETS_PER_MIB),
        )
        pool.bind(WORKER_RESTARTS_MAX, config.restarts_max, lambda value, _: self._configure(restarts_max=value))

    def _configure(self, **changes: Any) -> None:
        self._config = replace(self._config, **changes)
