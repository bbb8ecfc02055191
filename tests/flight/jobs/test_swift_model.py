"""The swift model: the same numbers as written plainly, forward and backward, and nothing seen ahead of its time."""

import math

import pytest
import torch
from torch.nn import functional

from flight.jobs import fused_linear, swift_model
from flight.jobs.model import Shape
from flight.jobs.recipe import load_recipe
from flight.jobs.swift_model import SwiftModel

B, T, H, C = 3, 16, 2, 32
SHAPE = Shape(vocabulary=11, context=T, layers=2, heads=H, width=C)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def make(seed=1):
    return SwiftModel(SHAPE, load_recipe("swift").swift, seeded(seed))


@pytest.fixture
def tokens():
    return torch.randint(11, (B, T), generator=seeded(2)), torch.randint(11, (B, T), generator=seeded(3))


@pytest.fixture
def single(monkeypatch):
    """Give a model of wild weights that computes in single precision, so that it can be compared closely."""
    monkeypatch.setattr(swift_model, "WORKING", torch.float32)
    model = make()
    for number, weight in enumerate(model.parameters()):
        torch.nn.init.normal_(weight, std=0.3, generator=seeded(10 + number))
    return model


def norm(x):
    return functional.rms_norm(x, (x.shape[-1],), eps=1e-12)


def turn(x_BHTD):
    R = x_BHTD.shape[-1] // 2
    angles = torch.outer(torch.arange(T), (1 / 1024) ** torch.linspace(0, 1, R // 2))
    first, second, rest = x_BHTD.split((R // 2, R // 2, R), -1)
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat((first * cosines + second * sines, second * cosines - first * sines, rest), -1)


def plain_logits(model, tokens_BT):
    """Compute the logits as the papers write them, with torch's own ways back."""
    recipe = load_recipe("swift").swift
    x_BTC = functional.embedding(tokens_BT, model.tokens.weight)
    before_BTC = torch.cat((torch.zeros(B, 1, C), x_BTC[:, :-1]), 1)
    x_BTC = norm(x_BTC + recipe.smear * before_BTC)
    mask_TT = torch.full((T, T), -math.inf).triu(1)
    for layer in model.layers:
        qkv_BT3HD = functional.linear(norm(x_BTC), layer.attention["expand"]).view(B, T, 3, H, C // H)
        q, k, v = qkv_BT3HD.permute(2, 0, 3, 1, 4)
        scores = turn(norm(q)) @ turn(norm(k)).mT * recipe.attention_scale + mask_TT
        y_BTC = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C)
        x_BTC = x_BTC + functional.linear(y_BTC, layer.attention["project"])
        hidden = functional.linear(norm(x_BTC), layer.mlp["expand"]).relu().square()
        x_BTC = x_BTC + hidden @ layer.mlp["project"]
    logits_BTV = functional.linear(norm(x_BTC), model.head.weight)
    return recipe.logit_cap * torch.tanh(logits_BTV / recipe.logit_cap)


@pytest.mark.parametrize("is_fused", [False, True])
def test_logits_and_gradients_are_those_of_the_plain_formulas(single, tokens, monkeypatch, is_fused):
    monkeypatch.setattr(fused_linear, "_HAS_FUSED", is_fused and fused_linear._HAS_FUSED)
    tokens_BT, targets_BT = tokens
    torch.testing.assert_close(single(tokens_BT), plain_logits(single, tokens_BT), rtol=1e-4, atol=1e-4)
    single.loss(tokens_BT, targets_BT).backward()
    found = {name: weight.grad for name, weight in single.named_parameters()}
    single.zero_grad()
    functional.cross_entropy(plain_logits(single, tokens_BT).flatten(0, 1), targets_BT.flatten()).backward()
    for name, weight in single.named_parameters():
        assert weight.grad.abs().max() > 1e-4, name
        torch.testing.assert_close(found[name], weight.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_a_fresh_model_takes_every_token_for_as_likely(tokens):
    assert make().loss(*tokens).item() == pytest.approx(math.log(11), abs=1e-5)


def test_no_position_sees_what_comes_after_it(single, tokens):
    tokens_BT, _ = tokens
    changed_BT = tokens_BT.clone()
    changed_BT[:, 9] = (changed_BT[:, 9] + 1) % 11
    before, after = single(tokens_BT), single(changed_BT)
    assert torch.equal(before[:, :9], after[:, :9])
    assert not torch.equal(before[:, 9:], after[:, 9:])


def test_what_is_computed_in_half_precision_is_close_and_the_same_each_time(tokens):
    model = make()
    for number, weight in enumerate(model.parameters()):
        torch.nn.init.normal_(weight, std=0.1, generator=seeded(10 + number))
    found, plain = model(tokens[0]), plain_logits(model, tokens[0])
    assert found.dtype is torch.float32
    assert (found - plain).abs().max() < 0.05 * plain.abs().max()
    assert torch.equal(found, model(tokens[0]))


def test_logits_stay_within_their_cap(single, tokens):
    with torch.no_grad():
        single.head.weight *= 1000
    assert single(tokens[0]).abs().max() <= 15.0


def test_a_shorter_window_is_seen_as_the_beginning_of_a_longer_one(single, tokens):
    torch.testing.assert_close(single(tokens[0][:, :5]), single(tokens[0])[:, :5], rtol=1e-4, atol=1e-5)


def test_every_matrix_of_a_layer_can_be_cut_into_squares():
    for name, weight in make().named_parameters():
        if name.startswith("layers."):
            assert weight.shape[1] == C
            assert weight.shape[0] % C == 0
