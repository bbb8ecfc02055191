"""What the engine is told of pace, and what it finds out of memory and hangs, with a worker that keeps to a script."""

import random

import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import JobSubmitted
from flight.jobs.messages import Evaluate, Failed, FailureKind, Join, Step
from flight.jobs.pace import FULL, Pace
from flight.jobs.supervision import MEMORY_PERIOD_NS, OCTETS_PER_MIB, PATIENCE_NS_MIN, SLOWDOWN_MAX
from flight.parameters import ParameterPool
from mission.definition import DICTIONARY
from mission.jobs import JobState, PauseCause
from mission.words.jobs import WORKER_MEMORY_MAX, WORKER_RESTARTS_MAX
from tests.flight.jobs.engine_bench import CONFIG, MS, Bench

S = 1_000 * MS
STEP_NS = 40 * MS
LONG = JobSubmitted(1, "tiny", "text", 7, 2_000, "training.checkpoint_interval = 2000")


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def work(bench, until_ns, step_ns=STEP_NS):
    """Let a worker of constant speed work in virtual time; give how long it was busy."""
    busy_ns = 0
    while bench.now_ns < until_ns and bench.ledger.jobs[1].state in (JobState.STARTING, JobState.RUNNING):
        if bench.script.requests:
            request = bench.script.requests[0]
            took_ns = step_ns * request.count if isinstance(request, Step) else step_ns
            bench.now_ns += took_ns
            busy_ns += took_ns
            bench.engine.reply(bench.script.answer(), bench.now_ns)
        else:
            due_ns = bench.engine.next_deadline()
            bench.now_ns = until_ns if due_ns is None else min(max(due_ns, bench.now_ns), until_ns)
        bench.engine.advance(bench.now_ns)
        bench.reporter.take()
    return busy_ns


@pytest.mark.parametrize("duty_permille", [100, 333, 500, 900, 1_000])
def test_the_worker_is_busy_for_the_share_of_time_that_it_may_use(bench, duty_permille):
    bench.engine.allow(Pace(duty_permille=duty_permille))
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 100_000, "training.checkpoint_interval = 100000"))
    busy_ns = work(bench, 200 * S)
    assert busy_ns / bench.now_ns == pytest.approx(duty_permille / 1_000, rel=0.02)


def test_full_pace_lets_a_worker_go_on_that_was_resting(bench):
    bench.engine.allow(Pace(duty_permille=1))
    bench.submit(LONG)
    bench.answer()
    bench.advance()
    assert not bench.script.requests
    bench.engine.allow(FULL)
    assert bench.engine.next_deadline() <= bench.now_ns
    bench.advance()
    assert bench.script.requests


def test_a_pause_for_power_comes_after_a_checkpoint_and_ends_with_it(bench):
    bench.submit(LONG)
    bench.run(until=lambda bench: bench.script.step >= 3)
    bench.engine.allow(Pace(hold=PauseCause.POWER))
    bench.advance()
    bench.run()
    assert (bench.state, bench.ledger.jobs[1].cause) == (JobState.PAUSED, PauseCause.POWER)
    assert isinstance(bench.script.log[-1], Join)
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step
    bench.engine.allow(FULL)
    for _ in range(2):
        bench.advance()
    assert bench.script.requests[0].checkpoint.step == bench.script.step


def test_no_worker_is_launched_while_none_may_be(bench):
    bench.engine.allow(Pace(may_launch=False))
    bench.submit()
    assert bench.state is JobState.QUEUED
    assert bench.engine.next_deadline() is None
    bench.engine.allow(FULL)
    bench.advance()
    assert bench.state is JobState.STARTING


def order_of_work(log):
    """Give what was asked for, steps counted one by one, whatever their portions; saves of a pause are none of it."""
    asked, step = [], 0
    for request in log:
        match request:
            case Step(count):
                asked += [("step", step + number) for number in range(count)]
                step += count
            case Evaluate():
                asked.append(("evaluate", step))
    return asked


@pytest.mark.parametrize("seed", range(10))
def test_no_sequence_of_paces_changes_what_is_done(bench, tmp_path_factory, seed):
    job = JobSubmitted(1, "tiny", "text", 7, 60, "training.evaluation_interval = 7")
    free = Bench(tmp_path_factory.mktemp("free"))
    free.submit(job)
    free.run()
    chance = random.Random(seed)
    paces = [
        FULL,
        Pace(duty_permille=200),
        Pace(hold=PauseCause.THERMAL),
        Pace(may_launch=False),
        Pace(duty_permille=1),
    ]
    bench.submit(job)
    while bench.state is not JobState.DONE:
        bench.engine.allow(chance.choice(paces))
        bench.advance(chance.choice([0, MS, S]))
        for _ in range(chance.randrange(4)):
            if bench.script.requests:
                bench.answer()
    assert order_of_work(bench.script.log) == order_of_work(free.script.log)


def test_a_hang_is_found_by_what_the_like_of_the_request_took(bench):
    bench.submit(LONG)
    work(bench, 10 * S, step_ns=5 * S)
    waited_since_ns = bench.now_ns
    found_ns = bench.engine.next_deadline() - waited_since_ns
    assert found_ns == SLOWDOWN_MAX * 5 * S
    bench.advance(found_ns - 1)
    assert bench.state is JobState.RUNNING
    bench.advance(1)
    assert bench.state is JobState.STARTING


def test_a_quick_request_is_not_called_overdue_at_once(bench):
    bench.submit(LONG)
    work(bench, 2 * S)
    assert bench.engine.next_deadline() - bench.now_ns == PATIENCE_NS_MIN


def settings(bench, **values):
    pool = ParameterPool(DICTIONARY, bench.ledger)
    bench.engine.bind(pool)
    bench.ledger.commit(*pool.change(values))
    pool.apply(values, bench.now_ns)


def test_a_worker_that_holds_too_much_is_ended_and_the_job_given_up_after_a_bounded_number(bench):
    settings(bench, **{WORKER_MEMORY_MAX.name: 100, WORKER_RESTARTS_MAX.name: 2})
    bench.submit(LONG)
    bench.script.memory = 100 * OCTETS_PER_MIB
    bench.advance(MEMORY_PERIOD_NS)
    assert bench.state is JobState.STARTING
    bench.script.memory += OCTETS_PER_MIB
    for _ in range(3):
        assert bench.engine.next_deadline() <= bench.now_ns + MEMORY_PERIOD_NS
        bench.advance(MEMORY_PERIOD_NS)
        bench.advance(CONFIG.backoff_max_ns)
    lost = [each.values["reason"] for each in bench.reporter.take() if each.name == "worker_lost"]
    assert lost == ["memory: expected at most 100 MiB, found 101 MiB"] * 3
    assert bench.state is JobState.FAILED
    assert bench.ledger.jobs[1].reason.startswith("3 workers lost in a row: memory: expected at most 100 MiB")


def test_a_worker_that_finds_too_little_memory_is_replaced(bench):
    bench.submit(LONG)
    bench.answer()
    bench.script.requests.pop(0)
    bench.answer(Failed("MemoryError: ", FailureKind.MEMORY))
    assert bench.state is JobState.STARTING
    assert dict(bench.said)["worker_lost"]["reason"] == "MemoryError: "


@pytest.mark.parametrize("duty_permille", [-1, 0, 1_001])
def test_a_pace_that_is_none_is_refused(duty_permille):
    with pytest.raises(MisuseError, match=f"expected a duty of 1 to 1000 permille, found {duty_permille}"):
        Pace(duty_permille=duty_permille)
