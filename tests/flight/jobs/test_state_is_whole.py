"""Nothing that changes while a job trains lives outside its State: a walk over all that the live job can reach.

The walk takes every tensor, generator, number and text that can be reached from the job, before and after steps. What
changed must be in State, or be one of the named things that the next step makes anew without reading them.
"""

import types

import pytest
import torch

from flight.jobs.group_job import ReplicatedJob
from flight.jobs.recipe import load_recipe
from flight.jobs.state import State, tensor_octets
from flight.jobs.train import TrainJob

STEPS = 3

# What changes and decides nothing: the optimiser's inputs and work place, which each step writes before it reads them.
# The test below proves it by filling them with noise.
SCRATCH = (
    ".gradients_N",
    ".gradients[",
    "._gradients[",
    ".gradients_n",
    ".gradient_octets",
    ".gradient_place_n",
    ".place[",
    ".place_octets[",
)

LEAVES = (int, float, complex, bool, str, bytes, type(None))


def walk(root):
    """Give every leaf that can be reached, by its path: tensors and generators as octets, the rest as it is."""
    found, seen, pending = {}, set(), [("job", root)]
    kept = []  # Whatever is made on the way must live on, else its identity is given to the next.
    while pending:
        path, thing = pending.pop()
        if isinstance(thing, LEAVES):
            found[path] = thing
            continue
        if id(thing) in seen or isinstance(thing, type | types.ModuleType | types.FunctionType | types.MethodType):
            continue
        seen.add(id(thing))
        kept.append(thing)
        if isinstance(thing, torch.Tensor):
            found[path] = bytes(tensor_octets(thing))
            if thing.grad is not None:
                pending.append((f"{path}.grad", thing.grad))
        elif isinstance(thing, torch.Generator):
            found[path] = bytes(tensor_octets(thing.get_state()))
        elif isinstance(thing, memoryview):
            found[path] = bytes(thing)
        elif isinstance(thing, dict):
            pending += [(f"{path}[{key!r}]", value) for key, value in thing.items()]
        elif isinstance(thing, list | tuple | set | frozenset):
            pending += [(f"{path}[{number}]", value) for number, value in enumerate(thing)]
        else:
            names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
            pending += [(f"{path}.{name}", getattr(thing, name)) for name in names if hasattr(thing, name)]
    return found


def left_out(make, state_of=TrainJob.state):
    """Give the paths of what training changes and State does not bring back, in a job that is made twice."""
    job = make()
    before = walk(job)
    snapshot = state_of(job).clone()
    for _ in range(STEPS):
        job.step()
    after = walk(job)
    moved = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    # Back to the beginning by State alone: whatever of it stays moved is not in State.
    job.load(State(tensors={**job.state().tensors, **snapshot.tensors}, octets=snapshot.octets))
    back = walk(job)
    assert moved, "expected training to change something"
    return sorted(
        path for path in moved if back.get(path) != before.get(path) and not any(scratch in path for scratch in SCRATCH)
    )


@pytest.fixture
def make(text):
    return lambda: TrainJob(load_recipe("tiny").override("model.dropout = 0.1"), text, 7)


def test_all_that_changes_while_a_job_trains_is_in_its_state(make):
    assert left_out(make) == []


class Alone:
    """The ranks of a group as the only one of them sees them."""

    rank, size = 0, 1

    def collect(self, own):
        return [own]

    def any(self, flag):
        return flag

    def mean(self, value):
        return value.item()


@pytest.fixture
def make_rank(text, monkeypatch):
    """Make one rank's part without `DistributedDataParallel`, which keeps nothing but the model."""
    monkeypatch.setattr("flight.jobs.group_job.DistributedDataParallel", lambda module, **_: module)
    recipe = load_recipe("tiny").override("model.dropout = 0.1")
    return lambda job=ReplicatedJob: job(recipe, text, 7, Alone())


def test_all_that_changes_while_a_rank_of_a_group_trains_is_in_its_state(make_rank):
    # What ranks brought together is written anew before anybody reads it.
    assert [path for path in left_out(make_rank) if not path.startswith("job._others")] == []


def test_a_generator_that_a_rank_leaves_out_of_state_is_found(make_rank):
    class Forgetful(ReplicatedJob):
        """A rank that takes its dropout from a generator of its own."""

        def step(self):
            self.own = torch.rand(2)
            return super().step()

    assert "job.own" in left_out(lambda: make_rank(Forgetful))


def test_the_walk_reaches_weights_moments_generators_and_the_step(make):
    paths = "\n".join(walk(make()))
    for expected in ("_batch_generator", "_noise", "_step", "rows_RN", "train_tokens", "_seed"):
        assert expected in paths


def test_a_tensor_that_is_left_out_of_state_is_found(make):
    class Counting(TrainJob):
        """A job with a moving average that its State does not have."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.average = torch.zeros(3)

        def step(self):
            self.average += 1
            return super().step()

    job = make()
    assert left_out(lambda: Counting(job.recipe, "".join(job.vocabulary) * 60, 7)) == ["job.average"]


@pytest.mark.parametrize("name", ["norm.weight", "exp_avg_sq"])
def test_a_tensor_that_state_does_not_name_is_found(make, name):
    def state_of(job):
        state = job.state()
        return State(
            tensors={each: tensor for each, tensor in state.tensors.items() if name not in each}, octets=state.octets
        )

    assert left_out(make, state_of)


def test_a_generator_that_is_not_restored_is_found(make, monkeypatch):
    monkeypatch.setattr(TrainJob, "load_octets", lambda self, octets: setattr(self, "_step", 0))
    assert {path.split(".")[1] for path in left_out(make)} == {"_batch_generator", "_noise"}


def test_what_is_counted_as_scratch_decides_nothing(make):
    job, other = make(), make()
    for _ in range(STEPS):
        job.step()
        for block in other.optimizer.blocks:
            block.gradients_N.fill_(torch.nan)
        for stretch in other.optimizer._stretches:
            for place in (*stretch.place, stretch.gradient_place_n):
                place.fill_(torch.nan)
        other.step()
    assert job.weights_sha256() == other.weights_sha256()
