"""Tables of n-grams: which rows a position sees, what a step moves, and a table that is watched row by row."""

import numpy as np
import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs.checkpoint import Origin, load_checkpoint, save_checkpoint
from flight.jobs.checkpoint_writer import CheckpointWriter
from flight.jobs.guard import row_witness
from flight.jobs.guard.finding import LostError, StruckError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.guard.row_witness import RowWitness
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.ngram import NgramTable
from flight.jobs.recipe import load_recipe
from flight.jobs.row_rms import RowRms
from flight.jobs.state import weights_sha256
from flight.jobs.train import TrainJob
from mission.jobs import Struck

SEED = 1337
STEPS = 12
ROWS, SQUARES = "model/ngram.rows", "optimizer/ngram.rows/mean_square"
SMALL = """
model.layers = 1
model.width = 32
model.context = 32
training.batch = 8
training.steps = 40
guard.snapshot_interval = 4
ngram.rows = 1024
"""


@pytest.fixture(scope="module")
def recipe():
    return load_recipe("swift-ngram").override(SMALL)


@pytest.fixture(scope="module")
def clean(recipe, text):
    job = TrainJob(recipe, text, SEED)
    digests = [digest(job.state())]
    for _ in range(STEPS + 4):
        job.step()
        digests.append(digest(job.state()))
    return digests


@pytest.fixture
def job(recipe, text, memory):
    return GuardedJob(TrainJob(recipe, text, SEED))


@pytest.fixture
def table():
    return NgramTable(
        5, 8, load_recipe("swift-ngram").override("ngram.order_max = 5\nngram.rows = 64\nngram.dropout = 0.0").ngram
    )


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


def next_rows(job):
    """Give the rows that the next step of a job touches."""
    inner = job.job
    table, T = inner.model.ngram, inner.recipe.model.context
    windows = inner.train_tokens[inner._order.starts(inner.steps_done).unsqueeze(1) + torch.arange(T)].long()
    return set(table.places(windows).flatten().tolist())


def resting_row(job):
    """Give a row that was written and that no step up to `STEPS` touches any more."""
    written = set(torch.nonzero(job.job.optimizer.rows.squares_R).flatten().tolist())
    step = job.job._step
    for ahead in range(step, STEPS + 4):
        job.job._step = ahead
        written -= next_rows(job)
    job.job._step = step
    return max(written)


# Which rows.


def test_a_pair_has_a_row_of_its_own_and_longer_ones_are_in_the_room_of_their_order(table):
    tokens = torch.cartesian_prod(*[torch.arange(5)] * 2)  # Every pair, as a window of its own.
    places = table.places(tokens).view(25, 2, 4)
    assert len({tuple(each) for each in places[:, 1, :1].tolist()}) == 25
    assert places[:, :, 0].max() < 30
    for order in (3, 4, 5):
        room = places[:, :, order - 2]
        assert 30 + (order - 3) * 64 <= room.min() and room.max() < 30 + (order - 2) * 64
    assert len(table.rows) == 30 + 3 * 64


def test_a_row_depends_on_its_last_tokens_and_on_nothing_before_or_after():
    table = NgramTable(5, 8, load_recipe("swift-ngram").override("ngram.order_max = 5").ngram)
    chance = torch.Generator().manual_seed(3)
    tokens = torch.randint(5, (1, 12), generator=chance)
    places = table.places(tokens).view(12, 4)
    for back in range(1, 8):
        changed = tokens.clone()
        changed[0, 7 - back] = (changed[0, 7 - back] + 1) % 5
        found = table.places(changed).view(12, 4)[7]
        for number, order in enumerate((2, 3, 4, 5)):
            assert (found[number] != places[7, number]).item() is (back < order), (back, order)
    changed = tokens.clone()
    changed[0, 8:] = 0
    assert torch.equal(table.places(changed).view(12, 4)[:8], places[:8])


def test_hashes_spread_over_their_rows():
    table = NgramTable(65, 8, load_recipe("swift-ngram").override("ngram.rows = 1024").ngram)
    tokens = torch.randint(65, (40, 256), generator=torch.Generator().manual_seed(1))
    for number in (1, 2, 3):
        counts = torch.bincount(table.places(tokens)[:, number] - table.places(tokens)[:, number].min(), minlength=1024)
        assert (counts == 0).sum() < 5  # Ten tokens a row: a row in 20,000 is empty by chance.
        assert counts.max() < 40


def test_what_is_seen_is_the_sum_of_the_rows_and_the_same_while_it_is_trained(table):
    with torch.no_grad():
        table.rows.normal_(generator=torch.Generator().manual_seed(1))
    tokens = torch.randint(5, (2, 6), generator=torch.Generator().manual_seed(2))
    expected = table.rows[table.places(tokens)].sum(1)
    torch.testing.assert_close(table(tokens), expected)
    RowRms(table, load_recipe("swift-ngram").ngram, 1.0).touch(tokens, None)
    torch.testing.assert_close(table(tokens), expected)


