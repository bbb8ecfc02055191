"""A scenario with an environment: what power, heat and particles do to the run, and what cannot be."""

import json

import pytest

from ccsds.errors import MisuseError
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

NS_PER_S = 1_000_000_000

TEXT = '''
name = "x"
duration_s = 30000
[spacecraft]
corpora = ["CORPUS"]
worker = "inline"
work = { step_s = STEP, evaluate_s = 5, sample_s = 1 }
[link]
profile = "sband"
security = "none"
[orbit]
name = "sso_500"
local_time_h = 12
[[stations]]
name = "svalbard_78"
ENVIRONMENT
[[procedure]]
command = "job.submit"
[procedure.arguments]
job_id = 1
recipe = "tiny"
corpus = "corpus"
seed = 3
overrides = """
training.evaluation_interval = 60
training.checkpoint_interval = 4
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
def weights(corpus):
    """The digest of the same job, run undisturbed."""
    recipe = load_recipe("tiny").override("training.evaluation_interval = 60")
    return run_reference(recipe, corpus, 3).weights_sha256


def fly(folder, corpus, environment, step_s=50, seed=1, duration_s=30_000):
    words = {"30000": duration_s, "ENVIRONMENT": environment, "STEP": step_s, "CORPUS": corpus.path}
    text = TEXT
    for word, given in words.items():
        text = text.replace(word, str(given))
    prepare_folder(folder, force=False)
    world = World(parse_scenario(text, "x"), seed, folder, {"corpus": corpus}, lambda source, event: None)
    return world, world.run()


def told(evidence, words):
    return [(time_s, text) for time_s, source, text in evidence.marks if source == "hil" and words in text]


def report(evidence):
    return evidence.job_reports[1]


def test_a_battery_that_runs_empty_takes_the_power_and_the_job_goes_on_when_it_has_charge(tmp_path, corpus, weights):
    # In the eclipse the bus alone is too much for so small a battery, whatever the governor does about jobs.
    table = "[environment.battery]\ncapacity_wh = 30\ncharge = 0.99\n[environment.loads]\ndevice_busy_w = 150"
    _, evidence = fly(tmp_path / "run", corpus, table)
    (empty_s, text), *_ = told(evidence, "the battery is empty")
    assert "power was cut at disk operation" in text
    (back_s, _), *_ = told(evidence, "has charge again")
    assert 60 < back_s - empty_s < 6_000
    assert evidence.counts["event.booted"] >= 2
    off = [sample for sample in evidence.environment_samples if empty_s + 10 < sample.time_s < back_s]
    assert off
    assert {sample.load_w for sample in off} == {4.0}
    assert all(sample.charge < 0.31 for sample in off)
    assert report(evidence)["state"] == "DONE"
    assert report(evidence)["weights_sha256"] == weights


def test_a_device_that_is_too_hot_stops_and_the_job_goes_on_when_it_has_cooled(tmp_path, corpus, weights):
    # It stops at less than what the governor minds.
    table = "[environment.battery]\ncapacity_wh = 9000\n[environment.thermal]\ndevice_trip_c = 60\ndevice_return_c = 45"
    _, evidence = fly(tmp_path / "run", corpus, table)
    (hot_s, text), *_ = told(evidence, "too hot")
    assert "at 60." in text
    (cool_s, _), *_ = told(evidence, "has cooled")
    assert hot_s < cool_s
    hottest = max(sample.device_c for sample in evidence.environment_samples)
    assert 60 <= hottest < 63
    assert report(evidence)["worker_restarts"] >= 1
    assert report(evidence)["weights_sha256"] == weights


def test_a_latch_up_costs_the_worker_and_nothing_else(tmp_path, corpus, weights):
    table = "[environment.battery]\ncapacity_wh = 9000\n[environment.thermal]\nradiator_m2 = 2\n"
    table += "[environment.radiation]\nupsets_per_bit_day = 0\nlatch_ups_at_s = [1400]\n"
    _, evidence = fly(tmp_path / "run", corpus, table)
    ((struck_s, text),) = told(evidence, "latches up")
    assert struck_s == 1400
    assert "loses its power" in text
    assert report(evidence)["worker_restarts"] >= 1
    assert report(evidence)["weights_sha256"] == weights


def test_upsets_strike_the_memory_of_the_job_and_are_mended(tmp_path, corpus, weights):
    # Under more of them one place is struck so often in so few steps that the guard takes it for a fault of the device.
    table = "[environment.battery]\ncapacity_wh = 9000\n[environment.thermal]\nradiator_m2 = 2\n"
    table += "[environment.radiation]\nlatch_ups_per_day = 0\ninterrupts_per_day = 0\nstress = 15\n"
    _, evidence = fly(tmp_path / "run", corpus, table)
    struck = told(evidence, "flip")
    assert len(struck) >= 5
    assert report(evidence)["faults_mended"] >= 1
    assert report(evidence)["weights_sha256"] == weights
    # Sixty steps of 50 s, in samples of 10 s or more.
    worked = [sample for sample in evidence.environment_samples if sample.device_w == 700]
    gap_s = evidence.environment_samples[1].time_s - evidence.environment_samples[0].time_s
    assert len(worked) * gap_s == pytest.approx(3_000, abs=200)


def test_an_interrupt_is_found_by_the_engine_and_ends_with_the_power_cycle(tmp_path, corpus, weights):
    table = "[environment.battery]\ncapacity_wh = 9000\n[environment.thermal]\nradiator_m2 = 2\n"
    table += "[environment.radiation]\nupsets_per_bit_day = 0\nlatch_ups_per_day = 0\ninterrupts_per_day = 30\n"
    _, evidence = fly(tmp_path / "run", corpus, table, seed=4)
    assert told(evidence, "until its power is cycled")
    assert evidence.counts["event.worker_lost"] >= 1
    assert report(evidence)["weights_sha256"] == weights


def test_equal_seeds_give_equal_runs_in_an_environment(tmp_path, corpus):
    table = "[environment.battery]\ncapacity_wh = 30\n[environment.loads]\ndevice_busy_w = 150\n"
    table += "[environment.radiation]\nstress = 100\n"
    for name in ("one", "two"):
        fly(tmp_path / name, corpus, table, duration_s=3_000)
    for file in ("events.jsonl", "uplink.bin", "downlink.bin"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    logged = [json.loads(line) for line in (tmp_path / "one" / "events.jsonl").read_text().splitlines()]
    assert {each["effect"] for each in logged if each["type"] == "ParticleStruck"} >= {"upset"}


BARE = 'name = "x"\nduration_s = 3600\nprocedure = [{ command = "test.connection" }]\n'
ORBIT = BARE + '[orbit]\nname = "sso_500"\n[[stations]]\nname = "svalbard_78"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BARE + "[environment]", "environment: expected an [orbit] beside it"),
        (ORBIT + "[environment]\nwind = 3", "unknown key environment.wind: expected one of array, battery"),
        (ORBIT + "[environment.array]\narea = 3", "unknown key environment.array.area: expected one of area_m2"),
        (ORBIT + "[environment.array]\nefficiency = 1.5", "environment.array.efficiency: expected `float` <= 1.0"),
        (
            ORBIT + "[environment.battery]\nrestart_charge = 0.05",
            "environment.battery.restart_charge: expected above brown_out_charge = 0.1, found 0.05",
        ),
        (
            ORBIT + "[environment.battery]\ncharge = 0.1",
            "environment.battery.charge: expected above brown_out_charge = 0.1, found 0.1",
        ),
        (
            ORBIT + "[environment.battery]\ncapacity_wh = 10",
            "environment.battery.capacity_wh: expected 10 s of all loads (2.2 Wh) below brown_out_charge, found 1 Wh",
        ),
        (ORBIT + "[environment.loads]\ndevice_idle_w = 900", "environment.loads.device_idle_w: expected it between"),
        (
            ORBIT + "[environment.thermal]\ndevice_return_c = 100",
            "environment.thermal.device_return_c: expected below device_trip_c = 100, found 100",
        ),
        (
            ORBIT + "[environment.radiation]\nstress = 1e8",
            "environment.radiation.stress: expected at most 100000 strikes in all, found 2.88e+07",
        ),
        (
            ORBIT + "[environment.radiation]\nstress_from_s = 90\nstress_until_s = 80",
            "environment.radiation.stress_until_s: expected above stress_from_s = 90, found 80",
        ),
        (
            ORBIT + "[environment.radiation]\nlatch_ups_at_s = [1, 4000]",
            "environment.radiation.latch_ups_at_s: expected below duration_s = 3600, found 4000",
        ),
        (
            ORBIT + "[environment.radiation]\nsingle_bit_share = 2",
            "environment.radiation.single_bit_share: expected `float` <= 1.0",
        ),
    ],
)
def test_an_environment_that_cannot_be_gets_one_line(text, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(text, "x.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
