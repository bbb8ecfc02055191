"""Where the spacecraft is goes from its receiver into telemetry and prompts; without one nothing is made up."""

import json
import re

import numpy as np

from hil.orbit.earth import surface_km
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import NS_PER_S, World

TEXT = """
name = "place"
duration_s = 9000
[spacecraft]
corpora = ["CORPUS"]
worker = "inline"
work = { step_s = 0.1, token_s = 0.1 }
[link]
profile = "sband"
security = "none"
[orbit]
name = "dawn_dusk_650"
[[stations]]
name = "svalbard_78"
ENVIRONMENT
[[procedure]]
command = "housekeeping.enable"
arguments = { structures = [25] }
[[procedure]]
command = "job.submit"
arguments = { job_id = 1, recipe = "tiny", corpus = "words", seed = 3, steps = 12, overrides = "model.context = 256" }
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "model.activate"
arguments = { name = "jobs/1/model.safetensors" }
[[procedure]]
command = "chat.prompt"
arguments = { conversation = 5, turn = 1, text = "12 sheep", tokens_max = 20, telemetry = "ENABLED" }
[[procedure]]
wait_for_reply = 5
"""
WORDS = "Spacecraft: mode COMPUTE, latitude -12.3456 deg, longitude 7.89 deg, altitude 650 km, eclipse in 0 s\n"


def fly(folder, environment):
    corpus = folder / "words.txt"
    corpus.write_text(WORDS * 60)
    scenario = parse_scenario(TEXT.replace("CORPUS", str(corpus)).replace("ENVIRONMENT", environment), "place")
    prepare_folder(folder / "run", force=False)
    world = World(scenario, 1, folder / "run", find_corpora(scenario), lambda source, event: None)
    evidence = world.run()
    assert world.procedure.is_done, world.procedure.failures
    return world, evidence


def told(world):
    (turn,) = world.spacecraft.core._server.book.conversations[5].turns.values()
    return turn.prompted.telemetry


def test_the_ground_and_the_model_are_told_where_the_spacecraft_is(tmp_path):
    world, _ = fly(tmp_path, "[environment.loads]\ndevice_busy_w = 300")
    satellite = world._scenario.outlook().satellite
    events = map(json.loads, (tmp_path / "run" / "events.jsonl").read_text().splitlines())
    heard = [each for each in events if each["type"] == "HousekeepingReceived" and each["name"] == "position"]
    assert len(heard) >= 3
    for each in heard:
        values = each["values"]
        place_km = surface_km(values["latitude"], values["longitude"], 1_000 * values["altitude"])
        made_s = (each["tai_ns"] - round(world._scenario.spacecraft.tai_s * NS_PER_S)) / NS_PER_S
        assert np.linalg.norm(place_km - satellite.fixed_km(np.array([made_s]))[0][0]) < 0.05
    number = r"(-?[\d.]+)"
    said = re.match(
        rf"\[Spacecraft: mode COMPUTE, latitude {number} deg, longitude {number} deg, altitude {number} km, ",
        told(world),
    )
    assert said is not None, told(world)
    latitude_deg, longitude_deg, altitude_km = map(float, said.groups())
    track_km = satellite.fixed_km(np.arange(0.0, world._scenario.duration_s, 0.1))[0]
    off_km = np.linalg.norm(track_km - surface_km(latitude_deg, longitude_deg, 1_000 * altitude_km), axis=1)
    assert off_km.min() < 0.5


def test_without_a_receiver_nothing_is_made_up(tmp_path):
    world, _ = fly(tmp_path, "")
    assert "latitude" not in told(world)
    assert told(world).startswith("[Spacecraft: mode COMPUTE, uptime ")
