"""What comes in any order is read back in order of on-board time, as a plain list of all reports would give it."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from ground.archive.rollups import CHUNK_NS
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report

pytestmark = pytest.mark.usefixtures("small_blocks")

# Each example writes files, so that to look for a smaller one takes minutes.
SLOW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)

# Times within a few chunks and buckets of each other, many of them alike or at an edge.
times = st.builds(
    lambda chunk, offset: T0_NS // CHUNK_NS * CHUNK_NS + chunk * CHUNK_NS + offset * 64 * NS_PER_S,
    st.sampled_from([0, 1, 2, 9]),
    st.sampled_from([0, 1, 7, 8, 9, 32, 62, 63]),
)
numbers = st.one_of(st.integers(-1000, 1000), st.floats(width=32), st.none())
batches = st.lists(st.lists(st.tuples(times, st.sampled_from(["core", "jobs"]), numbers), max_size=14), max_size=6)


def written(archive, batches):
    """Record batches, and give the model: (time, name, number) in order of time, those of one time as they came."""
    model = []
    for batch in batches:
        archive.record([report(at, {"x": value, "text": "t"}, name) for at, name, value in batch], 10)
        archive.commit()
        model += batch
    return sorted(model, key=lambda each: each[0])


def in_json(value):
    return None if value is None or not math.isfinite(value) else value


@SLOW
@given(batches, times, times, st.sampled_from([None, "core", "jobs"]))
def test_reports_are_in_order_of_on_board_time(batches, start_ns, end_ns, name):
    with TemporaryDirectory() as folder, opened(Path(folder) / "a.sqlite") as (archive, history):
        model = written(archive, batches)
        found = [
            (each.tai_ns, each.name, msgspec.json.decode(each.content)["x"], each.octets)
            for each in history.reports.between(start_ns, end_ns, name)
        ]
        expected = [
            (at, each, in_json(value), b"packet")
            for at, each, value in model
            if start_ns <= at < end_ns and name in (None, each)
        ]
        assert [each[0] for each in found] == [each[0] for each in expected]
        assert sorted(found, key=repr) == sorted(expected, key=repr)
        latest = history.reports.latest(3, before_ns=end_ns, name=name)
        before = [at for at, each, _ in model if at < end_ns and name in (None, each)]
        assert [each.tai_ns for each in latest] == before[:-4:-1]


@SLOW
@given(batches, times, times, st.sampled_from(["x", "core.x"]), st.sampled_from([1, 2, 4, 20, 40]))
def test_a_plot_keeps_the_lowest_and_the_highest_of_each_point(batches, start_ns, end_ns, name, points):
    if start_ns >= end_ns:
        end_ns = start_ns + 1
    with TemporaryDirectory() as folder, opened(Path(folder) / "a.sqlite") as (archive, history):
        model = [
            (at, value)
            for at, each, value in written(archive, batches)
            if value is not None and name in ("x", f"{each}.x") and start_ns <= at < end_ns
        ]
        samples = history.samples.between(name, start_ns, end_ns)
        found = list(zip(samples.times_ns.tolist(), samples.numbers.tolist(), strict=True))
        expected = [(at, float(value)) for at, value in model if not math.isnan(value)]
        assert sorted(found) == sorted(expected)
        assert [at for at, _ in found] == [at for at, _ in expected]
        plot = history.samples.plot(name, start_ns, end_ns, points)
        finite = [(at, value) for at, value in model if math.isfinite(value)]
        assert int(plot.count.sum()) == len(finite)
        assert len(plot.times_ns) <= points + 2
        for at, count, lowest, highest in zip(
            plot.times_ns.tolist(), plot.count.tolist(), plot.minimum.tolist(), plot.maximum.tolist(), strict=True
        ):
            within = [value for when, value in finite if at <= when < at + max(plot.width_ns, 1)]
            if plot.width_ns == 0:
                assert lowest in within
            else:
                assert (count, lowest, highest) == (len(within), min(within), max(within))


@SLOW
@given(batches, times)
def test_the_last_sample_before_a_time_is_found_however_far_back(batches, time_ns):
    with TemporaryDirectory() as folder, opened(Path(folder) / "a.sqlite") as (archive, history):
        model = [
            (at, value)
            for at, _, value in written(archive, batches)
            if value is not None and not math.isnan(value) and at <= time_ns
        ]
        found = history.samples.at("x", time_ns)
        assert (found is None) == (not model)
        if found is not None:
            assert found[0] == model[-1][0]
            assert found[1] in [value for at, value in model if at == found[0]]


@SLOW
@given(st.lists(st.tuples(times, st.integers(0, 3), st.one_of(st.none(), st.integers(0, 5))), max_size=40))
def test_what_is_played_back_once_more_is_not_kept_twice_and_what_came_live_stands_for_one(arrivals):
    with TemporaryDirectory() as folder, opened(Path(folder) / "a.sqlite") as (archive, history):
        live: dict[tuple, int] = {}
        places: dict[tuple, set[int]] = {}
        expected = 0
        for at, which, stored in arrivals:
            event = report(at, {"x": which}, identity=bytes([which]) * 8, stored=stored)
            archive.record([event], 0)
            if which == 3:
                archive.commit()
            key = (at, which)
            if stored is None:
                live[key] = live.get(key, 0) + 1
                expected += 1
            elif stored not in places.setdefault(key, set()):
                places[key].add(stored)
                if len(places[key]) > live.get(key, 0):
                    live[key] = live.get(key, 0) + 1
                    expected += 1
        archive.commit()
        assert len(list(history.reports.between())) == expected


def test_what_waits_for_a_commit_is_known_and_what_waited_before_is_not_counted_again(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        for first, second in ((0, 1), (2, 3)):
            archive.record([report(T0_NS + first, {"x": 1}), report(T0_NS + first, {"x": 1}, stored=first)], 0)
            archive.commit()
            archive.record([report(T0_NS + second, {"x": 1}), report(T0_NS + second, {"x": 1}, stored=second)], 0)
            archive.record([report(T0_NS + first, {"x": 1}, stored=first + 50)], 0)
            archive.commit()
        assert [each.tai_ns - T0_NS for each in history.reports.between()] == [0, 0, 1, 2, 2, 3]


def test_a_plot_of_a_spike_in_a_year_shows_the_spike(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        for hour in range(0, 24 * 365, 7):
            at = T0_NS + hour * 3600 * NS_PER_S
            archive.record([report(at, {"x": 1e9 if hour == 24 * 7 * 20 else hour % 5})], 0)
        archive.commit()
        plot = history.samples.plot("core.x", T0_NS, T0_NS + 365 * 86_400 * NS_PER_S, 100)
        assert len(plot.times_ns) <= 102
        assert plot.maximum.max() == 1e9
        (where,) = np.flatnonzero(plot.maximum == 1e9)
        spike_ns = T0_NS + 24 * 7 * 20 * 3600 * NS_PER_S
        assert plot.times_ns[where] <= spike_ns < plot.times_ns[where] + plot.width_ns


def test_names_are_those_of_the_reports_they_are_in(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        archive.record([report(T0_NS + each, {"x": 1, "y": 2.0, "z": "text"}) for each in range(7)], 0)
        archive.record([report(T0_NS, {"x": 1}, "jobs")], 0)
        archive.commit()
        assert history.samples.names() == ["core.x", "core.y", "jobs.x"]
        assert history.reports.names() == ["core", "jobs"]
        assert history.samples.at("jobs.x", T0_NS) == (T0_NS, 1)
        assert history.samples.at("nothing", T0_NS) is None


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "points", "message"),
    [(5, 5, 10, "a start before the end"), (0, 5, 0, "1 to 10000 points"), (0, 5, 10_001, "1 to 10000 points")],
)
def test_a_plot_of_nothing_is_refused(tmp_path, start_ns, end_ns, points, message):
    with opened(tmp_path / "a.sqlite") as (_, history), pytest.raises(MisuseError, match=message):
        history.samples.plot("x", start_ns, end_ns, points)
