"""Monitoring: looks at parameters when it is time to, and tells when the status of a monitor changes.

Monitors of one interval are looked at together (`flight.beat`), so that two hundred of them cost one deadline.

Source: ECSS-E-ST-70-41C 6.12.3.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ccsds.deadline import earliest
from ccsds.errors import MisuseError
from flight.autonomy.agenda import Agenda
from flight.autonomy.checks import STATUS_TABLE, Check, Turn, make_check
from flight.beat import next_beat
from flight.books.monitoring import Monitor
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from mission.monitoring import OUT_STATUSES, TRANSITION_ROWS_MAX, CheckKind, CheckStatus
from mission.words.monitoring import MONITOR_INVALID, MONITOR_OUT, MONITOR_WITHIN

# Transitions that wait to be told. All monitors may change at once, there and back.
TRANSITIONS_MAX = 512


@dataclass(slots=True)
class Watch:
    """One monitor at work."""

    monitor: Monitor
    check: Check
    status: CheckStatus = CheckStatus.UNCHECKED
    before: CheckStatus = CheckStatus.UNCHECKED
    """Its status before that."""
    since_tai_ns: int = 0
    value: float = math.nan
    """The last one looked at while it was not quiet."""
    against: CheckStatus = CheckStatus.UNCHECKED
    """What the last results said, if it was not the status."""
    against_count: int = 0

    @property
    def is_quiet(self) -> bool:
        """Whether it stays as it is as long as its value is within its limits, and nothing else counts."""
        return (
            self.status is CheckStatus.WITHIN
            and self.against_count == 0
            and self.monitor.kind is CheckKind.LIMIT
            and not self.monitor.validity_parameter
        )


class _Watched:
    """The monitors of one interval over one parameter. Those that are quiet cost one comparison together.

    Args:
        read: Gives the value of the parameter for ``now_ns``.
    """

    def __init__(self, read: Callable[[int], Any]) -> None:
        self.read = read
        self.watches: list[Watch] = []
        self.busy: list[Watch] = []
        """The monitors that are not quiet."""
        self.low: float = -math.inf
        self.high: float = math.inf
        """The limits that no quiet one has closer: within them a value makes no difference to any."""

    def settle(self) -> None:
        """Find out anew which monitors are quiet."""
        quiet = [watch.monitor for watch in self.watches if watch.is_quiet]
        self.busy = [watch for watch in self.watches if not watch.is_quiet]
        self.low = max((monitor.low for monitor in quiet), default=-math.inf)
        self.high = min((monitor.high for monitor in quiet), default=math.inf)


class Monitoring:
    """The monitors at work.

    Args:
        ledger: What is to be watched.
        reporter: Where transitions are told.
        pool: The parameters.
        tai_of: Gives on-board TAI for ``now_ns``.
    """

    def __init__(self, ledger: Ledger, reporter: Reporter, pool: ParameterPool, tai_of: Callable[[int], int]) -> None:
        self._book = ledger.monitoring
        self._reporter = reporter
        self._pool = pool
        self._tai_of = tai_of
        self._watches: dict[int, Watch] = {}
        # By interval, what is looked at together: by parameter.
        self._groups: dict[int, dict[int, _Watched]] = {}
        self._agenda = Agenda()
        self._transitions: deque[dict[str, Any]] = deque()
        self._tell_at_ns: int | None = None
        self.out_count = 0
        """Monitors whose status is outside of what is expected."""
        self.lost_count = 0
        """Transitions that were not told, since too many came at once."""

    def watches(self) -> dict[int, Watch]:
        """Give the monitors at work, by number."""
        return self._watches

    def refresh(self, now_ns: int) -> None:
        """Work by the definitions as they are now. A monitor that did not change keeps its status."""
        on = self._book.enabled if self._book.is_enabled else ()
        before, self._watches = self._watches, {}
        for number in sorted(on):
            monitor = self._book.monitors[number]
            watch = before.get(number)
            if watch is not None and watch.monitor is monitor:
                self._watches[number] = watch
            elif self._is_known(monitor):
                self._watches[number] = Watch(monitor, make_check(monitor))
        self.out_count = sum(watch.status in OUT_STATUSES for watch in self._watches.values())
        self._groups = {}
        for watch in self._watches.values():
            group = self._groups.setdefault(watch.monitor.interval_ns, {})
            number = watch.monitor.parameter
            if number not in group:
                group[number] = _Watched(self._pool.reader(number))
            group[number].watches.append(watch)
        for group in self._groups.values():
            for watched in group.values():
                watched.settle()
        due_ns = self._agenda.times
        for interval_ns in due_ns.keys() - self._groups.keys():
            self._agenda.drop(interval_ns)
        for interval_ns in self._groups.keys() - due_ns.keys():
            self._agenda.put(interval_ns, next_beat(now_ns, interval_ns))

    def advance(self, now_ns: int) -> None:
        """Look at what is due, and tell what is to be told."""
        while (first := self._agenda.first()) is not None and first[0] <= now_ns:
            interval_ns = first[1]
            self._look_together(self._groups[interval_ns], now_ns)
            self._agenda.put(interval_ns, next_beat(now_ns, interval_ns))
        if self._tell_at_ns is not None and now_ns >= self._tell_at_ns:
            self._tell()

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        first = self._agenda.first()
        deadlines = (None if first is None else first[0], self._tell_at_ns)
        return earliest(deadlines)

    def _is_known(self, monitor: Monitor) -> bool:
        """Tell whether the parameters of a monitor are there: the dictionary may be another one since it was added."""
        try:
            self._pool.find(monitor.parameter)
            if monitor.validity_parameter:
                self._pool.find(monitor.validity_parameter)
        except MisuseError:
            return False
        return True

    def _look_together(self, group: Mapping[int, _Watched], now_ns: int) -> None:
        """Look at the parameters of one interval, each read once, in the order of the monitors' numbers."""
        found: list[tuple[int, Watch, Any]] = []
        stirred: list[_Watched] = []
        for watched in group.values():
            value = watched.read(now_ns)
            watches = watched.busy if watched.low <= value <= watched.high else watched.watches
            if watches:
                stirred.append(watched)
                found += [(watch.monitor.monitor, watch, value) for watch in watches]
        if not found:
            return
        found.sort(key=lambda each: each[0])
        for _, watch, value in found:
            self._look(watch, value, now_ns)
        for watched in stirred:
            watched.settle()

    def _look(self, watch: Watch, value: Any, now_ns: int) -> None:
        """Look at a parameter whose value at this instant was read."""
        monitor = watch.monitor
        if monitor.validity_parameter and not self._is_valid(monitor, now_ns):
            result = CheckStatus.INVALID
        else:
            watch.value = value
            # Not a number: there is none yet.
            result = watch.check(value, now_ns) if value == value else CheckStatus.INVALID
        if result is watch.status:  # As the table has it, without the look into it: nearly always.
            watch.against_count = 0
        elif result is not None:
            self._differ(watch, result, now_ns)

    def _differ(self, watch: Watch, result: CheckStatus, now_ns: int) -> None:
        """Count a result that is not the status, and turn if there are enough of them."""
        turn = STATUS_TABLE[watch.status, result]
        if result is not watch.against:
            watch.against, watch.against_count = result, 0
        watch.against_count += 1
        if turn is Turn.TURN or watch.against_count >= watch.monitor.repetition:
            self._turn(watch, result, now_ns)

    def _is_valid(self, monitor: Monitor, now_ns: int) -> bool:
        held = int(self._pool.read(monitor.validity_parameter, now_ns)) & monitor.validity_mask
        return held == monitor.validity_expected

    def _turn(self, watch: Watch, status: CheckStatus, now_ns: int) -> None:
        watch.before, watch.status = watch.status, status
        self.out_count += (status in OUT_STATUSES) - (watch.before in OUT_STATUSES)
        watch.since_tai_ns = self._tai_of(now_ns)
        watch.against_count = 0
        if (watch.before, status) == (CheckStatus.UNCHECKED, CheckStatus.WITHIN):
            return  # All is well, as it is after every start.
        if len(self._transitions) == TRANSITIONS_MAX:
            self.lost_count += 1
        else:
            self._transitions.append(transition_row(watch))
        if self._tell_at_ns is None:
            self._tell_at_ns = now_ns + self._book.delay_ns
        if status is CheckStatus.INVALID:
            event = MONITOR_INVALID
        else:
            event = MONITOR_OUT if status in OUT_STATUSES else MONITOR_WITHIN
        self._reporter.event(
            event, monitor=watch.monitor.monitor, parameter=watch.monitor.parameter, status=status, value=watch.value
        )

    def _tell(self) -> None:
        self._tell_at_ns = None
        while self._transitions:
            rows = [self._transitions.popleft() for _ in range(min(TRANSITION_ROWS_MAX, len(self._transitions)))]
            self._reporter.report("check_transitions", {"transitions": rows})


def transition_row(watch: Watch) -> dict[str, Any]:
    """Give the last transition of a monitor as a row of a report."""
    return {
        "monitor": watch.monitor.monitor,
        "parameter": watch.monitor.parameter,
        "kind": watch.monitor.kind,
        "value": watch.value,
        "before": watch.before,
        "status": watch.status,
        "time": watch.since_tai_ns,
    }
