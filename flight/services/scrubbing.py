"""Mission service [136] scrubbing: a pass through the store by command, and what the passes came to."""

from collections.abc import Mapping
from typing import Any

from flight.parameters import ParameterPool, Source
from flight.reporter import Reporter
from flight.scrubbing.scrubber import NS_PER_S, Scrubber
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.words.scrubbing import SCRUB_COPIES_MAX, SCRUB_PERIOD, SCRUB_RATE


class ScrubbingService:
    """Lets the ground see and steer the scrubber.

    Args:
        scrubber: Who does it.
        reporter: Where reports go.
        pool: The parameters; those of scrubbing get their sources, and its settings are followed.
    """

    number = 136

    def __init__(self, scrubber: Scrubber, reporter: Reporter, pool: ParameterPool) -> None:
        self._scrubber = scrubber
        self._reporter = reporter
        self._sources = self._make_sources()
        pool.provide(self._sources)
        pool.bind(SCRUB_PERIOD, SCRUB_PERIOD.default, self._set_period)
        pool.bind(SCRUB_RATE, SCRUB_RATE.default, self._set_rate)
        pool.bind(SCRUB_COPIES_MAX, SCRUB_COPIES_MAX.default, self._set_copies_max)

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "scrub.start":
            return Outcome(afterwards=self._scrubber.start)
        report = {name: source(now_ns) for name, source in self._sources.items()}
        return Outcome(answers=(self._reporter.encode("scrub_report", report),))

    def _make_sources(self) -> dict[str, Source]:
        scrubber = self._scrubber
        return {
            "scrub_passes": lambda _: scrubber.counts.passes,
            "scrub_octets": lambda _: scrubber.counts.octets,
            "scrub_mended": lambda _: scrubber.counts.mended,
            "scrub_lost": lambda _: scrubber.counts.lost,
            "scrub_files": lambda _: len(scrubber.copies.places),
            "scrub_copies_octets": lambda _: scrubber.copies.octets,
        }

    def _set_period(self, period_s: int, now_ns: int) -> None:
        self._scrubber.set_period(period_s * NS_PER_S, now_ns)

    def _set_rate(self, rate_octets_per_s: int, now_ns: int) -> None:
        self._scrubber.rate_octets_per_s = rate_octets_per_s

    def _set_copies_max(self, octets: int, now_ns: int) -> None:
        self._scrubber.copies_octets_max = octets
