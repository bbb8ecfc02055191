"""The worker that serves a model, under virtual time: each request takes the time that the scenario declares.

It is a `VirtualWorker` of other requests, none of which goes on beside another.
"""

from pathlib import Path
from typing import Any

from flight.inference.messages import Begin, Check, Load, Write, server_reply_stream
from hil.environment.activity import Activity
from hil.scenario.spacecraft import WorkDurations
from hil.worker.virtual_worker import NS_PER_S, Hand, HandProcess, VirtualWorker


class VirtualModelWorker(VirtualWorker):
    """A `flight.jobs.worker_port.WorkerPort` of models whose replies come at declared times.

    Args:
        hand: Who does the work.
        durations: How long each kind of request takes.
        activity: Told what the device does, if anybody wants to know.
    """

    def __init__(self, hand: Hand, durations: WorkDurations, activity: Activity | None = None) -> None:
        super().__init__(hand, durations, activity=activity)

    def send(self, request: Any) -> None:
        """See `flight.jobs.worker_port.WorkerPort`."""
        super().send(request)

    def _duration_ns(self, request: Any) -> int:
        durations = self._durations
        match request:
            case Load():
                seconds = durations.load_s
            case Begin():
                seconds = durations.read_s
            case Write(tokens):
                seconds = durations.token_s * tokens
            case Check():
                seconds = durations.check_s
            case _:
                raise AssertionError(f"expected a request of the server, found {type(request).__name__}")
        return round(seconds * self._slowness * NS_PER_S)


def model_hand_process(store: Path) -> HandProcess:
    """Make a process that serves models.

    Args:
        store: The directory of the spacecraft's store, on this computer.
    """
    return HandProcess(store, "flight.inference.worker", server_reply_stream)
