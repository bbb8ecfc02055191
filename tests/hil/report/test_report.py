"""The report of a run: what is drawn where, and that the page holds all of itself."""

import re
from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree

import msgspec
import pytest

from hil.report.chart import LEFT, POINTS_MAX, RIGHT, WIDTH, Chart, thinned
from hil.report.page import render
from hil.report.scale import Scale, clock, time_ticks, value_ticks
from hil.rig.wiring import Wiring
from hil.run.checks import Check
from hil.run.evidence import Evidence
from hil.run.run import Result
from hil.scenario.link import DirectionTable, LinkTable
from hil.scenario.scenario import load_scenario
from hil.sky import LookSample, SkySpan


@pytest.fixture
def evidence(tmp_path):
    evidence = Evidence(tmp_path / "events.jsonl")
    yield evidence
    evidence.close()


def result_of(evidence, *, is_good=True):
    return Result(
        scenario=load_scenario("uart_bench"),
        seed=5,
        wiring=Wiring(),
        evidence=evidence,
        checks=[Check("all is <well>", True, "seen"), Check("the job is done", is_good, "job 7 & RUNNING")],
        reference=None,
        corpora={},
        link_sha256="ab" * 32,
        mission_s=5_700.0,
        wall_s=3.0,
    )


def announced(name, seconds, **values):
    return {"type": "Announced", "time_ns": round(seconds * 1e9), "name": name, "text": name, "values": values}


def drawings(page):
    """Give the drawings of a page, as trees."""
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg class='chart'.*?</svg>", page, re.S)]


def test_a_run_of_which_nothing_came_has_a_page(evidence):
    page = render(result_of(evidence))
    assert "PASS" in page and "<section id='expected'>" in page
    assert "<section id='training'>" not in page and "<section id='power'>" not in page


def test_the_page_holds_all_of_itself_and_no_markup_of_others(evidence):
    evidence.note("hil", {"type": "FaultStruck", "time_ns": 0, "text": "<script>alert(1)</script>"})
    page = render(result_of(evidence, is_good=False))
    assert "FAIL" in page and "1 of 2" in page
    assert not re.search(r"https?://|src=|@import|url\(|<script|<link", page)
    assert "all is &lt;well&gt;" in page and "job 7 &amp; RUNNING" in page
    # What failed is read first.
    assert page.index("the job is done") < page.index("all is &lt;well&gt;")


def test_the_timeline_has_a_lane_for_contact_sky_link_mode_and_each_job(evidence):
    for seconds, text in ((100, "acquisition of signal"), (700, "loss of signal"), (5_600, "acquisition of signal")):
        evidence.note("hil", {"type": "ContactChanged", "time_ns": seconds * 10**9, "text": text})
    evidence.note("hil", {"type": "FaultStruck", "time_ns": 900 * 10**9, "text": "the worker is killed"})
    evidence.note("spacecraft", announced("mode_changed", 110, before="NOMINAL", after="COMPUTE"))
    for job_id in (1, 2):
        evidence.note("spacecraft", announced("job_changed", 120, job_id=job_id, before="QUEUED", after="STARTING"))
        evidence.note("spacecraft", announced("job_changed", 130, job_id=job_id, before="STARTING", after="RUNNING"))
    evidence.spans.append(SkySpan(kind="eclipse", start_s=2_000, end_s=4_100))
    evidence.dropouts.append(("up", 200.0, 260.0))
    (drawing,) = drawings(render(result_of(evidence)))
    lanes = [text.text for text in drawing.iter("text") if text.get("class") == "lane"]
    assert lanes == ["contact", "sky", "uplink cut", "mode", "job 1", "job 2"]
    bars = [(bar.get("class"), bar.find("title").text) for bar in drawing.iter("rect") if "bar" in bar.get("class")]
    assert ("bar contact", "pass: 100 s to 11:40") in bars
    assert ("bar contact", "pass: 93:20 to 95:00") in bars
    assert ("bar eclipse", "eclipse: 33:20 to 68:20") in bars
    assert ("bar mode compute", "COMPUTE: 110 s to 95:00") in bars
    assert ("bar state running", "RUNNING: 2:10 to 95:00") in bars
    (fault,) = [group for group in drawing.iter("g") if group.get("class") == "fault"]
    assert fault.find("title").text == "15:00: the worker is killed"


