"""The correlation of the two clocks: on-board TAI as a straight line over the station's own time, piece by piece.

A sample is a pair: what the on-board clock said when a frame began to leave (a time report tells it), and when the
station began to receive that frame, by its own monotonic clock, less the light time if that is known. Within a segment
the line is fitted so that a minority of samples, however wrong, does not move it: the slope is the median of the slopes
of all pairs (Theil and Sen), the offset the median of what is left. A few samples, or those of a short time, say
nothing of the slope: it is what it was in the segment before, or none, known as well as an oscillator can be trusted.
Some more say little, and it is drawn towards that.

A clock that is set begins a new segment: at once if the spacecraft says so, else when several samples in a row agree
with each other and not with the line. It reads no clock and asks for nothing.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

NS_PER_S = 1_000_000_000

# Enough for a slope over a pass; all pairs of them are looked at with each sample.
SAMPLES_MAX = 128
# Once it is settled, a sample nearer in time to the one before only checks the line: kept, a fast link's would push out
# those that show the slope. All that are kept span half a minute so.
SPACING_NS = NS_PER_S // 4
# Samples in a row that agree on another offset are a clock that was set; fewer are late frames.
JUMP_SAMPLES = 3
# Samples before anything counts as an outlier.
SETTLED_SAMPLES = 5
# Nearer than this to the line is near: ticks of the report, and how fine a driver sees the time.
NEAR_NS_MIN = 20_000
# Times the spread of the samples that a sample may be off and still count.
NEAR_SPREADS = 6.0
# Crystals of boards are good to tens of parts in a million; the slope of few samples is believed as far as that.
DRIFT_PPM_EXPECTED = 50.0
# Of fewer samples, or of so short a time, one late frame would make the slope: with two, a millisecond over a second is
# a thousand parts in a million. The median of all pairs of five outvotes one.
DRIFT_SAMPLES_MIN = 5
DRIFT_SPAN_NS_MIN = 5 * NS_PER_S
# How late frames are on a computer with an event loop. Until this many samples are there, their own spread counts less.
JITTER_NS_EXPECTED = 1_000_000
JITTER_SAMPLES = 10
# An announcement that is older than this was held up on board, and the reports since have told what there is to tell.
ANNOUNCED_NS_MAX = 60 * NS_PER_S
# Pairs nearer in time than this say nothing of the slope.
_PAIR_S_MIN = 1e-3
# The median of the absolute deviations of a normal distribution, in standard deviations.
_SPREAD_OF_MEDIAN = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The line of one segment."""

    at_ns: int
    """Station time of its middle."""
    tai_ns: int
    """On-board TAI there."""
    drift_ppm: float
    """By how much the on-board clock is fast against the station's."""
    drift_error_ppm: float
    """How well the drift is known, one standard deviation."""
    spread_ns: float
    """How far samples are from the line, one standard deviation of those that count."""
    samples: int

    def tai_at(self, now_ns: int) -> int:
        """Give on-board TAI at a station time."""
        since_ns = now_ns - self.at_ns
        return self.tai_ns + since_ns + round(since_ns * self.drift_ppm / 1e6)

    def time_of(self, tai_ns: int) -> int:
        """Give the station time of an on-board TAI."""
        return self.at_ns + round((tai_ns - self.tai_ns) / (1 + self.drift_ppm / 1e6))

    def error_ns(self, now_ns: int) -> float:
        """Give how far the line may be from the truth at a station time, about one standard deviation.

        Frames come late and never early: half of the samples' delay stays in the offset, however many there are, and
        the spread is of its size.
        """
        return float(np.hypot(self.spread_ns, abs(now_ns - self.at_ns) * self.drift_error_ppm / 1e6))


@dataclass(frozen=True, slots=True)
class _Sample:
    at_ns: int
    tai_ns: int


