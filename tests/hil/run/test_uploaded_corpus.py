"""A corpus goes up as a file, a job learns from it, and its model comes down: all over the link."""

import pytest

from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

TEXT = """
name = "x"
duration_s = 4000
[spacecraft]
corpora = []
worker = "inline"
work = { step_s = 1 }
[station]
files = [{ name = "sheep.txtPACKED", corpus = "CORPUS" }]
[link]
profile = "sband"
security = "none"
EXTRA
[[procedure]]
put_file = "sheep.txtPACKED"
[[procedure]]
wait_for_file = "sheep.txtPACKED"
[[procedure]]
command = "job.submit"
arguments = { job_id = 1, recipe = "tiny", corpus = "files/sheep.txtPACKED", seed = 3 }
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "job.report"
arguments = { job_id = 1 }
[[procedure]]
command = "file.send"
arguments = { name = "jobs/1/model.safetensors", destination = "model.safetensors" }
[[procedure]]
wait_for_file = "model.safetensors"
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "sheep.txt"
    path.write_text("".join(f"{number} sheep and {number * 7 % 13} dogs\n" for number in range(400)))
    return path


def fly(folder, path, packed, extra=""):
    scenario = parse_scenario(TEXT.replace("PACKED", packed).replace("CORPUS", str(path)).replace("EXTRA", extra), "x")
    prepare_folder(folder, force=False)
    world = World(scenario, 1, folder, find_corpora(scenario), lambda source, event: None)
    return world, world.run()


@pytest.mark.parametrize("packed", ["", ".zst"])
def test_a_job_learns_from_a_file_that_came_up_and_its_model_comes_down(tmp_path, path, packed):
    world, evidence = fly(tmp_path / "run", path, packed)
    corpus = find_corpus(str(path), CorpusSources(cache_directory=tmp_path))
    expected = run_reference(load_recipe("tiny"), corpus, 3)
    report = evidence.job_reports[1]
    assert (report["state"], report["weights_sha256"]) == ("DONE", expected.weights_sha256)
    assert report["corpus_sha256"] == corpus.sha256
    assert world.procedure.is_done
    sent, arrived = evidence.files["model.safetensors"]
    assert sent
    assert sent == arrived
    up = (tmp_path / "run" / "store" / "files" / f"sheep.txt{packed}").stat().st_size
    assert (up < corpus.length_octets / 2) is bool(packed)


def test_a_job_does_not_go_on_from_a_file_that_was_changed(tmp_path, path):
    # The worker is killed, and the text is another by then: its letters may be letters still, or none at all.
    faults = """
[[faults]]
kind = "flip_store"
path = "files/sheep.txt"
job_step = 20
[[faults]]
kind = "kill_worker"
job_step = 30
"""
    _, evidence = fly(tmp_path / "run", path, "", faults)
    report = evidence.job_reports[1]
    assert report["state"] == "FAILED"
    assert "another text than the one the job began with" in report["failure"] or "UTF-8" in report["failure"]
