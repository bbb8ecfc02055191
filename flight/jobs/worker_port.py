"""The port through which the flight process reaches a worker. It holds no behaviour."""

from typing import Protocol, TypeVar

Asked = TypeVar("Asked", contravariant=True)


class WorkerPort(Protocol[Asked]):
    """The process that does the work of one job, or that serves a model."""

    def launch(self) -> None:
        """Start it anew; what was there before is gone."""
        ...

    def send(self, request: Asked) -> None:
        """Give it a request; the reply comes to `Engine.reply`, or to `flight.inference.server.Server.reply`."""
        ...

    def kill(self) -> None:
        """End it at once, with all it had not made durable."""
        ...

    def memory_octets(self) -> int:
        """Give what it holds in memory now, with all that it has started; 0 if that cannot be told."""
        ...
