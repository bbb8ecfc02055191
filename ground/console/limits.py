"""Which values are out of limits, and in which colour they are shown: by the dictionary, and by the operator's rules.

The limit that counts is the one that holds in the mode that the spacecraft is in, as for alarms. Persistence is the
alarms' alone: a value out of limits is shown so at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ground.alarms.life_cycle import Level
from ground.alarms.limits import Limit, limit_in
from ground.alarms.rules import Rules
from ground.console.series import as_number
from mission.definition import DICTIONARY
from mission.modes import Mode

Band = tuple[float | None, float | None]
"""A span of values, open at a side that has None."""

_CLASSES: Mapping[Level, str] = {Level.NORMAL: "", Level.WARNING: "warn", Level.CRITICAL: "alarm"}


@dataclass(frozen=True, slots=True)
class Declared:
    """What a page needs to know of a parameter; one that was defined in flight has only its name."""

    name: str
    unit: str = ""
    description: str = ""


_DECLARED = {
    each.name: Declared(each.name, each.shape.unit, each.shape.description) for each in DICTIONARY.parameters.values()
}


class Limits:
    """What is expected of values.

    Args:
        rules: The station's.
        mode: That the spacecraft is in; None if that is not known: then limits of some modes alone do not count.
    """

    def __init__(self, rules: Rules, mode: Mode | None) -> None:
        self._rules = rules
        self._mode = mode

    def declared(self, name: str) -> Declared:
        """Give what is declared of a parameter, on board or by the operator."""
        derived = next((each for each in self._rules.derived if each.name == name), None)
        if derived is not None:
            return Declared(name, derived.unit, derived.description)
        return _DECLARED.get(name) or Declared(name)

    def class_of(self, name: str, value: Any) -> str:
        """Give the CSS class of a value: out of limits or not."""
        limit, number = self._limit(name), as_number(value)
        return "" if limit is None or number is None else _CLASSES[limit.level_of(number, Level.NORMAL)]

    def bands_of(self, name: str) -> tuple[tuple[Level, Band], ...]:
        """Give the spans of values that are out of limits, for a plot; the critical ones lie within the others."""
        limit = self._limit(name)
        if limit is None:
            return ()
        levels = ((Level.WARNING, limit.warning), (Level.CRITICAL, limit.critical))
        return tuple(
            (level, band)
            for level, bounds in levels
            if bounds is not None
            for band in ((None, bounds[0]), (bounds[1], None))
        )

    def text_of(self, name: str) -> str:
        """Give the ranges that are expected, as text; empty if there are none."""
        limit = self._limit(name)
        if limit is None:
            return ""
        ranges = [bounds for bounds in (limit.warning, limit.critical) if bounds is not None]
        return ", ".join(f"{low:g} to {high:g}" for low, high in ranges)

    def _limit(self, name: str) -> Limit | None:
        return limit_in(self._mode, self._rules.limits.get(name, ()))
