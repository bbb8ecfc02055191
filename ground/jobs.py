"""What the station knows of the jobs on board: the latest reports of each, and its loss as it fell.

It is filled from telemetry and never asks for any. Its memory is bounded: jobs beyond a bound are forgotten, the one
heard of longest ago first, and a loss history that is full keeps every second point.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ground.events import plain
from mission.jobs import REMEMBERED_JOBS_MAX, JobState
from mission.words.jobs import JOB_CHANGED

PROGRESS = "job_progress"
REPORT = "job_report"
SAMPLE = "job_sample"
CHANGE = JOB_CHANGED.name

# Enough for a plot as wide as a screen; a job of any length is thinned to between half of it and all.
LOSS_POINTS_MAX = 512


@dataclass(slots=True)
class _Job:
    state: JobState | None = None
    state_tai_ns: int = 0
    progress: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    sample: str | None = None
    heard_tai_ns: dict[str, int] = field(default_factory=dict)
    """On-board time of the latest report of each name: one that was stored on board may come late."""
    losses: list[tuple[int, float]] = field(default_factory=list)
    stride: int = 1
    """Of how many progress reports one is kept."""
    skipped: int = 0


class JobBook:
    """All jobs that were heard of."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[int, _Job] = OrderedDict()

    def note(self, name: str, values: Mapping[str, Any], tai_ns: int) -> None:
        """Take in a report or an event; those that are about no job are left aside."""
        if name not in (PROGRESS, REPORT, SAMPLE, CHANGE):
            return
        job_id = values["job_id"]
        job = self._jobs.setdefault(job_id, _Job())
        self._jobs.move_to_end(job_id)
        if len(self._jobs) > REMEMBERED_JOBS_MAX:
            self._jobs.popitem(last=False)
        if tai_ns < job.heard_tai_ns.get(name, tai_ns):
            return
        job.heard_tai_ns[name] = tai_ns
        if name == PROGRESS:
            job.progress = dict(values)
            _add_loss(job, values["step"], values["loss"])
            _set_state(job, JobState.RUNNING, tai_ns)
        elif name == REPORT:
            job.report = dict(values)
            _set_state(job, values["state"], tai_ns)
        elif name == SAMPLE:
            job.sample = values["text"]
        else:
            _set_state(job, values["after"], tai_ns)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Give all jobs by their numbers, in plain values."""
        return {
            str(job_id): {
                "state": plain(job.state),
                "progress": plain(job.progress),
                "report": plain(job.report),
                "sample": job.sample,
                "losses": plain(job.losses),
            }
            for job_id, job in sorted(self._jobs.items())
        }


def _set_state(job: _Job, state: JobState, tai_ns: int) -> None:
    if tai_ns >= job.state_tai_ns:
        job.state, job.state_tai_ns = state, tai_ns


def _add_loss(job: _Job, step: int, loss: float) -> None:
    # A worker that was lost goes on from its checkpoint: what it does again replaces what was there.
    while job.losses and job.losses[-1][0] >= step:
        job.losses.pop()
    job.skipped += 1
    if job.skipped < job.stride:
        return
    job.skipped = 0
    job.losses.append((step, loss))
    if len(job.losses) >= LOSS_POINTS_MAX:
        job.losses = job.losses[::2]
        job.stride *= 2