def test_a_step_moves_the_touched_rows_by_their_own_means_and_no_other(recipe, text):
    recipe = recipe.override("ngram.dropout = 0.0")
    job, twin = TrainJob(recipe, text, SEED), TrainJob(recipe, text, SEED)
    for _ in range(3):
        job.step()
        twin.step()
    before = {name: each.clone() for name, each in job.state().tensors.items()}
    twin.run_pass(twin.draw_batch())
    gradients, touched = twin.optimizer.rows._gradients_UC.clone(), twin.model.ngram.touched.rows_U
    report = job.step()
    squares = 0.9 * before[SQUARES][touched] + 0.1 * gradients.square().mean(1)
    torch.testing.assert_close(job.state().tensors[SQUARES][touched], squares, rtol=1e-4, atol=1e-12)
    rate = report.learning_rate * recipe.ngram.rate / recipe.training.learning_rate
    expected = before[ROWS][touched] - rate * gradients / (squares.sqrt() + 1e-8).unsqueeze(1)
    torch.testing.assert_close(job.state().tensors[ROWS][touched], expected, rtol=1e-4, atol=1e-6)
    rest = torch.ones(len(before[ROWS]), dtype=torch.bool)
    rest[touched] = False
    assert torch.equal(job.state().tensors[ROWS][rest], before[ROWS][rest])
    assert 100 < len(touched) < int(rest.sum())


def test_it_learns_faster_than_without(recipe, text):
    losses = []
    for rate in (1e-9, 0.01):
        job = TrainJob(recipe.override(f"ngram.rate = {rate}"), text, SEED)
        for _ in range(40):
            job.step()
        losses.append(job.evaluate())
    assert losses[1] < losses[0] - 0.05


# The exact job.


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


def test_evaluating_on_the_way_changes_nothing(recipe, text, clean):
    job = TrainJob(recipe, text, SEED)
    while job.steps_done < STEPS:
        assert job.evaluate() == job.evaluate()
        job.step()
    assert digest(job.state()) == clean[STEPS]


@pytest.mark.parametrize("level", ["off", "state", "double"])
def test_the_guard_changes_nothing(recipe, text, clean, level):
    job = GuardedJob(TrainJob(recipe.override(f'guard.level = "{level}"'), text, SEED))
    assert run(job) == clean[STEPS]
    assert job.take_findings() == ()


@pytest.mark.parametrize("name", [ROWS, SQUARES])
@pytest.mark.parametrize("bit", [0, 30])
def test_a_row_that_was_struck_is_found_before_a_step_uses_it(job, clean, name, bit):
    run(job, 6)
    row = max(next_rows(job))
    flip(job.job.state().tensors[name][row], 0, bit)
    job.step()
    (found,) = job.take_findings()
    assert (found.struck, found.where) == (Struck.STATE, f"ngram.rows row {row}")
    assert (found.step, found.redone_steps) == (7, 3)
    assert run(job) == clean[STEPS]


def test_a_row_that_is_struck_between_the_pass_and_the_update_is_found(job, clean):
    run(job, 6)
    row, update = max(next_rows(job)), job.job.update

    def strike_then_update(*asked, **how):
        job.job.update = update
        flip(job.job.state().tensors[ROWS][row], 5, 22)
        update(*asked, **how)

    job.job.update = strike_then_update
    job.step()
    assert [found.where for found in job.take_findings()] == [f"ngram.rows row {row}"]
    assert run(job) == clean[STEPS]


@pytest.mark.parametrize("place", ["_gradients_UC", "weights of the pass"])
def test_gradients_of_rows_that_were_struck_are_found_at_double(recipe, text, clean, place):
    job = GuardedJob(TrainJob(recipe.override('guard.level = "double"'), text, SEED))
    run(job, 6)
    update = job.job.update

    def strike_then_update(*asked, **how):
        job.job.update = update
        rows = job.job.optimizer.rows
        flip(rows._gradients_UC if place.startswith("_") else job.job.model.ngram.touched.weights_UC, 5, 22)
        update(*asked, **how)

    job.job.update = strike_then_update
    job.step()
    # The copy that the pass used is not used again: the update takes the rows anew.
    assert [found.struck for found in job.take_findings()] == ([Struck.GRADIENTS] if place.startswith("_") else [])
    assert run(job) == clean[STEPS]


def test_a_row_that_no_step_touches_is_found_within_the_latency(job, clean, monkeypatch):
    monkeypatch.setattr(row_witness, "SCAN_STEPS", 4)
    job = GuardedJob(job.job)
    run(job, 6)
    row = resting_row(job)
    flip(job.job.state().tensors[ROWS][row], 3, 1)
    for _ in range(4):
        job.step()
    (found,) = job.take_findings()
    assert found.where == f"ngram.rows row {row}"
    assert found.step <= 10
    assert run(job) == clean[STEPS]


