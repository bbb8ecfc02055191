"""The job worker under virtual time: a real process does the work, and this file says when it is done.

A request takes the duration that the scenario declares, however long the process really needs; its reply is fetched
only when it is due, so that the process works while the rest of the world goes on. A worker that is lost before that
takes with it what it had not made durable, whatever the process has really done by then.

A checkpoint is written beside the steps. It is done when its declared duration is over: whoever asks before hears that
it is not, however far the process really is, and whoever asks after waits for the process.
"""

import os
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from ccsds.errors import StarloopError
from flight.jobs.messages import (
    Collect,
    Evaluate,
    Finish,
    Join,
    MessageStream,
    Probe,
    Reply,
    Request,
    Sample,
    Save,
    Saving,
    Start,
    Step,
)
from flight.jobs.process import WorkerProcess
from hil.environment.activity import Activity
from hil.environment.power_limit import SimulatedPowerLimit
from hil.faults.strike import Strike, StrikeMissed
from hil.scenario.spacecraft import WorkDurations

NS_PER_S = 1_000_000_000

# Real time that a request may need. It ends a run whose process hangs for a reason that is no part of the scenario.
REPLY_WAIT_S_MAX = 900.0


class WorkerLostError(StarloopError):
    """The worker process ended by itself, or answers no more."""


class Hand(Protocol):
    """Who really does the work."""

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        ...

    @property
    def died(self) -> str | None:
        """Why it ended by itself; None if it did not."""
        ...

    def launch(self) -> None:
        """Begin anew."""
        ...

    def send(self, request: msgspec.Struct) -> None:
        """Take a request, or a strike."""
        ...

    def wait_reply(self, timeout_s: float) -> Reply | StrikeMissed | None:
        """Give the next reply, waiting for it, or what became of a strike before it; None if there will be none."""
        ...

    def stand_still(self) -> None:
        """Do nothing any more until it is killed."""
        ...

    def kill(self) -> None:
        """End."""
        ...


