"""The guard over the arithmetic of swift: products that are fused, updates that are orthogonal, rows of a table."""

import random

import pytest
import torch

from flight.jobs import fused_linear
from flight.jobs.guard.bounds import LEARNING_PASSES, Bounds
from flight.jobs.guard.checked_products import CheckedProducts
from flight.jobs.guard.checksums import Checksums
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.muon import greatest_singular_value, orthogonal
from flight.jobs.recipe import load_recipe
from flight.jobs.row_rms import NAME
from flight.jobs.train import TrainJob
from hil.faults.instant import PRODUCTS, Operators
from mission.jobs import Struck
from tests.flight.jobs.test_swift import SMALL, digest, flip, run

SEED = 1337
STEPS = 9
TABLE = f"{SMALL}\nngram.rows = 256"
RECIPES = {"swift": SMALL, "swift-ngram": TABLE}


def guarded(text, level, name="swift", overrides=""):
    recipe = load_recipe(name).override(f'{RECIPES[name]}\nguard.level = "{level}"\n{overrides}')
    return GuardedJob(TrainJob(recipe, text, SEED))


@pytest.fixture(scope="module")
def clean(text):
    digests = {}
    for name in RECIPES:
        job = guarded(text, "off", name)
        digests[name] = {step: run(job, step) for step in range(1, LEARNING_PASSES + 6)}
    return digests


def off(tensor, factor=50.0):
    """Make the largest number of an outcome wrong by far: what is small is rounding."""
    flat = tensor.view(-1)
    flat[flat.abs().argmax()] *= factor


@pytest.mark.parametrize("level", ["compute", "replay", "double"])
def test_a_table_is_trained_to_the_same_bits_at_each_level(text, clean, level):
    job = guarded(text, level, "swift-ngram")
    assert run(job, STEPS) == clean["swift-ngram"][STEPS]
    assert job.take_findings() == ()


@pytest.mark.parametrize("is_fused", [True, False])
@pytest.mark.parametrize(("positions", "inputs", "outputs"), [(256, 32, 96), (1024, 128, 768), (2048, 128, 65)])
def test_products_that_are_watched_have_the_bits_of_those_that_are_not(
    monkeypatch, is_fused, positions, inputs, outputs
):
    monkeypatch.setattr(fused_linear, "_HAS_FUSED", is_fused and fused_linear._HAS_FUSED)
    generator = torch.Generator().manual_seed(1)
    x_NI = torch.randn(positions, inputs, generator=generator).bfloat16()
    dy_NO = torch.randn(positions, outputs, generator=generator).bfloat16()
    weight_OI = torch.randn(outputs, inputs, generator=generator).bfloat16()
    checksums = Checksums({})
    plain = fused_linear.LinearProducts(weight_OI)
    checked = CheckedProducts(weight_OI, weight_OI, checksums)
    for asked in (
        lambda of: of.outputs(x_NI),
        lambda of: of.outputs_relu(x_NI),
        lambda of: of.outputs_plus(x_NI, dy_NO),
        lambda of: of.inputs_back(dy_NO),
        lambda of: of.inputs_back_times(dy_NO, x_NI),
        lambda of: of.weight_back(dy_NO, x_NI),
        lambda of: of.transposed_weight_back(dy_NO, x_NI),
    ):
        assert torch.equal(asked(checked), asked(plain))
    assert len(checksums._noted) == 7


# Of a pass over two layers: one product of each of four weights forward and two backward, of which that with a factor
# is done twice, and three of the head. Of a pair the second is thrown away: that it differs is seen, and nothing more.
SECOND_OF_A_PAIR = (13, 22)


@pytest.mark.parametrize("due", range(29))
def test_each_product_of_a_pass_has_a_check_of_its_own(text, clean, monkeypatch, due):
    monkeypatch.setattr(Bounds, "is_outside", lambda self, key, value: False)
    job = guarded(text, "compute")
    run(job, 5)
    calm_repeats, count = job.pass_repeats, 0

    def struck(product):
        def struck_product(self, *asked):
            nonlocal count
            outcome = product(self, *asked)
            if count == due:
                off(outcome)
            count += 1
            return outcome

        return struck_product

    plain = fused_linear.LinearProducts
    back = ("inputs_back", "inputs_back_times", "weight_back", "transposed_weight_back")
    for name in ("outputs", "outputs_unbent", "outputs_plus", *back):
        monkeypatch.setattr(plain, name, struck(getattr(plain, name)))
    job.step()
    assert count > due
    assert job.pass_repeats == calm_repeats + 1
    found = job.take_findings()
    assert [each.struck for each in found] == ([] if due in SECOND_OF_A_PAIR else [Struck.COMPUTE])
    assert {each.where.split()[0] for each in found} <= {name.removesuffix(".weight") for name in job.job.weights()}
    assert run(job, STEPS) == clean["swift"][STEPS]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("seed", range(6))
