"""Datasets: what a text is cut into, token files that vouch for themselves, and a wall between the splits."""

import builtins
from pathlib import Path

import numpy as np
import pytest
import torch

from ccsds.errors import MalformedError, MisuseError
from flight.jobs import dataset as dataset_module
from flight.jobs.corpus import split_text
from flight.jobs.dataset import Dataset, map_tokens, write_tokens
from flight.jobs.ngram_counts import NgramCounts
from flight.jobs.recipe import load_recipe
from flight.jobs.swift_recipe import Tokens
from flight.jobs.train import TrainJob
from flight.jobs.vocabulary import Bytes, make_vocabulary

SMALL = "model.layers = 1\nmodel.width = 32\nmodel.context = 32\ntraining.batch = 8\ntraining.steps = 30\n"


@pytest.fixture
def recipe():
    return load_recipe("swift").override(SMALL)


def small(name):
    return load_recipe(name).override("" if name == "tiny" else SMALL)


# Vocabularies.


def test_characters_are_those_of_the_corpus_in_the_order_of_their_numbers():
    vocabulary = make_vocabulary(Tokens.CHARACTERS, 0, "b\u00fc\U0001f680ab", "ab")
    assert vocabulary.tokens == ("a", "b", "\u00fc", "\U0001f680")
    assert vocabulary.encode("\U0001f680ba").tolist() == [3, 1, 0]
    assert vocabulary.encode("a\u2603b\U0010ffff\ud800").tolist() == [0, 1]  # What has no token is left out.
    assert vocabulary.decode([3, 0]) == "\U0001f680a"
    assert vocabulary.encode("").dtype == np.int32


def test_bytes_are_the_octets_of_utf_8():
    vocabulary = Bytes()
    assert vocabulary.encode("a\u00fc").tolist() == [97, 195, 188]
    assert vocabulary.decode([97, 195, 188]) == "a\u00fc"
    assert vocabulary.decode([195]) == "\ufffd"
    assert len(vocabulary.tokens) == 256


def test_byte_pairs_are_learned_from_the_training_split_and_give_any_text_back(text):
    pytest.importorskip("tokenizers")
    vocabulary = make_vocabulary(Tokens.BPE, 300, text, text[:10_000])
    again = make_vocabulary(Tokens.BPE, 300, text + "something else altogether" * 50, text[:10_000])
    assert vocabulary.tokens == again.tokens
    assert len(vocabulary.tokens) == 300
    ids = vocabulary.encode(text)
    assert len(ids) < 0.7 * len(text)
    assert vocabulary.decode(ids.tolist()) == text
    assert vocabulary.decode(vocabulary.encode("\u00fc\u2603").tolist()) == "\u00fc\u2603"


def test_byte_pairs_without_the_package_are_refused(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MisuseError, match=r"bpe needs the package tokenizers: install starloop\[llm\]"):
        make_vocabulary(Tokens.BPE, 300, "abc", "abc")


@pytest.mark.parametrize("tokens", ["bytes", "bpe"])
def test_a_job_learns_and_writes_in_other_tokens(recipe, text, tokens):
    if tokens == "bpe":
        pytest.importorskip("tokenizers")
    recipe = recipe.override(f'data.tokens = "{tokens}"\ndata.vocabulary = 300')
    job = TrainJob(recipe, text, 1)
    before = job.evaluate()
    for _ in range(20):
        job.step()
    assert job.evaluate() < before - 0.5
    assert len(job.sample("the ", 20)) > 0
    assert job.model.shape.vocabulary == len(job.vocabulary) == (256 if tokens == "bytes" else 300)


# Splits.


def test_the_first_part_can_be_validated_on(text):
    recipe = small("swift").override('data.validation = "first"\ntraining.validation_fraction = 0.25')
    job = TrainJob(recipe, text, 1)
    boundary = len(text) // 4
    assert job._codec.decode(job.validation_tokens.tolist()) == text[:boundary]
    assert job._codec.decode(job.train_tokens.tolist()) == text[boundary:]


def learned_by(recipe, text, steps=6):
    """Give the weights, and what is predicted from the first words of the text."""
    job = TrainJob(recipe, text, 1)
    for step in range(steps):
        job.step()
        if step == 3:
            job.evaluate()
    job.model.eval()
    with torch.no_grad():
        return job.weights_sha256(), job.model(job.train_tokens[None, :24].long()).tolist()


def other_validation(recipe, text):
    """Give a text of the same characters that differs in the validation split alone."""
    train, validation = split_text(text, recipe.training.validation_fraction)
    return train + validation[::-1]


@pytest.mark.parametrize("name", ["tiny", "swift", "swift-ngram"])
def test_nothing_of_the_validation_split_reaches_training(text, name):
    recipe = small(name)
    assert learned_by(recipe, text) == learned_by(recipe, other_validation(recipe, text))


def test_nothing_of_the_validation_split_reaches_byte_pairs(text):
    pytest.importorskip("tokenizers")
    recipe = small("swift").override('data.tokens = "bpe"\ndata.vocabulary = 300')
    assert learned_by(recipe, text) == learned_by(recipe, other_validation(recipe, text))


