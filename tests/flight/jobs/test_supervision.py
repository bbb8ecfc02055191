"""The engine with the real worker process: killed at any point, the job ends with the weights of an undisturbed one."""

import os
import signal
import time

import pytest

from flight.books.jobs import JobSubmitted
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.engine import Engine
from flight.jobs.engine_config import EngineConfig
from flight.jobs.messages import Saved, Stepped
from flight.jobs.process import WorkerProcess
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from flight.jobs.supervision import SupervisionConfig
from flight.ledger import Ledger
from flight.reporter import Reporter
from mission.definition import DICTIONARY
from mission.jobs import JobState

OVERRIDES = "training.evaluation_interval = 60\ntraining.checkpoint_interval = 10"
REPLY_WAIT_S = 120


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


@pytest.fixture(scope="module")
def undisturbed(corpus):
    return run_reference(load_recipe("tiny").override(OVERRIDES), corpus, 5)


def supervise(folder, corpus, kill_when=lambda reply: False, strike_when=lambda reply: None):
    """Run a job to its end and give its record in the ledger.

    The worker is killed at each reply that ``kill_when`` picks. At a checkpoint for which ``strike_when`` gives a
    strike it is killed too, at rest: the checkpoint counts, and is struck before the next worker reads it.
    """
    ledger = Ledger(RealDisk(folder))
    reporter = Reporter(DICTIONARY)
    with WorkerProcess(folder) as worker:
        config = EngineConfig(supervision=SupervisionConfig(backoff_ns=1))
        engine = Engine(config, ledger, worker, reporter, {"text": corpus}, RealDisk(folder))
        ledger.commit(*engine.queue.submit(JobSubmitted(1, "tiny", "text", 5, 0, OVERRIDES)))
        while ledger.jobs[1].state not in (JobState.DONE, JobState.FAILED):
            engine.advance(time.monotonic_ns())
            reply = worker.wait_reply(REPLY_WAIT_S) if worker.pid else None
            if reply is None:
                engine.lost(worker.died or "no answer", time.monotonic_ns())
            elif kill_when(reply):
                worker.kill()  # With whatever it was in the middle of.
                engine.lost("killed", time.monotonic_ns())
            elif strike := strike_when(reply):
                os.kill(worker.pid, signal.SIGKILL)
                while worker.wait_reply(REPLY_WAIT_S) is not None:
                    pass
                engine.reply(reply, time.monotonic_ns())  # What is asked for next, nobody hears.
                strike()
                engine.lost("killed", time.monotonic_ns())
            else:
                engine.reply(reply, time.monotonic_ns())
            reporter.take()
    return ledger.jobs[1]


def test_an_undisturbed_job_under_supervision_has_the_weights_of_the_bare_one(corpus, undisturbed, tmp_path):
    job = supervise(tmp_path, corpus, lambda reply: False)
    assert job.state is JobState.DONE
    assert job.finished.weights_sha256.hex() == undisturbed.weights_sha256
    assert job.finished.validation_loss == undisturbed.validation_loss
    assert job.sample == undisturbed.sample


@pytest.mark.parametrize("steps", [{12}, {12, 35, 58}], ids=["once", "three times"])
def test_a_worker_killed_between_checkpoints_changes_nothing(corpus, undisturbed, tmp_path, steps):
    left = set(steps)

    def kill_when(reply):
        due = {step for step in left if isinstance(reply, Stepped) and reply.step >= step}
        left.difference_update(due)
        return bool(due)

    job = supervise(tmp_path, corpus, kill_when)
    assert not left
    assert job.worker_restarts >= 1
    assert job.finished.weights_sha256.hex() == undisturbed.weights_sha256


def test_a_checkpoint_that_was_written_and_never_journalled_changes_nothing(corpus, undisturbed, tmp_path):
    struck = []

    def kill_when(reply):
        if isinstance(reply, Saved) and reply.step == 20 and not struck:
            struck.append(reply)
            return True
        return False

    job = supervise(tmp_path, corpus, kill_when)
    assert struck
    assert job.finished.weights_sha256.hex() == undisturbed.weights_sha256


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"?"], ids=["cut", "changed"])
def test_a_checkpoint_damaged_on_the_store_is_refused_and_the_one_before_it_taken(
    corpus, undisturbed, tmp_path, damage
):
    struck = []

    def strike_when(reply):
        if not isinstance(reply, Saved) or reply.step != 20 or struck:
            return None
        struck.append(tmp_path / f"jobs/1/slot-{reply.slot}.safetensors")
        return lambda: struck[0].write_bytes(damage(struck[0].read_bytes()))

    job = supervise(tmp_path, corpus, strike_when=strike_when)
    assert struck
    assert job.checkpoints_refused == 1
    assert job.finished.weights_sha256.hex() == undisturbed.weights_sha256
