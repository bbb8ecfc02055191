"""The guard over arithmetic: products, gradients and updates that come out wrong are found, and nothing sound is."""

import random
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from flight.jobs.guard.bounds import LEARNING_PASSES, Bounds
from flight.jobs.guard.checksums import WIDENINGS_MAX, Checksums
from flight.jobs.guard.finding import LostError
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from mission.jobs import Struck
from tests.flight.jobs.guard_bench import SEED, STEPS, flip, guarded, run

pytestmark = pytest.mark.usefixtures("memory")


class StrikeProducts(TorchDispatchMode):
    """Flips one bit of the output of one matrix product, by its number since this began."""

    def __init__(self, due, chance, bit=None, products=("mm", "bmm", "addmm")):
        super().__init__()
        self.products = [getattr(torch.ops.aten, name).default for name in products]
        self.count = 0
        self.due = due
        self.chance = chance
        self.bit = bit

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in self.products:
            self.count += 1
            if self.count == self.due:
                bit = self.chance.randrange(32) if self.bit is None else self.bit
                flip(result, self.chance.randrange(result.numel()), bit)
        return result


def products_of_a_step(text, level, **which):
    job = guarded(text, level)
    with StrikeProducts(0, random.Random(0), **which) as products:
        job.step()
    return products.count


@pytest.mark.parametrize("seed", range(25))
def test_with_every_step_done_twice_no_product_can_be_wrong(text, clean, seed):
    chance = random.Random(seed)
    job = guarded(text, "double")
    run(job, 5)
    with StrikeProducts(chance.randint(1, products_of_a_step(text, "double")), chance):
        job.step()
    assert run(job) == clean[STEPS]


@pytest.mark.parametrize("seed", range(25))
def test_checksums_find_every_product_that_is_far_off(text, clean, seed):
    chance = random.Random(seed)
    job = guarded(text, "compute")
    run(job, 5)
    layers = {"products": ("mm",)}  # Those of attention have no checksum.
    count = products_of_a_step(text, "compute", **layers) // 2  # Of one pass; the first step of all has two.
    with StrikeProducts(chance.randint(1, count), chance, bit=30, **layers):
        job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.COMPUTE]
    assert run(job) == clean[STEPS]


def test_each_product_of_a_pass_has_a_checksum_of_its_own(text, clean, monkeypatch):
    monkeypatch.setattr(Bounds, "is_outside", lambda self, key, value: False)
    layers = {"products": ("mm",)}
    count = products_of_a_step(text, "compute", **layers) // 2
    for due in range(1, count + 1):
        job = guarded(text, "compute")
        run(job, 1)
        # Doubled or halved, a number is far off in its own sum and moves no other sum out of its tolerance.
        with StrikeProducts(due, random.Random(due), bit=23, **layers):
            job.step()
        assert [found.struck for found in job.take_findings()] == [Struck.COMPUTE], due
        assert run(job, 2) == clean[2]


def test_a_share_of_the_steps_is_done_twice(text, clean):
    job = guarded(text, "replay")
    job.job.recipe = replace(job.job.recipe, guard=replace(job.job.recipe.guard, replay_share=0.25))
    run(job, 3)
    passes = []
    inner = job.job.run_pass
    job.job.run_pass = lambda *asked: passes.append(job.job.steps_done) or inner(*asked)
    assert run(job) == clean[STEPS]
    assert sorted({step + 1 for step in passes if passes.count(step) == 2}) == [4, 8, 12]


def test_an_update_that_does_not_come_out_twice_is_found(text, clean):
    job = guarded(text, "double")
    run(job, 5)
    optimizer, calls = job.job.optimizer, []
    inner = optimizer._apply

    def apply(stretch, rows, step, rate):
        inner(stretch, rows, step, rate)
        calls.append(stretch)
        if len(calls) == 2:
            flip(rows[0], 7, 3)

    optimizer._apply = apply
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job) == clean[STEPS]


