"""Stacks from a program: commands that the station sends one after another; see `ground.server.stacks`."""

from collections.abc import Callable, Sequence
from typing import Any


class Stacks:
    """The stacks of one station.

    Args:
        ask: Asks the station: method, path, and what goes with them.
    """

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def start(self, lines: Sequence[str]) -> int:
        """Have commands sent one after another, each once the one before has completed; give the stack's number.

        Args:
            lines: Each a command as it is typed: ``job.report job_id=1``.

        Raises:
            RefusalError: A line is no command: none was sent.
        """
        return self._ask("POST", "/api/stacks", {"lines": list(lines)})["stack_id"]

    def stop(self, stack_id: int) -> None:
        """Have nothing more of a stack sent."""
        self._ask("POST", f"/api/stacks/{stack_id}/stop")

    def get(self, stack_id: int) -> dict[str, Any]:
        """Give one stack: its lines, the commands that were sent, and ``verdict``: RUNNING, DONE or STOPPED."""
        return self._ask("GET", f"/api/stacks/{stack_id}")

    def all(self) -> list[dict[str, Any]]:
        """Give the latest stacks, newest first."""
        return self._ask("GET", "/api/stacks")
