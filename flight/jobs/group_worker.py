"""What one rank does of the requests that come for a group: rank 0 hears the engine, and all do what it is asked.

Every rank does every request and answers it, and rank 0 tells the engine what all agree on; only checkpoints and models
are written by rank 0 alone. A rank that is struck, or fails in a way that nobody foresaw, ends: the others may already
wait for it in the middle of a step. torchrun then ends them all. What a struck rank found it tells the engine itself:
all ranks have the socket, and rank 0 says nothing while a request is not done by all.
"""

import socket
import sys
from collections.abc import Callable
from pathlib import Path

from ccsds.errors import StarloopError
from flight.disk import Disk, RealDisk
from flight.jobs.checkpoint import slot_paths
from flight.jobs.group import Ranks
from flight.jobs.group_job import make_job
from flight.jobs.guard.finding import Finding, LostError, UnfitError
from flight.jobs.messages import Collect, Failed, Join, Reply, Request, Save, Saving, encode
from flight.jobs.recipe import Recipe
from flight.jobs.train import TrainJob
from flight.jobs.worker import Worker, requests_of, take_channel

# What all ranks come to alike, or rank 0 alone where nobody waits for it: it is answered, and the group goes on.
_FORESEEN = (StarloopError, OSError, ArithmeticError)


class GroupWorker(Worker):
    """A worker that does its rank's part.

    Args:
        disk: Where checkpoints and models are kept.
        ranks: All of them.
        tell: Tells the engine what this rank ends with.
    """

    def __init__(self, disk: Disk, ranks: Ranks, tell: Callable[[Failed], object]) -> None:
        super().__init__(disk)
        self._ranks = ranks
        self._tell = tell

    def _answer(self, request: Request) -> Reply:
        if self._ranks.rank and isinstance(request, Save) and self._open is not None:
            # Rank 0 writes it: this one makes sure of its State, and brings it.
            guarded = self._open.guarded
            slot_paths(0, request.slot)
            guarded.seal()
            guarded.job.gather()
            return Saving(step=guarded.job.steps_done, findings=guarded.take_findings())
        return super()._answer(request)

    def _failed(self, error: Exception, findings: tuple[Finding, ...]) -> Failed:
        failed = super()._failed(error, findings)
        if isinstance(error, LostError | UnfitError):
            self._tell(failed)
            raise error
        if not isinstance(error, _FORESEEN):
            raise error
        return failed

    def _make_job(self, recipe: Recipe, text: str, seed: int) -> TrainJob:
        return make_job(recipe, text, seed, self._ranks)


def run_rank(store: Path, first: bytes) -> None:
    """Be one rank until the engine is done.

    Args:
        store: Directory of the spacecraft's store.
        first: The first request, which the engine has sent already.
    """
    channel = take_channel()
    ranks = Ranks()
    disk = _ReadingDisk(store) if ranks.rank else RealDisk(store)
    worker = GroupWorker(disk, ranks, lambda failed: channel.sendall(encode(failed)))
    try:
        if ranks.rank:
            follow(worker, ranks)
        else:
            lead(channel, worker, ranks, first)
    except ConnectionError:
        return  # The flight process ended while it was being answered.
    except (LostError, UnfitError, RuntimeError) as error:  # It was struck, or another rank is gone.
        sys.exit(f"rank {ranks.rank}: {type(error).__name__}: {error}")
    ranks.leave()


def lead(channel: socket.socket, worker: GroupWorker, ranks: Ranks, received: bytes) -> None:
    """Do, as rank 0, what the engine asks, and have the others do it."""
    for request in requests_of(channel, received):
        if isinstance(request, Collect | Join):
            reply = worker.answer(request)  # Of what rank 0 writes, the others know nothing.
        else:
            ranks.share(request)
            reply = ranks.agree(worker.answer(request))
        channel.sendall(encode(reply))
    ranks.share(None)


def follow(worker: GroupWorker, ranks: Ranks) -> None:
    """Do, as another rank, what rank 0 passes on."""
    while (request := ranks.share(None)) is not None:
        ranks.agree(worker.answer(request))


class _ReadingDisk(RealDisk):
    """The store as a rank sees it that leaves all writing to rank 0."""

    def append(self, path: str, data: bytes) -> None:
        """Leave it to rank 0."""

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """Leave it to rank 0."""

    def fsync(self, path: str) -> None:
        """Leave it to rank 0."""

    def rename(self, old: str, new: str) -> None:
        """Leave it to rank 0."""

    def remove(self, path: str) -> None:
        """Leave it to rank 0."""
