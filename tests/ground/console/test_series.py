"""Series of values: what is latest, what is stale, and what of many points a plot shows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground.console.series import NS_PER_S, SAMPLES_MAX, Series, thin

START_S = 1_800_000_000


def noted(*samples: tuple[float, float], period_s: float = 1.0) -> Series:
    series = Series()
    for at_s, value in samples:
        unix_ns = round((START_S + at_s) * NS_PER_S)
        series.note("core", {"uptime": value}, unix_ns, unix_ns, round(period_s * NS_PER_S))
    return series


def points(series: Series, buckets: int = 600) -> list[tuple[float, float | None]]:
    found = series.points("uptime", 0, START_S * 2, buckets=buckets)
    return [(round(at - START_S, 3), value) for at, value in found]


def test_what_comes_late_takes_its_place_and_is_not_the_latest():
    series = noted((0, 1.0), (2, 3.0), (1, 2.0))
    assert points(series) == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert series.latest["uptime"].value == 3.0


def test_what_came_live_and_is_played_back_is_one_sample():
    assert points(noted((0, 1.0), (1, 2.0), (0, 1.0))) == [(0, 1.0), (1, 2.0)]


def test_a_silence_breaks_the_line():
    found = points(noted((0, 1.0), (1, 2.0), (60, 3.0)))
    assert [value for _, value in found] == [1.0, 2.0, None, 3.0]
    assert 1 < found[2][0] < 60


def test_a_silence_breaks_the_line_within_one_bucket_too():
    found = points(noted((0, 1.0), (1, 2.0), (50, 3.0), (51, 4.0)), buckets=1)
    assert [value for _, value in found] == [1.0, 2.0, None, 3.0, 4.0]


def test_a_missing_report_or_two_breaks_nothing():
    assert None not in [value for _, value in points(noted((0, 1.0), (3, 2.0)))]


def test_no_peak_is_lost_by_thinning():
    series = noted(*((at, 5.0) for at in range(1_000)))
    series.note("core", {"uptime": -99.0}, (START_S + 500) * NS_PER_S + 1, 10**30)
    found = [value for _, value in points(series, buckets=10)]
    assert min(value for value in found if value is not None) == -99.0
    assert len(found) <= 22


def test_memory_is_bounded_and_the_oldest_goes():
    found = points(noted(*((at, float(at)) for at in range(SAMPLES_MAX + 10))), buckets=SAMPLES_MAX * 2)
    assert len(found) <= SAMPLES_MAX
    assert found[-1] == (SAMPLES_MAX + 9, SAMPLES_MAX + 9)


def test_none_yet_is_no_number_to_plot():
    series = noted((0, math.nan))
    assert series.names == []
    series.note("core", {"uptime": 1.0}, START_S * NS_PER_S + 1, 10**30)
    assert series.names == ["uptime"]


@pytest.mark.parametrize(("age_s", "is_stale"), [(1, False), (3.9, False), (4.1, True)])
def test_a_value_is_stale_after_three_of_its_periods(age_s, is_stale):
    latest = noted((0, 1.0)).latest["uptime"]
    assert latest.is_stale(round((START_S + age_s) * NS_PER_S)) is is_stale


@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(-1e6, 1e6)), min_size=1, max_size=200),
    st.integers(1, 50),
)
def test_thinning_keeps_order_and_both_extremes(samples, buckets):
    samples.sort()
    kept = [each for each in thin(samples, math.inf, buckets) if each[1] is not None]
    values = [value for _, value in samples]
    assert {min(values), max(values)} <= {value for _, value in kept}
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)
    assert set(kept) <= set(samples)
    assert len(kept) <= 2 * (buckets + 1)
