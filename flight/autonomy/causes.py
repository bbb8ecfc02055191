"""Causes: how long the chain is that led to what is done right now, so that no reaction feeds on itself for ever.

A command of the ground has no cause on board, nor one that the ground put into the schedule. One of a procedure or of a
reaction has, and so has whatever it starts or puts into the schedule, and every event that is told while it is dealt
with.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class Causes:
    """The chain at hand."""

    def __init__(self) -> None:
        self.depth = 0
        """How many causes on board led to what is done now."""

    @contextmanager
    def at(self, depth: int) -> Iterator[None]:
        """Do something at a place in a chain."""
        before, self.depth = self.depth, depth
        try:
            yield
        finally:
            self.depth = before
