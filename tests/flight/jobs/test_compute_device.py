"""The device that a job computes on: chosen by the recipe, refused where it is not, and told to every tensor.

Nothing here needs a GPU. What can only be seen on one is measured by ``tools/bench/gpu.py``.
"""

import pytest
import torch
from msgspec.structs import replace
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from ccsds.errors import MisuseError
from flight.jobs.checkpoint import Origin
from flight.jobs.checkpoint_writer import CheckpointWriter
from flight.jobs.compute_device import HOST, default_generator, find_device, prepare_torch
from flight.jobs.device import check_device
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.life_cycle import Trigger
from flight.jobs.manifest import Identity
from flight.jobs.messages import Failed, FailureKind, Probe, Start, Started, Step, encode, request_stream
from flight.jobs.recipe import Device, ExecutionRecipe, load_recipe
from flight.jobs.train import TrainJob
from flight.jobs.worker import Worker
from mission.jobs import JobState
from tests.flight.jobs.engine_bench import CONFIG, JOB

SEED = 7
ON_CUDA = 'execution.device = "cuda"'
REFUSAL = "execution.device: expected one that torch finds here, found cuda; here: cpu"

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


# What a recipe says.


def test_a_recipe_that_says_nothing_has_the_processor_and_the_digest_it_always_had():
    recipe = load_recipe("tiny")
    assert recipe.device is Device.CPU
    assert "device" not in recipe.to_toml().partition("[execution]")[2].partition("[")[0]
    on_cuda = recipe.override(ON_CUDA)
    assert on_cuda.device is Device.CUDA
    assert load_recipe(on_cuda.to_toml()) == on_cuda
    assert on_cuda.digest != recipe.digest


def test_a_device_that_there_is_no_word_for_is_refused():
    with pytest.raises(MisuseError, match=r"execution\.device: expected one of cpu, cuda, found 'tpu'"):
        load_recipe("tiny").override('execution.device = "tpu"')


def test_a_group_has_no_devices_of_its_own_yet():
    with pytest.raises(MisuseError, match=r"devices\.processes: expected 1 with execution\.device = cuda"):
        load_recipe("tiny").override(f"{ON_CUDA}\ndevices.processes = 2")


# What is not here.


@without_gpu
def test_a_device_that_is_not_here_is_refused_by_name(text):
    with pytest.raises(MisuseError, match=REFUSAL):
        find_device(Device.CUDA)
    with pytest.raises(MisuseError, match=REFUSAL):
        TrainJob(load_recipe("tiny").override(ON_CUDA), text, SEED)


@without_gpu
def test_a_worker_answers_that_its_device_is_not_here_and_takes_another_job(disk, recipe, corpus):
    start = Start(
        job_id=7,
        recipe=recipe.override(ON_CUDA).to_toml(),
        corpus_path=str(corpus.path),
        corpus_sha256=corpus.sha256,
        seed=SEED,
    )
    worker = Worker(disk)
    assert worker.answer(start) == Failed(REFUSAL, FailureKind.JOB)
    assert worker.answer(Probe(Device.CUDA)) == Failed(REFUSAL, FailureKind.JOB)
    assert isinstance(worker.answer(replace(start, recipe=recipe.to_toml())), Started)


def test_a_job_whose_device_is_not_here_has_failed_with_the_reason(bench):
    bench.submit(replace(JOB, overrides=ON_CUDA))
    bench.script.requests.pop(0)
    bench.answer(Failed(REFUSAL, FailureKind.JOB))
    assert bench.state is JobState.FAILED
    assert bench.ledger.jobs[1].reason == REFUSAL


# Who is asked when a device is in doubt.


@pytest.mark.parametrize(("overrides", "device"), [("", Device.CPU), (ON_CUDA, Device.CUDA)])
def test_a_device_in_doubt_is_the_one_of_the_job(bench, overrides, device):
    bench.submit(replace(JOB, overrides=overrides))
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    bench.script.requests.pop(0)
    bench.answer(Failed("wrong again and again", FailureKind.UNFIT))
    bench.advance(CONFIG.backoff_max_ns)
    (asked,) = bench.script.requests
    assert asked == Probe(device)
    assert request_stream().receive(encode(asked)) == [asked]


