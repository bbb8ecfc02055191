"""Strikes drawn from a seed against a guarded job; the long counts are in `tools.bench.flips`."""

import random

import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs.guard.checksums import Checksums
from flight.jobs.guard.finding import LostError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.guard.state_witness import StateWitness
from flight.jobs.optimizer import AdamW
from flight.jobs.recipe import load_recipe
from flight.jobs.state import tensor_octets
from flight.jobs.train import TrainJob
from hil.faults.flip import Flip, Spread
from hil.faults.instant import PRODUCTS, Operators, Profile
from hil.faults.part import KEPT, Part
from hil.faults.place import MemoryStrike, _octets, draw_memory_strike, names_of, strike_memory
from hil.faults.strike import FlipStrike
from hil.faults.struck_worker import set_strike
from hil.faults.trial import End, Verdict, _judge, strike_part, strike_product
from hil.streams import Streams
from tests.flight.jobs.test_swift import SMALL

STEPS, STRUCK_STEPS = 7, 4
GOOD = (Verdict.FOUND, Verdict.HARMLESS, Verdict.RESTARTED)


def guarded(level="state"):
    chance = random.Random(5)
    text = " ".join(chance.choices(["sun", "moon", "orbit", "bit", "flip", "star"], k=4000))
    overrides = f'model.dropout = 0.1\nguard.level = "{level}"\nguard.snapshot_interval = 4'
    return GuardedJob(TrainJob(load_recipe("tiny").override(overrides), text, 1337))


def train(job, steps):
    while job.job.steps_done < steps:
        job.step()
    return job


@pytest.fixture(scope="module")
def clean():
    return train(guarded(), STEPS).job.weights_sha256()


@pytest.fixture(scope="module")
def profile():
    with Operators() as operators:
        train(guarded(), STRUCK_STEPS)
    return operators.profile


def end_of(clean):
    """Give what a trial is judged by; what is given up begins anew in a job of its own."""
    return End(steps=STEPS, clean_sha256=clean, successor=lambda findings: guarded())


def state_verdicts(seeds, clean, profile, parts=KEPT):
    return [strike_part(guarded(), parts, end_of(clean), profile, Streams(seed)) for seed in seeds]


def test_nothing_that_strikes_memory_at_any_instant_changes_the_weights(clean, profile):
    trials = state_verdicts(range(20), clean, profile)
    assert [trial for trial in trials if trial.verdict not in GOOD] == []
    assert sum(trial.verdict is Verdict.FOUND for trial in trials) >= 5


