"""The training job: it learns, it resumes to the bit, and nothing that decides its future lives outside its State."""

import collections
import math
import random
from types import FunctionType, MethodType, ModuleType

import numpy
import pytest
import torch
from torch.nn import functional

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.schedule import learning_rate
from flight.jobs.state import State, tensor_octets, weights_sha256
from flight.jobs.train import TrainJob

SEED = 1337


@pytest.fixture
def job(recipe, text):
    return TrainJob(recipe, text, SEED)


def run(job, steps):
    return [job.step() for _ in range(steps)]


def digest(state):
    return weights_sha256(state.tensors), dict(state.octets)


# Exactness.


@pytest.mark.parametrize("override", ["", "model.dropout = 0.2"], ids=["plain", "with dropout"])
def test_fifteen_steps_and_fifteen_more_after_a_resume_are_thirty_steps(recipe, text, override):
    recipe = recipe.override(override)
    straight = TrainJob(recipe, text, SEED)
    reports = run(straight, 30)

    first = TrainJob(recipe, text, SEED)
    early = run(first, 15)
    saved = first.state().clone()
    run(first, 3)  # What it does after the checkpoint is lost.
    second = TrainJob(recipe, text, seed=999)  # The checkpoint, not the seed, says how it goes on.
    second.load(saved)
    late = run(second, 15)

    assert early + late == reports
    assert digest(second.state()) == digest(straight.state())


def test_evaluating_and_sampling_on_the_way_change_nothing(recipe, text):
    recipe = recipe.override("model.dropout = 0.2")
    straight, watched = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED)
    for _ in range(5):
        watched.evaluate()
        watched.sample()
        assert watched.step() == straight.step()
    assert digest(watched.state()) == digest(straight.state())


def test_another_seed_is_another_run(recipe, text, job):
    other = TrainJob(recipe, text, SEED + 1)
    assert job.step() != other.step()
    assert job.weights_sha256() != other.weights_sha256()


def test_what_others_draw_from_torchs_own_generator_does_not_reach_the_job_nor_the_other_way(recipe, text):
    recipe = recipe.override("model.dropout = 0.2")
    calm, disturbed = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED)
    for _ in range(3):
        torch.rand(7)
        before = torch.get_rng_state(), random.getstate(), repr(numpy.random.get_state())
        report = disturbed.step()
        after = torch.get_rng_state(), random.getstate(), repr(numpy.random.get_state())
        assert torch.equal(before[0], after[0])
        assert before[1:] == after[1:]
        assert calm.step() == report


# Nothing outside State.


def leaves(root):
    """Give everything in an object graph that holds a value, by its path."""
    found, seen, pending = {}, set(), [("job", root)]
    while pending:
        path, thing = pending.pop()
        if isinstance(thing, ModuleType | FunctionType | MethodType | type) or id(thing) in seen:
            continue
        if isinstance(thing, torch.Tensor):
            found[path] = thing
            if thing.grad is not None:
                found[f"{path}.grad"] = thing.grad
        elif isinstance(thing, torch.Generator | random.Random | numpy.random.Generator):
            found[path] = thing
        elif isinstance(thing, int | float | str | bytes) or thing is None:
            found[path] = thing
            continue
        elif isinstance(thing, dict):
            pending += [(f"{path}[{number}]", value) for number, value in enumerate(thing.values())]
        elif isinstance(thing, list | tuple | set | frozenset | collections.deque):
            pending += [(f"{path}[{number}]", value) for number, value in enumerate(thing)]
        seen.add(id(thing))
        if hasattr(thing, "__dict__"):
            pending += [(f"{path}.{name}", value) for name, value in vars(thing).items()]
    return found


def value_of(leaf):
    match leaf:
        case torch.Tensor():
            return bytes(tensor_octets(leaf))
        case torch.Generator():
            return bytes(tensor_octets(leaf.get_state()))
        case random.Random():
            return repr(leaf.getstate()).encode()
        case numpy.random.Generator():
            return repr(leaf.bit_generator.state).encode()
        case int():
            return leaf.to_bytes(8, "little", signed=True)
    return repr(leaf).encode()


