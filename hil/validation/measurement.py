"""A measurement: what was configured, what was found, and the interval in which the truth lies.

Intervals hold with 99.99 % each, so that a whole table of a hundred is right in 99 runs of 100; a seed for which one is
missed by chance is as rare as that. Rates have the interval of E. B. Wilson (1927). Means have Student's, of the mean
and its standard error, with 100 samples or more. Where samples depend on each other, as frames in bursts do, means of
batches stand for them. What is exact but for rounding has the bounds of rounding.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.9999
SIGMAS = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Half the width of a normal interval of that confidence: 3.89."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and where the truth behind it lies."""

    value: float
    low: float
    high: float
    count: int
    """Samples that it stands on."""
    method: str

    def scaled(self, factor: float) -> "Interval":
        """Give it in another unit."""
        return Interval(
            value=self.value * factor,
            low=self.low * factor,
            high=self.high * factor,
            count=self.count,
            method=self.method,
        )

    def shifted(self, by: float) -> "Interval":
        """Give it moved."""
        return Interval(
            value=self.value + by, low=self.low + by, high=self.high + by, count=self.count, method=self.method
        )


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One line of the table."""

    profile: str
    effect: str
    quantity: str
    unit: str
    configured: float
    found: Interval

    @property
    def ok(self) -> bool:
        """Whether what was configured lies in the interval."""
        return self.found.low <= self.configured <= self.found.high

    def plain(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return {
            "profile": self.profile,
            "effect": self.effect,
            "quantity": self.quantity,
            "unit": self.unit,
            "configured": self.configured,
            "measured": self.found.value,
            "low": self.found.low,
            "high": self.found.high,
            "count": self.found.count,
            "method": self.found.method,
            "ok": self.ok,
        }


def of_rate(hits: int, trials: int) -> Interval:
    """Give the probability behind a count of hits, by Wilson's interval."""
    share = hits / trials
    squared = SIGMAS * SIGMAS
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    half = SIGMAS * math.sqrt(share * (1 - share) / trials + squared / (4 * trials * trials)) / (1 + squared / trials)
    return Interval(value=share, low=centre - half, high=centre + half, count=trials, method="Wilson")


def of_mean(samples: ArrayLike) -> Interval:
    """Give the mean behind independent samples, by its standard error."""
    values = np.asarray(samples, dtype=float)
    mean = float(values.mean())
    half = student_sigmas(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Interval(value=mean, low=mean - half, high=mean + half, count=len(values), method="mean, Student")


def student_sigmas(freedom: int) -> float:
    """Give half the width of Student's interval, by the expansion around the normal one (A. & S. 26.7.5)."""
    z = SIGMAS
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def of_deviation(samples: ArrayLike) -> Interval:
    """Give the standard deviation behind independent samples without long tails: the mean of squares, and its root."""
    values = np.asarray(samples, dtype=float)
    squares = of_mean((values - values.mean()) ** 2)
    return Interval(
        value=math.sqrt(squares.value),
        low=math.sqrt(max(squares.low, 0.0)),
        high=math.sqrt(squares.high),
        count=squares.count,
        method="deviation, Student",
    )


def of_batches(hits: ArrayLike, batches: int) -> Interval:
    """Give the share of hits among samples that depend on their neighbours, by the means of batches of them."""
    values = np.asarray(hits, dtype=float)
    length = len(values) // batches
    found = of_mean(values[: length * batches].reshape(batches, length).mean(axis=1))
    return Interval(
        value=found.value, low=found.low, high=found.high, count=len(values), method=f"means of {batches} batches"
    )


def within(value: float, tolerance: float, count: int, method: str = "rounding") -> Interval:
    """Give a figure that is exact but for a tolerance."""
    return Interval(value=value, low=value - tolerance, high=value + tolerance, count=count, method=method)


def of_median(samples: ArrayLike, tolerance: float, method: str) -> Interval:
    """Give the median of samples, within a tolerance."""
    values = np.asarray(samples, dtype=float)
    return within(float(np.median(values)), tolerance, len(values), method)
