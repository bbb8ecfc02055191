"""The job engine: the life cycle of a job, the order of work, and what it refuses."""

import math

import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import JobSubmitted
from flight.jobs.dialogue import OUTSTANDING_REQUESTS_MAX
from flight.jobs.engine import Engine
from flight.jobs.life_cycle import Trigger
from flight.jobs.messages import (
    Collect,
    Failed,
    FailureKind,
    Finish,
    Join,
    Save,
    Start,
    Step,
)
from mission.jobs import QUEUE_JOBS_MAX, JobState
from tests.flight.jobs.engine_bench import CORPUS, JOB, WITH_LEAD


def test_a_job_goes_from_queue_to_done_and_its_report_says_so(bench):
    bench.submit()
    assert bench.state is JobState.STARTING
    bench.run()
    assert bench.state is JobState.DONE
    reports = dict(bench.said)
    assert reports["job_report"]["state"] == "DONE"
    assert reports["job_report"]["weights_sha256"] == "ab" * 32
    assert reports["job_report"]["validation_loss"] == 2.5
    assert reports["job_sample"]["text"] == "to be"
    moves = [(values["before"], values["after"]) for name, values in bench.said if name == "job_changed"]
    assert moves == [("QUEUED", "STARTING"), ("STARTING", "RUNNING"), ("RUNNING", "DONE")]


def test_the_worker_has_one_request_waiting_and_never_more(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    while bench.script.requests:
        assert len(bench.script.requests) <= OUTSTANDING_REQUESTS_MAX
        bench.answer()
        if bench.state is JobState.RUNNING and not isinstance(bench.script.log[-1], Finish | Join):
            assert len(bench.script.requests) == OUTSTANDING_REQUESTS_MAX


def test_a_checkpoint_never_goes_into_the_slot_that_counts(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    current = None
    while bench.script.requests:
        if isinstance(bench.script.requests[0], Save):
            assert bench.script.requests[0].slot != current
        bench.answer()
        checkpoint = bench.ledger.jobs[1].checkpoint
        current = checkpoint.slot if checkpoint else None
    assert [request.slot for request in bench.script.log if isinstance(request, Save)] == ["a", "b", "a"]


def test_steps_go_on_while_a_checkpoint_is_written_and_it_is_known_before_the_next_and_the_end(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 160, WITH_LEAD))
    open_at, steps_meanwhile = None, 0
    while bench.script.requests:
        request = bench.script.requests[0]
        if isinstance(request, Save | Finish):
            assert open_at is None
        bench.answer()
        if isinstance(request, Save):
            open_at = bench.script.step
        elif isinstance(request, Step) and open_at is not None:
            steps_meanwhile += 1
        checkpoint = bench.ledger.jobs[1].checkpoint
        if checkpoint is not None and checkpoint.step == open_at:
            assert checkpoint.loss == pytest.approx(3.0 - open_at / 10)  # Of its step, not of those done since.
            open_at = None
    assert [each.step for each in bench.ledger.jobs[1].checkpoints] == [120, 150]
    assert steps_meanwhile >= 5
    assert bench.state is JobState.DONE


@pytest.mark.parametrize("interval", [1, 2, 10, 16, 32, 100])
@pytest.mark.parametrize("grant_steps_max", [1, 7, 1_000])
def test_never_is_more_than_one_checkpoint_interval_at_stake(bench, interval, grant_steps_max):
    bench.restart(grant_steps_max=grant_steps_max)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 260, f"training.checkpoint_interval = {interval}"))
    asked = at_stake = 0
    while bench.script.requests:
        request = bench.script.requests[0]
        if isinstance(request, Step):
            asked += request.count
        bench.answer()
        if isinstance(request, Save):
            bench.script.patience = 1 << 30  # It is not written before somebody waits for it.
        checkpoint = bench.ledger.jobs[1].checkpoint
        counting = checkpoint.step if checkpoint else 0
        at_stake = max(at_stake, asked - counting)
    assert bench.state is JobState.DONE
    assert at_stake == interval


