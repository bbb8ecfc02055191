"""How the loss of each job fell, on training and on validation, and how fast and hot it went."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ground.console.series import as_number
from ground.jobs import CHANGE, LOSS_POINTS_MAX, PROGRESS, REPORT, SAMPLE
from mission.jobs import REMEMBERED_JOBS_MAX
from mission.words.jobs import CHECKPOINT_SAVED

# Checkpoints of a job that are listed: the latest.
CHECKPOINTS_MAX = 50


@dataclass(slots=True)
class Curve:
    """One job."""

    job_id: int
    training: list[tuple[int, float]] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)
    checkpoints: list[tuple[int, int, int]] = field(default_factory=list)
    """Time, step and length in octets of each."""
    begun_unix_ns: int = 0
    heard_unix_ns: int = 0
    stride: int = 1
    skipped: int = 0


class Curves:
    """All jobs that were heard of."""

    def __init__(self) -> None:
        self._curves: OrderedDict[int, Curve] = OrderedDict()
        self.revision = 0

    def get(self, job_id: int) -> Curve:
        """Give the curve of a job; an empty one if it was not heard of."""
        return self._curves.get(job_id) or Curve(job_id)

    def note(self, name: str, values: Mapping[str, Any], unix_ns: int) -> None:
        """Take in a report or an event; those that are about no job are left aside."""
        if name not in (PROGRESS, REPORT, SAMPLE, CHANGE, CHECKPOINT_SAVED.name):
            return
        self.revision += 1
        curve = self._curves.setdefault(values["job_id"], Curve(values["job_id"], begun_unix_ns=unix_ns))
        self._curves.move_to_end(curve.job_id)
        if len(self._curves) > REMEMBERED_JOBS_MAX:
            self._curves.popitem(last=False)
        curve.begun_unix_ns = min(curve.begun_unix_ns, unix_ns)
        curve.heard_unix_ns = max(curve.heard_unix_ns, unix_ns)
        if name == CHECKPOINT_SAVED.name:
            entry = (unix_ns, values["step"], values["octets"])
            if entry not in curve.checkpoints:
                curve.checkpoints = sorted([*curve.checkpoints, entry])[-CHECKPOINTS_MAX:]
        if name in (PROGRESS, REPORT):
            step, loss = values["step"], as_number(values["loss"])
            validation = as_number(values["validation_loss"])
            if loss is not None and step:
                _add(curve, step, loss)
            if validation is not None and step:
                _add_validation(curve.validation, step, validation)


def _add(curve: Curve, step: int, loss: float) -> None:
    points = curve.training
    if points and step <= points[-1][0]:
        if any(known == step for known, _ in points):
            return
        # Stored telemetry comes late, and takes its place.
        points.append((step, loss))
        points.sort()
    else:
        curve.skipped += 1
        if curve.skipped < curve.stride:
            return
        curve.skipped = 0
        points.append((step, loss))
    if len(points) >= LOSS_POINTS_MAX:
        curve.training = points[::2]
        curve.stride *= 2


def _add_validation(points: list[tuple[int, float]], step: int, loss: float) -> None:
    # It comes with each report until the next evaluation: only a new value is a point.
    if any(known == loss for _, known in points):
        return
    points.append((step, loss))
    points.sort()
    if len(points) >= LOSS_POINTS_MAX:
        del points[1::2]
