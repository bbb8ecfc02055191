"""Waiting, as a test does it: let time go on until something has come about, or say what was seen instead.

``__tracebackhide__`` in whatever waits has pytest show the line of the test, and not the lines in here.
"""

from collections.abc import Callable
from typing import Protocol

from ccsds.errors import StarloopError

WAIT_S = 120.0
"""Of mission time, unless a test says otherwise: far more than a command needs through a bad pass, and in real time no
longer than one waits for a test that hangs."""


class NotSeenError(StarloopError, AssertionError):
    """What a test waited for did not come about."""


class Clock(Protocol):
    """What lets time go on."""

    @property
    def now_s(self) -> float:
        """Seconds since the bench was switched on."""
        ...

    def wait_until(
        self, condition: Callable[[], bool], *, timeout_s: float, expected: str, found: Callable[[], str]
    ) -> None:
        """Let time go on until a condition holds.

        Args:
            condition: Asked after whatever happens.
            timeout_s: How long it may take.
            expected: What is waited for, for the message.
            found: Says what there is instead, for the message.

        Raises:
            NotSeenError: It does not hold in time.
        """
        ...
