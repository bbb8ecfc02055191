"""The recipe swift keeps every promise of the exact job: all in State, resumed to the bit, watched and mended."""

import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs.checkpoint import load_checkpoint, save_checkpoint
from flight.jobs.guard.finding import LostError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.guard.state_witness import StateWitness
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.recipe import load_recipe
from flight.jobs.state import State, tensor_octets, weights_sha256
from flight.jobs.train import TrainJob
from mission.jobs import Struck

SEED = 1337
STEPS = 12
SMALL = """
model.layers = 2
model.width = 32
model.context = 32
training.batch = 8
training.steps = 30
guard.snapshot_interval = 4
"""


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("swift").override(SMALL)


@pytest.fixture(scope="module")
def clean(recipe, text):
    job = TrainJob(recipe, text, SEED)
    digests = [digest(job.state())]
    for _ in range(STEPS):
        job.step()
        digests.append(digest(job.state()))
    return digests


def digest(state):
    return weights_sha256(state.tensors), tuple(sorted(state.octets.items()))


def run(job, steps=STEPS):
    while job.job.steps_done < steps:
        job.step()
    job.verify()
    return digest(job.job.state())


def flip(tensor, element, bit):
    octets = tensor.detach().reshape(-1).view(torch.uint8)
    octets[element * tensor.element_size() + bit // 8] ^= 1 << bit % 8


def test_it_learns(recipe, text):
    job = TrainJob(recipe, text, SEED)
    untrained = job.evaluate()
    for _ in range(30):
        job.step()
    assert job.evaluate() < untrained - 1.0


def test_a_resume_from_a_checkpoint_in_any_seed_is_the_undisturbed_run(recipe, text, disk, clean):
    first = TrainJob(recipe, text, SEED)
    for _ in range(5):
        first.step()
    identity = Identity(job_id=1, recipe_digest=recipe.digest, corpus_sha256="00" * 32, seed=SEED)
    written = save_checkpoint(disk, "a", identity, 5, first.state())
    second = TrainJob(recipe, text, seed=999)
    second.step()
    second.load(load_checkpoint(disk, CheckpointReference(slot="a", step=5, sha256=written.sha256), identity).state)
    while second.steps_done < STEPS:
        second.step()
    assert digest(second.state()) == clean[STEPS]


def test_state_holds_masters_momenta_and_the_order_of_blocks(recipe, text):
    state = TrainJob(recipe, text, SEED).state()
    assert {tensor.dtype for tensor in state.tensors.values()} == {torch.float32}
    kinds = {name.rsplit("/", 1)[1] for name in state.tensors if name.startswith("optimizer/")}
    assert kinds == {"momentum", "exp_avg", "exp_avg_sq"}
    assert set(state.octets) == {"random/batches", "random/blocks", "random/noise", "step"}


def test_everything_that_changes_in_training_is_in_the_state(recipe, text):
    """All but State is made anew in a second job, which goes on like the first: nothing else was needed."""
    first = TrainJob(recipe, text, SEED)
    for step in range(6):
        second = TrainJob(recipe, text, seed=step)
        for _ in range(step % 3):
            second.step()
        second.load(first.state().clone())
        assert first.step() == second.step()
        assert digest(first.state()) == digest(second.state())


@pytest.mark.parametrize("left_out", ["/momentum", "tokens.weight/exp_avg_sq", "random/blocks"])
def test_a_part_left_out_of_the_state_is_seen(recipe, text, left_out):
    first, second = TrainJob(recipe, text, SEED), TrainJob(recipe, text, seed=999)
    for _ in range(3):
        first.step()
    full, own = first.state().clone(), second.state()
    second.load(
        State(
            tensors={k: own.tensors[k].clone() if left_out in k else each for k, each in full.tensors.items()},
            octets={k: own.octets[k] if left_out in k else each for k, each in full.octets.items()},
        )
    )
    for _ in range(2):
        first.step()
        second.step()
    assert digest(first.state()) != digest(second.state())


def test_what_is_left_in_working_places_decides_nothing(recipe, text, clean):
    job = GuardedJob(TrainJob(recipe, text, SEED))
    stretches = job.job.optimizer._stretches
    assert len(stretches) == 2 + 2  # Two layers; embedding and head.
    for _ in range(STEPS):
        for stretch in stretches:
            for place in (*stretch.place, stretch.gradient_place_n):
                place.fill_(torch.nan)
        job.step()
    assert digest(job.job.state()) == clean[STEPS]


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("level", ["off", "state", "compute", "replay", "double"])
def test_the_guard_changes_nothing(recipe, text, clean, level):
    job = GuardedJob(TrainJob(recipe.override(f'guard.level = "{level}"'), text, SEED))
    assert run(job) == clean[STEPS]
    assert job.take_findings() == ()


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("name", "bit"),
    [
        ("model/layers.0.attention.expand", 0),
        ("model/layers.1.mlp.project", 30),
        ("model/head.weight", 22),
        ("optimizer/layers.1.mlp.expand/momentum", 3),
        ("optimizer/tokens.weight/exp_avg_sq", 30),
    ],
)
def test_what_is_struck_is_found_before_it_is_used_and_mended(recipe, text, clean, name, bit):
    job = GuardedJob(TrainJob(recipe, text, SEED))
    run(job, 6)
    flip(job.job.state().tensors[name], 3, bit)
    job.step()
    (found,) = job.take_findings()
    assert found.struck is Struck.STATE
    assert name.removeprefix("model/").removeprefix("optimizer/").rsplit("/")[0] in found.where.split()
    assert (found.step, found.redone_steps) == (7, 3)
    assert run(job) == clean[STEPS]


