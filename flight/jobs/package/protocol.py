"""What a team writes against: the order it gets, and the job that it gives. Everything else is none of its business.

::

    class Job:
        def __init__(self, order: Order) -> None: ...
        def state(self) -> State: ...
        def load(self, state: State) -> None: ...
        def step(self) -> StepReport: ...

Nothing that decides the future may live outside of State. A worker can be killed between any two octets; the next one
makes the job anew, loads the last State, and must come to the same bits. Random draws come from generators of the job,
whose state is in State; torch's, numpy's and Python's own are seeded at the start and never kept. Between two steps
State stays as it is, also over `evaluate` and `sample`: what changes it there is taken for a strike, and undone.

A job that has a method ``evaluate() -> float`` is asked for its validation loss, one that has ``sample() -> str`` for
some words at its end. Tensors of State whose names begin with ``model/`` are its weights; without any, all are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flight.jobs.state import State
from flight.jobs.train import StepReport

__all__ = ["Job", "Order", "State", "StepReport"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a job is made with."""

    directory: Path
    """Of the files of its package."""
    seed: int
    """Of every random choice."""
    steps: int
    """Steps in all."""
    threads: int
    """Of torch; another number sums in another order."""


class Job(Protocol):
    """What the entry of a package makes of an `Order`."""

    def state(self) -> State:
        """Give everything that decides the future; the tensors may be the job's own."""
        ...

    def load(self, state: State) -> None:
        """Go on from a state, of which copies are taken."""
        ...

    def step(self) -> StepReport:
        """Do one step, and report it: its number from 1 on, and figures that nobody but people read."""
        ...
