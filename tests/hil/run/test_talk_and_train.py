"""The shipped scenario in which a model talks while another learns, with a smaller one in the place of nanoGPT."""

import json
from importlib import resources

from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World


def test_a_model_replies_while_another_is_trained_and_changes_no_bit_of_it(tmp_path):
    text = resources.files("hil").joinpath("scenarios/talk_and_train.toml").read_text()
    scenario = parse_scenario(text.replace('recipe = "nanogpt"', 'recipe = "tiny"'), "talk_and_train")
    folder = tmp_path / "run"
    prepare_folder(folder, force=False)
    corpora = find_corpora(scenario)
    world = World(scenario, 1, folder, corpora, lambda source, event: None)
    evidence = world.run()
    assert world.procedure.is_done, world.procedure.failures

    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    replied_s = [
        event["time_ns"] / 1e9
        for event in events
        if (event["source"], event.get("name")) == ("spacecraft", "reply_end") and event["values"]["end"] == "LENGTH"
    ]
    assert len(replied_s) == 3
    states = evidence.job_states[1]
    learning_s = [seconds for seconds, state in states if state == "RUNNING"][-1]
    assert learning_s < replied_s[1] < replied_s[2] < evidence.jobs_done_s[1]
    assert len(evidence.contacts) == 3
    turns = [turn for turns in evidence.conversations.values() for turn in turns]
    assert [turn["is_whole"] for turn in turns] == [True] * 3

    submitted = scenario.submitted()
    recipe = load_recipe("tiny").override(submitted["overrides"]).override(f"training.steps = {submitted['steps']}")
    expected = run_reference(recipe, corpora["tinyshakespeare"], submitted["seed"])
    assert evidence.job_reports[1]["weights_sha256"] == expected.weights_sha256
