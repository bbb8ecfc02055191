"""The undisturbed run, in this process and as the program that the harness starts."""

import json

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from flight.jobs.bigram import bigram_entropy_nats
from flight.jobs.corpus import split_text
from flight.jobs.reference import main, run_reference
from flight.jobs.train import TrainJob


def test_a_reference_is_the_job_run_straight_through(recipe, corpus, text):
    seen = []
    result = run_reference(recipe, corpus, 1337, lambda step, loss: seen.append((step, loss)))
    job = TrainJob(recipe, text, 1337)
    losses = [job.step().loss for _ in range(30)]
    assert result.losses == tuple(losses)
    assert seen == list(enumerate(losses, start=1))
    assert result.validation_loss == job.evaluate()
    assert result.weights_sha256 == job.weights_sha256()
    assert result.sample == job.sample()
    assert result.bigram_loss == bigram_entropy_nats(split_text(text, 0.1)[1])
    assert (result.recipe_digest, result.corpus_sha256) == (recipe.digest, corpus.sha256)
    assert result.tokens_per_s == pytest.approx(30 * 256 / result.training_s)


def test_the_program_writes_json_with_overrides_applied(corpus):
    arguments = ["tiny", "--corpus", str(corpus.path), "--seed", "5", "--json"]
    for setting in ("training.steps = 3", "sample.length_characters = 9"):
        arguments += ["--override", setting]
    ended = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert ended.exit_code == 0
    result = json.loads(ended.stdout)
    assert (result["steps"], len(result["losses"]), len(result["sample"]), result["seed"]) == (3, 3, 9, 5)


def test_the_program_tells_people_the_result(corpus):
    arguments = ["tiny", "--corpus", str(corpus.path), "--override", "training.steps = 2"]
    ended = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert "recipe           tiny, 2 steps, seed 1337" in ended.stdout
    assert "weights SHA-256  " in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ["tinny"],
            "error: unknown recipe 'tinny': expected one of nanogpt, nanogpt-gpu, package, swift, swift-ngram, tiny\n",
        ),
        (["tiny", "--corpus", "/nowhere.txt"], "error: corpus /nowhere.txt: expected a readable file: "),
        (["tiny", "--override", "training.steps = 0"], "error: overrides of recipe 'tiny': training.steps: expected"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(arguments, complaint):
    ended = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(complaint)
    assert ended.stderr.count("\n") == 1


def test_a_job_of_several_processes_is_not_passed_off_as_one(recipe, corpus):
    with pytest.raises(MisuseError, match="reference: expected a recipe of one process, found 2"):
        run_reference(recipe.override("devices.processes = 2"), corpus, 42)
