"""Models of bytes and byte pairs are served as those of characters are: streamed whole, proven, watched, refused."""

import json

import pytest
import safetensors.torch
import torch

from flight.inference.job_model import load_job_model
from flight.inference.messages import Begin, Sampling
from flight.inference.model_files import look_at
from flight.inference.sampling import draw
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from mission.failures import FailureCode

from .conftest import MODEL, Table, keep

# Characters of one to four octets, most of them of several.
SAID = "".join(f"{number} овец 😀 {number % 7} € собак\n" for number in range(500))
PROMPT = "12 овец"
PATHS = {"bytes": "jobs/5/model.safetensors", "bpe": "jobs/6/model.safetensors"}
SMALL = "training.steps = 60\nmodel.context = 64\n"
DATA = 'data = {{order = "random", tokens = "{}", vocabulary = 300, validation = "last"}}\n'


def train(tokens, seed=5, architecture="tiny", text=SAID):
    recipe = load_recipe(architecture).override(SMALL + DATA.format(tokens))
    job = TrainJob(recipe, text, seed)
    for _ in range(60):
        job.step()
    return job


@pytest.fixture(scope="module")
def jobs():
    pytest.importorskip("tokenizers")
    return {tokens: train(tokens) for tokens in PATHS}


@pytest.fixture(params=PATHS)
def tokens(request):
    return request.param


@pytest.fixture
def path(disk, jobs, tokens):
    return keep(disk, jobs[tokens], PATHS[tokens])


def written(disk, path, job, count, text=PROMPT, seed=7):
    """What the model writes, drawn by hand and decoded all at once."""
    served, generator = load_job_model(disk, path), torch.Generator().manual_seed(seed)
    served.begin()
    said, sampling = job._codec.encode(text).tolist(), Sampling(temperature=0.8, seed=seed)
    logits, drawn = served.read(said), []
    for _ in range(count):
        drawn.append(draw(logits, sampling, generator))
        logits = served.read(drawn[-1:])
    return job._codec.decode(drawn), len(said)


@pytest.mark.parametrize("architecture", ["tiny", "swift"])
def test_what_is_served_predicts_what_the_job_would(disk, tokens, architecture, jobs):
    job = jobs[tokens] if architecture == "tiny" else train(tokens, architecture=architecture)
    served = load_job_model(disk, keep(disk, job, PATHS[tokens]))
    job.model.eval()
    ids = job.validation_tokens[:60].tolist()
    with torch.no_grad():
        expected = job.model(torch.tensor([ids]))[0, -1]
    served.begin()
    torch.testing.assert_close(served.read(ids), expected)
    job.model.train()


@pytest.mark.parametrize("chunk", [1, 3, 16])
def test_a_reply_comes_in_whole_characters_however_it_is_cut(disk, jobs, path, tokens, chunk):
    table = Table(disk)
    table.command("parameter.set", values={"chunk_tokens": chunk})
    assert table.activate(path) is None
    assert table.prompt(text=PROMPT, tokens_max=90) is None
    table.run(120)
    text, end = table.reply()
    expected, said = written(disk, path, jobs[tokens], 90)
    assert text == expected
    assert (end["end"], end["tokens"], end["prompt_tokens"]) == ("LENGTH", 90, said)
    # It says something in characters of several octets, or nothing is shown by this.
    assert sum(len(each.encode()) > 1 for each in text.replace("\ufffd", "")) > 10


def test_what_was_said_is_part_of_the_prompt(disk, path, jobs, tokens):
    table = Table(disk)
    table.activate(path)
    table.prompt(turn=1, text="1 ов", tokens_max=8)
    table.prompt(turn=2, text="3 €", tokens_max=8)
    table.run(60)
    first = table.reply(turn=1)[0]
    codec = jobs[tokens]._codec
    said = len(codec.encode("1 ов" + first)) + len(codec.encode("3 €"))
    assert table.reply(turn=2)[1]["prompt_tokens"] == said