def test_states_told_by_the_ground_count_where_the_board_cannot_be_seen(evidence):
    told = {"type": "EventReported", "time_ns": 10**9, "name": "job_changed", "text": "…"}
    evidence.note("station", {**told, "values": {"job_id": 4, "before": "QUEUED", "after": "STARTING"}})
    assert evidence.job_states == {4: [(1.0, "QUEUED"), (1.0, "STARTING")]}


def test_power_heat_and_elevation_are_drawn_when_there_are_any(evidence):
    fields = ("charge", "solar_w", "load_w", "device_w", "device_c", "radiator_c", "battery_c")
    evidence.environment_samples = [
        SimpleNamespace(time_s=60.0 * number, **dict.fromkeys(fields, 0.5 + number)) for number in range(90)
    ]
    evidence.looks = [
        LookSample(time_s=start + 10.0 * number, station="Tromso", range_km=900.0, elevation_deg=20.0)
        for start in (100, 3_000)
        for number in range(20)
    ]
    page = render(result_of(evidence))
    assert [drawing.get("aria-label") for drawing in drawings(page)] == ["power", "charge", "temperature", "elevation"]
    # A line does not go from one pass to the next.
    assert len(list(drawings(page)[-1].iter("polyline"))) == 2
    assert "Range in contact: 900 to 900 km" in page


def test_a_line_of_any_length_has_as_many_points_as_can_be_seen_and_keeps_its_peaks():
    points = [(float(number), 0.0) for number in range(1_000_000)]
    points[123_456] = (123_456.0, 9.0)
    kept = thinned(points)
    assert len(kept) <= POINTS_MAX
    assert (123_456.0, 9.0) in kept
    assert kept == sorted(kept)


def test_what_is_not_finite_or_not_above_zero_is_left_out():
    chart = Chart("x", end_s=10.0, values=[1.0, float("nan"), 0.0, 1e6], unit="bit/s", is_log=True)
    chart.line([(1.0, 0.0), (2.0, float("inf")), (3.0, 10.0), (4.0, 1e6)], "blue", "rate")
    (line,) = ElementTree.fromstring(re.search(r"<svg class='chart'.*</svg>", chart.svg())[0]).iter("polyline")
    assert len(line.get("points").split()) == 2


def test_a_scale_puts_ends_at_ends_and_what_is_outside_at_the_nearer_one():
    scale = Scale(0.0, 10.0, LEFT, WIDTH - RIGHT)
    assert (scale(0), scale(10), scale(-5), scale(50)) == (LEFT, WIDTH - RIGHT, LEFT, WIDTH - RIGHT)
    assert Scale(1.0, 100.0, 0, 200, True)(10.0) == 100


@pytest.mark.parametrize(
    ("seconds", "step", "told"),
    [(42, 1, "42 s"), (245, 60, "4:05"), (12_000, 1_800, "3:20 h"), (194_400, 86_400, "2 d 6 h")],
)  # fmt: skip
def test_times_are_told_in_the_unit_of_their_length(seconds, step, told):
    assert clock(seconds, step) == told


@pytest.mark.parametrize("end_s", [0.5, 3, 59, 601, 7_000, 86_400, 30 * 86_400, 3_650 * 86_400])
def test_an_axis_has_a_few_round_ticks(end_s):
    ticks, _ = time_ticks(end_s)
    assert 1 <= len(ticks) <= 9 and ticks[0] == 0 and ticks[-1] <= end_s
    assert 2 <= len(value_ticks(-end_s, end_s)) <= 9


def test_what_is_lost_while_nobody_hears_is_no_cut_of_the_link(evidence):
    for seconds, text in ((100, "acquisition of signal"), (700, "loss of signal"), (5_000, "acquisition of signal")):
        evidence.note("hil", {"type": "ContactChanged", "time_ns": seconds * 10**9, "text": text})
    spans = [(0.0, 100.0), (50.0, 101.0), (300.0, 310.0), (699.0, 800.0), (700.0, 5_000.0), (5_001.0, 5_002.0)]
    evidence.dropouts += [("down", start_s, end_s) for start_s, end_s in spans]
    assert [cut[1:] for cut in evidence.cuts] == [spans[1], spans[2], spans[3], spans[5]]
    assert "<strong>0 + 4</strong>" in render(result_of(evidence))


