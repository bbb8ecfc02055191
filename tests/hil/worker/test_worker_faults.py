"""What befalls a worker in a scenario: whatever it is, the job ends with the weights of an undisturbed run."""

import json

import pytest

from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.checks import Reference, judge
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

TEXT = """
name = "struck"
[spacecraft]
corpora = ["CORPUS"]
work = { step_s = 0.25 }
[link]
profile = "sband"
security = "none"
FAULT
[[procedure]]
command = "mode.enter"
arguments = { mode = "COMPUTE" }
[[procedure]]
command = "job.submit"
arguments = { job_id = 1, recipe = "tiny", corpus = "verses", seed = 5, overrides = "model.dropout = 0.1" }
[[procedure]]
wait_for_job = 1
[expect]
weights_as_reference = true
EXPECT
"""


@pytest.fixture(scope="module")
def corpus_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "verses.txt"
    path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
    return path


@pytest.fixture
def fly(tmp_path, corpus_path, reference):
    def fly(fault, expect="", name="run"):
        text = TEXT.replace("CORPUS", str(corpus_path)).replace("FAULT", fault).replace("EXPECT", expect)
        scenario = parse_scenario(text, "struck")
        folder = tmp_path / name
        prepare_folder(folder, force=False)
        world = World(scenario, 3, folder, find_corpora(scenario), lambda source, event: None)
        evidence = world.run()
        checks = judge(scenario, evidence, world.procedure.failures, world.procedure.is_done, reference)
        assert [check for check in checks if not check.ok] == []
        logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        return world.now_ns / 1e9, [
            event["text"] if event["type"] == "FaultStruck" else event["values"]
            for event in logged
            if event["type"] == "FaultStruck" or event.get("name") in ("worker_lost", "fault_mended")
            if event["source"] in ("hil", "spacecraft")
        ]

    return fly


@pytest.fixture(scope="module")
def reference(corpus_path):
    scenario = parse_scenario(TEXT.replace("CORPUS", str(corpus_path)).replace("FAULT", "").replace("EXPECT", ""), "x")
    corpus = find_corpora(scenario)["verses"]
    sha256 = run_reference(load_recipe("tiny").override("model.dropout = 0.1"), corpus, 5).weights_sha256
    return Reference(
        weights_sha256=sha256, validation_loss=0.0, bigram_loss=0.0, corpus_sha256=corpus.sha256, tokens_per_s=0.0
    )


def test_a_worker_that_hangs_is_found_by_its_deadline_and_replaced(fly):
    fault = '[[faults]]\nkind = "hang_worker"\njob_step = 22\n'
    elapsed_s, (struck, lost) = fly(fault, "workers_lost_min = 1")
    assert struck.startswith("the worker hangs after step 2")
    assert lost["reason"].startswith("no answer to ")
    assert elapsed_s < 120  # Its patience was learned from the steps before: not the five minutes of an unknown one.


def test_a_worker_that_slows_down_is_waited_for(fly):
    elapsed_s, told = fly('[[faults]]\nkind = "slow_worker"\njob_step = 22\nfactor = 8\n')
    assert len(told) == 1
    assert 70 < elapsed_s < 150  # Of sixty steps, of a quarter of a second, some thirty-five take two.


def test_a_worker_that_gets_no_more_memory_is_replaced_and_the_job_goes_on(fly):
    fault = '[[faults]]\nkind = "starve_worker"\njob_step = 22\n'
    _, (struck, lost) = fly(fault, "workers_lost_min = 1")
    assert "the worker gets no more memory, in the work granted after step 2" in struck
    assert "can't allocate memory" in lost["reason"]


def test_a_strike_at_the_running_job_is_mended_and_told_and_equal_seeds_strike_alike(fly):
    fault = '[[faults]]\nkind = "flip"\njob_step = 22\npart = "weights"\n'
    first, second = (fly(fault, "faults_mended_min = 1", name) for name in ("first", "second"))
    _, (struck, mended) = first
    assert "weights, in the work granted after step 2" in struck
    assert (mended["struck"], mended["step"] > 20) == ("STATE", True)
    assert first == second