def test_every_row_is_looked_at_within_the_stated_steps(job):
    rows = RowWitness(job.job.optimizer.rows, job.job.optimizer.memory)
    count, seen = len(rows.digests_R), set()
    for _ in range(row_witness.SCAN_STEPS):
        first = rows._scanned
        rows.scan()
        seen |= set(range(first, min(first + rows._scan_rows, count)))
    assert seen == set(range(count))


def test_a_row_of_the_copy_that_was_struck_is_put_right_or_the_copy_is_taken_anew(job, clean, monkeypatch):
    monkeypatch.setattr(row_witness, "SCAN_STEPS", 1)
    job = GuardedJob(job.job)
    run(job, 5)
    rows = job._witness.rows
    for row, step in ((resting_row(job), 4), (int(np.flatnonzero(rows._is_written_R)[0]), 6)):
        flip(rows._copy_weights_RC[row], 3, 30)
        job.step()
        (found,) = job.take_findings()
        assert found.where == f"copy of ngram.rows row {row}"
        assert found.redone_steps == 0
        assert rows.copy_step >= step
        job._history.clear()
    flip(job.job.state().tensors[ROWS][max(next_rows(job))], 0, 30)
    assert run(job) == clean[STEPS]


def test_with_a_row_and_its_copy_struck_a_new_worker_must_go_on(job):
    run(job, 6)
    row = max(next_rows(job))
    flip(job._witness.rows._copy_weights_RC[row], 0, 3)
    flip(job.job.state().tensors[ROWS][row], 0, 30)
    with pytest.raises(LostError, match="no copy in memory is whole"):
        job.step()


def test_dense_state_that_was_struck_takes_the_rows_back_with_it(job, clean):
    run(job, 7)
    flip(job.job.state().tensors["model/head.weight"], 3, 30)
    job.step()
    (found,) = job.take_findings()
    assert (found.step, found.redone_steps) == (8, 4)
    assert run(job) == clean[STEPS]


def test_all_rows_are_looked_at_before_an_evaluation_or_a_model(job):
    run(job, 6)
    flip(job.job.state().tensors[ROWS][resting_row(job)], 3, 1)
    job.verify()
    assert [found.struck for found in job.take_findings()] == [Struck.STATE]


def test_a_checkpoint_with_a_struck_row_does_not_count(job, disk):
    run(job, 6)
    identity = Identity(job_id=1, recipe_digest="", corpus_sha256="00" * 32, seed=SEED)
    writer = CheckpointWriter(disk, identity, job)
    writer.begin("a", Origin())
    assert writer.join() is not None
    row = resting_row(job)
    flip(job.job.state().tensors[ROWS][row], 3, 1)
    writer.begin("b", Origin())
    with pytest.raises(StruckError, match=f"row {row}"):
        writer.join()


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_digest_tells_rows_apart_that_differ_in_any_bit(bits, memory):
    weights, squares = torch.randn(1, 8), torch.rand(1)
    before = memory.digest_each(weights, squares)
    for first in range(8 * 32):
        for further in range(bits):
            flip(weights, (first // 32 + further) % 8, first % 32)
        assert memory.digest_each(weights, squares) != before
        for further in range(bits):
            flip(weights, (first // 32 + further) % 8, first % 32)
    for bit in range(32):
        flip(squares, 0, bit)
        assert memory.digest_each(weights, squares) != before
        flip(squares, 0, bit)


# The bugs that these tests must see.


def test_a_digest_of_rows_that_is_skipped_is_seen(job, clean, monkeypatch):
    monkeypatch.setattr(RowWitness, "read_rows", lambda *asked: None)
    monkeypatch.setattr(RowWitness, "scan", lambda self: "")
    run(job, 5)
    flip(job.job.state().tensors[ROWS][max(next_rows(job))], 0, 29)
    for _ in range(2):
        job.step()
    assert digest(job.job.state()) != clean[7]
    assert job.take_findings() == ()


def test_a_scan_that_is_skipped_is_seen(job, monkeypatch):
    monkeypatch.setattr(row_witness, "SCAN_STEPS", 2)
    monkeypatch.setattr(RowWitness, "scan", lambda self: "")
    job = GuardedJob(job.job)
    run(job, 5)
    flip(job.job.state().tensors[ROWS][resting_row(job)], 3, 1)
    for _ in range(2):
        job.step()
    assert job.take_findings() == ()


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("ngram.rows = 1000", r"ngram\.rows: expected a power of two, found 1000"),
        ("ngram.order_max = 1", r"ngram\.order_max: expected 2 to 8, found 1"),
        ("ngram.dropout = 1.0", r"ngram\.dropout: expected 0\.0 to 0\.9, found 1\.0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(recipe, override, complaint):
    with pytest.raises(MisuseError, match=complaint):
        recipe.override(override)
