"""Derived parameters: computed whenever one that they read comes, from the latest values of the others. No clock.

What is played back is older than what is known, so from it only those are computed that read nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ground.alarms.events import DerivedFailed
from ground.alarms.rules import DerivedParameter
from ground.events import StationEvent


class Derived:
    """The derived parameters of a station.

    Args:
        parameters: Each after those that it reads.
    """

    def __init__(self, parameters: Sequence[DerivedParameter]) -> None:
        self._parameters = parameters
        self._inputs = frozenset().union(*(each.expression.inputs for each in parameters))
        self._latest: dict[str, Any] = {}
        self._reasons: dict[str, str] = {}
        self._events: list[StationEvent] = []

    def take(self, values: Mapping[str, Any], now_ns: int, *, is_live: bool) -> dict[str, float]:
        """Take in the values of a report, and give the derived parameters that follow from them."""
        came = {
            name: value for name, value in values.items() if name in self._inputs and isinstance(value, int | float)
        }
        if not came:
            return {}
        if is_live:
            self._latest.update(came)
        known = self._latest if is_live else came
        found: dict[str, float] = {}
        for parameter in self._parameters:
            inputs = parameter.expression.inputs
            if not inputs & came.keys() or not inputs <= known.keys():
                continue
            try:
                value = parameter.expression.value({name: known[name] for name in inputs})
            except ValueError as error:
                self._fail(parameter, str(error), now_ns)
                known.pop(parameter.name, None)
                continue
            self._reasons.pop(parameter.name, None)
            found[parameter.name] = value
            # Others may read it.
            came[parameter.name] = known[parameter.name] = value
        return found

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def _fail(self, parameter: DerivedParameter, reason: str, now_ns: int) -> None:
        if self._reasons.get(parameter.name) == reason:
            return
        self._reasons[parameter.name] = reason
        self._events.append(
            DerivedFailed(time_ns=now_ns, parameter=parameter.name, place=parameter.place, reason=reason)
        )
