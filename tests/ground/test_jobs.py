"""The picture of the jobs on board."""

from ground.jobs import LOSS_POINTS_MAX, JobBook
from mission.jobs import REMEMBERED_JOBS_MAX, JobState


def progress(job_id: int, step: int, loss: float = 1.0) -> dict:
    return {"job_id": job_id, "step": step, "steps": 100, "loss": loss}


def test_the_latest_state_wins_whoever_told_it():
    book = JobBook()
    book.note("job_changed", {"job_id": 1, "before": JobState.NONE, "after": JobState.QUEUED}, 10)
    assert book.snapshot()["1"]["state"] == "QUEUED"
    book.note("job_progress", progress(1, 5), 20)
    assert book.snapshot()["1"]["state"] == "RUNNING"
    book.note("job_report", {"job_id": 1, "state": JobState.DONE}, 30)
    book.note("job_progress", progress(1, 4), 15)
    snapshot = book.snapshot()["1"]
    assert snapshot["state"] == "DONE"
    assert snapshot["progress"]["step"] == 5


def test_steps_done_again_after_a_lost_worker_replace_the_first_ones():
    book = JobBook()
    for time, (step, loss) in enumerate([(10, 3.0), (20, 2.5), (30, 2.2), (20, 2.5), (30, 2.2), (40, 2.0)]):
        book.note("job_progress", progress(1, step, loss), time)
    assert book.snapshot()["1"]["losses"] == [[10, 3.0], [20, 2.5], [30, 2.2], [40, 2.0]]


def test_a_long_loss_history_is_thinned_and_stays_bounded_and_spread():
    book = JobBook()
    for step in range(10 * LOSS_POINTS_MAX):
        book.note("job_progress", progress(1, step), step)
    steps = [step for step, _ in book.snapshot()["1"]["losses"]]
    assert LOSS_POINTS_MAX // 2 <= len(steps) < LOSS_POINTS_MAX
    assert steps == sorted(set(steps))
    assert steps[0] < LOSS_POINTS_MAX < 9 * LOSS_POINTS_MAX < steps[-1]


def test_jobs_beyond_the_bound_are_forgotten_the_longest_unheard_first():
    book = JobBook()
    book.note("job_sample", {"job_id": 1, "text": "to be"}, 0)
    for job_id in range(2, REMEMBERED_JOBS_MAX + 1):
        book.note("job_progress", progress(job_id, 1), 0)
    book.note("job_progress", progress(1, 1), 1)
    book.note("job_progress", progress(10_000, 1), 2)
    snapshot = book.snapshot()
    assert len(snapshot) == REMEMBERED_JOBS_MAX
    assert snapshot["1"]["sample"] == "to be"
    assert "2" not in snapshot


def test_reports_about_no_job_are_left_aside():
    book = JobBook()
    book.note("connection_test", {}, 0)
    assert book.snapshot() == {}
