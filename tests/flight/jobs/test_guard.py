"""The guard over memory: what is struck is found before it is used, undone, and no weight differs."""

import random

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from flight.jobs.guard.finding import Finding, LostError, UnfitError
from flight.jobs.guard.guarded_job import (
    ARITHMETIC_WINDOW_NS,
    MEMORY_WINDOW_NS,
    RAISE_FINDINGS,
    UNFIT_FINDINGS,
    UNFIT_LOSSES,
    WINDOW_STEPS_MIN,
)
from flight.jobs.guard.state_witness import StateWitness
from flight.jobs.recipe import GuardLevel
from flight.jobs.train import TrainJob
from mission.jobs import FINDINGS_KEPT_MAX, Struck
from tests.flight.jobs.guard_bench import STEPS, flip, guarded, run

pytestmark = pytest.mark.usefixtures("memory")

S = 1_000_000_000


MEMORY_WINDOW_S = MEMORY_WINDOW_NS // S


class Strike(TorchDispatchMode):
    """Flips one bit of State at an instant: before one of the operations that torch is asked for, by its number.

    A stretch that is just being updated is another part, and what is due then waits until it has been.
    """

    def __init__(self, job, chance):
        super().__init__()
        self.job = job
        self.chance = chance
        self.count = 0
        self.due = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        if self.due is not None and self.count >= self.due and self.job.job.optimizer.at_work == ():
            self.due = None
            self.strike()
        return func(*args, **(kwargs or {}))

    def strike(self):
        state = TrainJob.state(self.job.job)
        name = self.chance.choice([*state.tensors, "step"])
        if name == "step":
            self.job.job._step ^= 1 << self.chance.randrange(20)
            return
        tensor = state.tensors[name]
        flip(tensor, self.chance.randrange(tensor.numel()), self.chance.randrange(32))


def test_the_guard_changes_nothing_at_any_level(text, clean):
    for level in GuardLevel:
        job = guarded(text, level)
        assert run(job) == clean[STEPS]
        assert job.take_findings() == ()


@pytest.mark.parametrize("seed", range(60))
def test_a_bit_of_state_that_flips_at_any_instant_of_a_step_changes_nothing(text, clean, seed):
    chance = random.Random(seed)
    job = guarded(text)
    with Strike(job, chance) as strike:
        job.step()
        assert strike.count > 200
        strike.due = strike.count + chance.randint(1, 3 * strike.count)  # Within the next three steps.
        assert run(job) == clean[STEPS]
        assert strike.due is None


@pytest.mark.parametrize(
    "name", ["model/tokens.weight", "optimizer/norm.weight/exp_avg", "optimizer/tokens.weight/exp_avg_sq"]
)
@pytest.mark.parametrize("bit", [0, 22, 30, 31])
def test_what_was_struck_is_told_and_the_steps_since_the_copy_are_done_again(text, clean, name, bit):
    job = guarded(text)
    run(job, 6)
    flip(job.job.state().tensors[name], 3, bit)
    job.step()
    (found,) = job.take_findings()
    assert found.struck is Struck.STATE
    assert name.split("/")[1] in found.where.split()
    assert (found.step, found.redone_steps) == (7, 3)
    assert run(job) == clean[STEPS]


def test_a_generator_that_was_struck_is_found_before_it_draws(text, clean):
    for where in ("batches", "noise"):
        job = guarded(text)
        run(job, 6)
        inner = job.job
        if where == "batches":
            state = inner._batch_generator.get_state()
            flip(state, 104, 3)
            inner._batch_generator.set_state(state)
        else:
            inner._noise = inner._noise.clone()
            flip(inner._noise, 104, 3)
        job.step()
        assert [found.struck for found in job.take_findings()] == [Struck.GENERATOR]
        assert run(job) == clean[STEPS]


@pytest.mark.parametrize(
    ("level", "passes_before"), [(GuardLevel.STATE, 0), (GuardLevel.DOUBLE, 0), (GuardLevel.DOUBLE, 1)]
)
def test_noise_that_was_struck_within_a_step_is_found_though_all_passes_after_it_agree(
    text, clean, level, passes_before, monkeypatch
):
    job = guarded(text, level)
    run(job, 6)
    inner = job.job
    run_pass, passes = inner.run_pass, []

    def struck_pass(*args):
        if len(passes) == passes_before:
            inner._noise = inner._noise.clone()
            flip(inner._noise, 5_000, 3)
        passes.append(inner.steps_done)
        return run_pass(*args)

    monkeypatch.setattr(inner, "run_pass", struck_pass)
    job.step()
    assert Struck.GENERATOR in [finding.struck for finding in job.take_findings()]
    assert run(job) == clean[STEPS]


