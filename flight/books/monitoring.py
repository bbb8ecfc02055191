"""The book of monitoring: what is watched, how, and whether. What the checks have come to is not durable."""

from collections.abc import Iterator

import msgspec

from mission.monitoring import CheckKind


class Monitor(msgspec.Struct, frozen=True, array_like=True):
    """One monitoring definition."""

    monitor: int
    parameter: int
    interval_ns: int
    repetition: int
    """How many results in a row it takes to change its status."""
    validity_parameter: int
    """0 if it is always valid."""
    validity_mask: int
    validity_expected: int
    kind: CheckKind
    mask: int
    expected: int
    low: float
    high: float
    deltas: int
    stale_ns: int


class MonitorsDefined(msgspec.Struct, frozen=True, tag=True):
    """Monitors were added, disabled, or changed."""

    monitors: tuple[Monitor, ...]


class MonitorsDeleted(msgspec.Struct, frozen=True, tag=True):
    """Monitors are no more."""

    numbers: tuple[int, ...]


class MonitorsSwitched(msgspec.Struct, frozen=True, tag=True):
    """Monitors were enabled or disabled."""

    numbers: tuple[int, ...]
    enabled: bool


class MonitoringSwitched(msgspec.Struct, frozen=True, tag=True):
    """Monitoring was enabled or disabled as a whole."""

    enabled: bool


class ReportingDelaySet(msgspec.Struct, frozen=True, tag=True):
    """Transitions are told at most so late."""

    delay_ns: int


MonitoringChange = MonitorsDefined | MonitorsDeleted | MonitorsSwitched | MonitoringSwitched | ReportingDelaySet
"""What can become of monitoring."""

REPORTING_DELAY_NS = 1_000_000_000
"""How late transitions are told until the ground says otherwise."""


class MonitoringBook:
    """The monitors."""

    changes = (MonitorsDefined, MonitorsDeleted, MonitorsSwitched, MonitoringSwitched, ReportingDelaySet)

    def __init__(self) -> None:
        self.monitors: dict[int, Monitor] = {}
        self.enabled: set[int] = set()
        self.is_enabled = True
        self.delay_ns = REPORTING_DELAY_NS

    def apply(self, change: MonitoringChange) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case MonitorsDefined(monitors):
                self.monitors.update({each.monitor: each for each in monitors})
            case MonitorsDeleted(numbers):
                for number in numbers:
                    self.monitors.pop(number, None)
                self.enabled.difference_update(numbers)
            case MonitorsSwitched(numbers, enabled):
                if enabled:
                    self.enabled.update(numbers)
                else:
                    self.enabled.difference_update(numbers)
            case MonitoringSwitched(enabled):
                self.is_enabled = enabled
            case ReportingDelaySet(delay_ns):
                self.delay_ns = delay_ns

    def snapshot(self) -> Iterator[tuple[MonitoringChange, ...]]:
        """See `flight.books.book.Book`."""
        if self.monitors:
            yield (MonitorsDefined(tuple(self.monitors.values())),)
        if self.enabled:
            yield (MonitorsSwitched(tuple(sorted(self.enabled)), True),)
        if not self.is_enabled:
            yield (MonitoringSwitched(False),)
        if self.delay_ns != REPORTING_DELAY_NS:
            yield (ReportingDelaySet(self.delay_ns),)
