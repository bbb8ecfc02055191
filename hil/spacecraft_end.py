"""The spacecraft of a run: its disk, its keys, its worker, and the core that is built from them at each boot.

Its disk forgets what was not synced when power is cut (`hil.disk`). Its key store is on a directory of its own, whose
every change is synced before it is used.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from ccsds.sdls.key_file import End as KeyEnd
from flight.jobs.corpus import CorpusFile
from flight.spacecraft import Spacecraft, SpacecraftConfig
from hil.disk import SimulatedDisk
from hil.end import End
from hil.streams import Streams
from hil.worker import VirtualWorker, WorkerLostError
from ports.key_directory import opened_keys


class SpacecraftEnd(End[Spacecraft]):
    """The spacecraft.

    Args:
        config: What it is.
        store: Directory of its disk.
        keys_path: Of its key file, or None: then it believes every frame.
        worker: Does its job work.
        corpora: The corpora on board, by name.
        streams: Of the seed; what a power cut leaves is drawn from them.
    """

    name = "spacecraft"

    def __init__(
        self,
        config: SpacecraftConfig,
        store: Path,
        keys_path: Path | None,
        worker: VirtualWorker,
        corpora: Mapping[str, CorpusFile],
        streams: Streams,
    ) -> None:
        super().__init__()
        self._config = config
        self._keys_path = keys_path
        self._corpora = corpora
        self.worker = worker
        self.disk = SimulatedDisk(store, streams.scoped("spacecraft"))
        self._held = contextlib.ExitStack()

    def work(self, now_ns: int) -> None:
        """Hand over the replies of the worker that are due."""
        while self.is_on:
            try:
                reply = self.worker.reply(now_ns)
            except WorkerLostError as error:
                self.lose_worker(str(error), now_ns)
                return
            if reply is None:
                return
            self.core.worker_replied(reply, now_ns)

    def lose_worker(self, reason: str, now_ns: int) -> None:
        """End the worker, as a kill from outside does."""
        self.worker.kill()
        self.core.worker_lost(reason, now_ns)

    def close(self) -> None:
        """See `hil.end.End.close`."""
        self.worker.kill()
        self._held.close()

    def _build(self, now_ns: int) -> Spacecraft:
        keys = None
        if self._keys_path is not None:
            keys = self._held.enter_context(opened_keys(self._keys_path, KeyEnd.SPACECRAFT))
        return Spacecraft(self._config, self.disk, self.worker, self._corpora, now_ns, keys)

    def _lose(self) -> str:
        self.worker.kill()
        self._held.close()
        forgot = self.disk.power_cut()
        self.disk.power_on()
        return str(forgot)