def test_a_loss_that_leaves_its_bounds_is_computed_again_and_believed_if_it_comes_out_twice(text):
    job = guarded(text)
    run(job, 30)
    with torch.no_grad():
        for block in job.job.optimizer.blocks:
            block.rows_RN[0] *= 8  # A wild model, but one that is what it was written as.
    job.trust()
    passes = []
    inner = job.job.run_pass
    job.job.run_pass = lambda *asked: passes.append(0) or inner(*asked)
    job.step()
    assert len(passes) == 2
    assert job.take_findings() == ()


@pytest.mark.parametrize("level", ["compute", "replay", "double"])
@pytest.mark.parametrize("bit", [3, 30])
def test_a_gradient_that_is_struck_before_the_update_is_found(text, clean, level, bit):
    job = guarded(text, level)
    run(job, 5)
    update, gradients_N = job.job.update, job.job.optimizer.blocks[0].gradients_N

    def strike_then_update(*asked, **how):
        job.job.update = update
        flip(gradients_N, 17, bit)
        update(*asked, **how)

    job.job.update = strike_then_update
    job.step()
    (found,) = job.take_findings()
    assert (found.struck, "tokens.weight" in found.where.split()) == (Struck.GRADIENTS, True)
    assert run(job) == clean[STEPS]


def test_a_gradient_that_nobody_digests_is_no_finding_at_state(text):
    job = guarded(text)
    run(job, 5)
    update, gradients_N = job.job.update, job.job.optimizer.blocks[0].gradients_N

    def strike_then_update(*asked, **how):
        job.job.update = update
        flip(gradients_N, 17, 3)
        update(*asked, **how)

    job.job.update = strike_then_update
    run(job)
    assert job.take_findings() == ()  # `docs/guard.md` says so: they are no part of State.


def test_a_pass_that_looked_odd_at_state_is_compared_by_its_gradients_too(text, clean, monkeypatch):
    job = guarded(text)
    run(job, 5)
    outside = iter([True])
    monkeypatch.setattr(Bounds, "is_outside", lambda self, key, value: next(outside, False))
    inner, passes, gradients_N = job.job.run_pass, [], job.job.optimizer.blocks[0].gradients_N

    def run_and_strike(*asked):
        passed = inner(*asked)
        passes.append(passed)
        if len(passes) == 1:
            flip(gradients_N, 17, 3)  # Too little for loss or norm to tell.
        return passed

    job.job.run_pass = run_and_strike
    job.step()
    (found,) = job.take_findings()
    assert (found.struck, len(passes)) == (Struck.COMPUTE, 3)
    assert run(job) == clean[STEPS]


def test_products_that_are_watched_leave_torch_as_it_was(text):
    plain = torch.nn.functional.linear
    job = guarded(text, "compute")
    job.step()
    assert torch.nn.functional.linear is plain
    with pytest.raises(ZeroDivisionError), job._checksums.watching():
        assert torch.nn.functional.linear is not plain
        raise ZeroDivisionError
    assert torch.nn.functional.linear is plain


def strike_the_place(job, bit, row=0, call=1):
    """Flip a bit of what the optimiser has just updated in its place, in one of its calls."""
    optimizer, calls = job.job.optimizer, []
    apply = optimizer._apply

    def apply_then_strike(stretch, rows, *how):
        apply(stretch, rows, *how)
        calls.append(stretch)
        if len(calls) == call:
            flip(rows[row], 7, bit)

    optimizer._apply = apply_then_strike


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_what_is_struck_while_it_is_updated_is_found_where_updates_are_done_twice(text, clean, row, call):
    job = guarded(text, "double")
    run(job, 5)
    strike_the_place(job, 3, row, call)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job) == clean[STEPS]


