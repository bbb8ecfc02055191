"""A job in the hands of a test: what is played back after its end changes nothing of it."""

from types import SimpleNamespace
from typing import Any

from hil.bench.job import Job


def job_of(*heard):
    clock: Any = SimpleNamespace(now_s=0.0)
    job = Job(7, clock)
    for name, values in heard:
        job.observe(name, {"step": 5, "loss": None, **values}, 1.0)
    return job


def test_a_job_that_is_done_stays_so_whatever_is_played_back_after_it():
    job = job_of(
        ("job_report", {"state": "DONE", "step": 60}),
        ("job_report", {"state": "STARTING", "step": 0}),
        ("job_progress", {}),
        ("job_changed", {"before": "STARTING", "after": "RUNNING"}),
    )
    assert (job.state, job.report["state"], job.step, job.has_ended) == ("DONE", "DONE", 60, True)


def test_a_job_that_failed_and_was_resumed_runs():
    job = job_of(("job_report", {"state": "FAILED"}), ("job_report", {"state": "RUNNING", "step": 9}))
    assert (job.state, job.step, job.has_ended) == ("RUNNING", 9, False)
