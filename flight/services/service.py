"""What a PUS service on board is: something that executes the commands of one service number."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flight.books.commands import Answer
from flight.commit import Change
from mission.dictionary import Command


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command comes to. Nothing has happened yet: the router commits the changes with the reports first."""

    changes: tuple[Change, ...] = ()
    """Durable changes, committed in one record with the reports."""
    answers: tuple[Answer, ...] = ()
    """Reports that the command is answered with, between its start and its completion."""
    afterwards: Callable[[int], None] | None = None
    """What follows once that is durable; takes ``now_ns``."""


class Service(Protocol):
    """One PUS service."""

    number: int
    """Its service type."""

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """Say what a command comes to.

        Raises:
            MisuseError: It cannot be done now, and why.
        """
        ...


class Guard(Protocol):
    """What lets commands through, or not, and hears that somebody is there."""

    def check(self, command: Command, now_ns: int, *, is_release: bool) -> None:
        """Let a well-formed command through.

        Args:
            command: It.
            now_ns: Now.
            is_release: Whether the spacecraft gives it to itself.

        Raises:
            RefusedError: It is not let through, and why.
        """
        ...

    def heard(self, now_ns: int) -> tuple[Change, ...]:
        """Take note that somebody on the ground gave a command; give what is to become durable with it."""
        ...
