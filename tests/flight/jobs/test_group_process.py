"""Two processes under torchrun, for real: ranks that are killed or stopped, and the same weights all the same."""

import contextlib
import os
import select
import signal
from pathlib import Path

import msgspec
import pytest
from safetensors.torch import load_file

from flight.jobs.checkpoint import slot_paths
from flight.jobs.messages import (
    CheckpointReference,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
)
from flight.jobs.process import WorkerProcess
from flight.jobs.recipe import load_recipe
from hil.faults.flip import Flip, Spread
from hil.faults.process_memory import addresses_of, strike_process
from mission.jobs import Struck
from tests.flight.jobs.test_swift import SMALL

SEED = 1337

# Long enough for a loaded machine to import torch three times; a test that passes never waits for it.
TIMEOUT_S = 180.0


def start_of(recipe, corpus, overrides):
    two = recipe.override(f"devices.processes = 2\nmodel.dropout = 0.1\n{overrides}")
    return Start(job_id=7, recipe=two.to_toml(), corpus_path=str(corpus.path), corpus_sha256=corpus.sha256, seed=SEED)


def ask(worker, request):
    worker.send(request)
    reply = worker.wait_reply(TIMEOUT_S)
    assert reply is not None, worker.died
    return reply


def ranks_of(worker):
    """Process ids of the ranks, rank 0 first: torchrun has no other children."""
    return [int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]


@contextlib.contextmanager
def all_gone_after(worker):
    """Whoever belongs to the group now must be gone in the end."""
    processes = [os.pidfd_open(pid) for pid in (worker.pid, *ranks_of(worker))]
    assert len(processes) == 3
    yield
    for process in processes:
        assert select.select([process], [], [], 1.0)[0] == [process]
        os.close(process)


def work_half(worker, start):
    """Start, train ten steps and keep them; give the reference of the checkpoint."""
    assert isinstance(ask(worker, start), Started)
    assert isinstance(ask(worker, Step(10)), Stepped)
    assert ask(worker, Save("a")) == Saving(step=10)
    saved = ask(worker, Join())
    assert isinstance(saved, Saved)
    return CheckpointReference(slot=saved.slot, step=saved.step, sha256=saved.sha256)


def work_rest(worker, start, reference):
    started = ask(worker, msgspec.structs.replace(start, checkpoint=reference))
    assert isinstance(started, Started)
    assert started.step == 10
    return ask(worker, Step(20)), ask(worker, Evaluate()), ask(worker, Finish())


def flip_in_memory_of(pid, octets):
    """Flip a bit of some octets wherever a process has them, past the process itself; give how often that was."""
    addresses = addresses_of(pid, octets)
    for address in addresses:
        strike_process(pid, address, Flip(spread=Spread.BIT, masks=((0, 4),)))
    return len(addresses)


@pytest.mark.parametrize(
    ("overrides", "victim"),
    [
        ('guard.level = "double"', 1),
        ('devices.parallel = "fsdp2"\nguard.level = "off"', 0),
    ],
    ids=["ddp", "fsdp2"],
)
def test_a_group_of_which_one_was_killed_ends_with_the_weights_of_one_that_was_not(
    tmp_path, recipe, corpus, overrides, victim
):
    start = start_of(recipe, corpus, overrides)
    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        refused = ask(worker, msgspec.structs.replace(start, corpus_sha256="00" * 32))
        assert isinstance(refused, Failed)  # All ranks agree that it cannot be, and live on.
        assert refused.kind is FailureKind.JOB
        reference = work_half(worker, start)
        undisturbed = ask(worker, Step(20)), ask(worker, Evaluate()), ask(worker, Finish())
        assert [type(reply) for reply in undisturbed] == [Stepped, Evaluated, Finished]

        assert work_half(worker, start) == reference
        with all_gone_after(worker):
            worker.send(Step(20))
            os.kill(ranks_of(worker)[victim], signal.SIGKILL)
            while worker.wait_reply(TIMEOUT_S) is not None:
                pass
            assert worker.died is not None
            assert f"rank {victim} killed by SIGKILL" in worker.died

        worker.launch()
        assert work_rest(worker, start, reference) == undisturbed

        # One that is stopped is not heard of again, but by its silence; whoever kills the worker ends them all.
        assert isinstance(ask(worker, msgspec.structs.replace(start, checkpoint=reference)), Started)
        with all_gone_after(worker):
            os.kill(ranks_of(worker)[1], signal.SIGSTOP)
            worker.send(Step(20))
            assert worker.wait_reply(1.0) is None
            assert worker.died is None
            worker.kill()


@pytest.mark.parametrize("level", ["state", "compute"])
def test_swift_in_a_group_goes_on_from_its_checkpoint_to_the_bit(tmp_path, corpus, level):
    two = load_recipe("swift").override(f'{SMALL}\ndevices.processes = 2\nguard.level = "{level}"')
    start = Start(job_id=7, recipe=two.to_toml(), corpus_path=str(corpus.path), corpus_sha256=corpus.sha256, seed=SEED)
    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        reference = work_half(worker, start)
        undisturbed = ask(worker, Step(20)), ask(worker, Evaluate()), ask(worker, Finish())
        assert [type(reply) for reply in undisturbed] == [Stepped, Evaluated, Finished]
        with all_gone_after(worker):
            os.kill(ranks_of(worker)[1], signal.SIGKILL)
            while worker.wait_reply(TIMEOUT_S) is not None:
                pass
        worker.launch()
        assert work_rest(worker, start, reference) == undisturbed


def test_a_rank_whose_memory_is_struck_says_so_and_the_group_goes_on_from_the_checkpoint(tmp_path, recipe, corpus):
    start = start_of(recipe, corpus, 'guard.level = "state"')
    with WorkerProcess(tmp_path / "store") as worker:
        worker.launch()
        reference = work_half(worker, start)
        undisturbed = ask(worker, Step(20)), ask(worker, Evaluate()), ask(worker, Finish())

        assert isinstance(ask(worker, msgspec.structs.replace(start, checkpoint=reference)), Started)
        kept = load_file(tmp_path / "store" / slot_paths(7, reference.slot)[0])
        moments = kept["optimizer/blocks.0.mlp.expand.weight/exp_avg"].numpy().tobytes()
        with all_gone_after(worker):
            assert flip_in_memory_of(ranks_of(worker)[1], moments[:256]) >= 1
            failed = ask(worker, Step(20))
            assert isinstance(failed, Failed)
            assert [(found.struck, found.step) for found in failed.findings] == [(Struck.STATE, 11)]
            assert "blocks.0.mlp.expand.weight" in failed.findings[0].where
            while worker.wait_reply(TIMEOUT_S) is not None:
                pass
            assert worker.died is not None

        worker.launch()
        assert work_rest(worker, start, reference) == undisturbed
