"""The worker in this process, for campaigns: it answers like the one in a process of its own, in its declared time.

It works on the spacecraft's own disk, so that a power cut tears and forgets what it had not synced either, and writes
a checkpoint at once rather than in a thread. What it was asked for is done when the answer is due: one that is killed
before has done nothing of it.
"""

import contextlib
import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import msgspec

from flight.disk import Disk
from flight.jobs.messages import Reply
from hil.faults.strike import FlipStrike, StarveStrike, StrikeMissed
from hil.faults.struck_worker import StruckWorker


class InlineWorker:
    """A `hil.worker.virtual_worker.Hand` without a process.

    Args:
        disk: The spacecraft's.
    """

    died = None

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._worker: Any = None
        self._asked: deque[msgspec.Struct] = deque()
        self._told: deque[Reply | StrikeMissed] = deque()

    @property
    def is_running(self) -> bool:
        """See `hil.worker.virtual_worker.Hand`."""
        return self._worker is not None

    def launch(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self.kill()
        self._worker = self._make(self._disk)

    def send(self, request: msgspec.Struct) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self._asked.append(request)

    def wait_reply(self, timeout_s: float) -> Reply | StrikeMissed | None:
        """See `hil.worker.virtual_worker.Hand`."""
        while self._worker is not None and self._asked and not self._told:
            asked: Any = self._asked.popleft()
            if isinstance(asked, FlipStrike | StarveStrike):
                self._worker.strike_next(asked)
                continue
            # What a worker says to standard error is kept for when it dies, which this one does not.
            with contextlib.redirect_stderr(io.StringIO()):
                reply = self._worker.answer(asked)
            if isinstance(self._worker, StruckWorker):
                self._told += self._worker.take_missed()
            self._told.append(reply)
        return self._told.popleft() if self._told else None

    def _make(self, disk: Disk) -> Any:
        """Make who answers."""
        return StruckWorker(disk, AtOnce())

    def stand_still(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""

    def kill(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self._worker = None
        self._asked.clear()
        self._told.clear()


class AtOnce(Executor):
    """An executor that has done what it is given when `submit` returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """See `concurrent.futures.Executor`."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
