"""Mission service [131] mode: keeps the mode of the spacecraft, and lets jobs run or holds them by it.

What leads where is in `flight.survival.mode`. A mode is durable before it is told; but a store that fails keeps nobody
out of SAFE: it is entered in memory, and written down as soon as the store allows.
"""

from collections.abc import Mapping
from typing import Any

from flight.books.mode import ModeChanged
from flight.jobs.engine import Engine
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from flight.survival.mode import CAUSES, ENTER, HOLDS_JOBS, Trigger, follow
from mission.dictionary import Command
from mission.modes import Mode
from mission.words.core import STORE_FAILED
from mission.words.mode import MODE_CHANGED, SAFE_ENTERED

NS_PER_S = 1_000_000_000

# A store that failed is tried again this often, as the job engine does.
RETRY_NS = 60 * NS_PER_S


class ModeService:
    """Keeps the mode.

    Args:
        ledger: Where it is kept.
        reporter: Where it is told.
        engine: What is held or let run by it.
    """

    number = 131

    def __init__(self, ledger: Ledger, reporter: Reporter, engine: Engine) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._engine = engine
        self._told = ledger.mode.latest
        # What the store did not take, and what it holds instead.
        self._unwritten: ModeChanged | None = None
        self._written = self._told
        self._retry_ns = 0
        engine.hold(HOLDS_JOBS[self.mode])

    @property
    def latest(self) -> ModeChanged:
        """The mode the spacecraft is in, and why."""
        return self._unwritten or self._ledger.mode.latest

    @property
    def mode(self) -> Mode:
        """The mode the spacecraft is in."""
        return self.latest.mode

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return Outcome(changes=self.changes(ENTER[arguments["mode"]]), afterwards=self.settle)

    def changes(self, trigger: Trigger) -> tuple[ModeChanged, ...]:
        """Give the change that a trigger makes, if any; once it is committed, `settle` is to be called."""
        after = follow(self.mode, trigger)
        return () if after is self.mode else (ModeChanged(after, CAUSES[trigger]),)

    def fall(self, trigger: Trigger, now_ns: int) -> None:
        """Follow a trigger that no command brought."""
        for change in self.changes(trigger):
            self._unwritten, self._written = change, self._ledger.mode.latest
            self._write(now_ns)
            self.settle(now_ns)

    def advance(self, now_ns: int) -> None:
        """Write down what the store did not take."""
        if self._unwritten is not None and now_ns >= self._retry_ns:
            self._write(now_ns)

    def next_deadline(self) -> int | None:
        """Give when the store is tried again."""
        return self._retry_ns if self._unwritten is not None else None

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the mode have their values from."""
        return {"mode": lambda _: self.mode, "mode_cause": lambda _: self.latest.cause}

    def settle(self, now_ns: int) -> None:
        """Act upon the mode as it is now, and tell of it if it has changed."""
        if self._ledger.mode.latest is not self._written:
            self._unwritten = None  # A command has changed the mode meanwhile.
        before, after = self._told, self.latest
        if before == after:
            return
        self._told = after
        self._engine.hold(HOLDS_JOBS[after.mode])
        definition = SAFE_ENTERED if after.mode is Mode.SAFE else MODE_CHANGED
        self._reporter.event(definition, before=before.mode, after=after.mode, cause=after.cause)

    def _write(self, now_ns: int) -> None:
        assert self._unwritten is not None
        try:
            self._ledger.commit(self._unwritten)
        except OSError as error:
            self._retry_ns = now_ns + RETRY_NS
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            return
        self._unwritten = None