class TimeCorrelation:
    """On-board TAI over station time."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)
        self._suspects: list[_Sample] = []
        self._prior_drift_ppm = 0.0
        self._prior_error_ppm = DRIFT_PPM_EXPECTED
        self.fit: Fit | None = None
        """The line of the present segment, or None before its first sample."""
        self.residual_ns = 0
        """How far the last sample was from the line before it."""
        self.outliers_count = 0
        self.segments_count = 0
        self.began_tai_ns = 0
        """On-board TAI at which the present segment began."""

    def observe(self, at_ns: int, tai_ns: int) -> bool:
        """Take in a sample.

        Args:
            at_ns: When the frame began to leave, by the station's clock.
            tai_ns: What the on-board clock said then.

        Returns:
            Whether it began a new segment, the first one too.
        """
        sample = _Sample(at_ns, tai_ns)
        if self.fit is None:
            self._begin([sample])
            return True
        self.residual_ns = tai_ns - self.fit.tai_at(at_ns)
        if self._is_far(self.residual_ns, at_ns):
            self._suspects.append(sample)
            if not self._agree():
                return False
            if len(self._suspects) == JUMP_SAMPLES:
                self._begin(self._suspects)
                return True
            return False
        # Suspects that no other followed were late frames.
        self._drop_suspects()
        if len(self._samples) < SETTLED_SAMPLES or at_ns - self._samples[-1].at_ns >= SPACING_NS:
            self._samples.append(sample)
            self._solve()
        return False

    def clock_changed(self, before_ns: int, after_ns: int, now_ns: int) -> bool:
        """Take note that the spacecraft says its clock was set.

        Args:
            before_ns: On-board TAI just before.
            after_ns: On-board TAI just after.
            now_ns: When that was heard.

        Returns:
            Whether it began a new segment; not if samples had shown the change before.
        """
        fit = self.fit
        if fit is None or now_ns - fit.time_of(before_ns) > ANNOUNCED_NS_MAX:
            return False
        if abs(now_ns - fit.time_of(before_ns)) > abs(now_ns - fit.time_of(after_ns)):
            return False
        changed_at_ns = fit.time_of(before_ns)
        self._drop_suspects()
        self._begin([_Sample(changed_at_ns, after_ns)])
        return True

    def restart(self) -> None:
        """Forget the offset: the on-board clock was started anew. Its drift is still that of its crystal."""
        self._keep_drift()
        self._samples.clear()
        self._suspects.clear()
        self.fit = None

    def _begin(self, samples: list[_Sample]) -> None:
        self._keep_drift()
        self._samples.clear()
        self._samples.extend(samples)
        self._suspects = []
        self.segments_count += 1
        self.began_tai_ns = samples[0].tai_ns
        self._solve()

    def _keep_drift(self) -> None:
        if self.fit is not None:
            self._prior_drift_ppm = self.fit.drift_ppm
            self._prior_error_ppm = min(max(2 * self.fit.drift_error_ppm, 1.0), DRIFT_PPM_EXPECTED)

    def _drop_suspects(self) -> None:
        self.outliers_count += len(self._suspects)
        self._suspects = []

    def _is_far(self, residual_ns: int, at_ns: int) -> bool:
        fit = self.fit
        if fit is None or fit.samples < SETTLED_SAMPLES:
            # Nothing is known of the spread yet; only a clock that was set is as far off as this.
            return fit is not None and abs(residual_ns) > NS_PER_S + self._reach_ns(fit, at_ns)
        return abs(residual_ns) > NEAR_SPREADS * max(fit.spread_ns, NEAR_NS_MIN) + self._reach_ns(fit, at_ns)

    def _reach_ns(self, fit: Fit, at_ns: int) -> float:
        """Give how far the line may have run off since its last sample."""
        since_ns = abs(at_ns - self._samples[-1].at_ns)
        return NEAR_SPREADS * since_ns * fit.drift_error_ppm / 1e6

    def _agree(self) -> bool:
        """Tell whether all suspects are near one offset; if not, keep the last alone."""
        fit = self.fit
        assert fit is not None  # Without a line nothing is suspect.
        offsets = [each.tai_ns - each.at_ns for each in self._suspects]
        span_ns = self._suspects[-1].at_ns - self._suspects[0].at_ns
        near_ns = 2 * NEAR_SPREADS * max(fit.spread_ns, NEAR_NS_MIN) + span_ns * DRIFT_PPM_EXPECTED / 1e6
        if max(offsets) - min(offsets) <= near_ns:
            return True
        self.outliers_count += len(self._suspects) - 1
        del self._suspects[:-1]
        return False

    def _solve(self) -> None:
        """Fit the line to the samples."""
        at_ns = [each.at_ns for each in self._samples]
        middle_ns = (at_ns[0] + at_ns[-1]) // 2
        base_ns = self._samples[0].tai_ns - self._samples[0].at_ns
        # Seconds from the middle, and nanoseconds from the first offset: small enough for floating point.
        x = np.array([(each - middle_ns) / NS_PER_S for each in at_ns])
        y = np.array([each.tai_ns - each.at_ns - base_ns for each in self._samples], dtype=float)
        rows, columns = np.triu_indices(len(x), 1)
        apart = x[columns] - x[rows]
        is_apart = apart > _PAIR_S_MIN
        drift, error = self._prior_drift_ppm, self._prior_error_ppm
        if len(at_ns) >= DRIFT_SAMPLES_MIN and at_ns[-1] - at_ns[0] >= DRIFT_SPAN_NS_MIN:
            # A nanosecond a second is a part in 10^9.
            slope = float(np.median((y[columns] - y[rows])[is_apart] / apart[is_apart])) / 1e3
            scatter = y - slope * 1e3 * x
            spread = _spread(scatter)
            found_error = max(spread, NEAR_NS_MIN / NEAR_SPREADS) / 1e3 / max(float(np.linalg.norm(x - x.mean())), 1e-9)
            weight = error**2 / (error**2 + found_error**2)
            drift += weight * (slope - drift)
            error = (weight**0.5) * found_error
        left = y - drift * 1e3 * x
        offset = float(np.median(left))
        self.fit = Fit(
            at_ns=middle_ns,
            tai_ns=middle_ns + base_ns + round(offset),
            drift_ppm=drift,
            drift_error_ppm=error,
            spread_ns=_spread(left),
            samples=len(x),
        )


def _spread(values: np.ndarray) -> float:
    """Give the spread of most values, drawn towards what is expected where they are few."""
    found = _SPREAD_OF_MEDIAN * float(np.median(np.abs(values - np.median(values))))
    share = JITTER_SAMPLES / (len(values) + JITTER_SAMPLES)
    # The expectation fades with the square, so that many samples are believed for themselves.
    return float(np.hypot(found, share * share * JITTER_NS_EXPECTED))
