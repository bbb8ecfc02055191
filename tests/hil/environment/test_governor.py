"""A governed job through eclipses and much heat in virtual time: it ends with the weights of the bare run."""

from itertools import pairwise

import pytest

from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

STEPS = 100

TEXT = '''
name = "governed"
duration_s = 30000
[spacecraft]
corpora = ["CORPUS"]
work = { step_s = 60, evaluate_s = 5, sample_s = 1 }
[link]
profile = "sband"
security = "none"
[orbit]
name = "sso_500"
local_time_h = 12
[[stations]]
name = "svalbard_78"
[environment.battery]
capacity_wh = 500
[environment.loads]
device_busy_w = 600
[environment.thermal]
device_radiator_w_k = 9
[[procedure]]
command = "parameter.set"
[procedure.arguments.values]
charge_reserve = 70
device_hold = 75
device_throttle = 66
sensor_period = 10000
[[procedure]]
command = "job.submit"
[procedure.arguments]
job_id = 1
recipe = "tiny"
corpus = "corpus"
seed = 3
steps = STEPS
overrides = """
training.evaluation_interval = 60
training.checkpoint_interval = 8
"""
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "job.report"
arguments = { job_id = 1 }
'''


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("".join(f"{number} sheep and {number * 7 % 13} dogs\n" for number in range(400)))
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    """The evidence of the run, and what was told of events, in order."""
    folder = tmp_path_factory.mktemp("governed") / "run"
    prepare_folder(folder, force=False)
    events = []
    text = TEXT.replace("CORPUS", str(corpus.path)).replace("STEPS", str(STEPS))

    def watch(source, event):
        if source == "spacecraft" and event["type"] == "Announced":
            events.append((event["time_ns"] / 1e9, event["name"], event["values"]))

    world = World(parse_scenario(text, "governed"), 1, folder, {"corpus": corpus}, watch)
    return world.run(), events


def values_of(events, name):
    return [values for _, each, values in events if each == name]


def test_it_is_throttled_for_power_and_heat_and_paused_in_eclipses_and_goes_on_each_time(run):
    evidence, events = run
    pauses = [values["step"] for values in values_of(events, "job_changed") if values["after"] == "PAUSED"]
    goings = [values for values in values_of(events, "job_changed") if values["before"] == "PAUSED"]
    changes = values_of(events, "allowance_changed")
    held_by = [values["cause"] for values in changes if values["after"] == "HOLD" != values["before"]]
    assert held_by.count("POWER") >= 2
    assert {"POWER", "THERMAL"} <= {values["cause"] for values in changes if values["after"] == "THROTTLE"}
    assert len(goings) == len(pauses) >= 2
    assert pauses == sorted(pauses)
    assert evidence.job_reports[1]["worker_restarts"] == 0


def test_it_ends_with_the_weights_of_the_bare_run(run, corpus):
    evidence, _ = run
    recipe = load_recipe("tiny").override(f"training.steps = {STEPS}\ntraining.evaluation_interval = 60")
    report = evidence.job_reports[1]
    assert report["state"] == "DONE"
    assert report["weights_sha256"] == run_reference(recipe, corpus, 3).weights_sha256


def test_the_reserve_is_there_at_each_sunrise_and_the_device_stays_below_its_trip(run):
    evidence, _ = run
    samples = evidence.environment_samples
    sunrises = [after.charge for before, after in pairwise(samples) if before.solar_w == 0 < after.solar_w]
    assert len(sunrises) >= 2
    assert min(sunrises) > 0.69
    assert max(sample.device_c for sample in samples) < 85


def test_its_report_tells_what_it_cost(run):
    evidence, _ = run
    report = evidence.job_reports[1]
    samples = evidence.environment_samples
    gap_s = samples[1].time_s - samples[0].time_s
    drawn_j = sum(sample.device_w for sample in samples if sample.device_w > 2) * gap_s
    assert report["energy"] == pytest.approx(drawn_j, rel=0.05)
    assert report["energy_per_token"] == pytest.approx(report["energy"] / (STEPS * 8 * 32), rel=1e-4)
