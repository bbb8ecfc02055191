"""What is asked of a team's job, and what is not taken from it."""

import pytest
import torch

from flight.jobs.guard.finding import UnfitError
from flight.jobs.package.package_job import PackageError, PackageJob
from flight.jobs.state import State
from flight.jobs.train import StepReport


class Job:
    def __init__(self, **given):
        self.given = given
        self.loaded = None

    def state(self):
        return self.given.get("state", State(tensors={"model/w": torch.ones(3)}, octets={"step": b"1"}))

    def load(self, state):
        self.loaded = state

    def step(self):
        if "error" in self.given:
            raise self.given["error"]
        return self.given["report"]


def report(step, loss=1.0):
    return StepReport(step=step, loss=loss, gradient_norm=0.0, learning_rate=0.0)


def test_a_job_without_the_protocol_is_refused_by_the_method_that_it_lacks(recipe):
    with pytest.raises(PackageError, match="expected a job with a method state, found object without"):
        PackageJob(recipe, object())


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({}, "expected a State with something in it, found dict"),
        (State(tensors={}, octets={}), "expected a State with something in it"),
        (State(tensors={}, octets={"x": bytearray(3)}), "expected bytes in the octets of State"),
    ],
)
def test_a_state_that_is_none_is_refused(recipe, state, reason):
    with pytest.raises(PackageError, match=reason):
        PackageJob(recipe, Job(state=state))


@pytest.mark.parametrize("given", [None, report(2), report(0), report(1, loss="low")])
def test_a_report_of_another_step_or_of_none_is_refused(recipe, given):
    job = PackageJob(recipe, Job(report=given))
    with pytest.raises(PackageError, match="step 1"):
        job.step()
    assert job.steps_done == 0


@pytest.mark.parametrize("error", [OSError(28, "No space left"), UnfitError("x"), MemoryError(), KeyError("x")])
def test_whatever_it_raises_is_its_own_fault(recipe, error, capfd):
    with pytest.raises(PackageError, match=f"package: {type(error).__name__}: "):
        PackageJob(recipe, Job(error=error)).step()
    assert "in step" in capfd.readouterr().err


def test_a_job_that_does_not_load_what_it_is_given_is_found_out(recipe):
    job = PackageJob(recipe, Job())
    job.load(State(tensors={"model/w": torch.ones(3)}, octets={"step": b"1"}), 4)
    assert job.steps_done == 4
    other = State(tensors={"model/w": torch.tensor([1.0, 1.0, -1.0])}, octets={"step": b"1"})
    with pytest.raises(PackageError, match=r"other octets in \['model/w'\]"):
        job.load(other, 5)
    with pytest.raises(PackageError, match=r"other octets in \['step'\]"):
        job.load(State(tensors={"model/w": torch.ones(3)}, octets={"step": b"2"}), 5)


def test_its_weights_are_what_it_calls_so_or_all_there_is(recipe):
    assert PackageJob(recipe, Job()).weights().keys() == {"w"}
    everything = State(tensors={"a": torch.ones(1), "b": torch.ones(1)}, octets={})
    assert PackageJob(recipe, Job(state=everything)).weights().keys() == {"a", "b"}
