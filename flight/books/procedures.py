"""The book of procedures: those on board, as text with its digest, and how far each that runs has come."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from mission.procedures import ProcedureEnd
from mission.schedule import Fate


class ProcedureLoaded(msgspec.Struct, frozen=True, tag=True):
    """A procedure was found good and is on board; one of that name is replaced."""

    name: str
    text: bytes
    sha256: bytes


class ProcedureUnloaded(msgspec.Struct, frozen=True, tag=True):
    """A procedure is not on board any more."""

    name: str


class ProcedureStarted(msgspec.Struct, frozen=True, tag=True):
    """A procedure began to run."""

    name: str
    priority: int
    depth: int
    """How many causes on board there were before it; 0 if the ground started it, at once or by the schedule."""
    number: int
    """Of the run, counted up."""


class StepBegun(msgspec.Struct, frozen=True, tag=True):
    """A command of a procedure is about to act."""

    name: str


class StepEnded(msgspec.Struct, frozen=True, tag=True):
    """A command of a procedure has come to this."""

    name: str
    position: int
    """Of the step after it."""
    left: tuple[int, ...]
    """How often each repeat around it is still to be done, the outermost first."""
    fate: Fate


class ProcedureEnded(msgspec.Struct, frozen=True, tag=True):
    """A procedure runs no more."""

    name: str
    end: ProcedureEnd


class StepsTold(msgspec.Struct, frozen=True, tag=True):
    """How far a run has come: how a compacted journal says it."""

    name: str
    position: int
    left: tuple[int, ...]
    sent: int
    failed: int


class ProceduresCounted(msgspec.Struct, frozen=True, tag=True):
    """How many runs and commands there were: how a compacted journal says it."""

    runs: int
    sent: int


ProcedureChange = (
    ProcedureLoaded
    | ProcedureUnloaded
    | ProcedureStarted
    | StepBegun
    | StepEnded
    | ProcedureEnded
    | StepsTold
    | ProceduresCounted
)
"""What can become of procedures."""


@dataclass(slots=True)
class RunRecord:
    """What is durably known of one run."""

    started: ProcedureStarted
    position: int = 0
    left: tuple[int, ...] = ()
    sent: int = 0
    failed: int = 0
    has_begun: bool = False
    """The command at its position began to act and never ended."""


class ProcedureBook:
    """The procedures."""

    changes = (
        ProcedureLoaded,
        ProcedureUnloaded,
        ProcedureStarted,
        StepBegun,
        StepEnded,
        ProcedureEnded,
        StepsTold,
        ProceduresCounted,
    )

    def __init__(self) -> None:
        self.loaded: OrderedDict[str, ProcedureLoaded] = OrderedDict()
        self.runs: OrderedDict[str, RunRecord] = OrderedDict()
        """By name, oldest first."""
        self.run_count = 0
        self.sent_count = 0

    def apply(self, change: ProcedureChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case ProcedureLoaded(name):
                self.loaded[name] = change
            case ProcedureUnloaded(name):
                self.loaded.pop(name, None)
            case ProcedureStarted(name, number=number):
                self.runs[name] = RunRecord(change)
                self.run_count = number
            case ProceduresCounted(runs, sent):
                self.run_count, self.sent_count = runs, sent
            case ProcedureEnded(name):
                self.runs.pop(name, None)
            case StepBegun() | StepEnded() | StepsTold():
                self._step(change)

    def snapshot(self) -> Iterator[tuple[ProcedureChange, ...]]:
        """See `flight.books.book.Book`."""
        for loaded in self.loaded.values():
            yield (loaded,)
        for name, run in self.runs.items():
            told = StepsTold(name, run.position, run.left, run.sent, run.failed)
            yield (run.started, told, *((StepBegun(name),) if run.has_begun else ()))
        if self.run_count:
            yield (ProceduresCounted(self.run_count, self.sent_count),)

    def _step(self, change: StepBegun | StepEnded | StepsTold) -> None:
        if isinstance(change, StepEnded):
            self.sent_count += 1
        run = self.runs.get(change.name)
        if run is None:
            return
        match change:
            case StepsTold(_, position, left, sent, failed):
                run.position, run.left, run.sent, run.failed = position, left, sent, failed
            case StepBegun():
                run.has_begun = True
            case StepEnded(_, position, left, fate):
                run.position, run.left, run.has_begun = position, left, False
                run.sent += 1
                run.failed += fate is not Fate.EXECUTED