def test_it_is_watched_and_what_strikes_it_is_found(disk, path):
    table = Table(disk)
    table.activate(path)
    table.prompt(turn=1, text=PROMPT)
    table.run(60)
    sound = table.reply(turn=1)[0]
    table.server.weights()["tokens"].view(torch.uint8).flatten()[3] ^= 1
    table.prompt(turn=1, text=PROMPT, conversation=2)
    table.run(60)
    assert len(table.heard("model_struck")) == 1
    assert table.reply(turn=1, conversation=2)[0] == sound


def test_it_is_tried_beside_another_and_comes_back(disk, path):
    table = Table(disk)
    table.activate(MODEL)
    table.run(10)
    assert table.activate(path, canary=PROMPT, answer="no such answer") is None
    table.run(10)
    (refused,) = table.heard("model_refused")
    assert (refused["fault"], refused["serving"]) == ("CANARY", "A")
    assert table.activate(path, canary=PROMPT) is None
    table.run(10)
    assert (table.models()["served"], table.models()["name_b"]) == ("B", path)
    table.command("model.roll_back")
    table.run(10)
    assert (table.models()["served"], table.models()["name_a"]) == ("A", MODEL)


def test_one_that_is_damaged_in_the_store_is_left_for_the_other(disk, path):
    table = Table(disk)
    table.command("parameter.set", values={"model_idle": 20})
    table.activate(MODEL)
    table.run(10)
    table.activate(path)
    table.run(60)
    assert (table.models()["served"], table.model_worker.is_alive) == ("B", False)
    cut(disk, path)
    table.prompt(text="12 sheep")
    table.run(60)
    (left,) = table.heard("model_rolled_back")
    assert (left["name"], left["fault"], left["serving"]) == (path, "DAMAGED", "A")
    assert table.reply()[1]["end"] == "LENGTH"


def test_a_prompt_beyond_the_window_is_refused_with_its_length(disk, jobs):
    table = Table(disk)
    table.activate(keep(disk, jobs["bytes"], PATHS["bytes"]))
    table.run(10)
    assert table.prompt(text="€" * 22) is FailureCode.REFUSED
    assert "expected at most 64 octets, which the model sees, found 66" in table.refusal
    assert table.prompt(text="€" * 21) is None


def test_byte_pairs_beyond_the_window_end_the_reply_with_a_reason(disk, jobs):
    table = Table(disk)
    table.activate(keep(disk, jobs["bpe"], PATHS["bpe"]))
    table.run(10)
    assert table.prompt(text="z" * 70) is None  # How many tokens that is only the worker knows.
    assert table.prompt(text=PROMPT, conversation=2) is None
    table.run(60)
    assert table.reply()[1]["end"] == "FAILED"
    assert "expected at most 64 tokens, found 70" in table.reply()[1]["reason"]
    assert table.reply(conversation=2)[1]["end"] == "LENGTH"


# What is wrong with a vocabulary, and how it is told.


def cut(disk, path):
    whole = disk.read(path)
    disk.remove(path)
    disk.append(path, whole[:-5])


def rewrite(disk, path, change):
    """Write a model file again, with another card."""
    data = disk.read(path)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    card = json.loads(header["starloop"])
    change(card)
    disk.remove(path)
    metadata = {"starloop": json.dumps(card)}
    disk.append(path, safetensors.torch.save(safetensors.torch.load(data), metadata=metadata))


def lose(name):
    return lambda card: card.pop(name)


def change_to(**values):
    return lambda card: card.update(values)


def of(name, make):
    return lambda card: card.update({name: make(card[name])})


OCTETS = [chr(number) for number in range(256)]