def test_an_update_far_larger_than_others_is_found_at_compute(text, clean):
    job = guarded(text, "compute")
    run(job, LEARNING_PASSES + 2)
    strike_the_place(job, 30)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    twin = TrainJob(load_recipe("tiny").override("model.dropout = 0.1"), text, SEED)
    for _ in range(LEARNING_PASSES + 4):
        twin.step()
    assert run(job, LEARNING_PASSES + 4) == twin.weights_sha256()


def test_one_odd_figure_does_not_widen_the_bounds_far():
    bounds = Bounds()
    for number in range(LEARNING_PASSES + 5):
        bounds.learn("size", 1.0 + 0.01 * (number % 2))
    bounds.learn("size", 1e30)
    assert bounds.is_outside("size", 3.0)
    assert not bounds.is_outside("size", 1.1)


@pytest.mark.parametrize("step", [5, 8])  # After the second a copy is taken of what is not a number.
def test_a_struck_update_that_is_not_a_number_costs_steps_and_not_the_job(text, clean, step):
    job = guarded(text)
    run(job, step - 1)
    optimizer, calls = job.job.optimizer, []
    apply = optimizer._apply

    def apply_then_strike(stretch, rows, *how):
        apply(stretch, rows, *how)
        calls.append(stretch)
        if len(calls) == 1:
            rows[0][:] = torch.nan

    optimizer._apply = apply_then_strike
    assert run(job) == clean[STEPS]
    assert {found.struck for found in job.take_findings()} == {Struck.UPDATE}


def test_a_job_that_truly_diverges_fails_after_it_was_done_again(text):
    job = guarded(text)
    run(job, 9)
    inner = job.job._loss
    job.job._loss = lambda batch: inner(batch) * torch.nan
    with pytest.raises(FloatingPointError, match="training diverged at step"):
        job.step()


def test_a_share_of_the_updates_is_done_twice_too(text, clean):
    job = guarded(text, "replay")
    job.job.recipe = replace(job.job.recipe, guard=replace(job.job.recipe.guard, replay_share=0.25))
    run(job, 3)
    strike_the_place(job, 3)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job) == clean[STEPS]


class Broken(StrikeProducts):
    """A unit that gives the same wrong number in one product of each pass, from a pass on."""

    def __init__(self, due, per_pass):
        super().__init__(0, None, products=("mm",))
        self.number, self.per_pass = due, per_pass

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in self.products:
            self.count += 1
            if self.count % self.per_pass == self.number:
                result.view(-1)[3] += 5.0
        return result


def test_a_fault_that_gives_the_same_wrong_product_twice_is_no_rounding(text):
    job = guarded(text, "compute")
    run(job, 5)
    calm = guarded(text, "off")
    with StrikeProducts(0, random.Random(0), products=("mm",)) as products:
        calm.step()
    struck = job._checksums._places[3]
    tolerance = struck.tolerance
    with Broken(4, products.count), pytest.raises(LostError, match=r"forward, in the same way twice"):
        job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.COMPUTE]
    assert struck.tolerance == tolerance


def test_a_tolerance_that_was_widened_comes_back():
    checksums = Checksums({})

    def learn(difference, **how):
        checksums._noted, checksums._differences = [], None
        checksums.note("forward", torch.ones(1), torch.full((3,), 100.0), torch.full((3,), 100.0 + difference))
        return checksums.learn(**how)

    assert learn(0.001, is_repeated=True) == ""
    calm = checksums._places[0].tolerance
    assert learn(0.05, is_repeated=True) == ""
    assert checksums._places[0].tolerance > 40 * calm
    for _ in range(7_000):
        learn(0.001, is_repeated=False)
    assert checksums._places[0].tolerance == pytest.approx(calm, rel=0.01)
    for number in range(1, WIDENINGS_MAX + 2):
        checksums._places[0].tolerance = 0.0
        assert bool(learn(0.001, is_repeated=True)) == (number > WIDENINGS_MAX)


# The bugs that these tests must see.
