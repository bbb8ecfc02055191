"""The worker that serves models in this process, for campaigns and for tests that strike what it has in memory."""

from flight.disk import Disk
from flight.inference.worker import ModelServer
from hil.worker.inline_worker import InlineWorker


class InlineModelWorker(InlineWorker):
    """A `hil.worker.virtual_worker.Hand` that serves models without a process.

    Args:
        disk: The spacecraft's.
    """

    def __init__(self, disk: Disk) -> None:
        super().__init__(disk)
        self.server: ModelServer | None = None
        """The `flight.inference.worker.ModelServer`, for whoever wants to strike what it has in memory."""

    def _make(self, disk: Disk) -> ModelServer:
        self.server = ModelServer(disk)
        return self.server