def test_equal_seeds_strike_alike(clean, profile):
    first, second = (strike_part(guarded(), KEPT, end_of(clean), profile, Streams(3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("part", KEPT)
def test_every_part_of_memory_can_be_struck(part):
    job = guarded()
    assert names_of(job, part)
    strike = draw_memory_strike(Streams(1).block("strike", 0), job, part, Spread.BIT)
    before = job.job.state().clone(), job.job.data_digest(), [c.blocks[0].clone() for c in job._snapshots._copies]
    strike_memory(job, strike)
    after = job.job.state(), job.job.data_digest(), [c.blocks[0].clone() for c in job._snapshots._copies]
    changed = [name for name, tensor in before[0].tensors.items() if not tensor.equal(after[0].tensors[name])]
    changed += [name for name, octets in before[0].octets.items() if octets != after[0].octets[name]]
    if part is Part.CORPUS:
        assert before[1] != after[1]
    elif part is Part.COPIES:
        assert changed == []
    else:
        assert changed == [strike.name]


WORKING = tuple(part for part in Part if part not in KEPT)


@pytest.fixture(scope="module")
def profile_of_double():
    with Operators() as operators:
        train(guarded("double"), STRUCK_STEPS)
    return operators.profile


@pytest.mark.parametrize("part", WORKING)
def test_where_all_is_done_twice_nothing_that_is_worked_on_can_be_struck_unseen(clean, profile_of_double, part):
    trials = [
        strike_part(guarded("double"), [part], end_of(clean), profile_of_double, Streams(seed)) for seed in range(12)
    ]
    assert [trial for trial in trials if trial.verdict not in GOOD] == []
    assert [part for trial in trials if part not in trial.what] == []


def test_an_update_that_is_done_once_is_seen_by_what_is_struck_in_its_place(clean, monkeypatch):
    apply, due = AdamW._apply, []

    def apply_then_strike(self, stretch, rows, *how):
        apply(self, stretch, rows, *how)
        if due:
            strike_memory(
                due.pop(), MemoryStrike(part=Part.PLACE, name="1", flip=Flip(spread=Spread.BIT, masks=((2, 64),)))
            )

    monkeypatch.setattr(AdamW, "_apply", apply_then_strike)
    for level, is_seen in (("double", True), ("state", False)):
        job = train(guarded(level), 3)
        due.append(job)
        assert (train(job, STEPS).job.weights_sha256() == clean) is is_seen


UPDATES = (torch.ops.aten._fused_adamw_.default,)


def strike_while_it_is_updated(part):
    """Strike the weights of the first stretch right after their update at level `state`, before they are noted."""
    job = train(guarded(), 3)
    name = names_of(job, part)[0]
    strike = MemoryStrike(part=part, name=name, flip=Flip(spread=Spread.BIT, masks=((2, 64),)))
    struck = []
    with Operators(only=UPDATES) as operators:
        operators.after(1, lambda _: struck.append(strike_memory(job, strike)) or struck[-1])
        train(job, STEPS)
    job.verify()
    return struck, [found.where for found in job.take_findings()], job.job.weights_sha256()


def test_a_stretch_that_is_being_updated_is_another_part_and_a_strike_of_state_waits_until_it_was(clean):
    struck, found, weights = strike_while_it_is_updated(Part.WEIGHTS)
    assert struck == [False, True]
    assert (len(found), weights) == (1, clean)


def test_what_flips_in_the_stretch_that_is_being_updated_is_not_covered_at_state():
    # As the table in docs/guard.md says; where updates are done twice it is.
    struck, found, _ = strike_while_it_is_updated(Part.PLACE)
    assert (struck, found) == ([True], [])


def test_a_strike_in_the_place_of_a_stretch_that_is_shorter_than_the_longest_wraps():
    job = train(guarded(), 1)
    stretches = job.job.optimizer._stretches
    longest, shortest = (pick(stretches, key=lambda each: each.rows[1].nbytes) for pick in (max, min))
    assert longest.rows[1].nbytes > shortest.rows[1].nbytes
    before = bytes(tensor_octets(shortest.rows[1]))
    job.job.optimizer.at_work = shortest.rows
    flip = Flip(spread=Spread.BIT, masks=((shortest.rows[1].nbytes + 2, 64),))
    assert strike_memory(job, MemoryStrike(part=Part.PLACE, name="1", flip=flip))
    after = bytes(tensor_octets(shortest.rows[1]))
    assert [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new] == [2]


def test_each_row_of_each_stretch_that_is_worked_on_can_be_struck_at_all_its_length():
    """Layers of this recipe have one moment, its embedding and its head have two."""
    text = " ".join(random.Random(5).choices(["sun", "moon", "orbit"], k=4000))
    job = GuardedJob(TrainJob(load_recipe("swift").override(SMALL), text, 1337))
    optimizer = job.job.optimizer
    counts, lengths = set(), {}
    for stretch in optimizer._stretches:
        counts.add(len(stretch.rows))
        for name, row in enumerate(stretch.rows):
            lengths[str(name)] = max(row.nbytes, lengths.get(str(name), 0))
    assert counts == {2, 3}
    lengths["gradients"] = lengths["0"]
    assert {name: len(_octets(job, Part.PLACE, name)) for name in names_of(job, Part.PLACE)} == lengths
    struck = set()
    for number, stretch in enumerate(optimizer._stretches):
        optimizer.at_work = stretch.rows
        for name in names_of(job, Part.PLACE)[:-1]:
            before = [bytes(tensor_octets(row)) for row in stretch.rows]
            flip = Flip(spread=Spread.BIT, masks=((2, 64),))
            assert strike_memory(job, MemoryStrike(part=Part.PLACE, name=name, flip=flip))
            after = [bytes(tensor_octets(row)) for row in stretch.rows]
            struck |= {(number, at) for at, old in enumerate(before) if old != after[at]}
    assert struck == {(number, at) for number, each in enumerate(optimizer._stretches) for at in range(len(each.rows))}


def test_constants_of_a_model_are_struck_as_the_corpus_is():
    text = " ".join(random.Random(5).choices(["sun", "moon", "orbit"], k=4000))
    job = GuardedJob(TrainJob(load_recipe("swift").override(SMALL), text, 1337))
    for name in names_of(job, Part.CORPUS):
        before = job.job.data_digest(), job.job.constants_digest()
        strike_memory(job, MemoryStrike(part=Part.CORPUS, name=name, flip=Flip(spread=Spread.BIT, masks=((9, 4),))))
        assert (before[0] != job.job.data_digest()) == (name == "corpus")
        assert (before[1] != job.job.constants_digest()) == (name != "corpus")
    assert len(names_of(job, Part.CORPUS)) == 1 + 3 * job.job.recipe.model.layers


def test_a_strike_of_another_part_that_lies_beyond_its_end_is_refused():
    job = guarded()
    flip = Flip(spread=Spread.BIT, masks=((1 << 30, 1),))
    with pytest.raises(IndexError):
        strike_memory(job, MemoryStrike(part=Part.NOISE, name="random/noise", flip=flip))


def test_a_count_of_steps_that_flips_as_a_step_ends_does_not_end_the_trial(clean, monkeypatch):
    step, flips = GuardedJob.step, [Flip(spread=Spread.BIT, masks=((5, 1),))]

    def step_and_strike(job):
        report = step(job)
        if flips:
            strike_memory(job, MemoryStrike(part=Part.STEP, name="step", flip=flips.pop()))
        return report

    job = guarded()
    monkeypatch.setattr(GuardedJob, "step", step_and_strike)
    trial = _judge(job, end_of(clean), 0, "")
    assert (trial.verdict, job.steps_done) == (Verdict.FOUND, STEPS)


def test_what_is_tried_again_takes_nothing_from_what_is_due_next():
    happened = []
    with Operators() as operators:
        operators.after(1, lambda _: happened.append("first") or len(happened) > 1)
        operators.after(2, lambda _: happened.append("second"))
        for _ in range(3):
            torch.ones(3)
    assert happened == ["first", "second", "first"]
    assert operators.is_over


def test_a_strike_that_falls_after_the_last_operator_is_told_apart(clean):
    late = Profile(durations_ns=(1,) * 10**7)
    for parts in ([Part.WEIGHTS], [Part.ACTIVATIONS]):
        trial = strike_part(guarded(), parts, end_of(clean), late, Streams(1))
        assert trial.verdict is Verdict.UNSTRUCK


def test_an_operator_that_comes_to_no_numbers_leaves_the_strike_to_the_next(clean):
    # Of the first operators of a step some draw the batch, in whole numbers.
    trials = [
        strike_part(guarded("double"), [Part.ACTIVATIONS], end_of(clean), Profile(durations_ns=(1,) * 3), Streams(seed))
        for seed in range(6)
    ]
    assert [trial for trial in trials if " of (" not in trial.what] == []


def test_no_stretch_is_being_updated_but_during_an_update():
    job, at_work = guarded(), []
    with Operators() as operators:
        train(job, 2)
        count = len(operators.profile.durations_ns) // 2
        for number in range(1, count + 1):
            operators.after(number, lambda _: at_work.append(len(job.job.optimizer.at_work) > 0))
        train(job, 3)
    updates = len(job.job.optimizer.octets)
    assert (sum(at_work), job.job.optimizer.at_work) == (updates, ())


def products_of_a_step(level):
    job = train(guarded(level), 3)
    with Operators(only=PRODUCTS) as operators:
        train(job, 4)
    return len(operators.profile.durations_ns)


@pytest.mark.parametrize("seed", range(10))
def test_with_every_step_done_twice_no_struck_product_changes_the_weights(clean, seed):
    count = products_of_a_step("double")
    trial = strike_product(train(guarded("double"), 3), end_of(clean), count, Streams(seed))
    assert trial.verdict in GOOD


def test_an_instant_is_drawn_as_often_as_its_operator_takes_time():
    profile = Profile(durations_ns=(1, 7, 2))
    drawn = [profile.draw(Streams(seed).block("instant", 0)) for seed in range(500)]
    assert set(drawn) == {1, 2, 3}
    assert 0.6 < drawn.count(2) / 500 < 0.8


def test_a_token_that_there_is_not_ends_the_worker_rather_than_the_job():
    job = guarded()
    job.job.train_tokens.fill_(1 << 20)
    with pytest.raises(LostError, match="corpus"):
        train(job, STEPS)


def test_a_generator_that_torch_refuses_is_mended(clean):
    job = guarded()
    with Operators() as operators:
        operators.after(10, lambda _: job.job._noise.numpy()[8:16].fill(255))
        train(job, STEPS)
    assert [found.where for found in job.take_findings()] == ["generators and step"]
    assert job.job.weights_sha256() == clean


def test_what_fails_twice_is_not_taken_for_struck(monkeypatch):
    job = guarded()

    def fails(*asked):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(job.job, "run_pass", fails)
    with pytest.raises(RuntimeError, match="no such operator"):
        job.step()


# Bugs that were made on purpose: each is seen by the slice above.


def test_a_digest_that_is_skipped_for_one_stretch_is_seen(clean, monkeypatch):
    read = StateWitness.read
    monkeypatch.setattr(StateWitness, "read", lambda self, at, octets: read(self, at, octets) if at else None)
    job = train(guarded(), 1)
    name = names_of(job, Part.WEIGHTS)[0]
    strike_memory(job, MemoryStrike(part=Part.WEIGHTS, name=name, flip=Flip(spread=Spread.BIT, masks=((2, 64),))))
    assert train(job, STEPS).job.weights_sha256() != clean


def test_generators_that_are_not_watched_are_seen(clean, profile, monkeypatch):
    monkeypatch.setattr(StateWitness, "verify_octets", lambda self, octets: None)
    monkeypatch.setattr(TrainJob, "is_only_drawn", staticmethod(lambda before, drawn: True))
    verdicts = [trial.verdict for trial in state_verdicts(range(10), clean, profile, [Part.BATCHES])]
    assert set(verdicts) & {Verdict.MISSED, Verdict.BROKEN}


def products_in(job, steps):
    with Operators(only=PRODUCTS[:1]) as operators:
        train(job, steps)
    return len(operators.profile.durations_ns)


def comes_out_clean(number, clean):
    """Strike a product of a step that is done once: which ones rounding makes look odd is the processor's affair."""
    in_a_pass = products_in(guarded("off"), 1)
    job = train(guarded("compute"), 2)
    calm = next(step for step in range(3, STEPS) if products_in(job, step) == in_a_pass)
    job = train(guarded("compute"), calm - 1)
    with Operators(only=PRODUCTS[:1]) as operators:
        operators.after(number, lambda product: product.view(-1)[:1].add_(50.0))
        train(job, STEPS)
    assert operators.is_over
    return job.job.weights_sha256() == clean


def test_checksums_that_skip_the_way_back_are_seen(clean, monkeypatch):
    count = products_in(guarded("off"), 1)
    assert comes_out_clean(count - 1, clean)
    forward = count // 3
    note = Checksums.note

    def forgetful(self, *noted):
        if len(self._noted) < forward:
            note(self, *noted)

    monkeypatch.setattr(Checksums, "note", forgetful)
    assert not comes_out_clean(count - 1, clean)


def test_doing_all_twice_and_comparing_the_loss_alone_is_seen(clean, monkeypatch):
    monkeypatch.setattr(GuardedJob, "_fingerprint", lambda self, passed: (repr(passed.report.loss), b"", []))
    count = products_of_a_step("double")
    trials = [strike_product(train(guarded("double"), 3), end_of(clean), count, Streams(seed)) for seed in range(10)]
    assert Verdict.MISSED in [trial.verdict for trial in trials]


def test_a_job_whose_memory_no_hand_reaches_is_refused(profile):
    job = guarded()
    job.job.device = torch.device("cuda", 0)
    strike = FlipStrike(part=Part.WEIGHTS, spread=Spread.BIT, seed=1)
    with pytest.raises(MisuseError, match="flip: expected a job on the processor"):
        set_strike(Operators(), job, strike, profile)
