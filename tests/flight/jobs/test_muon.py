"""Muon: orthogonal updates of squares, Adam for the rest, and the same machinery as AdamW around both."""

import pytest
import torch

from flight.jobs.muon import orthogonal
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob

SEED = 1337
SMALL = "model.layers = 2\nmodel.width = 32\nmodel.context = 32\ntraining.batch = 8\ntraining.steps = 30"


@pytest.fixture
def swift():
    return load_recipe("swift").override(SMALL)


@pytest.mark.parametrize("seed", range(3))
def test_singular_values_come_close_to_one(seed):
    x_SCC = torch.randn(5, 32, 32, generator=torch.Generator().manual_seed(seed))
    values = torch.linalg.svdvals(orthogonal(x_SCC, 5).float())
    assert 0.8 < values.median() < 1.2
    assert values.max() < 1.3
    # The smallest of a random square is far below the rest, and is lifted most.
    assert (values > 0.5).float().mean() > 0.95


def test_what_is_orthogonal_stays_so_and_scale_means_nothing():
    q, _ = torch.linalg.qr(torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(1)))
    for factor in (1e-4, 1.0, 1e4):
        found = orthogonal(q * factor, 5).float()
        assert torch.linalg.matrix_norm(found - q, 2).max() < 0.2


def test_nothing_gives_nothing():
    assert not orthogonal(torch.zeros(2, 16, 16), 5).any()


def test_a_step_is_one_of_muon_for_layers_and_of_adam_for_the_rest(swift, text):
    job, twin = TrainJob(swift, text, SEED), TrainJob(swift, text, SEED)
    for _ in range(2):
        job.step()
        twin.step()
    batch = twin.draw_batch()
    momenta = {name: each.clone() for name, each in twin.state().tensors.items() if name.endswith("/momentum")}
    before = {name: weight.clone() for name, weight in twin.weights().items()}
    twin.model.loss(batch.tokens_BT, batch.targets_BT).backward()
    gradients = {name: weight.grad for name, weight in twin.model.named_parameters()}
    report = job.step()
    after = job.weights()
    for name in (name for name in before if name.startswith("layers.")):
        momentum = 0.9 * momenta[f"optimizer/{name}/momentum"] + 0.1 * gradients[name]
        torch.testing.assert_close(job.state().tensors[f"optimizer/{name}/momentum"], momentum, rtol=1e-4, atol=1e-7)
        squares = (0.1 * gradients[name] + 0.9 * momentum).view(-1, 32, 32)
        expected = before[name] - report.learning_rate * orthogonal(squares, 4).view(before[name].shape).float()
        torch.testing.assert_close(after[name], expected, rtol=1e-2, atol=2e-3)
        assert not torch.equal(after[name], before[name])
    for name, share in (("tokens.weight", 0.6), ("head.weight", 0.4)):
        moved = (after[name] - before[name]).abs().max().item()
        assert 0.3 < moved / (report.learning_rate * share) < 3.5  # Adam moves by about its rate.


def test_rates_rise_in_a_line_stay_and_fall_in_a_line(swift):
    from flight.jobs.schedule import learning_rate

    recipe = swift.override("training.steps = 100\ntraining.warmup_steps = 9\nmuon.decay_share = 0.5")
    rates = [learning_rate(recipe, step) / 0.05 for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:51] == [1.0] * 41
    assert rates[50:] == pytest.approx([(100 - step) / 50 for step in range(50, 100)])
