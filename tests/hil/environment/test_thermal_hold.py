"""Jobs held for heat, and a device whose power is limited while throttled: the weights are those of the bare run."""

import pytest

from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.environment.heat import Heat
from hil.faults.end_faults import reset_spacecraft
from hil.run.corpora import find_corpora
from hil.scenario.environment import ThermalTable
from hil.scenario.scenario import parse_scenario
from hil.world import NS_PER_S, World

STEPS = 24
BUSY_W, THROTTLED_W = 600, 300

# Throttled it works all the time at half the power, which cannot all leave by this way: it comes to be held.
TEXT = f'''
name = "hot"
duration_s = 12000
[spacecraft]
corpora = ["verses"]
worker = "inline"
work = {{ step_s = 60, evaluate_s = 5, sample_s = 1 }}
[link]
profile = "sband"
security = "none"
[orbit]
name = "dawn_dusk_650"
[[stations]]
name = "svalbard_78"
[environment.array]
area_m2 = 3
[environment.loads]
device_busy_w = {BUSY_W}
[environment.thermal]
device_radiator_w_k = 5
[[procedure]]
command = "parameter.set"
[procedure.arguments.values]
device_throttle = 45
device_hold = 55
throttled_power = {THROTTLED_W}
throttled_duty = 1000
sensor_period = 10000
[[procedure]]
command = "job.submit"
[procedure.arguments]
job_id = 1
recipe = "tiny"
corpus = "verses"
seed = 3
steps = {STEPS}
overrides = """
training.evaluation_interval = {STEPS}
training.checkpoint_interval = 8
"""
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "job.report"
arguments = {{ job_id = 1 }}
'''


@pytest.fixture(scope="module")
def scenario():
    return parse_scenario(TEXT, "hot")


@pytest.fixture(scope="module")
def run(scenario, tmp_path_factory):
    world = World(scenario, 1, tmp_path_factory.mktemp("hot"), find_corpora(scenario), lambda source, event: None)
    return world.run()


def test_a_job_is_held_for_heat_and_goes_on(run):
    assert run.limits["HOLD", "THERMAL"] >= 1
    assert run.job_reports[1]["state"] == "DONE"
    assert max(sample.device_c for sample in run.environment_samples) < 100


def test_the_device_draws_no_more_than_its_limit_while_it_is_throttled(run):
    at_work = {round(sample.device_w) for sample in run.environment_samples}
    assert {BUSY_W, THROTTLED_W} <= at_work
    assert max(at_work) == BUSY_W


def test_neither_changes_a_weight(run, scenario):
    overrides = f"training.steps = {STEPS}\ntraining.evaluation_interval = {STEPS}"
    reference = run_reference(load_recipe("tiny").override(overrides), find_corpora(scenario)["verses"], 3)
    assert run.job_reports[1]["weights_sha256"] == reference.weights_sha256


def test_a_limit_does_not_outlast_its_reason_when_the_software_is_reset(scenario, tmp_path):
    world = World(scenario, 1, tmp_path, find_corpora(scenario), lambda source, event: None)
    assert world._surroundings is not None
    environment = world._surroundings.environment
    try:
        world.begin()
        world.go_on(is_enough=lambda: environment.power_limit.busy_w == THROTTLED_W)
        assert environment.power_limit.busy_w == THROTTLED_W
        # The software ends and begins anew, and by then the device has cooled: a life that knows of no limit.
        reset_spacecraft(world._hands)
        environment.heat = Heat(ThermalTable())
        assert environment.power_limit.busy_w == THROTTLED_W
        world.go_on(until_ns=world.now_ns + 60 * NS_PER_S)
        assert environment.power_limit.busy_w == BUSY_W
    finally:
        world.close()
