"""What loss and gradient norm may be, learned from the run: a pass that leaves the bounds is done again.

A false alarm costs one pass and changes nothing, so the bounds are narrow. What is learned decides which passes are
done twice, never what comes of them, and is therefore no part of State.

Source: He et al., Understanding and mitigating hardware failures in deep learning training, ISCA 2023 (bounds and
re-execution).
"""

import math

# Passes until the means are worth something; training changes fast in the beginning, so these are all within bounds.
LEARNING_PASSES = 20

# Standard deviations; of 100,000 passes of a bell curve none is outside.
WIDTH = 6.0

# How fast the means follow: the last 50 passes or so.
_SHARE = 0.02

# Relative; a run that is calm to the last digit must not find every next step outlandish.
_DEVIATION_MIN = 0.02


class Bounds:
    """The bounds of one run."""

    def __init__(self) -> None:
        self._figures = (_Figure(), _Figure())

    def is_suspicious(self, loss: float, gradient_norm: float) -> bool:
        """Tell whether a pass is out of bounds, or not a number."""
        pairs = zip(self._figures, (loss, gradient_norm), strict=True)
        return any(figure.is_outside(value) for figure, value in pairs)

    def learn(self, loss: float, gradient_norm: float) -> None:
        """Take a pass for right."""
        for figure, value in zip(self._figures, (loss, gradient_norm), strict=True):
            figure.learn(value)


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
        deviation = max(math.sqrt(self._variance), _DEVIATION_MIN)
        return math.log(value) - self._mean > WIDTH * deviation

    def learn(self, value: float) -> None:
        """Follow it."""
        if not (math.isfinite(value) and value > 0):
            return
        self._count += 1
        share = max(_SHARE, 1 / self._count)
        distance = math.log(value) - self._mean
        self._mean += share * distance
        self._variance = (1 - share) * (self._variance + share * distance * distance)