@pytest.mark.parametrize("bit", [0, 1, 20])  # One less, two more, and a million more.
def test_a_count_of_steps_that_was_struck_between_two_steps_costs_no_step_too_many_or_too_few(text, clean, bit):
    for go_on in (lambda job: job.step().step, lambda job: job.verify() or job.steps_done + 1):
        job = guarded(text)
        run(job, 5)
        job.job._step ^= 1 << bit
        assert job.steps_done == 5
        assert go_on(job) == 6
        (found,) = job.take_findings()
        assert (found.struck, found.redone_steps) in {(Struck.GENERATOR, 2), (Struck.GENERATOR, 1)}
        assert run(job) == clean[STEPS]


def test_the_guards_own_count_of_steps_is_put_right_by_the_jobs(text, clean):
    job = guarded(text)
    run(job, 5)
    job._step ^= 1 << 20
    assert (job.step().step, job.take_findings()) == (6, ())
    assert run(job) == clean[STEPS]


def test_a_copy_in_memory_that_was_struck_is_not_gone_back_to(text, clean):
    job = guarded(text)
    run(job, 9)
    newest = max(job._snapshots._copies, key=lambda copy: copy.step)
    flip(newest.blocks[0], 5, 30)
    flip(job.job.state().tensors["model/tokens.weight"], 3, 30)
    job.step()
    (found,) = job.take_findings()
    assert found.redone_steps == 10 - 4  # From the older copy.
    assert run(job) == clean[STEPS]


def test_a_copy_that_is_struck_while_it_is_taken_is_found(text, clean):
    job = guarded(text)
    run(job, 7)
    target = min(job._snapshots._copies, key=lambda copy: copy.step).blocks[0]
    verify = job._witness.verify_blocks

    def strike_then_verify(blocks):
        job._witness.verify_blocks = verify
        flip(target, 17, 30)
        verify(blocks)

    job._witness.verify_blocks = strike_then_verify
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.STATE]
    assert run(job) == clean[STEPS]


def test_with_no_copy_left_a_new_worker_must_go_on(text):
    job = guarded(text)
    run(job, 9)
    for copy in job._snapshots._copies:
        flip(copy.blocks[0], 5, 30)
    flip(job.job.state().tensors["model/tokens.weight"], 3, 30)
    with pytest.raises(LostError, match="no copy in memory is whole"):
        job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.STATE]


def test_a_corpus_that_was_struck_is_found_before_a_copy_or_a_checkpoint_is_made_of_what_it_taught(text):
    job = guarded(text)
    run(job, 5)
    flip(job.job.train_tokens, 77, 1)
    job.step()
    job.step()
    with pytest.raises(LostError, match="data struck in corpus"):
        job.step()
    job = guarded(text)
    run(job, 5)
    flip(job.job.train_tokens, 77, 1)
    with pytest.raises(LostError, match="data struck in corpus"):
        job.verify()


# What findings lead to.


def strike_and_step(job, count=1):
    for _ in range(count):
        flip(job.job.state().tensors["model/tokens.weight"], 3, 30)
        job.step()


def test_one_place_struck_again_and_again_raises_the_level_and_then_ends_the_trust(text):
    job = guarded(text)
    for number in range(1, UNFIT_FINDINGS):
        strike_and_step(job)
        assert job.level is (GuardLevel.DOUBLE if number >= RAISE_FINDINGS else GuardLevel.STATE)
    with pytest.raises(UnfitError, match=f"struck {UNFIT_FINDINGS} times"):
        strike_and_step(job)
    assert [found.raised_to for found in job.take_findings()] == ["", "", "double", "", "", ""]


def test_findings_count_on_from_worker_to_worker(text):
    first = guarded(text)
    strike_and_step(first, UNFIT_FINDINGS - 2)
    second = guarded(text, findings=first.take_findings())
    assert second.level is GuardLevel.DOUBLE
    strike_and_step(second)
    with pytest.raises(UnfitError, match=f"struck {UNFIT_FINDINGS} times"):
        strike_and_step(second)


def test_findings_count_for_a_window_of_steps_and_no_longer(text, monkeypatch):
    monkeypatch.setattr("flight.jobs.guard.guarded_job.WINDOW_STEPS_MIN", 1)
    monkeypatch.setattr("flight.jobs.guard.guarded_job.WINDOW_STEPS_MAX", 5)
    job = guarded(text)
    for step in range(1, 5 * UNFIT_FINDINGS, 5):
        strike_and_step(job)
        run(job, step + 4)
        assert job.level is GuardLevel.STATE
    strike_and_step(job, RAISE_FINDINGS)
    assert job.level is GuardLevel.DOUBLE
    run(job, job.job.steps_done + 6)
    assert job.level is GuardLevel.STATE


