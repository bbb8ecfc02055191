"""A job of several processes as one of them does it, in this process: its share, its State, and what it agrees to."""

import pytest
import torch.distributed as dist

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.jobs.group import Ranks, agreed
from flight.jobs.group_job import make_job
from flight.jobs.group_worker import GroupWorker
from flight.jobs.guard.finding import LostError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.messages import Evaluated, Failed, FailureKind, Sampled, Start, Started, Step, Stepped
from flight.jobs.recipe import GuardLevel, Parallel
from flight.jobs.train import TrainJob
from mission.jobs import Struck

SEED = 1337


@pytest.fixture
def one_rank():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    ranks = Ranks()
    yield ranks
    ranks.leave()


class Beside:
    """The ranks as one of two sees them, where the other one says what is told here."""

    size = 2

    def __init__(self, rank, other=lambda own: own, flag=False):
        self.rank, self._other, self._flag = rank, other, flag

    def collect(self, own):
        found = [own, self._other(own)]
        return found if self.rank == 0 else found[::-1]

    def any(self, flag):
        return flag or self._flag

    def mean(self, value):
        return value.item()


@pytest.fixture
def noisy(recipe):
    return recipe.override("model.dropout = 0.1")


def unreplicated(recipe, text, ranks, monkeypatch):
    """One rank's part without `DistributedDataParallel`, which would wait for the other."""
    monkeypatch.setattr("flight.jobs.group_job.DistributedDataParallel", lambda module, **_: module)
    return make_job(recipe, text, SEED, ranks)


@pytest.mark.parametrize("parallel", Parallel)
def test_a_group_of_one_does_what_a_lone_worker_does(one_rank, noisy, text, parallel):
    recipe = noisy.override(f'devices.parallel = "{parallel}"\nguard.level = "off"')
    lone, grouped = TrainJob(recipe, text, SEED), make_job(recipe, text, SEED, one_rank)
    for _ in range(5):
        assert lone.step() == grouped.step()
    assert grouped.weights_sha256() == lone.weights_sha256()
    assert grouped.evaluate() == lone.evaluate()
    mine, theirs = lone.state(), grouped.state()
    assert theirs.octets == mine.octets
    assert {name: each.tolist() for name, each in theirs.tensors.items()} == {
        name: each.tolist() for name, each in mine.tensors.items()
    }


@pytest.mark.parametrize("parallel", Parallel)
def test_a_group_goes_on_from_its_state(one_rank, noisy, text, parallel):
    recipe = noisy.override(f'devices.parallel = "{parallel}"\nguard.level = "off"')
    straight = make_job(recipe, text, SEED, one_rank)
    for _ in range(3):
        straight.step()
    state = straight.state().clone()
    resumed = make_job(recipe, text, SEED + 1, one_rank)
    resumed.load(state)
    assert [resumed.step() for _ in range(3)] == [straight.step() for _ in range(3)]
    assert resumed.weights_sha256() == straight.weights_sha256()


def test_the_shares_of_all_ranks_are_the_batch_of_one(noisy, text, monkeypatch):
    whole = TrainJob(noisy, text, SEED).draw_batch()
    shares = [unreplicated(noisy, text, Beside(rank), monkeypatch).draw_batch() for rank in range(2)]
    assert [row for share in shares for row in share.tokens_BT.tolist()] == whole.tokens_BT.tolist()
    assert [row for share in shares for row in share.targets_BT.tolist()] == whole.targets_BT.tolist()


def test_each_rank_has_its_own_generator_of_dropout_and_all_of_them_are_in_state(noisy, text, monkeypatch):
    jobs = [unreplicated(noisy, text, Beside(rank), monkeypatch) for rank in range(2)]
    first, second = (job.octets()["random/noise"] for job in jobs)
    assert first != second
    jobs[0]._ranks = Beside(0, lambda own: own[: -len(second)] + second)
    octets = jobs[0].state().octets
    assert (octets["random/noise"], octets["random/noise/1"]) == (first, second)
    jobs[1]._ranks = Beside(1, lambda own: own[: -len(first)] + first)
    before = jobs[1].state().clone()
    assert before.octets == octets
    jobs[1].draw_batch()
    jobs[1]._noise = jobs[0]._noise
    jobs[1].load(before)
    assert jobs[1].octets()["random/noise"] == second


