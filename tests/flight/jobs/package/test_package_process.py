"""A package in a real process: killed and gone on with, refused, and blamed for what it does."""

import contextlib
import hashlib
from pathlib import Path

import msgspec
import pytest

from flight.jobs.messages import (
    CheckpointReference,
    Evaluate,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Sample,
    Sampled,
    Save,
    Saved,
    Start,
    Started,
    Step,
    Stepped,
)
from flight.jobs.process import WorkerProcess
from ground.package_signing import make_package
from mission.jobs import Struck

NAME = "files/adder.package"
TIMEOUT_S = 120.0


@pytest.fixture
def start(disk, recipe):
    def make(data=None):
        if data is not None:
            disk.remove(NAME)
            disk.append(NAME, data)
        sha256 = hashlib.sha256(disk.read(NAME)).hexdigest()
        return Start(job_id=3, recipe=recipe.to_toml(), corpus_path=NAME, corpus_sha256=sha256, seed=5)

    return make


def ask(worker, request):
    worker.send(request)
    reply = worker.wait_reply(TIMEOUT_S)
    assert reply is not None, worker.died
    return reply


def test_a_package_that_is_killed_half_way_ends_with_the_weights_of_one_that_was_not(disk, start):
    with WorkerProcess(disk.root) as worker:
        worker.launch()
        started = ask(worker, start())
        assert isinstance(started, Started)
        assert (started.step, started.steps, started.parameters) == (0, 100, 4)
        assert isinstance(ask(worker, Step(3)), Stepped)
        ask(worker, Save("a"))
        saved = ask(worker, Join())
        assert isinstance(saved, Saved)
        straight = ask(worker, Step(4))
        straight_finished = ask(worker, Finish())
        worker.kill()
        worker.launch()
        reference = CheckpointReference(slot="a", step=3, sha256=saved.sha256)
        assert ask(worker, msgspec.structs.replace(start(), checkpoint=reference)).step == 3
        assert ask(worker, Step(4)) == straight
        assert isinstance(ask(worker, Evaluate()).validation_loss, float)
        assert ask(worker, Sample()) == Sampled("")
        finished = ask(worker, Finish())
    assert isinstance(finished, Finished)
    assert finished == straight_finished
    assert disk.size(finished.path) == finished.length_octets


def test_a_strike_in_the_state_of_a_package_is_undone_and_told(disk, start, key, settings, adder):
    """Its evaluation strikes it, as a particle would: that is between two steps."""
    struck = (
        adder()
        + b"""
    def evaluate(self):
        self.sum.view(torch.int32)[1] ^= 1 << 20
        return 1.0
"""
    )
    ends = []
    for code in (adder(), struck):
        with WorkerProcess(disk.root) as worker:
            worker.launch()
            assert isinstance(ask(worker, start(make_package(settings, {"adder.py": code}, key))), Started)
            ask(worker, Step(13, tai_ns=7))
            ask(worker, Evaluate())
            ends.append([ask(worker, Step(4, tai_ns=8)), ask(worker, Finish())])
    (straight, straight_end), (mended, mended_end) = ends
    assert mended_end == straight_end
    (finding,) = mended.findings
    assert (finding.struck, finding.where, finding.step, finding.redone_steps) == (Struck.STATE, "sum", 13, 3)
    assert straight == msgspec.structs.replace(mended, findings=())


def test_what_came_in_its_place_is_refused_by_the_process_too(disk, start, package):
    asked = start()
    disk.pwrite(NAME, len(package) - 1, b"\xff")
    with WorkerProcess(disk.root) as worker:
        worker.launch()
        failed = ask(worker, asked)
        assert isinstance(failed, Failed)
        assert f"expected SHA-256 {asked.corpus_sha256}" in failed.reason
        worker.launch()
        failed = ask(worker, start())
        assert isinstance(failed, Failed)
        assert "not those that the team signed" in failed.reason
        assert failed.kind is FailureKind.JOB
        assert not disk.list("jobs")


WRONG = {
    "device unfit": (
        "from flight.jobs.guard.finding import UnfitError; raise UnfitError('it is the device')",
        "package: UnfitError: it is the device",
    ),
    "processes without end": ("import os\n        while True: os.fork() or os._exit(0)", "package: PermissionError"),
    "memory": ("bytearray(2 << 30)", "package: MemoryError"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_package_is_to_blame_for_whatever_it_raises(disk, start, key, settings, adder, wrong):
    work, reason = WRONG[wrong]
    with WorkerProcess(disk.root) as worker:
        worker.launch()
        assert isinstance(ask(worker, start(make_package(settings, {"adder.py": adder(work)}, key))), Started)
        failed = ask(worker, Step(1))
        assert isinstance(failed, Failed)
        assert reason in failed.reason
        assert failed.kind is FailureKind.JOB


def test_what_forks_without_end_leaves_no_process_behind_and_other_work_goes_on(disk, start, key, settings, adder):
    forking = make_package(
        settings, {"adder.py": adder("import os\n        while True: os.fork() or os._exit(0)")}, key
    )
    with WorkerProcess(disk.root) as other, WorkerProcess(disk.root) as worker:
        other.launch()
        started = ask(other, start())
        if "processes" in started.unconfined:
            pytest.skip("this kernel filters no system calls")
        other.send(Step(50))
        worker.launch()
        assert isinstance(ask(worker, start(forking)), Started)
        assert isinstance(ask(worker, Step(1)), Failed)
        assert processes_on(disk.root) == 2
        assert other.wait_reply(TIMEOUT_S).step == 50
        assert ask(other, Step(1)).step == 51


def processes_on(store):
    """Count the processes that were begun for a store."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            count += str(store).encode() in path.read_bytes()
    return count