def doubt_and_cancel(bench):
    """Let the accelerator of a job be wrong again and again, and the job be given up while it is in doubt."""
    bench.submit(replace(JOB, overrides=ON_CUDA))
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Step))
    bench.script.requests.pop(0)
    bench.answer(Failed("wrong again and again", FailureKind.UNFIT))
    bench.wish(Trigger.CANCEL)
    bench.submit(replace(JOB, job_id=2))
    bench.advance(CONFIG.backoff_max_ns)


def test_the_device_in_doubt_is_asked_also_where_the_next_job_has_another(bench):
    doubt_and_cancel(bench)
    assert bench.script.requests == [Probe(Device.CUDA)]
    bench.answer()
    bench.advance()
    bench.run()
    assert bench.ledger.jobs[2].state is JobState.DONE


def test_a_device_in_doubt_that_is_not_here_any_more_is_distrusted_and_no_job_given_up_for_it(bench):
    doubt_and_cancel(bench)
    bench.script.requests.pop(0)
    bench.answer(Failed(REFUSAL, FailureKind.JOB))
    assert bench.engine.distrust == REFUSAL
    assert bench.ledger.jobs[2].state is JobState.STARTING


# What torch keeps for the whole process.


def test_what_was_set_for_another_device_does_not_outlast_it():
    torch.backends.cuda.enable_flash_sdp(False)
    torch.set_float32_matmul_precision("high")
    assert prepare_torch(ExecutionRecipe(threads=1, inexact=False)) == HOST
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_generator_that_is_lent_to_a_pass_comes_back_also_from_one_that_is_broken_off(recipe, text):
    job = TrainJob(recipe.override("model.dropout = 0.1"), text, SEED)
    batch = job.draw_batch()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    job.run_pass(batch)
    assert torch.equal(torch.get_rng_state(), before)
    batch.tokens_BT[0, 0] = 10_000  # There is no such token.
    with pytest.raises(IndexError):
        job.run_pass(batch)
    assert torch.equal(torch.get_rng_state(), before)
    assert default_generator(HOST) is torch.default_generator


# No tensor is made without being told where.


class Placed(TorchFunctionMode):
    """Finds every tensor that is made without a word of where; on a GPU it would be made beside it."""

    def __init__(self):
        super().__init__()
        self.made = 0
        self.unplaced = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _device_constructors():
            self.made += 1
            if kwargs.get("device") is None:
                self.unplaced.append(f"{func.__name__}{args}")
        return func(*args, **kwargs)


SWIFT = """
model.context = 32
training.batch = 4
training.steps = 20
ngram.rows = 64
counts.order_max = 4
"""


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny", "model.dropout = 0.1"),
        ("tiny", 'model.dropout = 0.1\nguard.level = "compute"'),
        ("tiny", 'model.dropout = 0.1\nguard.level = "double"'),
        ("swift-ngram", SWIFT),
        ("swift-ngram", f'{SWIFT}\nguard.level = "double"'),
    ],
)
def test_every_tensor_of_a_job_is_made_where_it_says(text, disk, monkeypatch, name, changes):
    placed = Placed()
    lay_out = TrainJob._lay_out

    def watched(job):
        placed.__enter__()  # The model was made by the processor, and has gone to the device.
        return lay_out(job)

    monkeypatch.setattr(TrainJob, "_lay_out", watched)
    recipe = load_recipe(name).override(f"{changes}\nguard.snapshot_interval = 2")
    guarded = GuardedJob(TrainJob(recipe, text, SEED))
    try:
        identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="00" * 32, seed=SEED)
        writer = CheckpointWriter(disk, identity, guarded)
        for _ in range(3):
            guarded.step()
        writer.begin("a", Origin())
        guarded.step()
        assert writer.join() is not None
        guarded.job.load(guarded.job.state().clone())
        guarded.trust()
        guarded.verify()
        guarded.job.evaluate()
        guarded.job.sample(length_characters=3)
        guarded.job.sample("\0", length_characters=3)
        check_device()
    finally:
        placed.__exit__(None, None, None)
    assert placed.made > 20
    assert placed.unplaced == []
