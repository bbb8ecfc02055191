"""The spacecraft of a run: its disk, its keys, its worker, and the core that is built from them at each boot.

Its disk forgets what was not synced when power is cut (`hil.disk`), and so does the one of its keys.
"""

from collections.abc import Mapping
from pathlib import Path

from ccsds.sdls.key_store import KeyStore
from flight.jobs.corpus import CorpusFile
from flight.spacecraft import Spacecraft, SpacecraftConfig
from hil.disk import SimulatedDisk
from hil.end import End
from hil.streams import Streams
from hil.worker import VirtualWorker, WorkerLostError


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
        self._key_name = keys_path.name if keys_path is not None else ""
        self._key_disk = SimulatedDisk(keys_path.parent, streams.scoped("spacecraft/keys")) if keys_path else None
        self._corpora = corpora
        self.worker = worker
        self.disk = SimulatedDisk(store, streams.scoped("spacecraft"))

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

    def reset(self) -> None:
        """End the flight software, as it has asked for; the disk keeps what it has."""
        self._core = None
        self.worker.kill()

    def close(self) -> None:
        """See `hil.end.End.close`."""
        self.worker.kill()

    def _build(self, now_ns: int) -> Spacecraft:
        keys = KeyStore.open(self._key_disk, self._key_name) if self._key_disk is not None else None
        return Spacecraft(self._config, self.disk, self.worker, self._corpora, now_ns, keys)

    def _lose(self) -> str:
        self.worker.kill()
        if self._key_disk is not None:
            self._key_disk.power_cut()
            self._key_disk.power_on()
        forgot = self.disk.power_cut()
        self.disk.power_on()
        return str(forgot)