def test_losses_are_drawn_when_the_spacecraft_told_them_if_that_is_seen_else_as_they_came(evidence):
    def tell(source, kind, seconds, step):
        values = {"job_id": 1, "step": step, "loss": 5.0 - step, "validation_loss": None}
        event = {"type": kind, "name": "job_progress", "time_ns": seconds * 10**9, "values": values}
        evidence.note(source, event)

    tell("station", "ReportReceived", 5, 1)
    for seconds, step in ((10, 2), (20, 3)):
        tell("spacecraft", "Reported", seconds, step)
    tell("station", "ReportReceived", 900, 2)
    (drawing,) = drawings(render(result_of(evidence)))
    (line,) = drawing.iter("polyline")
    x = Scale(0.0, 5_700.0, LEFT, WIDTH - RIGHT)
    assert [float(place.split(",")[0]) for place in line.get("points", "").split()] == [x(5), x(10), x(20)]


def test_the_losses_of_two_jobs_are_two_lines_and_the_judged_one_comes_first(evidence):
    for seconds, job_id, step, validation_loss in ((5, 2, 1, 4.5), (10, 7, 1, None), (15, 2, 2, None), (20, 7, 2, 4.0)):
        values = {"job_id": job_id, "step": step, "loss": 5.0 - step, "validation_loss": validation_loss}
        event = {"type": "Reported", "name": "job_progress", "time_ns": seconds * 10**9, "values": values}
        evidence.note("spacecraft", event)
    (drawing,) = drawings(render(result_of(evidence)))
    x = Scale(0.0, 5_700.0, LEFT, WIDTH - RIGHT)
    lines = {
        line.get("class"): [float(place.split(",")[0]) for place in line.get("points", "").split()]
        for line in drawing.iter("polyline")
    }
    assert lines == {"line blue": [x(10), x(20)], "line orange": [x(20)], "line green": [x(5), x(15)]}


def test_the_sample_of_a_result_is_that_of_the_judged_job(evidence):
    evidence.samples |= {2: "another's", 7: "its own"}
    assert result_of(evidence).plain()["sample"] == "its own"


def test_a_rate_is_a_step_and_no_line_goes_over_a_gap(evidence):
    evidence.link_samples += [(1.0, "up", 100), (30.0, "up", 300), (3_000.0, "up", 400)]
    (drawing,) = drawings(render(result_of(evidence)))
    lines = [line.get("points").split() for line in drawing.iter("polyline")]
    # Parts are 23.75 s long.
    assert [len(line) for line in lines] == [4, 2]


def test_a_long_table_is_folded_and_what_the_station_gives_by_itself_stands_apart(evidence):
    for number in range(100):
        evidence.commands[number] = {"name": f"c{number}", "stages": [], "tries": 1, "is_automatic": number < 30}
    page = render(result_of(evidence))
    assert "<details><summary>70 given by the procedure</summary>" in page
    assert "<details open><summary>30 given by the station by itself" in page


def test_the_link_budget_is_told_at_the_ends_of_the_range(evidence):
    evidence.looks = [
        LookSample(time_s=range_km, station="Tromso", range_km=range_km, elevation_deg=20.0)
        for range_km in (500.0, 1_000.0, 2_000.0)
    ]
    link = LinkTable(down=DirectionTable(eb_n0_db=9.0), up=DirectionTable(bit_error_rate=1e-6))
    result = result_of(evidence)
    page = render(replace(result, scenario=msgspec.structs.replace(result.scenario, link=link)))
    # 6.02 dB for twice the range; Q(sqrt(2 * 10^1.502)) = 7.5e-16, Q(sqrt(2 * 10^0.298)) = 2.3e-2.
    for told in ("nearest, 500 km: light time", "1.67 ms", "15.0 dB; 7.", "3.0 dB; 2.3e-02", "not by range; 1e-06"):
        assert told in page
