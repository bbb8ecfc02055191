"""The port through which the engine reaches the worker of a job. It holds no behaviour."""

from typing import Protocol

from flight.jobs.messages import Request


class WorkerPort(Protocol):
    """The process that does the work of one job."""

    def launch(self) -> None:
        """Start it anew; what was there before is gone."""
        ...

    def send(self, request: Request) -> None:
        """Give it a request; the reply comes to `Engine.reply`."""
        ...

    def kill(self) -> None:
        """End it at once, with all it had not made durable."""
        ...

    def memory_octets(self) -> int:
        """Give what it holds in memory now, with all that it has started; 0 if that cannot be told."""
        ...