def test_ranks_whose_states_differ_are_lost_before_anything_is_written(noisy, text, monkeypatch):
    job = unreplicated(noisy, text, Beside(0), monkeypatch)
    job.gather()
    other = unreplicated(noisy, text, Beside(0), monkeypatch)
    other.optimizer.blocks[1].rows_RN[2, 7] = 1e-9  # A moment, which no loss shows.
    found = []
    other._ranks = Beside(0, lambda own: found.append(own) or own)
    other.gather()
    job._ranks = Beside(0, lambda own: found[0])
    with pytest.raises(LostError, match="step 0: expected the same State at every rank, found two"):
        job.gather()


def test_struck_state_is_not_mended_by_one_rank_alone(noisy, text, monkeypatch):
    guarded = GuardedJob(unreplicated(noisy, text, Beside(0), monkeypatch))
    guarded.job.model.norm.weight.data[3] += 1
    with pytest.raises(LostError, match=r"step 1: state struck in .*norm.weight.*, in a group"):
        guarded.step()
    (found,) = guarded.take_findings()
    assert (found.struck, found.redone_steps) == (Struck.STATE, 0)


def test_a_rank_that_is_struck_tells_the_engine_what_it_found_before_it_ends(recipe, corpus, monkeypatch, tmp_path):
    monkeypatch.setattr("flight.jobs.group_job.DistributedDataParallel", lambda module, **_: module)
    told = []
    worker = GroupWorker(RealDisk(tmp_path), Beside(1), told.append)
    start = Start(job_id=1, recipe=recipe.to_toml(), corpus_path=str(corpus.path), corpus_sha256=corpus.sha256, seed=1)
    assert isinstance(worker.answer(start), Started)
    assert isinstance(worker.answer(Step(1)), Stepped)
    worker._open.guarded.job.model.norm.weight.data[3] += 1
    with pytest.raises(LostError):
        worker.answer(Step(1, 7))
    (failed,) = told
    assert failed.kind is FailureKind.LOST
    assert [(found.struck, found.step, found.tai_ns) for found in failed.findings] == [(Struck.STATE, 2, 7)]


def test_what_is_suspicious_to_one_rank_is_done_again_by_all(noisy, text, monkeypatch):
    job = unreplicated(noisy, text, Beside(0, flag=True), monkeypatch)
    passes = []
    run_pass = job.run_pass
    monkeypatch.setattr(job, "run_pass", lambda *asked: passes.append(1) or run_pass(*asked))
    # The other rank says no to everything: also that two passes agree, until nothing is known.
    with pytest.raises(Exception, match="expected two passes that agree, found 4 that differ"):
        GuardedJob(job).step()
    assert len(passes) == 4


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([Sampled("a"), Sampled("a")], Sampled("a")),
        ([Sampled("a"), Failed("no")], Failed("no")),
        ([Failed("first"), Failed("second")], Failed("first")),
        (
            [Evaluated(1, 2.0), Evaluated(1, 2.5)],
            Failed("Evaluated: expected the same from every rank, found rank 1 to differ", FailureKind.LOST),
        ),
    ],
)
def test_the_engine_hears_what_all_ranks_agree_on(replies, expected):
    assert agreed(replies) == expected


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ("devices.processes = 0", "devices.processes: expected 1 to 16, found 0"),
        ("devices.processes = 3", "training.batch: expected a multiple of devices.processes = 3, found 8"),
        ('devices.parallel = "tensor"', "devices.parallel: expected one of ddp, fsdp2, found 'tensor'"),
        (
            'devices.processes = 2\ndevices.parallel = "fsdp2"',
            "guard.level: expected off, since it does not see fsdp2, found state",
        ),
    ],
)
def test_devices_that_cannot_be_are_refused(recipe, overrides, reason):
    with pytest.raises(MisuseError, match=reason):
        recipe.override(overrides)


@pytest.mark.parametrize("level", GuardLevel)
def test_replicas_are_guarded_at_every_level(recipe, level):
    assert recipe.override(f'devices.processes = 2\nguard.level = "{level}"').guard.level is level
