"""The job engine when a worker, a checkpoint or the store is lost: what is begun anew, from where, and how often."""

import errno

import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import JobSubmitted
from flight.jobs.life_cycle import Trigger
from flight.jobs.messages import (
    Collect,
    Failed,
    FailureKind,
    Finished,
    Save,
    Saved,
    Saving,
    Step,
)
from mission.jobs import JobState
from tests.flight.jobs.engine_bench import CONFIG, WITH_LEAD


def test_a_checkpoint_of_a_step_that_never_was_costs_the_worker(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Save))
    bench.script.requests.pop(0)
    bench.answer(Saving(step=11))
    assert bench.state is JobState.STARTING


def test_a_checkpoint_that_was_begun_anew_counts_with_its_own_step(bench):
    bench.restart(grant_steps_max=1)
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 60, WITH_LEAD))
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Collect))
    bench.script.saving = Saved(step=bench.script.step, slot="a", sha256="ee" * 32, length_octets=1, written_octets=1)
    bench.script.patience = 0
    step = bench.script.step
    bench.answer()
    assert step > 30
    assert bench.ledger.jobs[1].checkpoint.step == step


def test_a_lost_worker_is_replaced_after_a_back_off_and_goes_on_from_the_checkpoint(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.engine.lost("killed", bench.now_ns)
    assert bench.state is JobState.STARTING
    bench.advance(CONFIG.backoff_ns - 1)
    assert bench.script.launches == 1
    assert bench.engine.next_deadline() == bench.now_ns + 1
    bench.advance(1)
    assert bench.script.launches == 2
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE
    assert bench.ledger.jobs[1].worker_restarts == 1


def test_a_worker_that_does_not_answer_is_taken_for_lost(bench):
    bench.submit()
    deadline_ns = bench.engine.next_deadline()
    assert deadline_ns == CONFIG.progress_deadline_ns
    bench.advance(deadline_ns - bench.now_ns)
    names = [each.name for each in bench.reporter.take()]
    assert "worker_lost" in names
    assert bench.state is JobState.STARTING


def test_a_job_whose_workers_are_lost_in_a_row_is_given_up(bench):
    bench.submit()
    for _ in range(CONFIG.restarts_max + 1):
        bench.engine.lost("killed", bench.now_ns)
        bench.advance(CONFIG.backoff_max_ns)
    assert bench.state is JobState.FAILED
    assert "3 workers lost in a row: killed" in bench.ledger.jobs[1].reason


def test_a_checkpoint_that_cannot_be_used_gives_way_to_the_one_before(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: len(bench.ledger.jobs[1].checkpoints) == 2)
    bench.engine.lost("killed", bench.now_ns)
    bench.advance(CONFIG.backoff_max_ns)
    assert bench.script.requests[0].checkpoint.step == 20
    bench.script.requests.pop()
    bench.answer(Failed("digest differs", FailureKind.CHECKPOINT))
    bench.advance()
    refused = dict(bench.said)["checkpoint_refused"]
    assert (refused["step"], refused["next_step"], refused["reason"]) == (20, 10, "digest differs")
    assert bench.script.requests[0].checkpoint.step == 10
    bench.script.requests.pop()
    bench.answer(Failed("digest differs", FailureKind.CHECKPOINT))
    bench.advance()
    assert bench.script.requests[0].checkpoint is None
    assert dict(bench.said[-4:])["checkpoint_refused"]["next_step"] == 0
    bench.boot()
    assert bench.engine.report(1)["checkpoints_refused"] == 2


def test_a_checkpoint_of_another_exactness_key_ends_the_job_with_the_field_that_differs(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.engine.lost("killed", bench.now_ns)
    bench.advance(CONFIG.backoff_max_ns)
    bench.script.requests.pop()
    bench.answer(Failed("of another exactness key: expected threads 2, found 1", FailureKind.KEY))
    assert bench.state is JobState.FAILED
    assert "expected threads 2, found 1" in dict(bench.said)["job_report"]["failure"]


def test_a_job_that_failed_keeps_its_checkpoint_and_goes_on_from_it_when_it_is_told_to(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 40, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    for path in ("jobs/1/slot-a.safetensors", "jobs/1/slot-a.json"):
        bench.disk.append(path, b"x")
    bench.script.requests = [Step(1)]
    bench.answer(Failed("of another exactness key", FailureKind.KEY))
    assert bench.state is JobState.FAILED
    bench.boot()
    assert bench.disk.list("jobs/1") == ["jobs/1/slot-a.json", "jobs/1/slot-a.safetensors"]
    bench.wish(Trigger.RESUME)
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE


def test_a_job_that_failed_can_be_cancelled_and_then_keeps_nothing(bench):
    bench.submit()
    bench.disk.append("jobs/1/slot-a.safetensors", b"x")
    bench.script.requests.pop()
    bench.answer(Failed("the corpus is too short", FailureKind.JOB))
    bench.wish(Trigger.CANCEL)
    assert bench.disk.list("jobs/1") == []
    with pytest.raises(MisuseError, match="expected nothing: it has ended"):
        bench.wish(Trigger.RESUME)


def test_a_reboot_puts_the_running_job_back_and_it_goes_on(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.boot()
    assert bench.state is JobState.QUEUED
    bench.advance()
    assert bench.script.requests[0].checkpoint.step == 10
    bench.run()
    assert bench.state is JobState.DONE


def test_a_full_disk_stops_the_job_and_loses_nothing(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.disk.is_full = True
    bench.run()
    assert "store_failed" in dict(bench.said)
    assert bench.state is JobState.RUNNING  # Nothing that could not be remembered has happened.
    bench.disk.is_full = False
    for _ in range(3):
        bench.advance(CONFIG.backoff_max_ns)
    bench.run()
    assert bench.state is JobState.DONE


def test_a_reply_of_a_worker_that_is_gone_is_let_pass(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.state is JobState.RUNNING)
    bench.engine.lost("killed", bench.now_ns)
    bench.answer(Finished(step=20, weights_sha256="00" * 32, path="m", length_octets=4))
    assert bench.state is JobState.STARTING


def test_checkpoints_between_losses_keep_a_job_from_being_given_up(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 100, ""))
    for number in range(CONFIG.restarts_max + 3):
        step = 10 * (number + 1)
        bench.run(until=lambda bench, step=step: getattr(bench.ledger.jobs[1].checkpoint, "step", 0) == step)
        bench.engine.lost("killed", bench.now_ns)
        bench.advance(CONFIG.backoff_max_ns)
        assert bench.state is JobState.STARTING


def test_the_back_off_doubles_with_each_loss(bench):
    bench.submit()
    waits = []
    for _ in range(CONFIG.restarts_max):
        bench.engine.lost("killed", bench.now_ns)
        waits.append(bench.engine.next_deadline() - bench.now_ns)
        bench.advance(waits[-1])
    assert waits == [CONFIG.backoff_ns, 2 * CONFIG.backoff_ns]


def test_while_the_store_is_held_off_nothing_more_is_tried(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 30, ""))
    bench.run(until=lambda bench: bench.ledger.jobs[1].checkpoint is not None)
    bench.disk.is_full = True
    bench.run()
    count = sum(name == "store_failed" for name, _ in bench.said)
    for _ in range(100):
        bench.advance(1)
    assert [each.name for each in bench.reporter.take()] == []
    assert count == 1
    assert bench.engine.next_deadline() > bench.now_ns


def test_a_worker_that_answers_is_not_taken_for_hung_however_long_its_job_is(bench):
    bench.submit(JobSubmitted(1, "tiny", "text", 7, 1000, "training.checkpoint_interval = 1000"))
    for _ in range(10):
        bench.now_ns += CONFIG.progress_deadline_ns - 1
        bench.engine.advance(bench.now_ns)
        bench.engine.reply(bench.script.answer(), bench.now_ns)
    assert bench.ledger.jobs[1].worker_restarts == 0


def test_a_worker_that_cannot_be_started_is_tried_again_after_a_while(bench, monkeypatch):
    def fail():
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(bench.script, "launch", fail)
    bench.submit()
    assert bench.state is JobState.STARTING
    monkeypatch.undo()
    bench.advance(CONFIG.backoff_ns)
    bench.run()
    assert bench.state is JobState.DONE


def test_a_reply_that_makes_no_sense_costs_the_worker_and_not_the_engine(bench):
    bench.submit()
    bench.run(until=lambda bench: bench.state is JobState.RUNNING)
    bench.answer(Finished(step=20, weights_sha256="not hexadecimal", path="m", length_octets=4))
    assert bench.state is JobState.STARTING


def test_a_checkpoint_that_the_store_refused_does_not_stop_the_job(bench):
    bench.submit()
    bench.run(until=lambda bench: isinstance(bench.script.requests[0], Save))
    bench.script.requests.pop(0)
    bench.answer(Failed("No space left on device", FailureKind.STORE))
    bench.run()
    assert bench.state is JobState.DONE
