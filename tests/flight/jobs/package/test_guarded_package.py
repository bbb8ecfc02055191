"""Strikes in the State of a package and in its arithmetic are found and undone, and never blamed on the device."""

import contextlib

import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs.guard.finding import LostError
from flight.jobs.package import guarded_package
from flight.jobs.package.guarded_package import RUNS_MAX, STRIKES_MAX, GuardedPackage
from flight.jobs.package.package_job import PackageError, PackageJob, digest_entries
from flight.jobs.state import State
from flight.jobs.train import StepReport
from mission.jobs import Struck

STEPS = 25


class Adder:
    """A job whose every number depends on all before."""

    def __init__(self):
        self.sum = torch.linspace(0, 1, 50)
        self.done = 0
        self.wrong_runs = set()
        self.runs = 0

    def state(self):
        return State(tensors={"sum": self.sum}, octets={"done": self.done.to_bytes(4, "little")})

    def load(self, state):
        self.sum.copy_(state.tensors["sum"])
        self.done = int.from_bytes(state.octets["done"], "little")

    def step(self):
        self.done += 1
        self.runs += 1
        self.sum = torch.sin(self.sum * 3 + self.done)
        if self.runs in self.wrong_runs:
            self.sum[7] += 1e-6
        return StepReport(step=self.done, loss=float(self.sum.sum()), gradient_norm=0.0, learning_rate=0.0)


def strike(job):
    job.sum.view(torch.int32)[3] ^= 1 << 20


@pytest.fixture
def guard(recipe):
    def make(level="state", job=None):
        text = f'guard.level = "{level}"\nguard.snapshot_interval = 10\nguard.replay_share = 0.2'
        return GuardedPackage(PackageJob(recipe.override(text), job or Adder()), tai_ns=5)

    return make


@pytest.fixture
def clean(guard):
    guarded = guard("off")
    return [guarded.step() for _ in range(STEPS)], guarded.job.weights_sha256()


def run_on(guarded, strikes=()):
    reports = []
    while guarded.job.steps_done < STEPS:
        if guarded.job.steps_done in strikes:
            strikes = [each for each in strikes if each != guarded.job.steps_done]
            strike(guarded.job._job)
        reports.append(guarded.step())
    return reports, guarded.job.weights_sha256()


@pytest.mark.parametrize("level", ["state", "replay", "double"])
def test_undisturbed_it_is_the_job_that_nobody_watches(guard, clean, level):
    guarded = guard(level)
    assert run_on(guarded) == clean
    assert guarded.take_findings() == ()


@pytest.mark.parametrize("level", ["state", "replay", "double"])
@pytest.mark.parametrize("at", range(STEPS))
def test_a_strike_between_two_steps_is_found_by_name_and_undone(guard, clean, level, at):
    guarded = guard(level)
    assert run_on(guarded, [at]) == clean
    (finding,) = guarded.take_findings()
    assert (finding.struck, finding.where, finding.step, finding.tai_ns) == (Struck.STATE, "sum", at, 5)
    assert finding.redone_steps == at % 10


def test_without_a_guard_a_strike_stays(guard, clean):
    assert run_on(guard("off"), [12])[1] != clean[1]


def test_a_strike_before_an_evaluation_is_found_by_it(guard, clean):
    guarded = guard()
    for _ in range(14):
        guarded.step()
    strike(guarded.job._job)
    guarded.verify()
    assert [each.redone_steps for each in guarded.take_findings()] == [4]
    assert run_on(guarded)[1] == clean[1]


def test_a_copy_that_was_struck_too_is_not_gone_back_to(guard):
    guarded = guard()
    guarded.step()
    strike(guarded.job._job)
    guarded._copy.state.tensors["sum"][0] += 1
    with pytest.raises(LostError, match="state struck in sum, and so was its copy"):
        guarded.step()
    assert [each.struck for each in guarded.take_findings()] == [Struck.STATE]


@pytest.mark.parametrize(("wrong_run", "redone_steps"), [(1, 2), (2, 3), (5, 2), (6, 3), (2 * STEPS, 3)])
def test_arithmetic_that_went_wrong_once_is_found_where_steps_are_done_twice(guard, clean, wrong_run, redone_steps):
    job = Adder()
    job.wrong_runs = {wrong_run}
    guarded = guard("double", job)
    assert run_on(guarded) == clean
    (finding,) = guarded.take_findings()
    assert (finding.struck, finding.redone_steps) == (Struck.COMPUTE, redone_steps)