def working_places(job):
    """Give the memory that the optimiser works in, whose content has no meaning between steps."""
    stretch = job.optimizer._stretches[0]
    return [block.gradients_N for block in job.optimizer.blocks] + [*stretch.place, stretch.gradient_place_n]


def elements_of(tensors):
    """Give where each element of some tensors lies: its memory, and its number there."""
    return {
        (tensor.untyped_storage().data_ptr(), number)
        for tensor in tensors
        for number in numbers_in_memory(tensor).flatten().tolist()
    }


def numbers_in_memory(tensor):
    count = tensor.untyped_storage().nbytes() // tensor.element_size()
    return torch.arange(count).as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def changed_elements(before, after, tensor):
    """Give where the elements of a tensor lie that changed; somewhere that nothing is, if it is no tensor."""
    if not isinstance(tensor, torch.Tensor) or before is None or len(before) != len(after):
        return {(0, 0)}
    octets = numpy.frombuffer(before, numpy.uint8) != numpy.frombuffer(after, numpy.uint8)
    is_changed = torch.from_numpy(octets.reshape(-1, tensor.element_size()).any(axis=1)).view(tensor.shape)
    memory = tensor.untyped_storage().data_ptr()
    return {(memory, number) for number in numbers_in_memory(tensor)[is_changed].tolist()}


def changed_outside_state(job):
    """Give the paths of what changes while the job trains and is not in its State."""
    run(job, 1)  # Whatever is made in the first step is there from now on.
    before = {path: value_of(leaf) for path, leaf in leaves(job).items()}
    run(job, 2)
    seen = leaves(job)
    after = {path: value_of(leaf) for path, leaf in seen.items()}
    state = job.state()
    kept = {bytes(tensor_octets(tensor)) for tensor in state.tensors.values()} | set(state.octets.values())
    # The learning rate is written anew from the step before each use; in between it means nothing.
    kept.add(repr(learning_rate(job.recipe, job.steps_done - 1)).encode())
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert len(changed) > 60  # The walk does see the job.
    # The blocks are State in another shape; working places are shown below to decide nothing.
    places = {place.untyped_storage().data_ptr() for place in working_places(job)}
    kept_elements = elements_of(state.tensors.values())
    return {
        path
        for path in changed
        if after.get(path) not in kept
        and not (isinstance(seen.get(path), torch.Tensor) and seen[path].untyped_storage().data_ptr() in places)
        and not changed_elements(before.get(path), after.get(path), seen.get(path)) <= kept_elements
    }


@pytest.mark.parametrize("override", ["", "model.dropout = 0.2"], ids=["plain", "with dropout"])
def test_everything_that_changes_in_training_is_in_the_state(recipe, text, override):
    assert changed_outside_state(TrainJob(recipe.override(override), text, SEED)) == set()


def test_what_is_left_in_working_places_decides_nothing(recipe, text):
    calm, disturbed = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED)
    for _ in range(4):
        for place in working_places(disturbed):
            place.fill_(math.nan)
        assert disturbed.step() == calm.step()
    assert digest(disturbed.state()) == digest(calm.state())


class Forgetful(TrainJob):
    """A job that leaves the second moments out of its State."""

    def state(self):
        state = super().state()
        return State(
            tensors={name: each for name, each in state.tensors.items() if not name.endswith("exp_avg_sq")},
            octets=state.octets,
        )


class Averaging(TrainJob):
    """A job that keeps a generator and a running mean of its own, outside its State."""

    mean = 0.0

    def step(self):
        if not hasattr(self, "chance"):
            self.chance = torch.Generator()
        torch.rand(1, generator=self.chance)
        report = super().step()
        self.mean += report.loss
        return report


def test_the_walk_finds_a_tensor_left_out_of_the_state(recipe, text):
    found = changed_outside_state(Forgetful(recipe, text, SEED))
    moments = {path for path in found if ".moments[" in path}
    assert len(moments) == len(list(Forgetful(recipe, text, SEED).model.parameters()))


