"""ST[09] time: setting and adjusting the on-board clock, how often it is reported, and what housekeeping tells of it.

Source: ECSS-E-ST-70-41C 6.9 and 8.9.
"""

import math
from collections.abc import Mapping
from typing import Any

from ccsds.errors import MisuseError
from flight.books.time import TimeReportsSet
from flight.clock import Clock
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.time import TimeChange, TimeOrigin
from mission.words.core import STORE_FAILED
from mission.words.time import (
    CLOCK_CHANGED,
    CLOCK_DRIFT,
    CLOCK_NOTE_PERIOD,
    CLOCK_STARTED,
    TAI_NS_MAX,
)

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class TimeService:
    """Keeps the clock as the ground wants it.

    Args:
        clock: The clock.
        ledger: Where it is kept.
        reporter: Where changes are told.
        pool: Where its parameters are read and set.
    """

    number = 9

    def __init__(self, clock: Clock, ledger: Ledger, reporter: Reporter, pool: ParameterPool) -> None:
        self._clock = clock
        self._ledger = ledger
        self._reporter = reporter
        pool.provide(
            {
                "time_status": lambda now_ns: clock.status,
                "time_uncertainty": self._uncertainty_s,
                "time_origin": lambda now_ns: clock.origin,
            }
        )
        pool.bind(
            CLOCK_NOTE_PERIOD,
            CLOCK_NOTE_PERIOD.default,
            lambda value, now_ns: clock.note_every(value * NS_PER_S, now_ns),
        )
        pool.bind(CLOCK_DRIFT, CLOCK_DRIFT.default, self._allow_drift)

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        before_ns = self._clock.tai_ns(now_ns)
        match command.name:
            case "time.report_rate":
                return Outcome(changes=(TimeReportsSet(arguments["exponent"]),))
            case "time.stop_reports":
                return Outcome(changes=(TimeReportsSet(None),))
            case "time.set":
                change, after_ns = TimeChange.SET, arguments["tai"]
            case _:
                change, after_ns = TimeChange.ADJUSTED, before_ns + arguments["offset"]
        if not 0 <= after_ns <= TAI_NS_MAX:
            raise MisuseError(f"expected a time from 0 to {TAI_NS_MAX} ns since 1958, found {after_ns}")
        kept = self._clock.set(after_ns, arguments["uncertainty"] * NS_PER_MS, now_ns)
        return Outcome(
            changes=(kept,),
            afterwards=lambda _: self._reporter.event(CLOCK_CHANGED, change=change, before=before_ns, after=after_ns),
        )

    def boot(self, now_ns: int) -> None:
        """Tell that the time was taken from somewhere else than before the start."""
        before = self._clock.before
        if before is not None and self._clock.origin is not TimeOrigin.CONTINUED:
            self._reporter.event(
                CLOCK_STARTED,
                origin=self._clock.origin,
                before=before.tai_ns,
                after=self._clock.tai_ns(now_ns),
            )

    def advance(self, now_ns: int) -> None:
        """Make the time durable, if that is due."""
        if now_ns < self._clock.next_deadline():
            return
        try:
            self._ledger.commit(self._clock.note(now_ns))
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))

    def next_deadline(self) -> int:
        """Give when the time is to be made durable."""
        return self._clock.next_deadline()

    def _uncertainty_s(self, now_ns: int) -> float:
        uncertainty_ns = self._clock.uncertainty_ns(now_ns)
        return math.nan if uncertainty_ns is None else uncertainty_ns / NS_PER_S

    def _allow_drift(self, drift_ppm: float, now_ns: int) -> None:
        self._clock.drift_ppm = drift_ppm