class HandProcess(WorkerProcess):
    """A process of its own."""

    @property
    def is_running(self) -> bool:
        """See `Hand`."""
        return self.pid is not None

    def stand_still(self) -> None:
        """See `Hand`."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)


def hand_process(store: Path, *, is_struck: bool) -> HandProcess:
    """Make a process that works, and that can be struck from within if it is to be.

    Args:
        store: The directory of the spacecraft's store, on this computer.
        is_struck: Whether it is to be struck.
    """
    return HandProcess(store, "hil.faults.struck_worker", struck_reply_stream) if is_struck else HandProcess(store)


def struck_reply_stream() -> MessageStream[Reply | StrikeMissed]:
    """Make what the replies of a process that is struck are read with."""
    return MessageStream(msgspec.msgpack.Decoder(Reply | StrikeMissed))


class VirtualWorker:
    """A `flight.jobs.worker_port.WorkerPort` whose replies come at declared times.

    Args:
        hand: Who does the work.
        durations: How long each kind of request takes.
        save_begun: Called when a checkpoint is asked for.
        activity: Told what the device does, if anybody wants to know.
        power_limit: By which the device is slower, if it has one.
        tell_idle: Called with each strike after which no step came.
    """

    def __init__(
        self,
        hand: Hand,
        durations: WorkDurations,
        save_begun: Callable[[], None] = lambda: None,
        activity: Activity | None = None,
        power_limit: SimulatedPowerLimit | None = None,
        tell_idle: Callable[[Strike], None] = lambda strike: None,
    ) -> None:
        self._activity = activity
        self._power_limit = power_limit
        self.is_device_down = False
        """Whether the device has stopped: a worker that is launched now hears nothing of it."""
        self._process = hand
        self._save_begun = save_begun
        self._tell_idle = tell_idle
        self._durations = durations
        self._due: deque[tuple[int, Reply | None]] = deque()
        """When which reply is due; None is the next one of the process."""
        self._free_ns = 0
        self._saved_ns = 0
        """When the checkpoint that was begun is done."""
        self._saving: Saving | None = None
        self._is_hung = False
        self._slowness = 1.0
        self._strikes: deque[Strike] = deque()
        """What befalls the steps that are asked for next."""
        self.now_ns = 0
        """Virtual time, kept by the world: the engine's calls carry none."""

    @property
    def is_alive(self) -> bool:
        """Whether a worker runs."""
        return self._process.is_running

    @property
    def is_working(self) -> bool:
        """Whether a worker runs that answers."""
        return self._process.is_running and not self._is_hung

    def launch(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        self._due.clear()
        self.drop_strikes()  # They fell into memory that is gone.
        self._free_ns = self.now_ns
        self._is_hung, self._slowness = False, 1.0
        self._process.launch()
        if self.is_device_down:
            self.hang()
        elif self._activity is not None:
            self._activity.switch_on(self.now_ns)

    def send(self, request: Request) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        begin_ns = max(self._free_ns, self.now_ns)
        reply: Reply | None = None
        match request:
            case Save():
                self._saved_ns = begin_ns + round(self._durations.save_s * self._pace() * NS_PER_S)
            case Join():
                begin_ns = max(begin_ns, self._saved_ns)
            case Collect() if begin_ns < self._saved_ns:
                reply = self._saving
            case Collect():
                request = Join()
        self._free_ns = begin_ns + self._duration_ns(request)
        self._due.append((self._free_ns, reply))
        if self._activity is not None and not self._is_hung:
            self._activity.work(begin_ns, self._free_ns)
        if self._strikes and isinstance(request, Step):
            self._process.send(self._strikes.popleft())
        if reply is None:
            self._process.send(request)
        if isinstance(request, Save):
            self._save_begun()

    def hang(self) -> None:
        """Let the process stand still: nothing more is heard of it until it is killed."""
        if self._process.is_running:
            self._process.stand_still()
            self._is_hung = True

    def slow_down(self, factor: float) -> None:
        """Let whatever is asked for from now on take longer, until the process is replaced."""
        self._slowness = factor

    def strike(self, strike: Strike) -> None:
        """Let something befall the process in the steps that are asked for next."""
        self._strikes.append(strike)

    def drop_strikes(self) -> None:
        """Take note that no step comes any more for those that still wait for one."""
        while self._strikes:
            self._tell_idle(self._strikes.popleft())

    def kill(self) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        self._due.clear()
        self._process.kill()
        if self._activity is not None:
            self._activity.switch_off(self.now_ns)

    def memory_octets(self) -> int:
        """See `flight.jobs.worker_port.WorkerPort`. What the process really holds is not the same in equal runs."""
        return 0

    def next_deadline(self) -> int | None:
        """Give the time at which the next reply is due."""
        return self._due[0][0] if self._due and not self._is_hung else None

    def reply(self, now_ns: int) -> Reply | None:
        """Give the reply that is due, waiting for the process if it needs longer; None if none is due.

        Raises:
            WorkerLostError: The process died by itself.
        """
        if self._is_hung or not self._due or self._due[0][0] > now_ns:
            return None
        _, reply = self._due.popleft()
        if reply is not None:
            return reply
        reply = self._process.wait_reply(REPLY_WAIT_S_MAX)
        while isinstance(reply, StrikeMissed):
            self._strikes.appendleft(reply.strike)
            reply = self._process.wait_reply(REPLY_WAIT_S_MAX)
        if reply is None:
            raise WorkerLostError(self._process.died or f"no answer in {REPLY_WAIT_S_MAX:g} s of real time")
        if isinstance(reply, Saving):
            self._saving = msgspec.structs.replace(reply, findings=())
        return reply

    def _duration_ns(self, request: Request) -> int:
        durations = self._durations
        match request:
            case Probe() | Start():
                seconds = durations.start_s
            case Step(count):
                seconds = durations.step_s * count
            case Evaluate():
                seconds = durations.evaluate_s
            case Save():
                seconds = durations.copy_s
            case Collect() | Join():
                seconds = 0.0
            case Sample():
                seconds = durations.sample_s
            case Finish():
                seconds = durations.finish_s
        return round(seconds * self._pace() * NS_PER_S)

    def _pace(self) -> float:
        """Give how many times as long everything takes now."""
        return self._slowness * (self._power_limit.slowness if self._power_limit is not None else 1.0)
