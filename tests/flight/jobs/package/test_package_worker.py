"""The worker of a package, in this process: what is written of a State that is struck meanwhile."""

import hashlib
import sys

import pytest
import safetensors.torch

from flight.jobs import worker
from flight.jobs.checkpoint import save_checkpoint
from flight.jobs.messages import FailureKind, Finish, Join, Probe, Probed, Save, Saved, Saving, Start, Started, Step
from flight.jobs.model_file import save_model
from flight.jobs.package import worker as package_worker
from flight.jobs.package.packages import Packages
from flight.jobs.package.process import unpack
from flight.jobs.package.worker import PackageWorker
from flight.jobs.state import weights_sha256
from mission.jobs import Struck

NAME = "files/adder.package"
STEPS = 20


@pytest.fixture
def make_worker(disk, recipe, tmp_path, monkeypatch):
    sha256 = hashlib.sha256(disk.read(NAME)).hexdigest()
    package = Packages(disk).read(NAME, sha256, recipe.package)
    unpack(package, tmp_path / "package")
    short = recipe.override(f"training.steps = {STEPS}")

    def make():
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.delitem(sys.modules, "adder", raising=False)
        worker = PackageWorker(disk, short, package.manifest, tmp_path / "package", ())
        start = Start(job_id=7, recipe=short.to_toml(), corpus_path=NAME, corpus_sha256=sha256, seed=3)
        assert isinstance(worker.answer(start), Started)
        worker.answer(Step(STEPS))
        return worker

    return make


def strike(worker):
    worker._guarded.job._job.sum[2] += 1


def test_a_checkpoint_of_a_state_that_is_struck_after_it_was_looked_at_is_not_written(make_worker, disk, monkeypatch):
    worker = make_worker()

    def struck(*asked):
        strike(worker)
        return save_checkpoint(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(package_worker, "save_checkpoint", struck)
        refusal = worker.answer(Save("a", ""))
    assert (refusal.kind, refusal.reason) == (
        FailureKind.LOST,
        f"step {STEPS}: state struck in sum, while a checkpoint was made of it",
    )
    assert [each.struck for each in refusal.findings] == [Struck.STATE]
    assert not [name for name in disk.list("jobs/7/") if "slot" in name]
    assert isinstance(make_worker().answer(Save("a", "")), Saving)


def test_a_checkpoint_that_was_struck_while_it_was_written_is_none_and_the_job_goes_on(make_worker, disk, monkeypatch):
    worker = make_worker()

    def struck(*asked):
        *rest, vouch = asked
        return save_checkpoint(*rest, lambda: (vouch(), strike(worker)))

    with monkeypatch.context() as patch:
        patch.setattr(package_worker, "save_checkpoint", struck)
        assert worker.answer(Save("a", "")).kind is FailureKind.STORE
    assert isinstance(worker.answer(Save("b", "")), Saving)
    assert isinstance(worker.answer(Join()), Saved)
    assert worker.answer(Finish()).weights_sha256 == make_worker().answer(Finish()).weights_sha256


@pytest.mark.parametrize("is_before", [True, False])
def test_a_model_of_a_state_that_is_struck_meanwhile_is_written_again(make_worker, disk, monkeypatch, is_before):
    sound = make_worker().answer(Finish())
    guarded = make_worker()
    strikes = 2

    def struck(*asked):
        nonlocal strikes
        strikes -= 1
        if is_before and strikes >= 0:
            strike(guarded)
        outcome = save_model(*asked)
        if not is_before and strikes >= 0:
            strike(guarded)
        return outcome

    monkeypatch.setattr(worker, "save_model", struck)
    finished = guarded.answer(Finish())
    assert strikes == -1
    assert finished.weights_sha256 == sound.weights_sha256
    assert [each.struck for each in finished.findings] == [Struck.STATE] * 2
    assert weights_sha256(safetensors.torch.load(disk.read(finished.path))) == sound.weights_sha256


def test_a_worker_with_a_package_answers_for_the_processor(make_worker):
    assert make_worker().answer(Probe()) == Probed()
