"""The worker: the child process that does the work of one job, as the engine in the flight process asks.

``python -m flight.jobs.worker --store DIR`` takes requests from the socket that it inherits as standard input, and
answers each with one reply on the same socket. Whatever goes wrong in the job becomes a `Failed` with a reason; the
worker itself ends when the socket is closed, and with its parent.

Its disk is the store of the spacecraft, of which it touches ``jobs/<job_id>/`` only.
"""

import argparse
import contextlib
import os
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Protocol

import torch

from ccsds.errors import MalformedError, MisuseError, StarloopError
from flight.disk import Disk, RealDisk
from flight.jobs.checkpoint import Checkpoint, KeyDiffersError, Origin, load_checkpoint
from flight.jobs.checkpoint_writer import CheckpointWriter
from flight.jobs.compute_device import find_device
from flight.jobs.corpus import read_corpus
from flight.jobs.device import check_device
from flight.jobs.guard.finding import Finding, LostError, StruckError, UnfitError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Entry, Identity
from flight.jobs.messages import (
    REASON_CHARACTERS_MAX,
    Collect,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Message,
    MessageStream,
    Probe,
    Probed,
    Reply,
    Request,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
    encode,
    request_stream,
)
from flight.jobs.model_file import TrainedJob, save_model
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.package.process import run_package
from flight.jobs.parent import end_with_parent
from flight.jobs.recipe import Recipe, load_any_recipe, load_recipe
from flight.jobs.train import TrainJob
from flight.jobs.uploaded_corpus import is_uploaded, read_uploaded

RECEIVE_OCTETS = 64 << 10

# Below the flight process, which needs little and needs it now; a processor that is otherwise idle is used whole.
NICENESS = 5
# Of -1000 to 1000; whatever the flight process has, the worker is the one to go.
OOM_SCORE_ADJUSTMENT = 500

# After these nothing that is in memory is gone on with.
_FATAL_KINDS = (FailureKind.LOST, FailureKind.UNFIT, FailureKind.MEMORY)

# A copy of State is struck by chance about never. One that is struck this often in a row is no chance.
COPIES_STRUCK_MAX = 3

# How often a model is written until State was not struck meanwhile.
MODEL_TRIES_MAX = 3


# torch has no class of error for what the processor's allocator was refused.
_NO_MEMORY = "can't allocate memory"


class Answerer(Protocol):
    """Who does what the engine asks."""

    def answer(self, request: Request) -> Reply:
        """Do it; whatever is raised on the way becomes a `Failed`."""
        ...


class Worker:
    """Does what it is asked, one request at a time.

    Args:
        disk: Where checkpoints and models are kept.
        thread: What writes checkpoints; a thread of its own for each job, if it is not said.
    """

    def __init__(self, disk: Disk, thread: Executor | None = None) -> None:
        self._disk = disk
        self._thread = thread
        self._open: _OpenJob | None = None

    def answer(self, request: Request) -> Reply:
        """Do what a request asks; whatever is raised on the way becomes a `Failed`."""
        try:
            return self._answer(request)
        except Exception as error:
            findings = self._open.guarded.take_findings() if self._open is not None else ()
            if isinstance(request, Start | Step) or failure_kind(error) in _FATAL_KINDS:
                self._close()  # What was broken off has left the job between two states.
            return self._failed(error, findings)

    def _failed(self, error: Exception, findings: tuple[Finding, ...]) -> Failed:
        return Failed(failure_reason(error), failure_kind(error), findings)

    def _make_job(self, recipe: Recipe, text: str, seed: int) -> TrainJob:
        if recipe.devices.processes > 1:
            raise MisuseError(
                f"worker: expected a job of one process, as the first was, found {recipe.devices.processes}"
            )
        return TrainJob(recipe, text, seed)

    def _answer(self, request: Request) -> Reply:
        if isinstance(request, Probe):
            check_device(find_device(request.device))
            return Probed()
        if isinstance(request, Start):
            return self._start(request)
        if self._open is None:
            raise MisuseError(f"{type(request).__name__}: expected an open job, found none")
        guarded = self._open.guarded
        match request:
            case Step(count, tai_ns):
                guarded.tai_ns = tai_ns
                return _step(guarded, count)
            case Evaluate():
                guarded.verify()
                return Evaluated(guarded.job.steps_done, guarded.job.evaluate(), guarded.take_findings())
            case Save(slot, parent):
                return self._open.save(slot, parent)
            case Collect() | Join():
                return self._open.take_checkpoint(request)
            case Sample(prompt, length_characters):
                return Sampled(guarded.job.sample(prompt, length_characters))
            case Finish():
                return self._open.finish(self._disk)

    def _close(self) -> None:
        if self._open is not None:
            self._open.writer.drop()
            self._open = None

    def _start(self, request: Start) -> Started:
        self._close()
        recipe = load_recipe(request.recipe)
        if is_uploaded(request.corpus_path):
            text = read_uploaded(self._disk, request.corpus_path, request.corpus_sha256)
        else:
            text = read_corpus(Path(request.corpus_path), request.corpus_sha256)
        job = self._make_job(recipe, text, request.seed)
        identity = Identity(
            job_id=request.job_id,
            recipe_digest=recipe.digest,
            corpus_sha256=request.corpus_sha256,
            seed=request.seed,
        )
        written: dict[str, Mapping[str, Entry]] = {}
        inexact: tuple[str, ...] = ()
        found = ""
        if request.checkpoint is not None:
            try:
                loaded = load_checkpoint(
                    self._disk,
                    request.checkpoint,
                    identity,
                    allows_inexact=recipe.execution.inexact,
                    device=job.device,
                )
                job.load(loaded.state)
            except KeyDiffersError:
                raise
            except MalformedError as error:
                raise CheckpointError(str(error)) from error
            written[request.checkpoint.sha256] = loaded.manifest.entries
            inexact = loaded.inexact
            found = "; ".join(inexact[len(loaded.manifest.inexact) :])
        guarded = GuardedJob(job, request.findings, request.tai_ns)
        writer = CheckpointWriter(self._disk, identity, guarded, self._thread)
        self._open = _OpenJob(writer, identity, guarded, written, inexact)
        return Started(
            step=job.steps_done,
            steps=recipe.training.steps,
            parameters=sum(weight.numel() for weight in job.weights().values()),
            tokens_per_step=job.tokens_per_step,
            vocabulary=len(job.vocabulary),
            train_tokens=len(job.train_tokens),
            validation_tokens=len(job.validation_tokens),
            inexact=found[:REASON_CHARACTERS_MAX],
        )


