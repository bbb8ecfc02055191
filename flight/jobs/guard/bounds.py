"""What loss, gradient norm and updates may come to, learned from the run: what leaves its bounds is done again.

The size of an update is the norm of what it adds to the weights of a stretch. AdamW moves no weight by much more than
the learning rate; an optimiser of which more is known says it (`Figure`), such as Muon, whose updates have singular
values in a narrow band.

A false alarm costs one pass or the update of one stretch, and changes nothing, so the bounds are narrow. What is
learned decides what is done twice, never what comes of it, and is therefore no part of State.

Source: He et al., Understanding and mitigating hardware failures in deep learning training, ISCA 2023 (bounds and
re-execution).
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

# Passes until the means are worth something; training changes fast in the beginning, so these are all within bounds.
LEARNING_PASSES = 20

# Standard deviations; of 100,000 passes of a bell curve none is outside.
WIDTH = 6.0

# How fast the means follow: the last 50 passes or so.
_SHARE = 0.02

# Relative; a run that is calm to the last digit must not find every next step outlandish.
_DEVIATION_MIN = 0.02


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Something that an update comes to."""

    name: str
    value: float
    most: float = math.inf
    """What it cannot exceed, whatever is trained."""


class Bounds:
    """The bounds of the figures of one run, each by a key of its own."""

    def __init__(self) -> None:
        self._figures: defaultdict[object, _Figure] = defaultdict(_Figure)

    def is_outside(self, key: object, value: float) -> bool:
        """Tell whether a figure is out of its bounds, or not a number."""
        return self._figures[key].is_outside(value)

    def judge(self, place: object, figures: Sequence[Figure]) -> bool:
        """Tell whether any figure of an update is out of its bounds, and learn them."""
        is_odd = False
        for figure in figures:
            key = place, figure.name
            is_odd |= not figure.value <= figure.most or self.is_outside(key, figure.value)
            self.learn(key, min(figure.value, figure.most))
        return is_odd

    def learn(self, key: object, value: float) -> None:
        """Take a figure for right."""
        self._figures[key].learn(value)


class _Figure:
    """One positive figure, followed by its logarithm."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._variance = 0.0

    def is_outside(self, value: float) -> bool:
        """Tell whether it is too high; what is low does no harm."""
        if not math.isfinite(value):
            return True
        if self._count < LEARNING_PASSES or value <= 0:
            return False
        return math.log(value) - self._mean > WIDTH * self._deviation

    @property
    def _deviation(self) -> float:
        return max(math.sqrt(self._variance), _DEVIATION_MIN)

    def learn(self, value: float) -> None:
        """Follow it, and one that is outside no farther than to the bound: a single one must not blind what follows."""
        if not (math.isfinite(value) and value > 0):
            return
        self._count += 1
        share = max(_SHARE, 1 / self._count)
        distance = math.log(value) - self._mean
        if self._count > LEARNING_PASSES:
            distance = min(distance, WIDTH * self._deviation)
        self._mean += share * distance
        self._variance = (1 - share) * (self._variance + share * distance * distance)
