"""Writes checkpoints while the job goes on: a thread copies State during the next pass, and does all the rest.

A pass changes nothing of State but generators, which are taken before; the update after it waits for the copy. The
thread then digests the copy, has the guard vouch for it after that (so that what the manifest says is what the guard
knows), writes, syncs and reads back. One checkpoint at a time; whoever began it collects it.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from flight.disk import Disk
from flight.jobs.checkpoint import Checkpoint, Origin, save_checkpoint, slot_paths
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.state import State
from flight.jobs.state_copy import StateCopy


class CheckpointWriter:
    """The writer of one job's checkpoints.

    Args:
        disk: Where they are kept.
        identity: Of the job.
        guarded: The job.
        thread: What writes; a thread of its own, if it is not said.
    """

    def __init__(self, disk: Disk, identity: Identity, guarded: GuardedJob, thread: Executor | None = None) -> None:
        self._disk = disk
        self._identity = identity
        self._guarded = guarded
        self._copy = StateCopy(guarded.job.state())
        self._copied_blocks = [self._copy.place_of(block.rows_RN) for block in guarded.job.optimizer.blocks]
        rows = guarded.job.optimizer.rows
        self._copied_rows = [] if rows is None else list(map(self._copy.place_of, (rows.weights_RC, rows.squares_R)))
        self._thread = thread or ThreadPoolExecutor(1, "checkpoint")
        self._at_work: Future[Checkpoint] | None = None
        self.step = 0
        """Of the copy that was taken last."""

    @property
    def is_at_work(self) -> bool:
        """Whether a checkpoint was begun and not collected."""
        return self._at_work is not None

    def begin(self, slot: str, origin: Origin) -> None:
        """Have a copy of State taken and written.

        Raises:
            MisuseError: There is no such slot.
            flight.jobs.guard.finding.LostError: State was struck, and nothing in memory is left to go back to.
            flight.jobs.guard.finding.UnfitError: The device is not to be trusted.
        """
        self.drop()
        slot_paths(self._identity.job_id, slot)
        seal = self._guarded.seal()
        job = self._guarded.job
        job.gather()
        own, state = tuple(job.octets()), self._copy.state(job.whole_octets())
        self.step = job.steps_done
        copying = self._thread.submit(self._copy.take)
        job.lend(copying.exception)
        if job.ranks > 1:
            job.take_back()  # What ranks bring together is written anew whenever one of them asks.

        def vouch() -> None:
            if seal is not None:
                seal.verify(self._copied_blocks, {name: state.octets[name] for name in own}, self._copied_rows)

        self._at_work = self._thread.submit(self._write, copying, slot, self.step, state, origin, vouch)

    def collect(self) -> Checkpoint | None:
        """Give what was begun, or None if it is still being written.

        Raises:
            OSError: The disk failed, and nothing is begun any more.
            flight.jobs.guard.finding.StruckError: The copy was struck, and nothing is begun any more.
        """
        return self.join() if self._at_work is None or self._at_work.done() else None

    def join(self) -> Checkpoint | None:
        """Wait for what was begun, and give it; None if nothing was.

        Raises:
            OSError: The disk failed, and nothing is begun any more.
            flight.jobs.guard.finding.StruckError: The copy was struck, and nothing is begun any more.
        """
        at_work, self._at_work = self._at_work, None
        return at_work.result() if at_work is not None else None

    def drop(self) -> None:
        """Wait for what was begun, and forget it."""
        if self._at_work is not None:
            self._at_work.exception()
            self._at_work = None

    def _write(
        self,
        copying: Future[None],
        slot: str,
        step: int,
        state: State,
        origin: Origin,
        vouch: Callable[[], None],
    ) -> Checkpoint:
        copying.result()  # It is over; whatever went wrong is told here.
        device = self._guarded.job.device
        return save_checkpoint(self._disk, slot, self._identity, step, state, origin, vouch, device)
