"""The correlation finds drift and offset; late frames do not move it, and a clock that is set begins anew."""

import numpy as np
import pytest

from ground.time_correlation import DRIFT_PPM_EXPECTED, DRIFT_SAMPLES_MIN, SAMPLES_MAX, TimeCorrelation

SECOND = 1_000_000_000
BASE_NS = 2 * 10**18


class Sky:
    """An on-board clock that drifts, and frames that come late at random."""

    def __init__(self, seed, drift_ppm=20.0, jitter_ns=1e6, late_share=0.05):
        self.random = np.random.default_rng(seed)
        self.drift_ppm = drift_ppm
        self.jitter_ns = jitter_ns
        self.late_share = late_share
        self.offset_ns = BASE_NS
        self.correlation = TimeCorrelation()
        self.segments = []

    def tai(self, at_ns):
        return at_ns + self.offset_ns + round(at_ns * self.drift_ppm / 1e6)

    def report(self, at_s):
        at_ns = round(at_s * SECOND)
        delay_ns = abs(self.random.normal(0, self.jitter_ns))
        if self.random.random() < self.late_share:
            delay_ns += self.random.exponential(50e6)
        if self.correlation.observe(round(at_ns + delay_ns), self.tai(at_ns)):
            self.segments.append(at_s)

    def error_ns(self, at_s):
        return self.correlation.fit.tai_at(at_s * SECOND) - self.tai(at_s * SECOND)

    def drift_error_ppm(self):
        return self.correlation.fit.drift_ppm - self.drift_ppm


@pytest.mark.parametrize("seed", range(5))
def test_a_drift_of_twenty_parts_in_a_million_is_found_within_two_minutes_under_a_millisecond_of_jitter(seed):
    sky = Sky(seed)
    errors_ppm = []
    for at_s in range(300):
        sky.report(at_s)
        errors_ppm.append(abs(sky.drift_error_ppm()))
    assert max(errors_ppm[120:]) < 5
    # One-sided delays stay in the offset by their median, which nothing on this way can tell.
    assert abs(sky.error_ns(299)) < 1.0 * sky.jitter_ns
    assert sky.segments == [0]


@pytest.mark.parametrize(
    ("samples", "interval_s"), [(2, 1.0), (2, 600.0), (DRIFT_SAMPLES_MIN - 1, 60.0), (40, 0.1)], ids=str
)
def test_few_samples_or_a_short_time_say_nothing_of_the_drift(samples, interval_s):
    sky = Sky(0, drift_ppm=0.0, jitter_ns=5e6, late_share=0)
    for number in range(samples):
        sky.report(number * interval_s)
    assert sky.correlation.fit.drift_ppm == 0.0
    assert sky.correlation.fit.drift_error_ppm == DRIFT_PPM_EXPECTED


@pytest.mark.parametrize("late_at_s", range(5))
def test_one_late_frame_among_the_first_moves_neither_the_drift_nor_from_the_third_on_the_offset(late_at_s):
    sky = Sky(0, drift_ppm=0.0, jitter_ns=0, late_share=0)
    for at_s in range(20):
        delay_ns = 400_000_000 if at_s == late_at_s else 0
        sky.correlation.observe(at_s * SECOND + delay_ns, sky.tai(at_s * SECOND))
        # Least squares would make it 5 to 15 parts in a million, two samples a thousand.
        assert sky.correlation.fit.drift_ppm == 0.0
        if at_s >= 2:
            assert abs(sky.error_ns(at_s)) == 0
    assert sky.correlation.fit.samples == 20


@pytest.mark.parametrize("rate_hz", [25, 50, 1000])
def test_on_a_fast_link_the_drift_is_found_as_on_a_slow_one(rate_hz):
    sky = Sky(0, jitter_ns=1e5)
    for number in range(60 * rate_hz):
        sky.report(number / rate_hz)
    assert abs(sky.drift_error_ppm()) < 5
    assert sky.correlation.fit.drift_error_ppm < 5
    assert sky.segments == [0]