@pytest.mark.parametrize(
    ("tokens", "change", "reason"),
    [
        ("bytes", lose("vocabulary"), "missing required field `vocabulary`"),
        ("bpe", lose("merges"), "expected a merge that makes token"),
        ("bpe", lose("vocabulary_sha256"), "expected the vocabulary of its weights, SHA-256 none"),
        ("bytes", change_to(vocabulary=[]), "expected bytes, found no tokens"),
        ("bytes", of("vocabulary", lambda tokens: tokens[:-1]), "expected the 256 octets in order, found 255 tokens"),
        ("bytes", of("vocabulary", lambda tokens: tokens[::-1]), "expected the 256 octets in order"),
        ("bytes", change_to(merges=[["a", "b"]]), "expected bytes, found 1 merges of byte pairs"),
        ("bytes", of("recipe", lambda text: text.replace('"bytes"', '"characters"')), "another, "),
        ("bytes", of("recipe", lambda text: text.replace('"bytes"', '"bpe"')), "of an octet or a merge, found none"),
        ("bpe", change_to(vocabulary=OCTETS), "of an octet or a merge, found none"),
        ("bpe", of("vocabulary", lambda tokens: tokens[:-1]), "of an octet or a merge, found none"),
        ("bpe", of("merges", lambda merges: merges[:-1]), "expected a merge that makes token"),
        ("bpe", of("merges", lambda merges: [*merges, ["zz", "z"]]), "of an octet or a merge, found none"),
        ("bpe", of("merges", lambda merges: [merges[1], merges[0], *merges[2:]]), "the vocabulary of its weights"),
        ("bpe", of("vocabulary", lambda tokens: [tokens[1], tokens[0], *tokens[2:]]), "the vocabulary of its weights"),
        ("bpe", of("vocabulary", lambda tokens: [*tokens, tokens[0]]), "expected each token once, found 1 again"),
        ("bpe", of("vocabulary", lambda tokens: [*tokens, "zz"]), "expected a merge that makes token 'zz'"),
        ("bpe", change_to(vocabulary="no list"), "Expected `array`, got `str`"),
    ],
)
def test_a_vocabulary_that_is_wrong_is_refused_with_the_reason(disk, jobs, tokens, change, reason):
    path = keep(disk, jobs[tokens], PATHS[tokens])
    rewrite(disk, path, change)
    table = Table(disk)
    assert table.activate(path) is FailureCode.REFUSED
    assert reason in table.refusal
    assert path in table.refusal
    assert table.models()["phase"] == "SETTLED"


def test_the_vocabulary_of_another_model_is_refused(disk, jobs):
    path = keep(disk, jobs["bpe"], PATHS["bpe"])
    other = train("bpe", text=SAID.replace("овец", "коза"))
    assert len(other.vocabulary) == len(jobs["bpe"].vocabulary)
    rewrite(disk, path, change_to(vocabulary=other.vocabulary, merges=other.merges))
    table = Table(disk)
    assert table.activate(path) is FailureCode.REFUSED
    assert "expected the vocabulary of its weights" in table.refusal


def test_a_vocabulary_longer_than_its_weights_is_refused(disk, jobs):
    path = keep(disk, jobs["bpe"], PATHS["bpe"])
    rewrite(disk, path, lambda card: (card["vocabulary"].append("zz"), card["merges"].append(["z", "z"])))
    table = Table(disk)
    assert table.activate(path) is FailureCode.REFUSED
    assert "expected a vocabulary of 300 tokens, as its weights, found 301" in table.refusal


def test_a_model_of_characters_of_an_earlier_software_is_served_still(disk):
    rewrite(disk, MODEL, lambda card: (card.pop("vocabulary_sha256"), card.pop("merges")))
    table = Table(disk)
    assert table.activate(MODEL) is None
    table.prompt()
    table.run(60)
    assert table.reply()[1]["end"] == "LENGTH"


def test_a_computer_without_the_package_says_so(disk, jobs, monkeypatch):
    path = keep(disk, jobs["bpe"], PATHS["bpe"])
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    table = Table(disk)
    assert table.activate(path) is None
    table.run(10)
    (refused,) = table.heard("model_refused")
    assert "needs the package tokenizers" in refused["reason"]


def test_facts_tell_what_the_text_is_cut_into(disk, path, tokens):
    facts = look_at(disk, path)
    assert (facts.tokens, facts.context, facts.vocabulary) == (tokens, 64, {"bytes": 256, "bpe": 300}[tokens])
    prompt = Begin(turns=(), telemetry="", text=PROMPT, tokens_max=1, octets_max=9, sampling=Sampling(temperature=0.0))
    assert load_job_model(disk, path).encode(prompt)[0]
