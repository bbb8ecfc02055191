"""ST[17] test: are you there.

Source: ECSS-E-ST-70-41C 6.17 and 8.17.
"""

from collections.abc import Mapping
from typing import Any

from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command


class ConnectionTestService:
    """Answers a connection test with a connection test report."""

    number = 17

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return Outcome(answers=(self._reporter.encode("connection_test", {}),))
