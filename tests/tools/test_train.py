"""``tools/train.py``: the same job as that which flies, by itself, and what it says of it."""

import json
import random

import pytest
from click.testing import CliRunner

from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from tools.train import main

WORDS = "the lord of this fair isle doth speak with his good men and all their ships are come to land".split()
TEXT = "\n".join(" ".join(random.Random(line).choices(WORDS, k=12)) for line in range(100))
FEW = ("--override", "training.steps = 20\ntraining.evaluation_interval = 5", "--threads", "1", "--json")


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "verses.txt"
    path.write_text(TEXT)
    return str(path)


def run(*arguments, code=0):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result


def told(*arguments):
    return json.loads(run(*arguments).stdout)


def test_it_is_the_job_that_flies(corpus):
    found = told("tiny", "--corpus", corpus, "--seed", "3", *FEW)
    job = TrainJob(load_recipe("tiny").override("training.steps = 20"), TEXT, 3)
    for _ in range(20):
        job.step()
    assert found["weights_sha256"] == job.weights_sha256()
    assert found["validation_loss"] == job.evaluate()
    assert (found["steps"], found["tokens"], found["reached"]) == (20, 20 * 8 * 32, None)
    assert found["parameters"] == sum(weight.numel() for weight in job.weights().values())
    assert 0 < found["packed_octets"] < 4 * found["parameters"]
    assert min(found["import_seconds"], found["training_seconds"], found["evaluation_seconds"]) > 0


def test_it_ends_at_the_loss_that_was_asked_for(corpus):
    found = told("tiny", "--corpus", corpus, "--until-loss", "3.2", *FEW)
    assert found["reached"] is True
    assert found["steps"] == found["evaluations"][-1][0] < 20
    assert found["evaluations"][-1][1] <= 3.2
    assert all(loss > 3.2 for _, loss in found["evaluations"][:-1])
    missed = told("tiny", "--corpus", corpus, "--until-loss", "0.01", *FEW)
    assert (missed["reached"], missed["steps"], len(missed["evaluations"])) == (False, 20, 4)


@pytest.mark.parametrize("recipe", ["tiny", "swift"])
def test_the_other_end_of_the_corpus_can_be_validated_on(corpus, recipe):
    size = ("--override", "model.context = 32\ntraining.batch = 4")
    ends = [
        told(recipe, "--corpus", corpus, "--fraction", "0.3", "--validation", end, *size, *FEW)
        for end in ("first", "last")
    ]
    assert ends[0]["weights_sha256"] != ends[1]["weights_sha256"]
    assert [each["validation"] for each in ends] == ["first 0.3", "last 0.3"]


def test_a_token_file_is_made_once_and_gives_the_same(corpus, tmp_path):
    path = tmp_path / "verses.tokens"
    first = told("tiny", "--corpus", corpus, "--tokens", str(path), *FEW)
    before = path.stat().st_mtime_ns
    second = told("tiny", "--corpus", corpus, "--tokens", str(path), *FEW)
    plain = told("tiny", "--corpus", corpus, *FEW)
    assert path.stat().st_mtime_ns == before
    assert first["weights_sha256"] == second["weights_sha256"] == plain["weights_sha256"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("tinyy",), "unknown recipe 'tinyy'"),
        (("tiny", "--fraction", "0.9"), "training.validation_fraction: expected 0.001 to 0.5, found 0.9"),
        (("tiny", "--threads", "0"), "execution.threads: expected 1 to 256, found 0"),
        (("tiny", "--override", "training.stepz = 1"), "unknown key training.stepz"),
    ],
)
def test_bad_input_is_refused_by_name(corpus, arguments, complaint):
    assert complaint in run(*arguments, "--corpus", corpus, code=2).stderr


def test_people_are_told_in_lines_and_a_missed_aim_is_a_failure(corpus):
    lines = run("tiny", "--corpus", corpus, *FEW[:-1]).stdout
    assert "20 steps, 5,120 tokens" in lines
    assert "loss        " in lines and "MB packed" in lines
    assert "not reached: 0.01" in run("tiny", "--corpus", corpus, "--until-loss", "0.01", *FEW[:-1], code=1).stderr
