"""What keeps the spacecraft alive and commandable: its mode, its boots and resets, and the operator's safeguards."""

from dataclasses import dataclass, field

from ccsds.deadline import earliest
from flight.autonomy.causes import Causes
from flight.commit import Change
from flight.events import Event, ResetDue
from flight.jobs.engine import Engine
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.boots import BootPolicy, BootService, Start
from flight.services.mode import ModeService
from flight.services.safeguards import SafeguardService
from flight.services.service import Service
from flight.survival.boot_mark import BootMarks
from flight.survival.mode import Trigger
from flight.survival.watchdog import Part
from mission.boots import ResetReason
from mission.modes import Mode
from mission.words.boots import STARVING


@dataclass(frozen=True, kw_only=True)
class SurvivalConfig:
    """How a spacecraft looks after itself."""

    boots: BootPolicy = field(default_factory=BootPolicy)
    was_bitten: bool = False
    """Whether the hardware says that its watchdog brought this start about."""


class Survival:
    """All that survives.

    Args:
        config: How.
        ledger: What it works by.
        marks: Where boots are counted besides.
        reporter: Where it says what it did.
        pool: The parameters; those of these services get their sources.
        engine: Runs jobs, if the mode lets it.
        causes: The chain of causes at hand.
        computer: What names this run of the computer, empty where nothing does.
        now_ns: When it starts.
    """

    def __init__(
        self,
        config: SurvivalConfig,
        ledger: Ledger,
        marks: BootMarks,
        reporter: Reporter,
        pool: ParameterPool,
        engine: Engine,
        causes: Causes,
        computer: str,
        now_ns: int,
    ) -> None:
        start = Start(computer=computer, was_bitten=config.was_bitten)
        self.boots = BootService(config.boots, ledger, marks, reporter, causes, start, now_ns)
        self.modes = ModeService(ledger, reporter, engine)
        self.safeguards = SafeguardService(ledger, reporter, self.modes, now_ns)
        self.services: tuple[Service, ...] = (self.modes, self.boots, self.safeguards)
        self.entry: tuple[Change, ...] = (self.boots.entry, self.safeguards.entry)
        """What is durable of this start."""
        self._events: list[Event] = []
        self._reporter = reporter
        self._starving: tuple[Part, ...] = ()
        for service in (self.modes, self.boots, self.safeguards):
            pool.provide(service.sources())

    @property
    def mode(self) -> Mode:
        """What the spacecraft is set on."""
        return self.modes.mode

    def boot(self, now_ns: int) -> bool:
        """Say what brought this start about, and go to SAFE if it is one of too many; tell whether it is."""
        self.boots.boot()
        is_too_many = self.boots.has_reset_too_often
        if is_too_many:
            self.modes.fall(Trigger.RESETS, now_ns)
        return is_too_many

    def stop(self) -> None:
        """Take note that whoever drives the spacecraft ends it in order."""
        self.boots.end(ResetReason.STOPPED)

    def starve(self, parts: tuple[Part, ...]) -> None:
        """Take note of what makes no progress, if anything: should this life end by it, the next one knows why."""
        if parts == self._starving:
            return
        self._starving = parts
        if parts:
            self._reporter.event(STARVING, parts=", ".join(part.value for part in parts))
        self.boots.end(ResetReason.WATCHDOG if parts else ResetReason.UNKNOWN)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self.modes.advance(now_ns)
        self.safeguards.advance(now_ns)
        reason = self.boots.advance(now_ns)
        if reason is not None:
            self._events.append(ResetDue(now_ns, reason.name))

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        deadlines = (self.modes.next_deadline(), self.safeguards.next_deadline(), self.boots.next_deadline())
        return earliest(deadlines)

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken
