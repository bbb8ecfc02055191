"""The worker, in this process: each request is answered, and nothing that goes wrong gets out of it."""

import socket
import threading

import msgspec
import pytest
import safetensors.torch
import torch

from ccsds.errors import MalformedError
from flight.jobs import worker as worker_module
from flight.jobs.guard.guarded_job import UNFIT_LOSSES
from flight.jobs.messages import (
    CheckpointReference,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
    encode,
    reply_stream,
)
from flight.jobs.model_file import save_model
from flight.jobs.state import weights_sha256
from flight.jobs.train import TrainJob
from flight.jobs.worker import MODEL_TRIES_MAX, Worker, serve
from mission.jobs import Struck

SEED = 1337


@pytest.fixture
def start(recipe, corpus):
    return Start(
        job_id=7, recipe=recipe.to_toml(), corpus_path=str(corpus.path), corpus_sha256=corpus.sha256, seed=SEED
    )


@pytest.fixture
def worker(disk):
    return Worker(disk)


def save(worker, slot, parent=""):
    """Have a checkpoint written, as the engine asks for it when it wants to wait."""
    begun = worker.answer(Save(slot, parent))
    return worker.answer(Join()) if isinstance(begun, Saving) else begun


def reference(saved):
    return CheckpointReference(slot=saved.slot, step=saved.step, sha256=saved.sha256)


def test_a_job_from_its_start_to_its_finish(worker, start, disk, recipe, text):
    straight = TrainJob(recipe, text, SEED)
    reports = [straight.step() for _ in range(30)]

    started = worker.answer(start)
    assert isinstance(started, Started)
    assert (started.step, started.steps, started.tokens_per_step) == (0, 30, 256)
    assert (started.vocabulary, started.train_tokens) == (len(straight.vocabulary), len(straight.train_tokens))
    last = reports[9]
    assert worker.answer(Step(10)) == Stepped(
        step=10, loss=last.loss, gradient_norm=last.gradient_norm, learning_rate=last.learning_rate
    )
    assert isinstance(save(worker, "a"), Saved)
    assert isinstance(worker.answer(Step(20)), Stepped)
    assert worker.answer(Evaluate()) == Evaluated(30, straight.evaluate())
    assert worker.answer(Sample()) == Sampled(straight.sample())
    assert worker.answer(Sample("The lord", 12)) == Sampled(straight.sample("The lord", 12))
    finished = worker.answer(Finish())
    assert finished == Finished(
        step=30,
        weights_sha256=straight.weights_sha256(),
        path="jobs/7/model.safetensors",
        length_octets=len(disk.files["jobs/7/model.safetensors"]),
    )


@pytest.fixture
def strike_models(monkeypatch):
    """Let State be struck each time that a model is written, so many times."""

    def make(strikes):
        def struck(disk, identity, job, *rest):
            nonlocal strikes
            written = save_model(disk, identity, job, *rest)
            if strikes:
                strikes -= 1
                next(iter(job.weights().values())).view(-1)[0] += 1
            return written

        monkeypatch.setattr(worker_module, "save_model", struck)

    return make


def test_a_model_is_written_again_if_its_job_was_struck_meanwhile(worker, start, disk, recipe, text, strike_models):
    straight = TrainJob(recipe, text, SEED)
    for _ in range(30):
        straight.step()
    worker.answer(start)
    worker.answer(Step(30))
    strike_models(2)
    finished = worker.answer(Finish())
    assert finished.weights_sha256 == straight.weights_sha256()
    assert len(finished.findings) == 2
    weights = safetensors.torch.load(disk.files[finished.path])
    assert weights_sha256(weights) == finished.weights_sha256


def test_a_job_that_is_struck_each_time_its_model_is_written_is_begun_anew(worker, start, strike_models):
    worker.answer(start)
    worker.answer(Step(30))
    strike_models(MODEL_TRIES_MAX)
    refusal = worker.answer(Finish())
    assert refusal.kind is FailureKind.LOST
    assert refusal.reason == f"step 30: State was struck {MODEL_TRIES_MAX} times while a model was written"


def test_another_worker_goes_on_from_a_checkpoint(worker, start, disk):
    worker.answer(start)
    worker.answer(Step(10))
    saved = save(worker, "b")
    ahead = worker.answer(Step(5))
    successor = Worker(disk)
    started = successor.answer(msgspec.structs.replace(start, checkpoint=reference(saved)))
    assert started.step == 10
    assert successor.answer(Step(5)) == ahead


def test_a_damaged_checkpoint_is_refused_as_such_and_no_job_is_opened(worker, start, disk):
    worker.answer(start)
    saved = save(worker, "a")
    disk.files["jobs/7/slot-a.safetensors"] = disk.files["jobs/7/slot-a.safetensors"][:-1]
    successor = Worker(disk)
    refusal = successor.answer(msgspec.structs.replace(start, checkpoint=reference(saved)))
    assert refusal.kind is FailureKind.CHECKPOINT
    assert refusal.reason.startswith("jobs/7/slot-a.safetensors: expected ")
    assert successor.answer(Step(1)) == Failed("Step: expected an open job, found none")
    assert isinstance(successor.answer(start), Started)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recipe": "steps = 3"}, "recipe: unknown key steps: expected one of name, kind, model, "),
        (
            {"recipe": "banana"},
            "unknown recipe 'banana': expected one of nanogpt, nanogpt-gpu, package, swift, swift-ngram, tiny",
        ),
        ({"corpus_sha256": "00" * 32}, f"corpus verses.txt: expected SHA-256 {'00' * 32}, found "),
        ({"corpus_path": "/nowhere/verses.txt"}, "corpus /nowhere/verses.txt: expected a readable file: "),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_a_reason(worker, start, change, reason):
    refusal = worker.answer(msgspec.structs.replace(start, **change))
    assert refusal.kind is FailureKind.JOB
    assert refusal.reason.startswith(reason)


@pytest.mark.parametrize("count", [0, -1, 31])
def test_steps_beyond_the_recipe_are_refused(worker, start, count):
    worker.answer(start)
    assert worker.answer(Step(count)) == Failed(f"Step: expected 1 to 30 steps, which are left, found {count}")


@pytest.mark.parametrize("bit", [0, 30])
def test_a_count_of_steps_that_was_struck_between_two_requests_refuses_none(worker, start, bit):
    worker.answer(start)
    assert isinstance(worker.answer(Step(3)), Stepped)
    worker._open.guarded.job._step ^= 1 << bit
    stepped = worker.answer(Step(27))
    assert isinstance(stepped, Stepped)
    assert (stepped.step, len(stepped.findings)) == (30, 1)


def test_a_refused_sample_or_slot_leaves_the_job_open(worker, start):
    worker.answer(start)
    assert worker.answer(Sample("x", 501)).reason == "sample: expected 1 to 500 characters, found 501"
    assert save(worker, "c").reason == "checkpoint slot: expected one of a, b, found 'c'"
    assert isinstance(worker.answer(Step(1)), Stepped)


def test_a_full_store_is_the_stores_fault_and_the_job_goes_on(worker, start, disk):
    worker.answer(start)
    disk.changes_left = 1
    refusal = save(worker, "a")
    assert (refusal.kind, refusal.reason) == (FailureKind.STORE, "OSError: [Errno 28] No space left on device")
    disk.changes_left = None
    assert isinstance(save(worker, "a"), Saved)
    assert isinstance(worker.answer(Step(1)), Stepped)


def test_a_job_that_breaks_in_a_step_is_closed_with_its_reason(worker, start, capfd):
    worker.answer(start)
    with torch.no_grad():
        worker._open.guarded.job.model.norm.weight[0] = torch.nan
    for _ in range(2):
        worker._open.guarded.trust()  # Written, not struck, and in both copies.
    refusal = worker.answer(Step(2))
    assert refusal.kind is FailureKind.JOB
    assert refusal.reason.startswith("FloatingPointError: training diverged at step 1: expected a finite loss")
    assert "Traceback" in capfd.readouterr().err
    assert isinstance(worker.answer(Evaluate()), Failed)


def test_what_was_found_is_told_also_by_a_request_that_failed(worker, start):
    worker.answer(start)
    assert isinstance(worker.answer(Step(3)), Stepped)
    worker._open.guarded.job.train_tokens[77] += 1
    refusal = worker.answer(Evaluate())
    assert (refusal.kind, [found.struck for found in refusal.findings]) == (FailureKind.LOST, [Struck.DATA])
    findings = refusal.findings * UNFIT_LOSSES
    worker.answer(msgspec.structs.replace(start, findings=findings[1:]))
    worker._open.guarded.job.train_tokens[77] += 1
    refusal = worker.answer(Evaluate())
    assert (refusal.kind, len(refusal.findings)) == (FailureKind.UNFIT, 1)


def test_requests_are_answered_in_order_until_the_channel_closes(worker, start):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=serve, args=(theirs, worker))
        serving.start()
        for request in (start, Step(1), Step(2)):
            ours.sendall(encode(request))
        stream, replies = reply_stream(), []
        while len(replies) < 3:
            replies += stream.receive(ours.recv(1 << 16))
        ours.shutdown(socket.SHUT_WR)
        serving.join()
    assert [type(reply) for reply in replies] == [Started, Stepped, Stepped]
    assert replies[-1].step == 3


def test_a_channel_that_talks_nonsense_is_given_up(worker):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(MalformedError, match="worker channel: "):
            serve(theirs, worker)