def test_the_walk_finds_a_generator_and_a_number_outside_the_state(recipe, text):
    assert changed_outside_state(Averaging(recipe, text, SEED)) == {"job.chance", "job.mean"}


# Loading.


def test_a_state_has_the_same_names_before_and_after_training(job):
    before = job.state()
    run(job, 1)
    after = job.state()
    assert (before.tensors.keys(), before.octets.keys()) == (after.tensors.keys(), after.octets.keys())


def replace(state, tensors=(), octets=()):
    return State(tensors={**state.tensors, **dict(tensors)}, octets={**state.octets, **dict(octets)})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"tensors": {"model/tokens.weight": torch.zeros(2, 2)}},
            r"'model/tokens\.weight': expected .*, found .*\(2, 2\)",
        ),
        ({"tensors": {"model/norm.weight": torch.zeros(32, dtype=torch.float64)}}, r"found torch\.float64 \(32,\)"),
        ({"tensors": {"model/other": torch.zeros(1)}}, r"missing \[\], foreign \['model/other'\]"),
        ({"octets": {"step": b"\0"}}, "'step': expected 8 octets, found 1"),
        ({"octets": {"random/batches": b"\xff" * 5056}}, "'random/batches': expected the state of a generator"),
        ({"octets": {"other": b""}}, "expected the octets of this job"),
    ],
)
def test_a_state_of_another_job_is_refused_and_nothing_of_it_is_taken(job, change, complaint):
    run(job, 2)
    foreign = replace(job.state().clone(), **change)
    run(job, 1)
    before = digest(job.state())
    with pytest.raises(MalformedError, match=complaint):
        job.load(foreign)
    assert digest(job.state()) == before


def test_a_state_with_a_part_missing_is_refused(job):
    state = job.state()
    tensors = {name: each for name, each in state.tensors.items() if name != "model/norm.weight"}
    with pytest.raises(MalformedError, match=r"missing \['model/norm\.weight'\], foreign \[\]"):
        job.load(State(tensors=tensors, octets=state.octets))


# Training.


def test_it_learns(recipe, text):
    job = TrainJob(recipe.override("training.steps = 60"), text, SEED)
    untrained = job.evaluate()
    reports = run(job, 60)
    assert untrained == pytest.approx(math.log(len(job.vocabulary)), abs=0.1)
    assert job.evaluate() < untrained - 0.5
    assert [report.step for report in reports] == list(range(1, 61))
    assert job.steps_done == 60


def test_the_learning_rate_rises_in_a_line_and_falls_along_a_cosine(recipe):
    training = recipe.override(
        "[training]\nsteps = 110\nwarmup_steps = 10\nlearning_rate = 1e-3\nlearning_rate_min = 1e-4"
    )
    assert learning_rate(training, 0) == pytest.approx(1e-3 / 11)
    assert learning_rate(training, 9) == pytest.approx(1e-2 / 11)
    assert learning_rate(training, 10) == 1e-3
    assert learning_rate(training, 60) == pytest.approx(5.5e-4)
    assert learning_rate(training, 110) == pytest.approx(1e-4)


def test_a_warm_up_longer_than_the_run_is_no_harm(recipe):
    training = recipe.override("training.steps = 5\ntraining.warmup_steps = 10")
    rates = [learning_rate(training, step) for step in range(12)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == training.training.learning_rate


def test_a_step_is_one_of_adamw_on_a_clipped_gradient(recipe, text):
    """Redo one step by the formulas of the paper (Loshchilov and Hutter, algorithm 2)."""
    recipe = recipe.override("training.gradient_norm_max = 0.1")
    job, twin = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED)
    batch = twin.draw_batch()
    twin.model.loss(batch.tokens_BT, batch.targets_BT).backward()
    report = job.step()
    norm = math.sqrt(sum(weight.grad.double().square().sum().item() for weight in twin.model.parameters()))
    assert report.gradient_norm == pytest.approx(norm, rel=1e-5)
    assert norm > 0.1
    for old, new in zip(twin.model.parameters(), job.model.parameters(), strict=True):
        gradient = old.grad * 0.1 / norm
        decay = 0.1 if old.dim() >= 2 else 0.0
        update = gradient / (gradient.abs() + 1e-8)  # Both moments are corrected to the first gradient itself.
        expected = old * (1 - report.learning_rate * decay) - report.learning_rate * update
        torch.testing.assert_close(new.detach(), expected.detach(), rtol=1e-4, atol=1e-6)


