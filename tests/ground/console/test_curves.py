"""Curves of losses: what is kept of them, and that nothing is told twice."""

from ground.console.curves import Curves
from ground.jobs import LOSS_POINTS_MAX


def progress(curves: Curves, step: int, loss: float, validation: float = float("nan")) -> None:
    curves.note("job_progress", {"job_id": 1, "step": step, "loss": loss, "validation_loss": validation}, step)


def test_a_validation_loss_that_is_told_again_and_again_is_one_point():
    curves = Curves()
    for step in range(1, 6):
        progress(curves, step, 1.0 / step, 0.5 if step > 2 else float("nan"))
    assert curves.get(1).validation == [(3, 0.5)]
    assert [step for step, _ in curves.get(1).training] == [1, 2, 3, 4, 5]


def test_what_comes_late_takes_its_place():
    curves = Curves()
    for step in (1, 3, 2, 2):
        progress(curves, step, float(step))
    assert curves.get(1).training == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_a_long_job_is_thinned_and_bounded():
    curves = Curves()
    for step in range(1, 20 * LOSS_POINTS_MAX):
        progress(curves, step, 1.0)
    steps = [step for step, _ in curves.get(1).training]
    assert LOSS_POINTS_MAX // 4 < len(steps) < LOSS_POINTS_MAX
    assert steps[0] == 1 and steps[-1] > 19 * LOSS_POINTS_MAX


def test_each_checkpoint_is_listed_once():
    curves = Curves()
    for _ in range(2):
        curves.note("checkpoint_saved", {"job_id": 1, "step": 10, "octets": 5}, 7)
    assert curves.get(1).checkpoints == [(7, 10, 5)]


def test_reports_about_no_job_are_left_aside():
    curves = Curves()
    curves.note("core", {"uptime": 3}, 1)
    assert curves.get(1).training == []
