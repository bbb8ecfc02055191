"""Models of swift are served as those of nanogpt are: what they predict is what the job would, watched and refused."""

import json
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from ccsds.errors import MalformedError, MisuseError
from flight.inference.job_model import load_job_model
from flight.inference.model_files import look_at
from flight.jobs.recipe import load_recipe
from flight.jobs.state import weights_sha256
from flight.jobs.swift_recipe import COUNTED_TEXT
from flight.jobs.train import TrainJob

from .conftest import TEXT, Table, keep

CONTEXT = 32
SMALL = f"model.layers = 1\nmodel.width = 32\nmodel.context = {CONTEXT}\ntraining.batch = 8\ntraining.steps = 20\n"
PATHS = {"swift": "jobs/3/model.safetensors", "swift-ngram": "jobs/4/model.safetensors"}


@pytest.fixture(scope="module")
def jobs():
    made = {}
    for name in PATHS:
        recipe = load_recipe(name).override(SMALL + ("ngram.rows = 1024" if name == "swift-ngram" else ""))
        job = made[name] = TrainJob(recipe, TEXT, 5)
        for _ in range(20):
            job.step()
        job.model.eval()
    return made


@pytest.fixture(params=PATHS)
def name(request):
    return request.param


@pytest.fixture
def path(disk, jobs, name):
    return keep(disk, jobs[name], PATHS[name])


def predicted(job, tokens):
    with torch.no_grad():
        return job.model(torch.tensor([tokens[-CONTEXT:]]))[0, -1]


def rewrite(disk, path, change, **said):
    """Write a model file again with other tensors, and the same card but for what is said of it."""
    data = disk.read(path)
    card = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    tensors = safetensors.torch.load(data)
    change(tensors)
    disk.remove(path)
    card["starloop"] = json.dumps(json.loads(card["starloop"]) | said)
    disk.append(path, safetensors.torch.save(tensors, metadata=card))


def test_what_is_predicted_is_what_the_job_would_at_every_length_of_the_window(disk, jobs, name, path):
    served, job = load_job_model(disk, path), jobs[name]
    tokens = job.validation_tokens[: 2 * CONTEXT].tolist()
    served.begin()
    for end in range(1, len(tokens) + 1):
        assert torch.equal(served.read(tokens[end - 1 : end]), predicted(job, tokens[:end]))
    served.begin()
    assert torch.equal(served.read(tokens), predicted(job, tokens))  # Several at once, and more than it sees.


def test_it_is_activated_proven_and_answers(disk, path):
    table = Table(disk)
    assert table.activate(path) is None
    assert table.prompt() is None
    table.run(60)
    text, end = table.reply()
    assert (end["end"], end["tokens"], len(text)) == ("LENGTH", 60, 60)
    table.command("model.check")
    table.run(5)
    assert table.models()["checks"] >= 2
    assert not table.heard("model_struck")


@pytest.mark.parametrize("kind", ["head.weight", "layers.0._cosines", "counts.codes", "counts.next", "counts.chances"])
def test_what_strikes_it_in_memory_is_found_and_the_reply_is_that_of_a_sound_one(disk, jobs, kind):
    path = keep(disk, jobs["swift-ngram"], PATHS["swift-ngram"])
    table = Table(disk)
    table.activate(path)
    table.prompt(turn=1)
    table.run(60)
    sound = table.reply(turn=1)[0]
    table.server.weights()[kind].view(torch.uint8).flatten()[0] ^= 1
    table.prompt(turn=1, conversation=2)
    table.run(60)
    assert len(table.heard("model_struck")) == 1
    assert table.reply(turn=1, conversation=2)[0] == sound


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        (lambda tensors: tensors.pop(COUNTED_TEXT), MisuseError, "expected the tokens of its training text"),
        (
            lambda tensors: tensors[COUNTED_TEXT].fill_(200),
            MalformedError,
            "expected a text of .* tokens, found one with",
        ),
        (lambda tensors: tensors["head.weight"].fill_(1.0), MalformedError, "expected weights with SHA-256"),
        (lambda tensors: tensors.update({COUNTED_TEXT: tensors[COUNTED_TEXT].float()}), MisuseError, "tokens of"),
        (lambda tensors: tensors[COUNTED_TEXT][7:8].fill_(0), MalformedError, "expected a training text with SHA-256"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(disk, jobs, change, error, complaint):
    path = keep(disk, jobs["swift-ngram"], PATHS["swift-ngram"])
    rewrite(disk, path, change)
    with pytest.raises(error, match=complaint):
        load_job_model(disk, path)


def test_weights_of_another_recipe_are_refused(disk, jobs):
    job = jobs["swift-ngram"]
    other = job.recipe
    try:
        job.recipe = jobs["swift"].recipe  # A card that says what the weights are not.
        path = keep(disk, job, PATHS["swift-ngram"])
    finally:
        job.recipe = other
    with pytest.raises(MisuseError, match="expected the weights of its recipe"):
        load_job_model(disk, path)


MEASURE = """
import re, sys, torch
from pathlib import Path
from flight.disk import RealDisk
from flight.inference.job_model import load_job_model
from flight.jobs.ngram_counts import NgramCounts
torch.set_num_threads(1)
most_kb = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text()).group(1))
disk = RealDisk(sys.argv[1])
load_job_model(disk, "jobs/3/model.safetensors").read([0])
before = most_kb()
model = load_job_model(disk, "jobs/4/model.safetensors")
model.begin()
model.read([1, 2, 3])
print(1024 * (most_kb() - before))
"""


@pytest.mark.parametrize(("letters", "length"), [(2, 300_000), (21, 300_000), (21, 1_500_000)])
def test_what_a_counted_text_takes_of_memory_is_reckoned_with_before_it_is_loaded(disk, jobs, letters, length):
    path, chance = keep(disk, jobs["swift-ngram"], PATHS["swift-ngram"]), torch.Generator().manual_seed(4)
    keep(disk, jobs["swift"], PATHS["swift"])
    text = {COUNTED_TEXT: torch.randint(0, letters, (length,), generator=chance).to(torch.uint8)}
    rewrite(disk, path, lambda tensors: tensors.update(text), beside_sha256=weights_sha256(text))
    command = [sys.executable, "-c", MEASURE, str(disk.root)]
    took = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    reckoned = look_at(disk, path).memory_octets
    assert 0.3 * reckoned < took < reckoned
