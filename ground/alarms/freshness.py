"""Which reports that came regularly have not come for too long: what was known of them is stale. No clock, no I/O.

A report that never came is not stale, it is unknown.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ground.alarms.events import TelemetryFresh, TelemetryStale
from ground.events import StationEvent


class Freshness:
    """How fresh the reports of a station are.

    Args:
        after_ns: How long after its last coming each report is stale; others never are.
    """

    def __init__(self, after_ns: Mapping[str, int]) -> None:
        self._after_ns = after_ns
        self._came_ns: dict[str, int] = {}
        self._stale: set[str] = set()
        self._events: list[StationEvent] = []

    def came(self, report: str, now_ns: int) -> None:
        """Take note of a report that came live."""
        if report not in self._after_ns:
            return
        self._came_ns[report] = now_ns
        if report in self._stale:
            self._stale.discard(report)
            self._events.append(TelemetryFresh(time_ns=now_ns, reports=[report]))

    def advance(self, now_ns: int) -> None:
        """Find what is stale by now."""
        found = [report for report, due_ns in self._due() if now_ns >= due_ns]
        if found:
            self._stale.update(found)
            self._events.append(TelemetryStale(time_ns=now_ns, reports=sorted(found)))

    def next_deadline(self) -> int | None:
        """Give when something is stale next."""
        return min((due_ns for _, due_ns in self._due()), default=None)

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Give when each report came last, and whether it is stale."""
        return {
            report: {"came_ns": came_ns, "is_stale": report in self._stale}
            for report, came_ns in sorted(self._came_ns.items())
        }

    def _due(self) -> Iterable[tuple[str, int]]:
        for report, came_ns in self._came_ns.items():
            if report not in self._stale:
                yield report, came_ns + self._after_ns[report]
