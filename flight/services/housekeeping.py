"""ST[03] housekeeping: structures of parameters, reported periodically where the ground asked for it.

Which structures are on is kept in the ledger and survives a reboot. Source: ECSS-E-ST-70-41C 6.3 and 8.3.
"""

from collections.abc import Mapping
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.books.housekeeping import HousekeepingSwitched
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command, Dictionary


class HousekeepingService:
    """Reports structures.

    Args:
        dictionary: The structures there are.
        ledger: Where it is kept which are on.
        reporter: Where reports go.
        pool: Where parameters have their values.
    """

    number = 3

    def __init__(self, dictionary: Dictionary, ledger: Ledger, reporter: Reporter, pool: ParameterPool) -> None:
        self._dictionary = dictionary
        self._ledger = ledger
        self._reporter = reporter
        self._pool = pool
        self._due_ns: dict[int, int] = {}

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        is_on = command.name == "housekeeping.enable"
        try:
            numbers = [self._dictionary.structure_of(number).id for number in arguments["structures"]]
        except MalformedError as error:
            raise MisuseError(str(error)) from None
        return Outcome(changes=tuple(HousekeepingSwitched(number, is_on) for number in numbers))

    def advance(self, now_ns: int) -> None:
        """Report what is due."""
        for number in self._enabled():
            if now_ns >= self._due_ns.get(number, 0):
                structure = self._dictionary.structures[number]
                self._reporter.housekeeping(structure, self._pool.sample(structure.parameters, now_ns))
                self._due_ns[number] = now_ns + structure.period_ns

    def next_deadline(self) -> int | None:
        """Give the time at which the next report is due."""
        return min((self._due_ns.get(number, 0) for number in self._enabled()), default=None)

    def _enabled(self) -> list[int]:
        known = self._dictionary.structures
        return [number for number, is_on in self._ledger.housekeeping.items() if is_on and number in known]