@pytest.mark.usefixtures("memory")
def test_a_guard_that_forgets_to_verify_what_it_reads_is_seen(recipe, text, clean, monkeypatch):
    monkeypatch.setattr(StateWitness, "read", lambda self, stretch, rows: None)
    monkeypatch.setattr(StateWitness, "read_row", lambda self, stretch, row, rows: None)
    job = GuardedJob(TrainJob(recipe.override("guard.snapshot_interval = 100"), text, SEED))
    run(job, 6)
    flip(job.job.state().tensors["optimizer/layers.1.mlp.expand/momentum"], 3, 30)
    assert run(job) != clean[STEPS]


CONSTANTS = [f"layers.{layer}.{name}" for layer in range(2) for name in ("_cosines", "_sines", "_mask")]


def test_what_the_model_computes_by_beside_its_weights_is_known_by_name(recipe, text):
    assert list(TrainJob(recipe, text, SEED).constants()) == CONSTANTS


# All that is done twice is done twice with it.
@pytest.mark.parametrize("level", ["state", "double"])
@pytest.mark.parametrize(
    ("name", "bit", "found_in"),
    # A bit of what is infinite, or becomes it, makes the loss no number.
    [*((name, 3, 7 if name.endswith("_mask") else 8) for name in CONSTANTS), ("layers.1._cosines", 14, 7)],
)
def test_a_constant_that_was_struck_costs_the_worker(recipe, text, level, name, bit, found_in):
    """Before a copy is made of what came of it; or at once, where the loss is not a number any more."""
    job = GuardedJob(TrainJob(recipe.override(f'guard.level = "{level}"'), text, SEED))
    run(job, 6)
    flip(job.job.constants()[name], 5, bit)
    with pytest.raises(LostError, match=f"step {found_in}: data struck in constants of the model"):
        run(job, 8)
    assert [(found.struck, found.where) for found in job.take_findings()] == [(Struck.DATA, "constants of the model")]


def test_the_key_of_the_order_that_was_struck_is_found(recipe, text, clean):
    job = GuardedJob(TrainJob(recipe, text, SEED))
    run(job, 6)
    job.job._order.key = bytes(16)
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.GENERATOR]
    assert run(job) == clean[STEPS]


@pytest.mark.usefixtures("memory")
def test_an_update_that_does_not_come_out_twice_is_found(recipe, text, clean):
    job = GuardedJob(TrainJob(recipe.override('guard.level = "double"'), text, SEED))
    run(job, 5)
    inner, calls = job.job.optimizer._apply, []

    def apply(stretch, rows, step, rate):
        inner(stretch, rows, step, rate)
        calls.append(stretch)
        if len(calls) == 2:
            flip(rows[0], 7, 3)

    job.job.optimizer._apply = apply
    job.step()
    assert [found.struck for found in job.take_findings()] == [Struck.UPDATE]
    assert run(job) == clean[STEPS]


def test_weights_are_the_single_precision_masters(recipe, text):
    job = TrainJob(recipe, text, SEED)
    job.step()
    weights = job.weights()["layers.0.mlp.expand"]
    assert weights.dtype is torch.float32
    assert not torch.equal(weights, weights.bfloat16().float())
    assert len(tensor_octets(weights)) == 4 * weights.numel()


# Recipes that are refused.


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.width = 24\nmodel.heads = 1", "expected a multiple of 16, and of 8 a head, found 24 and 1 heads"),
        ("model.heads = 8", "expected a multiple of 16, and of 8 a head, found 32 and 8 heads"),
        ("model.dropout = 0.1", r"model\.dropout: expected 0, since swift has none, found 0\.1"),
        (
            'devices.processes = 2\ndevices.parallel = "fsdp2"\nguard.level = "off"',
            r"devices\.processes: expected 1 with swift, or ddp without",
        ),
        ("muon.iterations = 6", r"muon\.iterations: expected 1 to 5, found 6"),
        ("muon.momentun = 0.5", r"unknown key muon\.momentun: .*did you mean muon\.momentum\?"),
        ('data.order = "sorted"', r"data\.order: expected one of random, blocks, found 'sorted'"),
        ("swift.rope_base = nan", r"swift\.rope_base: expected 2\.0 to 1000000\.0, found nan"),
        ("swift = 3", "swift: expected a table of settings, found 3"),
        ("training.batch = 2000", r"^$"),
    ],
)
def test_what_cannot_be_is_refused_by_name(recipe, text, override, complaint):
    if complaint == "^$":
        with pytest.raises(MisuseError, match="corpus: expected at least 64032 tokens in the training split, found"):
            TrainJob(recipe.override(override), text, SEED)
        return
    with pytest.raises(MisuseError, match=complaint):
        recipe.override(override)


def test_half_a_pair_of_tables_is_refused():
    text = load_recipe("swift").to_toml()
    without = text[: text.index("[swift]")] + text[text.index("[muon]") :]
    with pytest.raises(MisuseError, match="swift, muon: expected both tables or neither"):
        load_recipe(without)
    with pytest.raises(MisuseError, match=r"missing muon\.iterations"):
        load_recipe("".join(line for line in text.splitlines(True) if not line.startswith("iterations")))


def test_tables_that_are_left_out_are_not_written():
    for name in ("nanogpt", "tiny"):
        assert not {"[swift]", "[muon]", "[ngram]", "[data]"} & set(load_recipe(name).to_toml().splitlines())