def struck_at_times(text, seconds, steps_between=WINDOW_STEPS_MIN):
    """Strike one place once at each of some times, so many steps after the time before."""
    job = guarded(text)
    for number, time_s in enumerate(seconds):
        job.tai_ns = time_s * S
        run(job, (number + 1) * steps_between - 1)
        strike_and_step(job)
    return job


def test_a_storm_on_a_job_with_slow_steps_is_chance(text):
    job = struck_at_times(text, [number * MEMORY_WINDOW_S for number in range(3 * UNFIT_FINDINGS)])
    assert job.level is GuardLevel.STATE
    assert [found.raised_to for found in job.take_findings()] == [""] * (3 * UNFIT_FINDINGS)


def test_as_many_strikes_of_one_place_at_ten_times_the_rate_are_a_fault_of_the_device(text):
    with pytest.raises(UnfitError, match=f"struck {UNFIT_FINDINGS} times since step 16, 30 s ago"):
        struck_at_times(text, [number * MEMORY_WINDOW_S // 10 for number in range(UNFIT_FINDINGS)])


def test_a_cell_that_shows_in_every_step_is_a_fault_however_slow_the_steps_are(text):
    with pytest.raises(UnfitError, match=f"struck {UNFIT_FINDINGS} times"):
        struck_at_times(text, [number * 10 * MEMORY_WINDOW_S for number in range(UNFIT_FINDINGS)], steps_between=2)


def test_arithmetic_that_was_wrong_counts_for_longer_than_memory_that_was_struck(text):
    old = [finding(0, step=1, where="gradients", struck=kind) for kind in [Struck.COMPUTE] * 3 + [Struck.STATE] * 3]
    at_s = {GuardLevel.DOUBLE: ARITHMETIC_WINDOW_NS // S - 1, GuardLevel.STATE: ARITHMETIC_WINDOW_NS // S}
    for level, time_s in at_s.items():
        job = guarded(text, findings=old)
        run(job, 1 + WINDOW_STEPS_MIN)
        job.tai_ns = time_s * S
        assert job.level is level


def test_a_level_that_was_raised_falls_back_with_time(text):
    job = struck_at_times(text, [100] * RAISE_FINDINGS)
    job.tai_ns = (100 + MEMORY_WINDOW_S) * S
    assert job.level is GuardLevel.DOUBLE  # For a few steps in any case.
    run(job, job.job.steps_done + WINDOW_STEPS_MIN)
    assert job.level is GuardLevel.STATE


def test_findings_from_before_the_clock_was_set_back_count(text):
    late = [finding(0, struck=Struck.STATE, where="x", tai_ns=10**18)] * RAISE_FINDINGS
    job = guarded(text, findings=late)
    run(job, 1 + WINDOW_STEPS_MIN)
    assert job.level is GuardLevel.DOUBLE


def finding(number, **changes):
    values = {"struck": Struck.COMPUTE, "where": f"product {number}", "step": 1, "redone_steps": 1}
    return Finding(**{**values, **changes})


def test_chance_faults_of_many_places_are_borne_and_a_flood_of_them_is_not(text):
    job = guarded(text, findings=[finding(number) for number in range(FINDINGS_KEPT_MAX - 2)])
    strike_and_step(job)
    with pytest.raises(UnfitError, match=f"{FINDINGS_KEPT_MAX} places were struck"):
        strike_and_step(job)


def test_a_corpus_that_is_struck_in_one_worker_after_another_ends_the_trust(text):
    findings = ()
    for error in [LostError] * (UNFIT_LOSSES - 1) + [UnfitError]:
        job = guarded(text, findings=findings)
        flip(job.job.train_tokens, 77, 1)
        with pytest.raises(error, match="corpus"):
            job.verify()
        findings += job.take_findings()
    assert [found.struck for found in findings] == [Struck.DATA] * UNFIT_LOSSES


# Arithmetic.


def test_a_guard_that_forgets_to_verify_what_it_reads_is_seen(text, clean, monkeypatch):
    monkeypatch.setattr(StateWitness, "read", lambda self, stretch, rows: None)
    job = guarded(text, interval=100)
    run(job, 6)
    flip(job.job.state().tensors["model/tokens.weight"], 3, 20)
    assert run(job) != clean[STEPS]