def test_a_pause_waits_for_the_checkpoint_that_is_being_written(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    bench.run(until=lambda bench: bench.script.requests and isinstance(bench.script.log[-1], Collect))
    bench.wish(Trigger.PAUSE)
    bench.run()
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step
    assert bench.state is JobState.PAUSED
    assert any(isinstance(request, Join) for request in bench.script.log)


def test_every_grant_of_steps_tells_the_worker_on_board_time(bench):
    bench.engine = Engine(
        bench.config,
        bench.ledger,
        bench.script,
        bench.reporter,
        {"text": CORPUS},
        bench.disk,
        lambda now_ns: now_ns + 7,
    )
    bench.submit()
    asked_ns = [bench.now_ns]
    while bench.script.requests:
        sent = len(bench.script.log)
        bench.answer()
        asked_ns += [bench.now_ns] * (len(bench.script.log) - sent)
    told = [(request, at_ns) for request, at_ns in zip(bench.script.log, asked_ns, strict=True)]
    told = [(request.tai_ns, at_ns + 7) for request, at_ns in told if isinstance(request, Start | Step)]
    assert len(told) > 3
    assert all(found == expected for found, expected in told)


def test_a_job_that_is_at_fault_fails_with_its_reason(bench):
    bench.submit()
    bench.script.requests.pop()
    bench.answer(Failed("the corpus is too short", FailureKind.JOB))
    assert bench.state is JobState.FAILED
    assert dict(bench.said)["job_report"]["failure"] == "the corpus is too short"


def test_a_pause_saves_a_checkpoint_first_and_a_resumed_job_ends_alike(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.script.step >= 3)
    bench.wish(Trigger.PAUSE)
    bench.run()
    assert bench.state is JobState.PAUSED
    assert bench.ledger.jobs[1].checkpoint.step == bench.script.step > 0
    bench.wish(Trigger.RESUME)
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == bench.ledger.jobs[1].checkpoint.step
    bench.run()
    assert bench.state is JobState.DONE


def test_a_cancelled_job_lets_the_next_one_run(bench):
    bench.submit()
    bench.submit(JobSubmitted(2, "tiny", "text", 7, 20, ""))
    assert bench.ledger.jobs[2].state is JobState.QUEUED
    bench.wish(Trigger.CANCEL)
    assert bench.state is JobState.CANCELLED
    bench.advance()
    assert bench.ledger.jobs[2].state is JobState.STARTING


def test_the_rate_comes_from_the_clock_that_is_given(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.script.step >= 1)
    assert bench.engine.sources()["job_tokens_per_s"](0) == pytest.approx(100 / 0.01)
    assert math.isfinite(bench.engine.sources()["job_loss"](0))


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (JobSubmitted(2, "huge", "text", 7, 0, ""), "unknown recipe 'huge'"),
        (JobSubmitted(2, "tiny", "bible", 7, 0, ""), "unknown corpus 'bible': expected one of text"),
        (JobSubmitted(2, "tiny", "text", 7, 0, "training.stepz = 3"), "unknown key training.stepz"),
        (JobSubmitted(1, "tiny", "text", 8, 20, ""), "job 1 is another job already"),
    ],
)
def test_a_job_that_cannot_run_is_refused_by_name(bench, job, message):
    bench.submit()
    with pytest.raises(MisuseError) as caught:
        bench.engine.queue.submit(job)
    assert message in str(caught.value)


def test_the_same_job_submitted_twice_is_one_job(bench):
    bench.submit()
    assert bench.engine.queue.submit(JOB) == ()


def test_the_queue_is_bounded(bench):
    for number in range(QUEUE_JOBS_MAX):
        bench.submit(JobSubmitted(number + 1, "tiny", "text", 7, 20, ""))
    with pytest.raises(MisuseError, match=f"fewer than {QUEUE_JOBS_MAX} jobs"):
        bench.engine.queue.submit(JobSubmitted(99, "tiny", "text", 7, 20, ""))


def test_a_job_that_is_cancelled_while_it_is_parked_and_queued_again_lets_its_worker_go(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.script.step >= 3)
    bench.wish(Trigger.PAUSE)
    bench.wish(Trigger.RESUME)
    bench.wish(Trigger.CANCEL)
    assert bench.script.requests == []
    bench.submit(JobSubmitted(2, "tiny", "text", 7, 20, ""))
    bench.run()
    assert bench.ledger.jobs[2].state is JobState.DONE


def test_replies_that_come_together_do_not_blow_up_the_next_grant(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 100_000, "training.checkpoint_interval = 100000"))
    bench.answer()
    for _ in range(4):
        bench.now_ns += 1_000_000_000  # A second a step.
        bench.engine.reply(bench.script.answer(), bench.now_ns)
        bench.engine.reply(bench.script.answer(), bench.now_ns)
    assert max(request.count for request in bench.script.log if isinstance(request, Step)) <= 2


def test_a_job_that_has_ended_badly_is_not_taken_for_queued_again(bench):
    bench.submit()
    bench.wish(Trigger.CANCEL)
    with pytest.raises(MisuseError, match="job 1 has ended CANCELLED: expected an unused job id"):
        bench.engine.queue.submit(JOB)


def test_the_slots_of_a_job_that_ended_are_given_back_and_its_model_stays(bench):
    bench.disk.append("jobs/1/slot-a.safetensors", b"x")
    bench.disk.append("jobs/1/model.safetensors", b"x")
    bench.submit()
    bench.run()
    assert bench.disk.list("jobs/1") == ["jobs/1/model.safetensors"]


@pytest.mark.parametrize("overrides", ["training.learning_rate = " + "9" * 400, "a=" + "[" * 500])
def test_overrides_that_no_reader_can_hold_are_refused(bench, overrides):
    with pytest.raises(MisuseError):
        bench.engine.queue.submit(JobSubmitted(3, "tiny", "text", 7, 20, overrides))
