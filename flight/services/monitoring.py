"""ST[12] on-board monitoring: what is to be watched, and how. It does not look: that is `flight.autonomy.monitoring`.

A command is done whole or refused whole, with the position of the first fault. A definition is changed in flight, and
begins unchecked.

Source: ECSS-E-ST-70-41C 6.12 and 8.12.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ccsds.errors import MisuseError
from flight.autonomy.monitoring import Monitoring, Watch, transition_row
from flight.books.monitoring import (
    Monitor,
    MonitoringSwitched,
    MonitorsDefined,
    MonitorsDeleted,
    MonitorsSwitched,
    ReportingDelaySet,
)
from flight.ledger import Ledger
from flight.parameters import ParameterPool, Source
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.field_types import Enumerated, Float, Int, UInt
from mission.monitoring import (
    MONITOR_ROWS_MAX,
    MONITORS_MAX,
    OUT_ROWS_MAX,
    OUT_STATUSES,
    STATUS_ROWS_MAX,
    CheckKind,
    CheckStatus,
)
from mission.schedule import Switch

_NS_PER_MS = 1_000_000
_NUMBERS = (UInt, Int, Float, Enumerated)
_WHOLE_NUMBERS = (UInt, Int, Enumerated)

Handler = Callable[[Mapping[str, Any]], Outcome]


class MonitoringService:
    """Keeps the monitoring definitions.

    Args:
        ledger: Where they are kept.
        reporter: Where reports go.
        pool: The parameters there are.
        monitoring: What works by the definitions.
    """

    number = 12

    def __init__(self, ledger: Ledger, reporter: Reporter, pool: ParameterPool, monitoring: Monitoring) -> None:
        self._book = ledger.monitoring
        self._reporter = reporter
        self._pool = pool
        self._monitoring = monitoring
        self._handlers: dict[str, Handler] = {
            "monitoring.enable_monitors": lambda given: self._switch(given, True),
            "monitoring.disable_monitors": lambda given: self._switch(given, False),
            "monitoring.set_delay": lambda given: Outcome((ReportingDelaySet(given["delay"] * _NS_PER_MS),)),
            "monitoring.delete_all": lambda _: self._delete_all(),
            "monitoring.add": lambda given: self._define(given, self._check_new),
            "monitoring.delete": self._delete,
            "monitoring.modify": lambda given: self._define(given, self._check_known),
            "monitoring.report_definitions": self._report_definitions,
            "monitoring.report_out": self._report_out,
            "monitoring.report_status": self._report_status,
            "monitoring.enable": lambda _: Outcome((MonitoringSwitched(True),)),
            "monitoring.disable": lambda _: Outcome((MonitoringSwitched(False),)),
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        outcome = self._handlers[command.name](arguments)
        return replace(outcome, afterwards=self._monitoring.refresh) if outcome.changes else outcome

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the monitoring structure have their values from."""
        return {
            "monitors": lambda _: len(self._book.monitors),
            "monitors_enabled": lambda _: len(self._monitoring.watches()),
            "monitors_out": lambda _: self._monitoring.out_count,
            "transitions_lost": lambda _: self._monitoring.lost_count,
        }

    def _define(self, given: Mapping[str, Any], check: Callable[[int, set[int]], None]) -> Outcome:
        found: dict[int, Monitor] = {}
        for position, row in enumerate(given["monitors"]):
            try:
                check(row["monitor"], set(found))
                found[row["monitor"]] = self._monitor(row)
            except MisuseError as error:
                raise MisuseError(f"monitors[{position}]: {error}") from None
        count = len(self._book.monitors.keys() | found.keys())
        if count > MONITORS_MAX:
            raise MisuseError(f"expected at most {MONITORS_MAX} monitors, found {count}")
        return Outcome((MonitorsDefined(tuple(found.values())),))

    def _check_new(self, number: int, found: set[int]) -> None:
        if number in self._book.monitors or number in found:
            raise MisuseError(f"monitor: expected a number that is free, found {number}")

    def _check_known(self, number: int, found: set[int]) -> None:
        if number not in self._book.monitors or number in found:
            raise MisuseError(f"monitor: expected a monitor that exists, named once, found {number}")

    def _monitor(self, row: Mapping[str, Any]) -> Monitor:
        kind: CheckKind = row["kind"]
        allowed = _WHOLE_NUMBERS if kind is CheckKind.EXPECTED else _NUMBERS
        self._check_parameter("parameter", row["parameter"], allowed)
        if row["validity_parameter"]:
            self._check_parameter("validity_parameter", row["validity_parameter"], _WHOLE_NUMBERS)
            _check_bits("validity_expected", row["validity_mask"], row["validity_expected"])
        elif row["validity_mask"] or row["validity_expected"]:
            raise MisuseError("validity_parameter: expected a parameter for the bits that are given, found none")
        match kind:
            case CheckKind.EXPECTED:
                _check_bits("expected", row["mask"], row["expected"])
            case CheckKind.LIMIT | CheckKind.DELTA:
                if math.isnan(row["low"]) or math.isnan(row["high"]) or row["low"] > row["high"]:
                    raise MisuseError(f"high: expected a number from low {row['low']:g} on, found {row['high']:g}")
            case CheckKind.STALE:
                if row["stale"] < row["interval"]:
                    raise MisuseError(
                        f"stale: expected an interval ({row['interval']} ms) or more, found {row['stale']}"
                    )
        return Monitor(
            monitor=row["monitor"],
            parameter=row["parameter"],
            interval_ns=row["interval"] * _NS_PER_MS,
            repetition=row["repetition"],
            validity_parameter=row["validity_parameter"],
            validity_mask=row["validity_mask"],
            validity_expected=row["validity_expected"],
            kind=kind,
            mask=row["mask"],
            expected=row["expected"],
            low=row["low"],
            high=row["high"],
            deltas=row["deltas"],
            stale_ns=row["stale"] * _NS_PER_MS,
        )

    def _check_parameter(self, name: str, number: int, allowed: tuple[type, ...]) -> None:
        try:
            parameter = self._pool.find(number)
        except MisuseError as error:
            raise MisuseError(f"{name}: {error}") from None
        if not isinstance(parameter.shape.type, allowed):
            whole = "a whole number" if allowed is _WHOLE_NUMBERS else "a number"
            raise MisuseError(f"{name}: expected a parameter that is {whole}, found {parameter.name}")

    def _known(self, given: Mapping[str, Any]) -> tuple[int, ...]:
        for position, number in enumerate(given["monitors"]):
            if number not in self._book.monitors:
                raise MisuseError(f"monitors[{position}]: expected a monitor that exists, found {number}")
        return tuple(given["monitors"])

    def _switch(self, given: Mapping[str, Any], enabled: bool) -> Outcome:
        return Outcome((MonitorsSwitched(self._known(given), enabled),))

    def _delete(self, given: Mapping[str, Any]) -> Outcome:
        numbers = self._known(given)
        for position, number in enumerate(numbers):
            if number in self._book.enabled:
                raise MisuseError(f"monitors[{position}]: expected a monitor that is disabled, found {number}")
        return Outcome((MonitorsDeleted(numbers),))

    def _delete_all(self) -> Outcome:
        if self._book.is_enabled:
            raise MisuseError("expected monitoring to be disabled, found it enabled")
        return Outcome((MonitorsDeleted(tuple(self._book.monitors)),))

    def _report_definitions(self, given: Mapping[str, Any]) -> Outcome:
        monitors = [monitor for _, monitor in sorted(self._book.monitors.items())]
        return self._page("monitor_definitions", "monitors", monitors, given, MONITOR_ROWS_MAX, _definition_row)

    def _report_out(self, given: Mapping[str, Any]) -> Outcome:
        return self._page("monitors_out", "transitions", self._out(), given, OUT_ROWS_MAX, transition_row)

    def _report_status(self, given: Mapping[str, Any]) -> Outcome:
        return self._page(
            "monitor_status", "monitors", sorted(self._book.monitors), given, STATUS_ROWS_MAX, self._status_row
        )

    def _status_row(self, number: int) -> dict[str, Any]:
        watch = self._monitoring.watches().get(number)
        return {
            "monitor": number,
            "switch": Switch(number in self._book.enabled),
            "status": CheckStatus.UNCHECKED if watch is None else watch.status,
        }

    def _out(self) -> list[Watch]:
        return [watch for watch in self._monitoring.watches().values() if watch.status in OUT_STATUSES]

    def _page(
        self,
        report: str,
        field: str,
        rows: Sequence[Any],
        given: Mapping[str, Any],
        rows_max: int,
        write: Callable[[Any], dict[str, Any]],
    ) -> Outcome:
        position = given["position"]
        page = [write(row) for row in rows[position : position + rows_max]]
        values = {"total": len(rows), "position": position, field: page}
        return Outcome(answers=(self._reporter.encode(report, values),))


def _check_bits(name: str, mask: int, expected: int) -> None:
    if not mask or expected & ~mask:
        raise MisuseError(f"{name}: expected bits within the mask {mask:#x}, found {expected:#x}")


def _definition_row(monitor: Monitor) -> dict[str, Any]:
    return {
        "monitor": monitor.monitor,
        "parameter": monitor.parameter,
        "interval": monitor.interval_ns // _NS_PER_MS,
        "repetition": monitor.repetition,
        "validity_parameter": monitor.validity_parameter,
        "validity_mask": monitor.validity_mask,
        "validity_expected": monitor.validity_expected,
        "kind": monitor.kind,
        "mask": monitor.mask,
        "expected": monitor.expected,
        "low": monitor.low,
        "high": monitor.high,
        "deltas": monitor.deltas,
        "stale": monitor.stale_ns // _NS_PER_MS,
    }