def test_batches_are_windows_of_the_training_split_and_their_next_characters(job):
    train = "".join(job.vocabulary[token] for token in job.train_tokens)
    for _ in range(20):
        batch = job.draw_batch()
        tokens, targets = batch.tokens_BT, batch.targets_BT
        assert tokens.shape == targets.shape == (8, 32)
        for row, target in zip(tokens, targets, strict=True):
            window = "".join(job.vocabulary[token] for token in row.tolist() + target[-1:].tolist())
            assert window in train
            assert torch.equal(row[1:], target[:-1])


def test_a_run_that_diverges_stops_before_the_update(job):
    run(job, 2)
    with torch.no_grad():
        job.model.norm.weight[0] = math.inf
    before = weights_sha256(job.weights())
    with pytest.raises(FloatingPointError, match="training diverged at step 3: expected a finite loss"):
        job.step()
    assert weights_sha256(job.weights()) == before


# Evaluation.


@pytest.mark.parametrize("context", [32, 7, 4096])
def test_every_character_of_the_validation_split_but_the_first_is_predicted_once(recipe, text, context):
    text = text[:9_005]
    if context > 4000:  # The split is shorter than one window.
        context = 1024
    job = TrainJob(recipe.override(f"model.context = {context}"), text, SEED)
    tokens = job.validation_tokens.long()
    assert len(tokens) == 901
    total = 0.0
    with torch.no_grad():
        for start in range(0, 900, context):
            end = min(start + context, 900)
            logits = job.model(tokens[None, start:end])
            total += functional.cross_entropy(logits[0], tokens[start + 1 : end + 1], reduction="sum").item()
    assert job.evaluate() == pytest.approx(total / 900, rel=1e-5)
    assert job.evaluate() == job.evaluate()


def test_dropout_rests_while_it_evaluates(recipe, text):
    job = TrainJob(recipe.override("model.dropout = 0.5"), text, SEED)
    assert job.evaluate() == job.evaluate()


@pytest.mark.parametrize(("length", "split"), [(33, "training"), (10, "validation")])
def test_a_text_too_short_is_refused(recipe, text, length, split):
    recipe = recipe.override("" if split == "training" else "model.context = 8")
    with pytest.raises(MisuseError, match=f"corpus: expected at least [0-9]+ characters in the {split} split, found"):
        TrainJob(recipe, text[:length], SEED)


# Sampling.


def test_a_sample_is_the_same_each_time_and_in_the_vocabulary(job):
    sample = job.sample()
    assert sample == job.sample()
    assert len(sample) == 80
    assert set(sample) <= set(job.vocabulary)


def test_a_prompt_is_gone_on_from(recipe, text):
    job = TrainJob(recipe.override("sample.temperature = 0.01\ntraining.steps = 150"), text, SEED)
    run(job, 150)
    assert job.sample("\nLand t", 1) == "h"
    assert job.sample("\nLand th", 1) == "e"
    assert job.sample("\nLand the", 1) == " "
    assert len(job.sample("t" * 500, 20)) == 20


def test_a_prompt_that_the_model_cannot_read_is_left_out(job):
    assert job.sample("\u2603the\u2603") == job.sample("the")
    assert len(job.sample("\u2603")) == len(job.sample("")) == 80


@pytest.mark.parametrize("length", [0, -1, 501])
def test_a_sample_longer_than_a_report_is_refused(job, length):
    with pytest.raises(MisuseError, match=f"sample: expected 1 to 500 characters, found {length}"):
        job.sample("the", length)