def test_replay_does_its_share_of_the_steps_twice(guard, clean):
    job = Adder()
    assert run_on(guard("replay", job)) == clean
    assert job.runs == STEPS + STEPS // 5


def test_what_decides_beside_state_is_found_out_and_the_package_is_to_blame(guard):
    class Hider(Adder):
        hidden = 0

        def step(self):
            self.hidden += 1
            report = super().step()
            self.sum += self.hidden
            return report

    with pytest.raises(PackageError, match=f"found {RUNS_MAX} that differ: something beside State decides"):
        guard("double", Hider()).step()


def test_state_that_a_step_leaves_and_takes_back_is_the_package_s_own_doing(guard):
    class Late(Adder):
        """It goes on after it has said that it is done."""

        def __init__(self):
            super().__init__()
            self.looks = 0

        def step(self):
            self.looks = 0
            return super().step()

        def state(self):
            self.looks += 1
            late = self.sum if self.looks <= 1 else self.sum + 1
            return State(tensors={"sum": late}, octets={"done": self.done.to_bytes(4, "little")})

        def load(self, state):
            super().load(state)
            self.looks = 0

    guarded = guard("state", Late())
    with pytest.raises(PackageError, match=f"found it changed {STRIKES_MAX} times: what changes it is the package"):
        run_on(guarded)


def test_a_level_that_needs_to_see_sums_is_refused(recipe):
    with pytest.raises(MisuseError, match="expected off, state, replay or double"):
        recipe.override('guard.level = "compute"')


# At `state` what strikes before a step that is done once is not seen: there only the look that ends a step is followed.
@pytest.mark.parametrize(
    ("level", "look", "is_lost"),
    [("state", 1, False), ("double", 0, True), ("double", 1, False), ("double", 2, False), ("double", 3, False)],
)
def test_a_strike_after_a_look_at_state_comes_to_nothing(guard, clean, monkeypatch, level, look, is_lost):
    guarded = guard(level)
    for _ in range(12):
        guarded.step()
    looks = 0

    def look_and_strike(state):
        nonlocal looks
        digests = digest_entries(state)
        if looks == look:
            strike(guarded.job._job)
        looks += 1
        return digests

    with monkeypatch.context() as patch:
        patch.setattr(guarded_package, "digest_entries", look_and_strike)
        with pytest.raises(LostError) if is_lost else contextlib.nullcontext():
            guarded.step()
    assert looks > look
    if not is_lost:
        assert run_on(guarded)[1] == clean[1]


class Clones:
    """Keeps each clone that is made of a State, so that it can be struck."""

    def __init__(self, patch):
        self.made = []
        clone = State.clone

        def kept(state):
            self.made.append(clone(state))
            return self.made[-1]

        patch.setattr(State, "clone", kept)


def test_a_step_does_not_begin_anew_from_a_state_that_was_struck(guard, monkeypatch):
    class Struck3(Adder):
        def step(self):
            if self.done == 3 and clones.made:
                clones.made[0].tensors["sum"][5] += 1
            return super().step()

    guarded = guard("double", Struck3())
    clones = Clones(monkeypatch)
    clones.made.clear()
    for _ in range(3):
        guarded.step()
    clones.made.clear()
    with pytest.raises(LostError, match="state struck in sum, where a step begins anew"):
        guarded.step()
    assert [each.struck for each in guarded.take_findings()] == [Struck.STATE]


def test_a_copy_that_is_struck_as_it_is_taken_is_not_kept(guard, clean, monkeypatch):
    guarded = guard()
    clones = Clones(monkeypatch)
    digest = digest_entries

    def struck(state):
        if clones.made and state is clones.made[0] and guarded.job.steps_done == 10:
            state.tensors["sum"][5] += 1
        return digest(state)

    monkeypatch.setattr(guarded_package, "digest_entries", struck)
    for _ in range(12):
        guarded.step()
    strike(guarded.job._job)
    assert run_on(guarded)[1] == clean[1]
    assert [each.redone_steps for each in guarded.take_findings()] == [12]


@pytest.mark.parametrize("level", ["state", "double"])
def test_a_package_whose_state_is_another_each_time_is_to_blame(guard, level):
    class Restless(Adder):
        def state(self):
            self.sum = self.sum + 1
            return super().state()

    with pytest.raises(PackageError, match="expected the same State each time that it is asked for"):
        guard(level, Restless())
