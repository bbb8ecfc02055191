"""The runner: takes the steps of the procedures that run, the most urgent first, at a bounded rate.

A command takes the way of any other, and its end is durable in one record with how far the procedure has come. Waits
are not durable: after a reset a procedure that goes on does so behind the last command that it sent.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ccsds.errors import MalformedError
from ccsds.pus.telecommand import SEQUENCE_COUNT_MAX, AckFlags, Telecommand
from flight.autonomy.causes import Causes
from flight.autonomy.release import Release
from flight.autonomy.timeline import STORE_RETRY_NS
from flight.books.procedures import ProcedureEnded, RunRecord, StepBegun, StepEnded
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.procedures.text import COMPARISONS, End, Procedure, Repeat, Send, Wait, WaitFor, read_procedure
from flight.reporter import Reporter, clip_reason
from mission.channels import Apid, OnBoardSource
from mission.dictionary import Dictionary
from mission.procedures import Activity, OnFailure, OnReboot, ProcedureEnd
from mission.schedule import Fate
from mission.words.core import STORE_FAILED
from mission.words.procedures import PROCEDURE_ENDED, PROCEDURE_RATE, PROCEDURE_STARTED, PROCEDURE_STEP_FAILED

NS_PER_S = 1_000_000_000
# How often a condition is looked at: housekeeping is not fresher.
POLL_NS = NS_PER_S


@dataclass(slots=True)
class _Run:
    """What is known of a run beyond its record."""

    procedure: Procedure
    position: int
    left: list[int]
    until_ns: int | None = None
    """When its wait is over, or has lasted too long."""
    poll_ns: int = 0
    """When its condition is looked at next."""


class ProcedureRunner:
    """The procedures at work.

    Args:
        ledger: Those on board, and how far each has come.
        dictionary: What their texts may name.
        reporter: Where it says what it did.
        pool: The values that conditions are about.
        causes: The chain of causes at hand.
        release: See `flight.router.Router.release`.
    """

    def __init__(
        self,
        ledger: Ledger,
        dictionary: Dictionary,
        reporter: Reporter,
        pool: ParameterPool,
        causes: Causes,
        release: Callable[[Release, int], Fate],
    ) -> None:
        self._ledger = ledger
        self._book = ledger.procedures
        self._dictionary = dictionary
        self._reporter = reporter
        self._pool = pool
        self._causes = causes
        self._release = release
        self._runs: dict[str, _Run] = {}
        self._rate: int = PROCEDURE_RATE.default
        # When the last commands were sent, as many as may be within one second.
        self._sent_ns: deque[int] = deque()
        self._held_until_ns = 0
        # Runs up to this number are from before this start.
        self._run_count_before = self._book.run_count
        pool.bind(PROCEDURE_RATE, self._rate, self._set_rate)

    def boot(self, now_ns: int) -> None:
        """Take up, or end, what ran when the spacecraft was reset."""
        try:
            self._take_up()
        except OSError as error:
            self._wait_for_store(error, now_ns)

    def advance(self, now_ns: int) -> None:
        """Take every step that can be taken now."""
        if now_ns < self._held_until_ns:
            return
        try:
            self._take_up()
            self._move_all(now_ns)
            while (name := self._next_to_send()) is not None and self._may_send(now_ns):
                self._send(name, now_ns)
                self._take_up()
                self._move_all(now_ns)
        except OSError as error:
            self._wait_for_store(error, now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        if not self._book.runs and not self._runs:
            return None
        deadlines = [0 for name in self._book.runs if name not in self._runs]
        for run in self._runs.values():
            step = run.procedure.steps[run.position] if run.position < len(run.procedure.steps) else None
            if run.until_ns is not None:
                deadlines.append(min(run.until_ns, run.poll_ns) if isinstance(step, WaitFor) else run.until_ns)
            elif not isinstance(step, Send):  # It was taken up after a reset, or held by the store.
                deadlines.append(0)
        if self._next_to_send() is not None:
            deadlines.append(self._next_send_ns())
        return min((max(each, self._held_until_ns) for each in deadlines), default=None)

    def doing(self, name: str) -> Activity:
        """Tell what a procedure is doing."""
        if name not in self._book.runs:
            return Activity.INACTIVE
        run = self._runs.get(name)
        return Activity.RUNNING if run is None or run.until_ns is None else Activity.WAITING

    def line_of(self, name: str) -> int:
        """Give the line at which a procedure is, 0 if it does not run."""
        run = self._runs.get(name)
        if run is None or run.position >= len(run.procedure.steps):
            return 0
        return run.procedure.steps[run.position].line

    def forget(self, name: str) -> None:
        """Let go of a run that was ended by command, once that is durable."""
        self._runs.pop(name, None)

    def tell_ended(self, name: str, end: ProcedureEnd) -> None:
        """Say that a procedure runs no more."""
        self._reporter.event(PROCEDURE_ENDED, procedure=name, end=end)

    def _take_up(self) -> None:
        """Begin with the runs that commands have started, and go on with, or end, those from before this start."""
        for name, record in tuple(self._book.runs.items()):
            if name in self._runs:
                continue
            run = self._open(name, record)
            if run is None:
                continue
            is_from_before = record.started.number <= self._run_count_before
            if is_from_before and run.procedure.on_reboot is not OnReboot.CONTINUE:
                self._end_by_reset(name, run, record)
            else:
                self._runs[name] = run
                if not is_from_before:
                    with self._causes.at(record.started.depth):
                        self._reporter.event(PROCEDURE_STARTED, procedure=name, run=record.started.number)

    def _end_by_reset(self, name: str, run: _Run, record: RunRecord) -> None:
        """End a run that a reset has ended. Until that is durable it takes no step."""

        def tell() -> None:
            self._tell_failed(name, run, Fate.OUTCOME_UNKNOWN, "a reset fell into its execution")

        self._end(name, ProcedureEnd.RESET, tell if record.has_begun else None)

    def _open(self, name: str, record: RunRecord) -> _Run | None:
        loaded = self._book.loaded.get(name)
        try:
            if loaded is None:
                raise MalformedError("line 1, column 1: expected a text, found none")
            procedure = read_procedure(loaded.text, self._dictionary)
        except MalformedError as error:  # Good when it was loaded; the dictionary is another one since.
            reason = clip_reason(str(error))

            def tell() -> None:
                self._reporter.event(PROCEDURE_STEP_FAILED, procedure=name, line=0, fate=Fate.REFUSED, reason=reason)

            self._end(name, ProcedureEnd.UNREADABLE, tell)
            return None
        return _Run(procedure, record.position, list(record.left))

    def _move_all(self, now_ns: int) -> None:
        """Take the steps that need no command, of every run, up to where it waits or is to send one."""
        for name in tuple(self._runs):
            run = self._runs[name]
            while run.position < len(run.procedure.steps) and self._move(name, run, now_ns):
                pass
            if name in self._runs and run.position >= len(run.procedure.steps):
                self._end(name, ProcedureEnd.COMPLETED)

    def _move(self, name: str, run: _Run, now_ns: int) -> bool:
        """Take one step; tell whether there may be another right behind it."""
        match run.procedure.steps[run.position]:
            case Wait(_, duration_ns):
                if run.until_ns is None:
                    run.until_ns = now_ns + duration_ns
                return now_ns >= run.until_ns and self._next(run)
            case WaitFor() as step:
                return self._await(name, run, step, now_ns)
            case Repeat(_, count):
                run.left.append(count)
                return self._next(run)
            case End(_, start):
                run.position, run.left = after_end(run.position, start, run.left)
                return True
            case Send():
                return False

    def _await(self, name: str, run: _Run, step: WaitFor, now_ns: int) -> bool:
        if run.until_ns is None:
            run.until_ns, run.poll_ns = now_ns + step.timeout_ns, now_ns
        if now_ns >= run.poll_ns:
            run.poll_ns = now_ns + POLL_NS
            if COMPARISONS[step.comparison](self._pool.read(step.parameter.id, now_ns), step.value):
                return self._next(run)
        if now_ns < run.until_ns:
            return False
        condition = f"{step.parameter.name} {step.comparison} {step.value}"
        self._tell_failed(name, run, Fate.FAILED, f"{condition} did not come to be")
        if run.procedure.on_failure is OnFailure.ABORT:
            self._end(name, ProcedureEnd.STEP_FAILED)
            return False
        return self._next(run)

    def _next(self, run: _Run) -> bool:
        run.position += 1
        run.until_ns = None
        return True

    def _next_to_send(self) -> str | None:
        """Give the run that is to send a command, the most urgent one, and of those the oldest."""
        if not self._runs:
            return None
        ready = [
            (-self._book.runs[name].started.priority, self._book.runs[name].started.number, name)
            for name, run in self._runs.items()
            if run.position < len(run.procedure.steps) and isinstance(run.procedure.steps[run.position], Send)
        ]
        return min(ready)[2] if ready else None

    def _may_send(self, now_ns: int) -> bool:
        return now_ns >= self._next_send_ns()

    def _next_send_ns(self) -> int:
        while len(self._sent_ns) > self._rate:
            self._sent_ns.popleft()
        return self._sent_ns[0] + NS_PER_S if len(self._sent_ns) == self._rate else 0

    def _send(self, name: str, now_ns: int) -> None:
        run, record = self._runs[name], self._book.runs[name]
        step = run.procedure.steps[run.position]
        assert isinstance(step, Send)
        position, left = run.position + 1, tuple(run.left)
        telecommand = Telecommand(
            apid=Apid.CORE,
            sequence_count=self._book.sent_count & SEQUENCE_COUNT_MAX,
            service=step.command.service,
            subtype=step.command.subtype,
            source_id=OnBoardSource.PROCEDURES,
            ack=AckFlags(0),
            data=step.data,
        )
        with self._causes.at(record.started.depth + 1):
            fate = self._release(
                Release(
                    packet=telecommand.encode(),
                    begun=StepBegun(name),
                    ended=lambda fate: StepEnded(name, position, left, fate),
                    has_begun=record.has_begun,
                ),
                now_ns,
            )
        self._sent_ns.append(now_ns)
        if fate is not Fate.EXECUTED:
            self._tell_failed(name, run, fate, f"{step.command.name} came to {fate.name}")
        if name not in self._runs:  # The command has ended its own procedure.
            return
        self._next(run)
        if fate is not Fate.EXECUTED and run.procedure.on_failure is OnFailure.ABORT:
            self._end(name, ProcedureEnd.STEP_FAILED)

    def _tell_failed(self, name: str, run: _Run, fate: Fate, reason: str) -> None:
        line = run.procedure.steps[run.position].line
        self._reporter.event(PROCEDURE_STEP_FAILED, procedure=name, line=line, fate=fate, reason=clip_reason(reason))

    def _end(self, name: str, end: ProcedureEnd, tell: Callable[[], None] | None = None) -> None:
        """End a run; once that is durable, tell why, then that it has."""
        depth = self._book.runs[name].started.depth
        self._ledger.commit(ProcedureEnded(name, end))
        self._runs.pop(name, None)
        if tell is not None:
            tell()
        with self._causes.at(depth):
            self.tell_ended(name, end)

    def _set_rate(self, rate: int, now_ns: int) -> None:
        self._rate = rate

    def _wait_for_store(self, error: OSError, now_ns: int) -> None:
        """Wait a while if the store fails; every run is where it was."""
        self._held_until_ns = now_ns + STORE_RETRY_NS
        self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))


def after_end(position: int, start: int, left: list[int]) -> tuple[int, list[int]]:
    """Give where a run goes on at the end of a repeat: at its beginning, or behind it."""
    *outer, count = left
    return (start + 1, [*outer, count - 1]) if count > 1 else (position + 1, outer)
