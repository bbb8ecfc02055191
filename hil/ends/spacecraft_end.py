"""The spacecraft of a run: its disk, its keys, its worker, and the core that is built from them at each boot.

Its disk forgets what was not synced when power is cut (`hil.disk`), and so does the one of its keys. Power may go in
the middle of an operation of the disk: then the core is gone in the middle of whatever it did. Its computer has a
clock of its own.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ccsds.sdls.key_store import KeyStore
from flight.books.seal import StruckBookError
from flight.commit import Commit
from flight.crash import describe_exception, reason_of
from flight.jobs.corpus import CorpusFile
from flight.sensors import PowerLimit, Sensors
from flight.services.boots import note_crash
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.disk.faulty_disk import FaultyDisk
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.ends.end import End
from hil.ends.own_time import OwnTime
from hil.faults.memory import books_with_values, strike_book
from hil.streams import Streams
from hil.worker.virtual_model_worker import VirtualModelWorker
from hil.worker.virtual_worker import VirtualWorker, WorkerLostError


class _Powered:
    """Something that is done as long as there is power: `with` it, and a cut ends it, or an exception that may be.

    Args:
        lose: What follows of a cut.
        fail: What follows of an exception; tells whether it was to be expected.
    """

    def __init__(self, lose: Callable[[PowerCut], None], fail: Callable[[Exception], bool]) -> None:
        self._lose = lose
        self._fail = fail

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        """End, by a cut or not."""
        if isinstance(error, PowerCut):
            self._lose(error)
            return True
        return isinstance(error, Exception) and self._fail(error)


class SpacecraftEnd(End[Spacecraft]):
    """The spacecraft.

    Args:
        config: What it is.
        store: Directory of its disk.
        keys_path: Of its key file, or None: then it believes every frame.
        make_worker: Makes what does its job work, given its disk.
        make_model_worker: Makes what serves models, given its disk.
        corpora: The corpora on board, by name.
        streams: Of the seed; what a power cut leaves is drawn from them.
        sensors: Of its power and heat, or None.
    """

    name = "spacecraft"

    def __init__(
        self,
        config: SpacecraftConfig,
        store: Path,
        keys_path: Path | None,
        make_worker: Callable[[FaultyDisk], VirtualWorker],
        make_model_worker: Callable[[FaultyDisk], VirtualModelWorker],
        corpora: Mapping[str, CorpusFile],
        streams: Streams,
        sensors: Sensors | None = None,
        power_limit: PowerLimit | None = None,
    ) -> None:
        super().__init__()
        self._powered = _Powered(self._lose_power, self._fail)
        self._config = config
        self._key_name = keys_path.name if keys_path is not None else ""
        self._key_disk = SimulatedDisk(keys_path.parent, streams.scoped("spacecraft/keys")) if keys_path else None
        self.corpora = corpora
        self._sensors = sensors
        self._power_limit = power_limit
        self.disk = FaultyDisk(store, streams.scoped("spacecraft"))
        self.worker = make_worker(self.disk)
        self.model_worker = make_model_worker(self.disk)
        self._time = OwnTime()
        self._cut = ""
        self._is_struck = False
        self._failure = ""
        # What the life that an exception has ended had still to tell.
        self._left: list[msgspec.Struct] = []

    def start(self, now_ns: int) -> None:
        """See `hil.ends.end.End.start`; power may go while it starts."""
        self._is_struck = False
        with self._powered:
            super().start(self._time.own_ns(now_ns))

    def receive(self, data: bytes, now_ns: int) -> None:
        """See `ports.drive.Core.receive`."""
        with self._powered:
            super().receive(data, self._time.own_ns(now_ns))

    def advance(self, now_ns: int) -> None:
        """See `hil.ends.end.End.advance`."""
        with self._powered:
            super().advance(self._time.own_ns(now_ns))

    def next_deadline(self) -> int | None:
        """See `ports.drive.Core.next_deadline`; now, as long as nobody took note of what has ended it."""
        deadline_ns: int | None = None
        with self._powered:
            deadline_ns = super().next_deadline()
        if self._failure or self._cut:
            return 0
        return None if deadline_ns is None else self._time.world_ns(deadline_ns)

    def transmit(self, now_ns: int) -> bytes | None:
        """See `ports.drive.Core.transmit`."""
        with self._powered:
            return super().transmit(self._time.own_ns(now_ns))
        return None

    def contact(self, up: bool, now_ns: int) -> None:
        """See `hil.ends.end.End.contact`."""
        with self._powered:
            super().contact(up, self._time.own_ns(now_ns))

    @property
    def workers(self) -> tuple[VirtualWorker, ...]:
        """All workers."""
        return self.worker, self.model_worker

    def work(self, now_ns: int) -> None:
        """Hand over the replies of the workers that are due."""
        with self._powered:
            for worker in self.workers:
                deadline_ns = worker.next_deadline()
                if deadline_ns is not None and deadline_ns <= now_ns:
                    self._work(worker, now_ns)

    def _work(self, worker: VirtualWorker, now_ns: int) -> None:
        is_of_models = worker is self.model_worker
        while self.is_on:
            try:
                reply: Any = worker.reply(now_ns)
            except WorkerLostError as error:
                (self.lose_model_worker if is_of_models else self.lose_worker)(str(error), now_ns)
                return
            if reply is None:
                return
            own_ns = self._time.own_ns(now_ns)
            if is_of_models:
                self.core.model_worker_replied(reply, own_ns)
            else:
                self.disk.measure_anew()
                self.core.worker_replied(reply, own_ns)

    def lose_worker(self, reason: str, now_ns: int) -> None:
        """End the worker, as a kill from outside does."""
        with self._powered:
            self.worker.kill()
            self.core.worker_lost(reason, self._time.own_ns(now_ns))

    def lose_model_worker(self, reason: str, now_ns: int) -> None:
        """End the worker that serves a model, as a kill from outside does."""
        with self._powered:
            self.model_worker.kill()
            self.core.model_worker_lost(reason, self._time.own_ns(now_ns))

    def _kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()

    def reset(self) -> None:
        """End the flight software, as it has asked for; the disk keeps what it has."""
        self._core = None
        self._stir()
        self._kill_workers()

    def crash(self, error: Exception) -> None:
        """End the flight software by an exception, which is kept as `flight` keeps it."""
        self._left += super()._take()
        try:
            with contextlib.suppress(OSError):
                note_crash(self.disk, describe_exception(error), reason_of(error))
        except PowerCut as cut:
            self._lose_power(cut)
        else:
            self.reset()

    def strike_memory(self, chance: np.random.Generator, name: str | None) -> str:
        """Flip a bit of what the flight software knows, in memory, and say where.

        Args:
            chance: From which it is drawn.
            name: Of the book; one of those that hold something is drawn, if it is None.
        """
        books = self.core._ledger._books
        if name is None:
            held = books_with_values(books)
            name = held[int(chance.integers(len(held)))]
        where = strike_book(books[name], chance)
        if where is None:
            return f"the book of {name} holds nothing"
        self._is_struck = True
        return f"the book of {name}, {where}"

    def take_failure(self) -> str:
        """Give the exception that has ended the flight software since the last call, else nothing."""
        failure, self._failure = self._failure, ""
        return failure

    def take_cut(self) -> str:
        """Give what was lost when power went in the middle of a disk operation since the last call, else nothing."""
        cut, self._cut = self._cut, ""
        return cut

    def drift(self, drift_ppm: float, now_ns: int) -> None:
        """Let the clock of its computer run fast, or slow, from now on."""
        self._time.drift(drift_ppm, now_ns)
        self._stir()

    def jump_clock(self, jump_ns: int) -> None:
        """Put on-board time forward or back, past the software: it goes on from there, and keeps that in time."""
        with self._powered:
            ledger = self.core._ledger
            ledger.verify("time")  # What is written anew has a new seal, under which a strike would not be found.
            kept = ledger.clock
            if kept is not None:
                jumped = msgspec.structs.replace(
                    kept, offset_ns=kept.offset_ns + jump_ns, tai_ns=max(kept.tai_ns + jump_ns, 0)
                )
                ledger._apply(Commit((jumped,)))

    @property
    def running_job(self) -> int:
        """The job at work, 0 if none."""
        return self.core._engine.job_id

    def checkpoint_slot(self, job_id: int) -> str | None:
        """Give the slot of the checkpoint of a job that counts; None if there is none, or its book is struck."""
        with self._powered:
            self.core._ledger.verify("jobs")
            job = self.core._ledger.jobs.get(job_id)
            return job.checkpoint.slot if job is not None and job.checkpoint is not None else None
        return None

    def close(self) -> None:
        """See `hil.ends.end.End.close`."""
        self._kill_workers()

    def _take(self) -> Sequence[msgspec.Struct]:
        """See `hil.ends.end.End._take`; those of a life that an exception has ended come first."""
        left, self._left = self._left, []
        return [*left, *super()._take()]

    def _build(self, now_ns: int) -> Spacecraft:
        keys = KeyStore.open(self._key_disk, self._key_name) if self._key_disk is not None else None
        return Spacecraft(
            self._config,
            self.disk,
            self.worker,
            self.corpora,
            now_ns,
            keys,
            sensors=self._sensors,
            model_worker=self.model_worker,
            power_limit=self._power_limit,
        )

    def _fail(self, error: Exception) -> bool:
        """End the flight software by what it found in its memory, or by what it came to since that was struck."""
        if not isinstance(error, StruckBookError) and not self._is_struck:
            return False
        self._failure = f"{type(error).__name__}: {error}"
        self.crash(error)
        return True

    def _lose_power(self, cut: PowerCut) -> None:
        """Take note that power went in what was being done."""
        self._core = None
        self._stir()
        self._cut = str(cut)
        self._kill_workers()
        self._forget_limit()
        self._cut_key_disk()
        self.disk.power_on()

    def _forget_limit(self) -> None:
        if self._power_limit is not None:
            self._power_limit.limit(None)

    def _lose(self) -> str:
        self._kill_workers()
        self._forget_limit()
        self._cut_key_disk()
        forgot = self.disk.power_cut()
        self.disk.power_on()
        return str(forgot)

    def _cut_key_disk(self) -> None:
        if self._key_disk is not None:
            self._key_disk.power_cut()
            self._key_disk.power_on()
