"""What the spacecraft does by itself: the schedule, procedures, monitoring and reactions, put together.

Each works by its own book in the ledger. What any of them releases takes the way of a telecommand of the ground; what
one causes, another may answer, up to a bound (`flight.autonomy.causes`).
"""

from collections.abc import Callable

from ccsds.deadline import earliest
from flight.acceptance import Acceptance
from flight.autonomy.causes import Causes
from flight.autonomy.monitoring import Monitoring
from flight.autonomy.reacting import Reacting
from flight.autonomy.release import Release
from flight.autonomy.timeline import Timeline
from flight.disk import Disk
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.procedures.runner import ProcedureRunner
from flight.reporter import Reporter
from flight.services.monitoring import MonitoringService
from flight.services.procedures import ProcedureService
from flight.services.reactions import ReactionService
from flight.services.schedule import ScheduleService
from flight.services.service import Service
from mission.dictionary import Dictionary
from mission.schedule import Fate


class Autonomy:
    """All that acts without the ground.

    Args:
        dictionary: The words there are.
        ledger: What it works by.
        reporter: Where it says what it did, and where events come from.
        pool: The parameters; those of these services get their sources.
        disk: Where uploaded files are.
        causes: The chain of causes at hand.
        tai_of: Gives on-board TAI for ``now_ns``.
        release: See `flight.router.Router.release`.
        now_ns: When it starts.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        ledger: Ledger,
        reporter: Reporter,
        pool: ParameterPool,
        disk: Disk,
        causes: Causes,
        tai_of: Callable[[int], int],
        release: Callable[[Release, int], Fate],
        now_ns: int,
    ) -> None:
        acceptance = Acceptance(dictionary, procedures=ledger.procedures.loaded)
        self._timeline = Timeline(ledger, reporter, causes, tai_of, release, now_ns)
        self._runner = ProcedureRunner(ledger, dictionary, reporter, pool, causes, release)
        self._monitoring = Monitoring(ledger, reporter, pool, tai_of)
        self._reacting = Reacting(ledger, reporter, pool, causes, release)
        schedule = ScheduleService(ledger, reporter, acceptance, causes, tai_of)
        procedures = ProcedureService(ledger, dictionary, reporter, disk, causes, self._runner)
        monitoring = MonitoringService(ledger, reporter, pool, self._monitoring)
        reactions = ReactionService(ledger, dictionary, reporter, acceptance, self._reacting)
        self.services: tuple[Service, ...] = (schedule, procedures, monitoring, reactions)
        for service in (schedule, procedures, monitoring, reactions):
            pool.provide(service.sources())

    def boot(self, now_ns: int) -> None:
        """Go on with what was under way when the spacecraft was reset."""
        self._runner.boot(now_ns)
        self._monitoring.refresh(now_ns)

    def contact(self, is_up: bool, now_ns: int) -> None:
        """Take note that the link is there, or is gone."""
        self._timeline.contact(is_up, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._timeline.advance(now_ns)
        self._runner.advance(now_ns)
        self._monitoring.advance(now_ns)
        self._reacting.advance(now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        deadlines = (
            self._timeline.next_deadline(),
            self._runner.next_deadline(),
            self._monitoring.next_deadline(),
            self._reacting.next_deadline(),
        )
        return earliest(deadlines)