class _OpenJob:
    """The job that is open, and its checkpoints.

    Args:
        writer: What writes them.
        identity: Of the job.
        guarded: The job.
        written: By the digest of its manifest, what is in the checkpoint that it goes on from.
        inexact: Where it went on under another exactness key.
    """

    def __init__(
        self,
        writer: CheckpointWriter,
        identity: Identity,
        guarded: GuardedJob,
        written: dict[str, Mapping[str, Entry]],
        inexact: tuple[str, ...],
    ) -> None:
        self.guarded = guarded
        self.writer = writer
        self._identity = identity
        self._written = written
        self._inexact = inexact
        self._slot = self._parent = ""
        self._copies_struck = 0

    def save(self, slot: str, parent: str) -> Saving:
        """Begin a checkpoint."""
        self._slot, self._parent, self._copies_struck = slot, parent, 0
        return self._begin()

    def take_checkpoint(self, request: Collect | Join) -> Saving | Saved:
        """Give the checkpoint that was begun; one whose copy was struck is begun anew."""
        if not self.writer.is_at_work:
            raise MisuseError(f"{type(request).__name__}: expected a checkpoint that was begun, found none")
        while True:
            try:
                written = self.writer.join() if isinstance(request, Join) else self.writer.collect()
            except StruckError as struck:
                self._copies_struck += 1
                if self._copies_struck >= COPIES_STRUCK_MAX:
                    raise LostError(f"{struck}, in {COPIES_STRUCK_MAX} copies") from struck
                self.guarded.note_struck_copy(struck)
                self._begin()
                continue
            return self._saved(written) if written is not None else self._saving()

    def finish(self, disk: Disk) -> Finished:
        """Write the model."""
        self.writer.drop()
        return write_model(disk, self._identity, self.guarded, self._inexact)

    def _begin(self) -> Saving:
        origin = Origin(parent=self._parent, entries=self._written.get(self._parent), inexact=self._inexact)
        self.writer.begin(self._slot, origin)
        return self._saving()

    def _saving(self) -> Saving:
        return Saving(step=self.writer.step, findings=self.guarded.take_findings())

    def _saved(self, written: Checkpoint) -> Saved:
        # The one that it follows may still turn out to be the current one: this one is not journalled yet.
        self._written = {digest: entries for digest, entries in self._written.items() if digest == self._parent}
        self._written[written.sha256] = written.manifest.entries
        return Saved(
            step=written.manifest.step,
            slot=self._slot,
            sha256=written.sha256,
            length_octets=written.length_octets,
            written_octets=written.written_octets,
            findings=self.guarded.take_findings(),
        )


class CheckpointError(MalformedError):
    """The checkpoint, rather than the corpus, is malformed."""


def _step(guarded: GuardedJob, count: int) -> Stepped:
    left = guarded.job.recipe.training.steps - guarded.steps_done
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


class Guarded(Protocol):
    """A job with its guard, as far as its model is concerned."""

    @property
    def job(self) -> TrainedJob:
        """The job."""
        ...

    def verify(self) -> bool:
        """Make sure that State is what it should be; tell whether it was at once."""
        ...

    def take_findings(self) -> tuple[Finding, ...]:
        """Give what was found since the last call."""
        ...


def write_model(disk: Disk, identity: Identity, guarded: Guarded, inexact: tuple[str, ...]) -> Finished:
    """Write the model of a job that is done, again if State was struck meanwhile.

    Raises:
        LostError: Nothing in memory is left to go back to.
        OSError: The disk failed.
    """
    guarded.verify()
    for _ in range(MODEL_TRIES_MAX):
        path, length_octets = save_model(disk, identity, guarded.job, inexact)
        digest = guarded.job.weights_sha256()
        if guarded.verify():
            return Finished(
                step=guarded.job.steps_done,
                weights_sha256=digest,
                path=path,
                length_octets=length_octets,
                findings=guarded.take_findings(),
            )
    raise LostError(
        f"step {guarded.job.steps_done}: State was struck {MODEL_TRIES_MAX} times while a model was written"
    )


def failure_kind(error: Exception) -> FailureKind:
    """Give what kind of failure an error is."""
    match error:
        case KeyDiffersError():
            return FailureKind.KEY
        case CheckpointError():
            return FailureKind.CHECKPOINT
        case OSError():
            return FailureKind.STORE
        case LostError():
            return FailureKind.LOST
        case UnfitError():
            return FailureKind.UNFIT
        case MemoryError() | torch.OutOfMemoryError():
            return FailureKind.MEMORY
        case RuntimeError() if _NO_MEMORY in str(error):
            return FailureKind.MEMORY
        case _:
            return FailureKind.JOB


def failure_reason(error: Exception) -> str:
    """Give an error in words for the engine; what nobody foresaw is told to standard error as well."""
    if not isinstance(error, StarloopError):
        # Nobody foresaw this one: the whole story goes to the flight process by way of standard error.
        traceback.print_exception(error)
        return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]
    return str(error)[:REASON_CHARACTERS_MAX]


def serve(channel: socket.socket, worker: Answerer, received: bytes = b"") -> None:
    """Answer requests until the other end closes the channel.

    Args:
        channel: To the engine.
        worker: Who answers.
        received: What has already come.

    Raises:
        MalformedError: The other end is not an engine.
    """
    for request in requests_of(channel, received):
        channel.sendall(encode(worker.answer(request)))


def requests_of(channel: socket.socket, received: bytes = b"") -> Iterator[Request]:
    """Give the requests of the engine one by one, until it closes the channel.

    Raises:
        MalformedError: The other end is not an engine.
    """
    return messages_of(channel, request_stream(), received)


def messages_of(channel: socket.socket, stream: MessageStream[Message], received: bytes = b"") -> Iterator[Message]:
    """Give the messages of the other end one by one, until it closes the channel.

    Raises:
        MalformedError: The other end speaks another language.
    """
    yield from stream.receive(received)
    while data := channel.recv(RECEIVE_OCTETS):
        yield from stream.receive(data)


def main() -> None:
    """Run the worker until its parent is done with it."""
    parser = argparse.ArgumentParser(prog="python -m flight.jobs.worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="directory of the spacecraft's store")
    arguments = parser.parse_args()
    end_with_parent()
    stand_behind_parent()
    channel = take_channel()
    disk = RealDisk(arguments.store)
    try:
        first, request = receive_first(channel)
        match _recipe_of(request):
            case PackageRecipe():
                run_package(arguments.store, channel, first)
            case Recipe(devices=devices) if devices.processes > 1:
                from flight.jobs.torchrun import run_group  # It takes a second, which most jobs need not wait.

                run_group(devices, arguments.store, channel, first)
        serve(channel, Worker(disk), first)
    except ConnectionError:
        return  # The flight process ended while it was being answered.


def take_channel() -> socket.socket:
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


def receive_first(channel: socket.socket) -> tuple[bytes, Request | None]:
    """Wait for the first request, and leave in the channel what comes after it.

    Returns:
        Its octets and what they say; None if the channel was closed before it was whole.

    Raises:
        MalformedError: The other end is not an engine.
    """
    stream, octets = request_stream(), b""
    while data := channel.recv(stream.missing_octets):
        octets += data
        if requests := stream.receive(data):
            return octets, requests[0]
    return octets, None


def _recipe_of(request: Request | None) -> Recipe | PackageRecipe | None:
    """Give the recipe of a job; what is wrong with it is answered as if it were for one process."""
    if not isinstance(request, Start):
        return None
    with contextlib.suppress(StarloopError):
        return load_any_recipe(request.recipe)
    return None


def stand_behind_parent() -> None:
    """Let command and telemetry come first: for the processor, and when the kernel must end somebody for memory."""
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # Not Linux, or not allowed: then the worker is as likely as any other.
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT))


if __name__ == "__main__":
    main()