def test_without_jitter_it_is_exact_to_microseconds_within_a_minute():
    sky = Sky(1, jitter_ns=0, late_share=0)
    for at_s in range(60):
        sky.report(at_s)
    assert abs(sky.drift_error_ppm()) < 0.1
    assert abs(sky.error_ns(59)) < 5_000
    assert abs(sky.correlation.fit.time_of(sky.tai(59 * SECOND)) - 59 * SECOND) < 5_000


def test_a_tenth_of_the_frames_a_second_late_does_not_move_the_line():
    steady, shaken = Sky(3, late_share=0), Sky(3, late_share=0)
    for at_s in range(200):
        steady.report(at_s)
        shaken.report(at_s)
        if at_s % 10 == 9:
            shaken.correlation.observe(at_s * SECOND + SECOND + at_s * 10_000_000, shaken.tai(at_s * SECOND))
    assert shaken.segments == [0]
    # The last one is under suspicion still.
    assert shaken.correlation.outliers_count == 19
    assert abs(shaken.error_ns(199) - steady.error_ns(199)) < 1e6


@pytest.mark.parametrize("step_ns", [5 * SECOND, -5 * SECOND, 20_000_000])
def test_a_clock_that_was_set_is_found_by_three_reports_and_keeps_its_drift(step_ns):
    sky = Sky(2, jitter_ns=1e5, late_share=0)
    for at_s in range(200):
        sky.report(at_s)
    sky.offset_ns += step_ns
    for at_s in range(200, 203):
        sky.report(at_s)
    assert sky.segments == [0, 202]
    assert abs(sky.error_ns(202)) < 5e5
    assert abs(sky.drift_error_ppm()) < 1


def test_a_clock_that_says_it_was_set_begins_a_segment_at_once_and_only_one():
    sky = Sky(2, jitter_ns=1e5, late_share=0)
    for at_s in range(200):
        sky.report(at_s)
    before_ns = sky.tai(200 * SECOND)
    sky.offset_ns += 5 * SECOND
    after_ns = sky.tai(200 * SECOND)
    assert sky.correlation.clock_changed(before_ns, after_ns, 200 * SECOND + 300_000_000)
    assert abs(sky.error_ns(200)) < 5e5
    for at_s in range(201, 260):
        sky.report(at_s)
    assert sky.segments == [0]
    assert sky.correlation.segments_count == 2
    assert not sky.correlation.clock_changed(before_ns, after_ns, 201 * SECOND)


def test_an_announcement_that_comes_after_its_reports_changes_nothing_more():
    sky = Sky(2, jitter_ns=1e5, late_share=0)
    for at_s in range(200):
        sky.report(at_s)
    before_ns = sky.tai(200 * SECOND)
    sky.offset_ns += 60 * SECOND
    after_ns = sky.tai(200 * SECOND)
    for at_s in range(200, 204):
        sky.report(at_s)
    assert sky.segments == [0, 202]
    assert not sky.correlation.clock_changed(before_ns, after_ns, 204 * SECOND)


def test_after_hours_without_contact_the_line_still_holds_within_what_it_says():
    sky = Sky(4)
    for at_s in range(300):
        sky.report(at_s)
    fit = sky.correlation.fit
    gap_s = 6 * 3600
    assert abs(sky.error_ns(gap_s)) < 4 * fit.error_ns(gap_s * SECOND) + 1e6
    for at_s in range(gap_s, gap_s + 60):
        sky.report(at_s)
    assert sky.segments == [0]


def test_after_a_restart_the_offset_is_new_and_the_drift_is_remembered():
    sky = Sky(2, jitter_ns=1e5)
    for at_s in range(300):
        sky.report(at_s)
    sky.correlation.restart()
    assert sky.correlation.fit is None
    sky.offset_ns += 10**15
    for at_s in range(300, 305):
        sky.report(at_s)
    assert abs(sky.drift_error_ppm()) < 1


def test_the_memory_is_bounded():
    sky = Sky(5)
    for at_s in range(3 * SAMPLES_MAX):
        sky.report(at_s)
    assert sky.correlation.fit.samples == SAMPLES_MAX
