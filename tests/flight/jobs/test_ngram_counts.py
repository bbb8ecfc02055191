"""Counts of the training text: the chances they give, what they look at, and that training knows nothing of them."""

from dataclasses import replace

import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs import ngram_counts
from flight.jobs.guard.finding import LostError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.ngram_counts import NgramCounts
from flight.jobs.recipe import load_recipe
from flight.jobs.swift_recipe import CountsRecipe
from flight.jobs.train import TrainJob

VOCABULARY = 4
RECIPE = CountsRecipe(order_max=4, discount=0.75, prior=2.0, share=0.25)
COUNTS = "counts = {order_max = 6, discount = 0.8, prior = 6.0, share = 0.3}"
SMALL = """
model.layers = 1
model.width = 32
model.context = 32
training.batch = 8
training.steps = 30
ngram.rows = 1024
"""


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(VOCABULARY, (400,), generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def windows():
    return torch.randint(VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(6))


@pytest.fixture
def recipe():
    return load_recipe("swift-ngram").override(SMALL)


def by_hand(text, context, recipe=RECIPE):
    """Give the chances after a context, place by place and length by length."""
    chances = [(text.count(token) + 1) / (len(text) + VOCABULARY) for token in range(VOCABULARY)]
    for length in range(1, min(recipe.order_max - 1, len(context)) + 1):
        last = context[-length:]
        after = [text[place] for place in range(length, len(text)) if text[place - length : place] == last]
        left = recipe.discount * len(set(after)) + recipe.prior
        chances = [
            (max(after.count(token) - recipe.discount, 0) + left * chance) / (len(after) + recipe.prior)
            for token, chance in enumerate(chances)
        ]
    return chances


def test_chances_are_those_counted_by_hand_from_the_window_alone(tokens, windows):
    found = NgramCounts(tokens.int(), VOCABULARY, RECIPE).chances(windows).view(3, 12, VOCABULARY)
    expected = [
        [by_hand(tokens.tolist(), window[: end + 1].tolist()) for end in range(len(window))] for window in windows
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("elements", [0, 4 * VOCABULARY, 16 * VOCABULARY])
def test_what_is_kept_of_short_contexts_changes_nothing(tokens, windows, monkeypatch, elements):
    kept = NgramCounts(tokens, VOCABULARY, RECIPE)
    monkeypatch.setattr(ngram_counts, "COUNTS_KEPT_MAX", elements)
    less = NgramCounts(tokens, VOCABULARY, RECIPE)
    assert len(less.tensors()) < len(kept.tensors())
    assert torch.equal(less.chances(windows), kept.chances(windows))


def test_the_text_begins_with_a_context_of_its_own():
    text = torch.tensor([1, 0, 0, 0, 2, 0, 3])
    found = NgramCounts(text, VOCABULARY, RECIPE).chances(torch.tensor([[0, 0, 0], [1, 0, 0]]))
    torch.testing.assert_close(found[2], torch.tensor(by_hand(text.tolist(), [0, 0, 0])))
    torch.testing.assert_close(found[3], torch.tensor(by_hand(text.tolist(), [1])))


@pytest.mark.parametrize("order_max", [2, 12, 32])
def test_chances_sum_to_one_however_long_contexts_may_be(tokens, windows, order_max):
    chances = NgramCounts(tokens, VOCABULARY, replace(RECIPE, order_max=order_max)).chances(windows)
    assert chances.min() > 0
    torch.testing.assert_close(chances.sum(1), torch.ones(len(chances)))


def test_contexts_are_as_long_as_62_bits_hold(windows):
    tokens = torch.randint(60_000, (200,), generator=torch.Generator().manual_seed(7))
    counts = NgramCounts(tokens, 60_000, replace(RECIPE, order_max=32))
    assert counts.chances(tokens[None, :5])[4].argmax() == tokens[5]


def test_the_mixture_is_the_share_of_each(tokens, windows):
    counts = NgramCounts(tokens, VOCABULARY, RECIPE)
    logits = torch.randn(36, VOCABULARY, generator=torch.Generator().manual_seed(8))
    expected = 0.75 * torch.softmax(logits, -1) + 0.25 * counts.chances(windows)
    torch.testing.assert_close(counts.mix(windows, logits).exp(), expected)


@pytest.mark.parametrize("asked", [1, 5])
def test_the_mixture_of_the_last_positions_alone_is_the_same_bit_for_bit(tokens, windows, asked):
    counts = NgramCounts(tokens, VOCABULARY, RECIPE)
    logits = torch.randn(12, VOCABULARY, generator=torch.Generator().manual_seed(8))
    assert torch.equal(counts.mix(windows[:1], logits[-asked:]), counts.mix(windows[:1], logits)[-asked:])


def test_training_knows_nothing_of_counts(recipe, text):
    bare, counted = TrainJob(recipe_without(recipe), text, 1), TrainJob(recipe.override(COUNTS), text, 1)
    for _ in range(6):
        assert counted.step() == bare.step()
    assert counted.evaluate() != bare.evaluate()
    assert counted.step() == bare.step()
    assert counted.weights_sha256() == bare.weights_sha256()


def test_counts_help_where_the_text_goes_on_as_it_did(recipe, text):
    bare, counted = TrainJob(recipe_without(recipe), text, 1), TrainJob(recipe.override(COUNTS), text, 1)
    assert counted.evaluate() < bare.evaluate() - 0.3
    assert counted.sample("the", 40) != bare.sample("the", 40)


def test_a_prediction_does_not_depend_on_what_comes_after(recipe, text):
    job = TrainJob(recipe.override(COUNTS), text, 1)
    job.model.eval()
    tokens = job.validation_tokens[None, :32].long()
    other = tokens.clone()
    other[0, 20] = (other[0, 20] + 1) % len(job.vocabulary)
    with torch.no_grad():
        first, second = job.model(tokens), job.model(other)
    assert torch.equal(first[:, :20], second[:, :20])
    assert not torch.equal(first[:, 20], second[:, 20])


@pytest.mark.parametrize("name", ["counts.codes", "counts.next", "counts.chances"])
def test_counts_that_are_struck_cost_the_worker_before_anybody_asks_the_model(recipe, text, name):
    job = GuardedJob(TrainJob(recipe.override(COUNTS), text, 1))
    job.step()
    job.verify()
    job.job.model.counts.tensors()[name].view(torch.uint8)[5] ^= 4
    with pytest.raises(LostError, match="corpus"):
        job.verify()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("counts.order_max = 1", "counts.order_max: expected 2 to 32"),
        ("counts.discount = 1.5", "counts.discount: expected 0"),
        ("counts.share = 1.0", "counts.share: expected"),
        ("counts.prior = 0.0", "counts.prior: expected"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_name(recipe, change, complaint):
    with pytest.raises(MisuseError, match=complaint):
        recipe.override(COUNTS).override(change)


def test_counts_are_for_swift():
    with pytest.raises(MisuseError, match="counts: expected a recipe with tables swift and muon, found one without"):
        load_recipe("tiny").override(COUNTS)


def recipe_without(recipe):
    return replace(recipe, counts=None)