def plant_in_the_split(monkeypatch):
    """The training split goes on into the validation split."""

    def leaky(text, fraction, *, first=False):
        return text, text[int(len(text) * (1 - fraction)) :]

    monkeypatch.setattr(dataset_module, "split_text", leaky)


def plant_in_the_table(monkeypatch):
    """Rows of n-grams are moved by what is evaluated."""
    evaluate = TrainJob.evaluate

    def leaky(self):
        places = self.model.ngram.places(self.validation_tokens[None, :64].long())
        self.optimizer.rows.weights_RC[places.flatten()] += 0.01
        return evaluate(self)

    monkeypatch.setattr(TrainJob, "evaluate", leaky)


def plant_in_the_order(monkeypatch):
    """Each batch has one window of the validation split."""
    draw = TrainJob.draw_batch

    def leaky(self):
        batch = draw(self)
        batch.tokens_BT[0] = self.validation_tokens[: batch.tokens_BT.shape[1]].long()
        return batch

    monkeypatch.setattr(TrainJob, "draw_batch", leaky)


def plant_in_the_counts(monkeypatch):
    """Counts are of the whole corpus."""
    make = TrainJob.__init__

    def leaky(self, recipe, text, seed):
        make(self, recipe, text, seed)
        whole = torch.cat((self.train_tokens, self.validation_tokens))
        self.model.counts = NgramCounts(whole, len(self.vocabulary), recipe.counts)

    monkeypatch.setattr(TrainJob, "__init__", leaky)


def plant_in_byte_pairs(monkeypatch):
    """Byte pairs are learned from the whole corpus."""
    make = dataset_module.make_vocabulary
    monkeypatch.setattr(dataset_module, "make_vocabulary", lambda kind, n, corpus, train: make(kind, n, corpus, corpus))


@pytest.mark.parametrize(
    ("plant", "overrides"),
    [
        (plant_in_the_split, "training.batch = 140"),  # An epoch, nearly, so that the end is seen.
        (plant_in_the_table, ""),
        (plant_in_the_order, ""),
        (plant_in_the_counts, ""),
        (plant_in_byte_pairs, 'data.tokens = "bpe"\ndata.vocabulary = 400'),
    ],
)
def test_a_leak_that_is_planted_is_found(text, monkeypatch, plant, overrides):
    if plant is plant_in_byte_pairs:
        pytest.importorskip("tokenizers")
    recipe = small("swift-ngram").override(overrides)
    plant(monkeypatch)
    assert learned_by(recipe, text) != learned_by(recipe, other_validation(recipe, text))


# Token files.


@pytest.fixture
def path(recipe, text, tmp_path):
    path = tmp_path / "verses.tokens"
    write_tokens(path, Dataset.of(recipe, text), recipe)
    return path


def test_a_job_on_a_mapped_file_is_the_job_on_the_text(recipe, text, path):
    mapped = TrainJob(recipe, map_tokens(path, recipe), 1)
    plain = TrainJob(recipe, text, 1)
    assert mapped.data_digest() == plain.data_digest()
    for _ in range(4):
        assert mapped.step() == plain.step()
    assert mapped.evaluate() == plain.evaluate()
    assert mapped.sample() == plain.sample()


def test_tokens_are_mapped_and_not_read(recipe, path):
    dataset = map_tokens(path, recipe)
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(str(path))]
    places = [tuple(int(each, 16) for each in fields[0].split("-")) for fields in maps]
    assert any(first <= dataset.train_N.data_ptr() < last for first, last in places)


def test_what_strikes_the_mapping_does_not_reach_the_file(recipe, path):
    before = path.read_bytes()
    dataset = map_tokens(path, recipe)
    dataset.train_N[5] += 1
    assert path.read_bytes() == before
    assert not torch.equal(map_tokens(path, recipe).train_N, dataset.train_N)


def test_every_octet_of_a_token_file_that_counts_is_vouched_for(recipe, path):
    data = path.read_bytes()
    for place in (2, 20, 60, 4096, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(MalformedError, match=r"token file verses\.tokens: expected"):
            map_tokens(path, recipe)


@pytest.mark.parametrize("length", [0, 10, 4095, 4096, 4100, -1])
def test_a_token_file_that_is_cut_short_is_refused(recipe, path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(MalformedError, match="expected"):
        map_tokens(path, recipe)


def test_a_token_file_of_another_split_is_refused(recipe, path, tmp_path):
    with pytest.raises(MalformedError, match=r"expected split characters first 0\.1, found characters last 0\.1"):
        map_tokens(path, recipe.override('data.validation = "first"'))
    with pytest.raises(MisuseError, match="expected a readable file"):
        map_tokens(tmp_path / "none", recipe)
    with pytest.raises(MisuseError, match="expected characters or bytes, found bpe"):
        write_tokens(path, map_tokens(path, recipe), recipe.override('data.tokens = "bpe"'))