def test_with_every_step_done_twice_no_product_can_be_wrong(text, clean, name, seed):
    chance = random.Random(seed)
    job = guarded(text, "double", name)
    run(job, 5)
    with Operators(only=PRODUCTS) as operators:
        job.step()
    count = len(operators.profile.durations_ns)
    with Operators(only=PRODUCTS) as operators:
        operators.after(chance.randint(1, count), off)
        job.step()
    assert operators.is_over
    assert run(job, STEPS) == clean[name][STEPS]
    (found,) = job.take_findings()
    assert found.struck in (Struck.COMPUTE, Struck.UPDATE)


def test_a_share_of_the_steps_is_done_twice_update_and_all(text, clean):
    job = guarded(text, "replay", overrides="guard.replay_share = 0.25")
    run(job, 3)
    strike_layers(job, lambda weights_n, momentum_n: flip(momentum_n, 7, 3))
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job, STEPS) == clean["swift"][STEPS]


def strike_layers(job, strike):
    """Strike a layer's weights or momentum as Muon has just updated them, once."""
    optimizer = job.job.optimizer
    apply = optimizer._apply

    def apply_then_strike(stretch, rows, *how):
        apply(stretch, rows, *how)
        optimizer._apply = apply
        strike(*rows)

    optimizer._apply = apply_then_strike


def test_a_singular_value_beyond_what_the_polynomials_give_is_found_in_the_first_updates_already(text, clean):
    job = guarded(text, "compute")
    run(job, 3)

    def strike(weights_n, momentum_n):
        weights_n[5] += 2 * job.job.optimizer._rate  # As one number of an update that is 2 in place of some 0.1.

    strike_layers(job, strike)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job, STEPS) == clean["swift"][STEPS]


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_an_update_of_the_right_size_in_another_direction_is_found_by_what_it_has_learned(text, decay):
    job = guarded(text, "compute", overrides=f"training.weight_decay = {decay}")
    run(job, LEARNING_PASSES + 2)
    optimizer = job.job.optimizer
    width, rate = optimizer._width, optimizer._rate

    def strike(weights_n, momentum_n):
        # Of one square the update is turned by another orthogonal matrix: all singular values stay what they are.
        turn_CC, _ = torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(2)))
        ahead_SCC = optimizer._stretches[0].gradient_place_n.view(-1, width, width)
        update_CC = orthogonal(ahead_SCC, 4)[0].float()
        weights_n[: width * width].view(width, width).add_(rate * (update_CC - update_CC @ turn_CC))

    strike_layers(job, strike)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    undisturbed = guarded(text, "off", overrides=f"training.weight_decay = {decay}")
    assert run(job, LEARNING_PASSES + 5) == run(undisturbed, LEARNING_PASSES + 5)


@pytest.mark.parametrize("iterations", [1, 3, 4, 5])
def test_no_singular_value_is_beyond_what_is_said_of_the_greatest(iterations):
    greatest = greatest_singular_value(iterations)
    generator = torch.Generator().manual_seed(iterations)
    low_SCC = torch.randn(4, 64, 2, generator=generator) @ torch.randn(4, 2, 64, generator=generator)
    for x_SCC in (torch.randn(8, 64, 64, generator=generator), low_SCC, torch.eye(64).unsqueeze(0)):
        found = torch.linalg.svdvals(orthogonal(x_SCC, iterations).float()).max()
        assert 0.3 < found <= 1.05 * greatest
    assert 1 < greatest < 2


def test_a_row_that_moves_farther_than_any_row_can_is_found_in_the_first_updates_already(text, clean):
    job = guarded(text, "compute", "swift-ngram")
    run(job, 3)
    strike_rows(job, lambda weights_UC: flip(weights_UC, 17, 30))
    job.step()
    assert [(found.struck, found.where) for found in job.take_findings()] == [(Struck.UPDATE, NAME)]
    assert run(job, STEPS) == clean["swift-ngram"][STEPS]


def test_an_update_of_rows_is_done_twice_where_all_is(text, clean):
    job = guarded(text, "double", "swift-ngram")
    run(job, 3)
    strike_rows(job, lambda weights_UC: flip(weights_UC, 17, 3))
    job.step()
    assert [(found.struck, found.where) for found in job.take_findings()] == [(Struck.UPDATE, NAME)]
    assert run(job, STEPS) == clean["swift-ngram"][STEPS]


def strike_rows(job, strike):
    """Strike what rows are to become, once."""
    rows = job.job.optimizer.rows
    moved = rows._moved

    def moved_then_strike(*asked):
        outcome = moved(*asked)
        rows._moved = moved
        strike(outcome[1])
        return outcome

    rows._moved = moved_then_strike


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("name", RECIPES)
def test_nothing_sound_is_a_finding(text, name, decay):
    overrides = f"training.weight_decay = {decay}"
    job = guarded(text, "compute", name, overrides)
    run(job, 30)
    assert job.take_findings() == ()
    assert job.pass_repeats < 10  # Those that rounding was learned from.
    assert digest(job.job.state()) == run(guarded(text, "off", name, overrides), 30)
