"""The passes of an orbit, as a ground station reads them: the same times, and how high each comes."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

from ground.pass_plan import read_pass_plan
from hil.__main__ import main
from hil.orbit.pass_list import pass_list
from hil.scenario.orbit import OrbitTable, SiteTable, outlook_of
from hil.scenario.scenario import load_scenario

BEGIN = "2027-03-01T12:00"
BEGIN_UNIX_S = 1_803_902_400


def passes(*arguments):
    return CliRunner().invoke(main, ["passes", *arguments])


def test_a_ground_station_reads_the_passes_that_the_orbit_has(tmp_path):
    path = tmp_path / "passes.toml"
    done = passes("starcloud", "--begin", BEGIN, "--days", "1", "--out", str(path))
    assert done.exit_code == 0, done.output
    read = read_pass_plan(path).passes
    assert f"{len(read)} passes over" in done.output
    assert len(read) >= 4
    scenario = load_scenario("starcloud")
    assert {each.station for each in read} <= {each.name for each in scenario.stations}
    assert all(BEGIN_UNIX_S <= each.begin_unix_ns / 1e9 < BEGIN_UNIX_S + 86_400 for each in read)
    assert all(each.end_unix_ns - each.begin_unix_ns < 900e9 for each in read)
    # Above the mask of five degrees, or there would be no pass; and no higher than overhead.
    assert all(4.9 < each.elevation_deg <= 90 for each in read)


def test_the_times_are_those_at_which_the_spacecraft_is_at_the_mask(tmp_path):
    path = tmp_path / "passes.toml"
    assert passes("starcloud", "--begin", BEGIN, "--days", "1", "--out", str(path)).exit_code == 0
    scenario = load_scenario("starcloud")
    tai_s = BEGIN_UNIX_S + 378_691_200 + 37
    satellite = scenario.orbit.satellite(tai_s)
    sites = {each.name: each.site() for each in scenario.stations}
    for each in read_pass_plan(path).passes:
        edges_s = np.array([each.begin_unix_ns, each.end_unix_ns]) / 1e9 - BEGIN_UNIX_S
        inside = (edges_s > 1) & (edges_s < 86_399)
        look = sites[each.station].look(satellite, edges_s)
        assert look.elevation_deg[inside] == pytest.approx(sites[each.station].mask_deg, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("first_light",), r"first_light: expected an \[orbit\] and \[\[stations\]\], found none"),
        (("nowhere",), "nowhere"),
        (("starcloud", "--days", "0"), "0"),
        (("starcloud", "--begin", "tomorrow"), "tomorrow"),
    ],
)
def test_what_has_no_passes_is_refused_and_nothing_is_written(tmp_path, arguments, reason):
    done = passes(*arguments, "--out", str(tmp_path / "passes.toml"))
    assert done.exit_code == 2
    assert re.search(reason, done.output), done.output
    assert list(tmp_path.iterdir()) == []


def test_more_passes_than_a_station_takes_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("hil.__main__.PASSES_MAX", 3)
    done = passes("starcloud", "--begin", BEGIN, "--days", "1", "--out", str(tmp_path / "passes.toml"))
    assert done.exit_code == 2
    assert re.search(r"--days: expected at most 3 passes, as a station takes, found \d+", done.output), done.output
    assert list(tmp_path.iterdir()) == []


def test_a_station_may_have_any_name(tmp_path):
    path = tmp_path / "passes.toml"
    name = 'a"b\\c\x7f\u00e4'
    site = SiteTable(name=name, latitude_deg=78.0, longitude_deg=15.0)
    outlook = outlook_of(OrbitTable(name="sso_500"), [site], BEGIN_UNIX_S + 378_691_237, 86_400)
    path.write_text(pass_list(outlook, BEGIN_UNIX_S))
    assert {each.station for each in read_pass_plan(path).passes} == {name}
