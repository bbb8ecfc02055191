"""A hand that does no work and says that it did, for long missions in which a job is one thing among many.

Its State is the number of steps. A checkpoint is a small file in the slot that the engine names, synced before it is
said to be there, and read back when a job goes on from it; so what a power cut leaves of it matters, as of a real one.
"""

import hashlib
from collections import deque

import msgspec

from flight.disk import Disk, directory_of
from flight.jobs.messages import (
    Collect,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Probe,
    Probed,
    Reply,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
)


class TrivialHand:
    """A `hil.worker.virtual_worker.Hand`.

    Args:
        disk: The spacecraft's.
        steps: Of a job, as it is told at its start.
    """

    died = None

    def __init__(self, disk: Disk, steps: int = 60) -> None:
        self._disk = disk
        self._steps = steps
        self._is_running = False
        self._asked: deque[msgspec.Struct] = deque()
        self._job_id = self._step = 0
        self._saving = Save("")

    @property
    def is_running(self) -> bool:
        """See `hil.worker.virtual_worker.Hand`."""
        return self._is_running

    def launch(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self.kill()
        self._is_running = True

    def send(self, request: msgspec.Struct) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self._asked.append(request)

    def wait_reply(self, timeout_s: float) -> Reply | None:
        """See `hil.worker.virtual_worker.Hand`."""
        if not self._is_running or not self._asked:
            return None
        try:
            return self.answer(self._asked.popleft())
        except OSError as error:
            return Failed(str(error), FailureKind.STORE)

    def stand_still(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""

    def kill(self) -> None:
        """See `hil.worker.virtual_worker.Hand`."""
        self._is_running = False
        self._asked.clear()

    def answer(self, request: msgspec.Struct) -> Reply:
        """Say that a request is done.

        Raises:
            OSError: The disk failed.
        """
        match request:
            case Probe():
                return Probed()
            case Start():
                return self._start(request)
            case Step(count):
                self._step += count
                return Stepped(step=self._step, loss=1 / (1 + self._step), gradient_norm=1.0, learning_rate=1e-3)
            case Evaluate():
                return Evaluated(self._step, 1 / (1 + self._step))
            case Save():
                self._saving = request
                return Saving(step=self._step)
            case Collect() | Join():
                return self._save(self._saving.slot)
            case Sample():
                return Sampled("")
            case Finish():
                path = f"jobs/{self._job_id}/model"
                data = self._write(path)
                digest = hashlib.sha256(data).hexdigest()
                return Finished(step=self._step, weights_sha256=digest, path=path, length_octets=len(data))
        return Failed(f"expected a request of the engine, found {type(request).__name__}")

    def _start(self, request: Start) -> Reply:
        self._job_id, self._step = request.job_id, 0
        if request.checkpoint is not None:
            data = self._disk.read(self._slot(request.checkpoint.slot))
            if hashlib.sha256(data).hexdigest() != request.checkpoint.sha256:
                return Failed("the checkpoint is another one", FailureKind.STORE)
            self._step = int(data)
        return Started(
            step=self._step,
            steps=self._steps,
            parameters=1,
            tokens_per_step=1,
            vocabulary=2,
            train_tokens=1,
            validation_tokens=1,
        )

    def _save(self, slot: str) -> Saved:
        data = self._write(self._slot(slot))
        return Saved(
            step=self._step,
            slot=slot,
            sha256=hashlib.sha256(data).hexdigest(),
            length_octets=len(data),
            written_octets=len(data),
        )

    def _slot(self, slot: str) -> str:
        return f"jobs/{self._job_id}/slot-{slot}/state"

    def _write(self, path: str) -> bytes:
        data = f"{self._step:012d}".encode()
        self._disk.pwrite(path, 0, data)
        self._disk.fsync(path)
        self._disk.fsync(directory_of(path))
        return data
