"""Spans: ends are sharp, narrow ones are found, and the limits cut."""

import numpy as np
import pytest

from hil.orbit.spans import Span, find_spans


def test_the_ends_of_spans_are_where_the_function_is_zero():
    found = find_spans(lambda times: np.sin(2 * np.pi * times / 100), 0.0, 1_000.0, 7.0)
    assert len(found) == 10
    for number, span in enumerate(found):
        assert span.start_s == pytest.approx(100 * number, abs=1e-6)
        assert span.end_s == pytest.approx(100 * number + 50, abs=1e-6)


@pytest.mark.parametrize("top_s", [100.0, 103.3, 115.0, 119.999])
def test_what_shows_only_between_two_points_of_the_grid_is_found(top_s):
    found = find_spans(lambda times: 1.0 - (times - top_s) ** 2, 0.0, 300.0, 30.0)
    assert [(span.start_s, span.end_s) for span in found] == [pytest.approx((top_s - 1, top_s + 1), abs=1e-5)]


def test_what_begins_before_and_ends_after_is_cut():
    assert find_spans(lambda times: np.ones_like(times), 5.0, 8.0, 30.0) == [Span(5.0, 8.0)]
    assert find_spans(lambda times: -np.ones_like(times), 5.0, 8.0, 30.0) == []
    (span,) = find_spans(lambda times: times - 6.5, 5.0, 8.0, 30.0)
    assert (span.start_s, span.end_s) == (pytest.approx(6.5, abs=1e-6), 8.0)


def test_a_grid_of_another_step_finds_the_same_ends():
    def wave(times):
        return np.sin(times / 37) + 0.3 * np.sin(times / 11) - 0.2

    coarse, fine = (find_spans(wave, 0.0, 5_000.0, step_s) for step_s in (5.0, 1.0))
    assert len(coarse) == len(fine)
    for one, other in zip(coarse, fine, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=1e-5)
