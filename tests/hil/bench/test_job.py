"""A job in the hands of a test: what is played back after its end changes nothing of it."""

from types import SimpleNamespace
from typing import Any

from hil.bench.job import Job


def job_of(*heard):
    """Give a job of which this was heard: name, on-board time, whether it was played back, and values."""
    clock: Any = SimpleNamespace(now_s=0.0)
    job = Job(7, clock)
    for name, tai_ns, is_stored, values in heard:
        stored = {"store": 1, "sequence": tai_ns} if is_stored else None
        event = {"name": name, "tai_ns": tai_ns, "stored": stored, "values": {"step": 5, "loss": None, **values}}
        job.observe(event, 1.0)
    return job


def test_a_job_that_is_done_stays_so_whatever_is_played_back_after_it():
    job = job_of(
        ("job_report", 90, False, {"state": "DONE", "step": 60}),
        ("job_report", 10, True, {"state": "STARTING", "step": 0}),
        ("job_progress", 30, True, {}),
        ("job_changed", 20, True, {"before": "STARTING", "after": "RUNNING"}),
    )
    assert (job.state, job.report["state"], job.step, job.has_ended) == ("DONE", "DONE", 60, True)


def test_a_job_that_failed_and_was_resumed_runs_whatever_is_played_back_after_it():
    job = job_of(
        ("job_report", 50, False, {"state": "FAILED"}),
        ("job_report", 60, False, {"state": "RUNNING", "step": 9}),
        ("job_changed", 50, True, {"before": "RUNNING", "after": "FAILED"}),
        ("job_report", 50, True, {"state": "FAILED"}),
    )
    assert (job.state, job.step, job.has_ended) == ("RUNNING", 9, False)


def test_the_report_of_an_end_counts_though_the_change_to_it_came_live_before():
    job = job_of(
        ("job_report", 10, False, {"state": "RUNNING"}),
        ("job_changed", 50, False, {"before": "RUNNING", "after": "DONE"}),
        ("job_report", 49, True, {"state": "DONE", "step": 60}),
    )
    assert job.has_ended and job.report["step"] == 60


def test_losses_that_are_played_back_are_added_unless_they_came_before():
    job = job_of(
        ("job_progress", 20, False, {"step": 2, "loss": 3.0}),
        ("job_progress", 30, False, {"step": 3, "loss": 2.5}),
        ("job_progress", 10, True, {"step": 1, "loss": 3.5}),
        ("job_progress", 20, True, {"step": 2, "loss": 3.0}),
    )
    assert job.losses == [(2, 3.0), (3, 2.5), (1, 3.5)]
    assert job.step == 3
