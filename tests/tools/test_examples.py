"""Every example in tools/examples does what it says, against a real station and a real spacecraft."""

from pathlib import Path

import pytest

from flight.disk import RealDisk
from flight.inference.job_model import load_job_model
from flight.inference.messages import Begin, Sampling
from flight.inference.reply import Reply
from flight.jobs.manifest import Identity
from flight.jobs.model_file import save_model
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from ground.client.procedure import Procedure, procedures_in
from hil.run.corpora import find_corpora
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import SpacecraftTable

EXAMPLES = Path(__file__).parents[2] / "tools" / "examples"
CORPUS = {"corpus": "verses"}

# In the order in which an operator would try them; what one leaves on board, a later one takes up.
CASES = {
    "check_the_link.py": {},
    "train_a_model.py": CORPUS,
    "stop_early.py": CORPUS,
    "pause_and_resume_a_job.py": CORPUS,
    "cancel_a_job.py": CORPUS,
    "send_a_file_up.py": {"local": "notes.txt"},
    "bring_a_file_down.py": {"remote": "notes.txt", "local": "copy.txt"},
    "bring_a_model_down.py": {"model": "jobs/1/model.safetensors", "local": "base.safetensors"},
    "send_a_model_up.py": {"local": "new.safetensors", "remote": "new.safetensors", "base_local": "base.safetensors"},
    "tidy_up_on_board.py": {},
    "change_a_setting.py": {},
    "schedule_a_command.py": {},
}


def test_every_example_is_tried():
    assert {path.name for path in procedures_in(EXAMPLES)} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_example_does_what_it_says(name, station, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp()
    monkeypatch.chdir(folder)
    (folder / "notes.txt").write_text("Much is to be noted. " * 100)
    if name == "send_a_model_up.py":
        train_here(folder)
    procedure = Procedure.load(EXAMPLES / name)
    lines: list[str] = []
    report = procedure.run(station, procedure.arguments(CASES[name]), lambda line: lines.append(str(line)))
    assert (report.verdict, report.reason) == ("DONE", ""), "\n".join(lines)
    assert report.title == procedure.title
    if name == "bring_a_file_down.py":
        assert (folder / "copy.txt").read_bytes() == (folder / "notes.txt").read_bytes()
    if name == "send_a_model_up.py":
        model = load_job_model(RealDisk(folder), "jobs/1/model.safetensors")
        sampling = Sampling(temperature=0.0, seed=1337)
        asked = Begin(turns=(), telemetry="", text="The ", tokens_max=40, octets_max=4096, sampling=sampling)
        said = "\n".join(lines)
        assert "its base on board is jobs/1/model.safetensors" in said
        assert Reply(model, asked).write(40) in said


def train_here(folder):
    """Train a model at the ground, of the shape of the one on board."""
    recipe = load_recipe("tiny")
    spacecraft = SpacecraftTable(corpora=["verses"])
    corpora = find_corpora(Scenario(name="x", duration_s=1, spacecraft=spacecraft, procedure=[]))
    job = TrainJob(recipe, corpora["verses"].read_text(), seed=2)
    for _ in range(recipe.training.steps):
        job.step()
    identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="ab" * 32, seed=2)
    path, _ = save_model(RealDisk(folder), identity, job)
    (folder / "new.safetensors").write_bytes((folder / path).read_bytes())
