"""ST[05] events: which event reports leave, and how often.

Each event definition may send a burst of reports, and after it one in an interval: something that flaps must not fill
the downlink. What did not leave is counted, and told by one report in the place of the next that may leave, so that
under a flood the ground hears of it once in an interval with the count. What is disabled leaves no trace but in the
events of the program. Source: ECSS-E-ST-70-41C 6.5 and 8.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccsds.errors import MisuseError
from flight.books.events import EventSwitched
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command, Dictionary
from mission.words.events import EVENT_BURST, EVENT_INTERVAL, EVENTS_SUPPRESSED

NS_PER_MS = 1_000_000


@dataclass(slots=True)
class _Allowance:
    """How many reports of one event may leave: those at hand, and since when more are gathered."""

    reports: int
    since_ns: int
    suppressed: int = 0


class EventService:
    """Lets event reports pass, or not.

    Args:
        dictionary: The events there are.
        ledger: Where it is kept which are disabled.
        reporter: Where it says what was suppressed.
        pool: Where the rate is set.
    """

    number = 5

    def __init__(self, dictionary: Dictionary, ledger: Ledger, reporter: Reporter, pool: ParameterPool) -> None:
        self._dictionary = dictionary
        self._book = ledger.events
        self._reporter = reporter
        self._burst: int = EVENT_BURST.default
        self._interval_ns: int = EVENT_INTERVAL.default * NS_PER_MS
        # One for each event that was ever reported, so bounded by the dictionary.
        self._allowances: dict[str, _Allowance] = {}
        # Of all of them together, what is still to be told.
        self._suppressed_count = 0
        pool.bind(EVENT_BURST, EVENT_BURST.default, self._set_burst)
        pool.bind(EVENT_INTERVAL, EVENT_INTERVAL.default, self._set_interval)

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "event.report_disabled":
            known = {each.id for each in self._dictionary.events.values()}
            disabled = sorted(self._book.disabled & known)
            return Outcome(answers=(self._reporter.encode("events_disabled", {"events": disabled}),))
        numbers = arguments["events"]
        for position, number in enumerate(numbers):
            if number in numbers[:position]:
                raise MisuseError(f"events[{position}]: expected each event once, found {number} twice")
        is_on = command.name == "event.enable"
        return Outcome(changes=tuple(EventSwitched(number, is_on) for number in numbers))

    def admit(self, name: str, now_ns: int) -> bool:
        """Tell whether a report of an event may leave now; count it if not."""
        if self._dictionary.events[name].id in self._book.disabled:
            return False
        if name == EVENTS_SUPPRESSED.name:  # Each takes the place of a report that was allowed.
            return True
        allowance = self._allowances.setdefault(name, _Allowance(self._burst, now_ns))
        self._gather(allowance, now_ns)
        # What was suppressed is told first, by `advance`.
        if allowance.reports > 0 and not allowance.suppressed:
            if allowance.reports == self._burst:
                allowance.since_ns = now_ns
            allowance.reports -= 1
            return True
        allowance.suppressed += 1
        self._suppressed_count += 1
        return False

    def advance(self, now_ns: int) -> None:
        """Tell what was suppressed, where a report may leave again."""
        if not self._suppressed_count:
            return
        for name, allowance in self._allowances.items():
            if allowance.suppressed and now_ns >= self._next_ns(allowance):
                self._gather(allowance, now_ns)
                allowance.reports -= 1
                self._reporter.event(EVENTS_SUPPRESSED, event=name, count=allowance.suppressed)
                self._suppressed_count -= allowance.suppressed
                allowance.suppressed = 0

    def next_deadline(self) -> int | None:
        """Give when something that was suppressed can be told."""
        if not self._suppressed_count:
            return None
        return min(self._next_ns(each) for each in self._allowances.values() if each.suppressed)

    def _next_ns(self, allowance: _Allowance) -> int:
        """Give when a report may leave."""
        return allowance.since_ns + (0 if allowance.reports > 0 else self._interval_ns)

    def _gather(self, allowance: _Allowance, now_ns: int) -> None:
        gathered = max(now_ns - allowance.since_ns, 0) // self._interval_ns
        allowance.reports = min(allowance.reports + gathered, self._burst)
        allowance.since_ns += gathered * self._interval_ns

    def _set_burst(self, burst: int, now_ns: int) -> None:
        self._burst = burst

    def _set_interval(self, interval_ms: int, now_ns: int) -> None:
        for allowance in self._allowances.values():
            self._gather(allowance, now_ns)
        self._interval_ns = interval_ms * NS_PER_MS
