"""The model: nanoGPT's architecture, by its sizes, its beginnings and what it can see."""

import math

import pytest
import torch

from flight.jobs.model import GPT, Attention, Shape

SMALL = Shape(vocabulary=11, context=8, layers=2, heads=2, width=16)


def seeded(number=1):
    return torch.Generator().manual_seed(number)


@pytest.fixture
def model():
    return GPT(SMALL, seeded())


def test_the_cpu_recipes_model_has_as_many_weights_as_nanogpts():
    model = GPT(Shape(vocabulary=65, context=64, layers=4, heads=4, width=128), seeded())
    # nanoGPT prints 0.80M: it leaves out the 64 x 128 positions.
    assert sum(weight.numel() for weight in model.parameters()) - 64 * 128 == 795_904


def test_no_layer_has_a_bias(model):
    assert [name for name, _ in model.named_parameters() if "bias" in name] == []


def test_fresh_weights_are_drawn_as_gpt_2s():
    model = GPT(Shape(vocabulary=65, context=64, layers=8, heads=4, width=128), seeded())
    for name, weight in model.named_parameters():
        expected = 0.02 / math.sqrt(16) if name.endswith("project.weight") else 0.02
        if weight.dim() == 1:
            assert torch.equal(weight, torch.ones_like(weight))
        else:
            assert weight.std().item() == pytest.approx(expected, rel=0.05), name
            assert abs(weight.mean().item()) < 0.002, name


def test_equal_generators_give_equal_models(model):
    again, other = GPT(SMALL, seeded()), GPT(SMALL, seeded(2))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert not torch.equal(model.tokens.weight, other.tokens.weight)


def test_a_fresh_model_finds_every_token_about_equally_likely(model):
    tokens = torch.randint(11, (4, 8), generator=seeded())
    assert model.loss(tokens, tokens.roll(1)).item() == pytest.approx(math.log(11), abs=0.1)


def test_no_position_sees_a_later_one(model):
    tokens = torch.randint(11, (1, 8), generator=seeded())
    before = model(tokens)
    for position in range(8):
        changed = tokens.clone()
        changed[0, position] = (changed[0, position] + 1) % 11
        differs = (model(changed) != before).any(dim=-1)[0]
        assert not differs[:position].any()
        assert differs[position:].all()


def test_a_window_may_be_shorter_than_the_context(model):
    tokens = torch.randint(11, (2, 8), generator=seeded())
    assert model(tokens[:, :3]).shape == (2, 3, 11)
    torch.testing.assert_close(model(tokens[:, :3]), model(tokens)[:, :3])


def test_the_head_shares_its_weights_with_the_embedding(model):
    tokens = torch.randint(11, (1, 8), generator=seeded())
    before = model(tokens)[..., 3]
    with torch.no_grad():
        model.tokens.weight[3].zero_()
    assert before.any()
    assert torch.equal(model(tokens)[..., 3], torch.zeros(1, 8))


def test_attention_is_what_the_paper_says():
    attention = Attention(SMALL)
    x = torch.randn(2, 8, 16, generator=seeded())
    q, k, v = (part.view(2, 8, 2, 8).transpose(1, 2) for part in (x @ attention.expand.weight.T).split(16, dim=-1))
    scores = (q @ k.transpose(-1, -2) / math.sqrt(8)).masked_fill(torch.ones(8, 8).triu(1).bool(), -math.inf)
    heads = (scores.softmax(-1) @ v).transpose(1, 2).reshape(2, 8, 16)
    torch.testing.assert_close(attention(x), heads @ attention.project.weight.T)
