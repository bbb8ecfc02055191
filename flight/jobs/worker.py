"""The worker: the child process that does the work of one job, as the engine in the flight process asks.

``python -m flight.jobs.worker --store DIR`` takes requests from the socket that it inherits as standard input, and
answers each with one reply on the same socket. Whatever goes wrong in the job becomes a `Failed` with a reason; the
worker itself ends when the socket is closed, and with its parent.

Its disk is the store of the spacecraft, of which it touches ``jobs/<job_id>/`` only.
"""

import argparse
import contextlib
import ctypes
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

import torch

from ccsds.errors import MalformedError, MisuseError, StarloopError
from flight.disk import Disk, RealDisk
from flight.jobs.checkpoint import Identity, load_checkpoint, save_checkpoint, save_model
from flight.jobs.corpus import read_corpus
from flight.jobs.guard.finding import LostError, UnfitError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.messages import (
    REASON_CHARACTERS_MAX,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Reply,
    Request,
    Sample,
    Sampled,
    Save,
    Saved,
    Start,
    Started,
    Step,
    Stepped,
    encode,
    request_stream,
)
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob

RECEIVE_OCTETS = 64 << 10

# Below the flight process, which needs little and needs it now; a processor that is otherwise idle is used whole.
NICENESS = 5
# Of -1000 to 1000; whatever the flight process has, the worker is the one to go.
OOM_SCORE_ADJUSTMENT = 500

# After these nothing that is in memory is gone on with.
_FATAL_KINDS = (FailureKind.LOST, FailureKind.UNFIT, FailureKind.MEMORY)

_PR_SET_PDEATHSIG = 1


class Worker:
    """Does what it is asked, one request at a time.

    Args:
        disk: Where checkpoints and models are kept.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._job: GuardedJob | None = None
        self._identity: Identity | None = None

    def answer(self, request: Request) -> Reply:
        """Do what a request asks; whatever is raised on the way becomes a `Failed`."""
        try:
            return self._answer(request)
        except Exception as error:
            if isinstance(request, Start | Step) or _kind(error) in _FATAL_KINDS:
                self._job = None  # What was broken off has left the job between two states.
            return Failed(_reason(error), _kind(error))

    def _answer(self, request: Request) -> Reply:
        if isinstance(request, Start):
            return self._start(request)
        guarded, identity = self._job, self._identity
        if guarded is None or identity is None:
            raise MisuseError(f"{type(request).__name__}: expected an open job, found none")
        match request:
            case Step(count):
                return _step(guarded, count)
            case Evaluate():
                guarded.verify()
                return Evaluated(guarded.job.steps_done, guarded.job.evaluate(), guarded.take_findings())
            case Save(slot):
                return self._save(guarded, identity, slot)
            case Sample(prompt, length_characters):
                return Sampled(guarded.job.sample(prompt, length_characters))
            case Finish():
                return self._finish(guarded, identity)

    def _save(self, guarded: GuardedJob, identity: Identity, slot: str) -> Saved:
        job = guarded.job
        guarded.verify()
        sha256, length_octets = save_checkpoint(self._disk, slot, identity, job.steps_done, job.state())
        return Saved(
            step=job.steps_done,
            slot=slot,
            sha256=sha256,
            length_octets=length_octets,
            findings=guarded.take_findings(),
        )

    def _finish(self, guarded: GuardedJob, identity: Identity) -> Finished:
        job = guarded.job
        guarded.verify()
        path, length_octets = save_model(self._disk, identity, job)
        return Finished(
            step=job.steps_done,
            weights_sha256=job.weights_sha256(),
            path=path,
            length_octets=length_octets,
            findings=guarded.take_findings(),
        )

    def _start(self, request: Start) -> Started:
        recipe = load_recipe(request.recipe)
        text = read_corpus(Path(request.corpus_path), request.corpus_sha256)
        job = TrainJob(recipe, text, request.seed)
        identity = Identity(
            job_id=request.job_id,
            recipe_digest=recipe.digest,
            corpus_sha256=request.corpus_sha256,
            seed=request.seed,
        )
        if request.checkpoint is not None:
            try:
                job.load(load_checkpoint(self._disk, request.checkpoint, identity))
            except MalformedError as error:
                raise _CheckpointError(str(error)) from error
        self._job, self._identity = GuardedJob(job), identity
        return Started(
            step=job.steps_done,
            steps=recipe.training.steps,
            parameters=sum(weight.numel() for weight in job.weights().values()),
            tokens_per_step=job.tokens_per_step,
            vocabulary=len(job.vocabulary),
            train_tokens=len(job.train_tokens),
            validation_tokens=len(job.validation_tokens),
        )


class _CheckpointError(MalformedError):
    """The checkpoint, rather than the corpus, is malformed."""


def _step(guarded: GuardedJob, count: int) -> Stepped:
    left = guarded.job.recipe.training.steps - guarded.job.steps_done
    if not 1 <= count <= left:
        raise MisuseError(f"Step: expected 1 to {left} steps, which are left, found {count}")
    last = [guarded.step() for _ in range(count)][-1]
    return Stepped(
        step=last.step,
        loss=last.loss,
        gradient_norm=last.gradient_norm,
        learning_rate=last.learning_rate,
        findings=guarded.take_findings(),
    )


def _kind(error: Exception) -> FailureKind:
    match error:
        case _CheckpointError():
            return FailureKind.CHECKPOINT
        case OSError():
            return FailureKind.STORE
        case LostError():
            return FailureKind.LOST
        case UnfitError():
            return FailureKind.UNFIT
        case MemoryError() | torch.OutOfMemoryError():
            return FailureKind.MEMORY
        case _:
            return FailureKind.JOB


def _reason(error: Exception) -> str:
    if not isinstance(error, StarloopError):
        # Nobody foresaw this one: the whole story goes to the flight process by way of standard error.
        traceback.print_exception(error)
        return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]
    return str(error)[:REASON_CHARACTERS_MAX]


def serve(channel: socket.socket, worker: Worker) -> None:
    """Answer requests until the other end closes the channel.

    Raises:
        MalformedError: The other end is not an engine.
    """
    requests = request_stream()
    while data := channel.recv(RECEIVE_OCTETS):
        for request in requests.receive(data):
            channel.sendall(encode(worker.answer(request)))


def main() -> None:
    """Run the worker until its parent is done with it."""
    parser = argparse.ArgumentParser(prog="python -m flight.jobs.worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="directory of the spacecraft's store")
    arguments = parser.parse_args()
    _end_with_parent()
    _stand_behind_parent()
    channel = _take_channel()
    try:
        serve(channel, Worker(RealDisk(arguments.store)))
    except ConnectionError:
        return  # The flight process ended while it was being answered.


def _take_channel() -> socket.socket:
    """Keep the inherited socket for messages alone: what a library prints goes to standard error."""
    try:
        channel = socket.socket(fileno=os.dup(0))
    except OSError:
        sys.exit("flight.jobs.worker: expected a socket as standard input: it is started by `flight`, not by hand")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return channel


def _stand_behind_parent() -> None:
    """Let command and telemetry come first: for the processor, and when the kernel must end somebody for memory."""
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # Not Linux, or not allowed: then the worker is as likely as any other.
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT))


def _end_with_parent() -> None:
    """Ask the kernel to kill this process when the flight process dies, however it dies and whatever hangs here."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
