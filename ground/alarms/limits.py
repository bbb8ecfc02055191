"""Limits of a parameter, and the judgement of its samples by them: mode, persistence and hysteresis. No time is read.

A limit is beyond its warning or critical range, or in a state that counts as either. It holds in some modes; of several
for one parameter, the first that holds counts. A level is reached when ``count`` of the last ``of`` samples are at it
or worse, and left when fewer are. While a level holds, a sample counts as within its range only if it is within by the
hysteresis.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ccsds.errors import MisuseError
from ground.alarms.life_cycle import Level
from mission.modes import ALL_MODES, Mode

# Samples that persistence looks back on; longer memories are what plots are for.
PERSISTENCE_MAX = 1_000

Range = tuple[float, float]
"""Lowest and highest value within."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is expected of one parameter."""

    parameter: str
    warning: Range | None = None
    critical: Range | None = None
    states: Mapping[int, Level] = field(default_factory=dict)
    """The level of each state that is not normal."""
    modes: frozenset[Mode] = ALL_MODES
    """In which it holds."""
    count: int = 1
    of: int = 1
    hysteresis: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, bounds in (("warning", self.warning), ("critical", self.critical)):
            if bounds is None:
                continue
            low, high = bounds
            if not low < high:
                raise MisuseError(f"{name}: expected a low and a higher limit, found {low:g} and {high:g}")
            if not 0 <= 2 * self.hysteresis < high - low:
                raise MisuseError(
                    f"hysteresis: expected less than half of the {name} range of {high - low:g}, "
                    f"found {self.hysteresis:g}"
                )
        if not 1 <= self.count <= self.of <= PERSISTENCE_MAX:
            raise MisuseError(
                f"persistence: expected [n, m] with 1 <= n <= m <= {PERSISTENCE_MAX}, found {[self.count, self.of]}"
            )
        if self.warning is None and self.critical is None and not self.states:
            raise MisuseError("expected warning, critical or states, found none of them")
        if not self.modes:
            raise MisuseError("modes: expected at least one, found none")

    def level_of(self, value: float, now: Level) -> Level:
        """Give the level of one sample, while a level holds."""
        level = self.states.get(int(value), Level.NORMAL) if self.states and value == int(value) else Level.NORMAL
        for each, bounds in ((Level.CRITICAL, self.critical), (Level.WARNING, self.warning)):
            if bounds is None or each <= level:
                continue
            margin = self.hysteresis if now >= each else 0.0
            low, high = bounds
            if not low + margin <= value <= high - margin:
                return each
        return level


class Judge:
    """The judgement of one parameter.

    Args:
        limits: Its limits; the first that holds in a mode counts.
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits
        self._limit: Limit | None = None
        self._levels: deque[Level] = deque()
        self.level = Level.NORMAL

    def take(self, value: float, mode: Mode | None) -> Level:
        """Take in a sample, and give the level that holds now. What is no number changes nothing."""
        if math.isnan(value):
            return self.level
        limit = limit_in(mode, self._limits)
        if limit is None:
            self._limit, self.level = None, Level.NORMAL
            return self.level
        if limit is not self._limit:
            # What was judged by another limit says nothing about this one; the level goes only when enough has come.
            remembered = limit.count if self.level is not Level.NORMAL else 0
            self._levels = deque([self.level] * remembered, maxlen=limit.of)
            self._limit = limit
        self._levels.append(limit.level_of(value, self.level))
        self.level = max(
            (each for each in Level if sum(found >= each for found in self._levels) >= limit.count),
            default=Level.NORMAL,
        )
        return self.level


def limit_in(mode: Mode | None, limits: Sequence[Limit]) -> Limit | None:
    """Give the limit that counts in a mode, if any; before a mode is known, one that holds in all."""
    return next((each for each in limits if mode in each.modes or each.modes == ALL_MODES), None)
