"""What has to be reached in a run by a time, and whether it was: jobs, files, commands, events, as the ground saw."""

from collections.abc import Iterator
from dataclasses import dataclass

from hil.run.evidence import Evidence
from hil.scenario.expect import GoalTable


@dataclass(frozen=True, kw_only=True)
class Reached:
    """One goal, and when it was reached."""

    name: str
    by_s: float
    at_s: float | None
    """Mission time; None if it never was."""

    @property
    def ok(self) -> bool:
        """Whether it was, in time."""
        return self.at_s is not None and self.at_s <= self.by_s

    def __str__(self) -> str:
        """Tell it in one line."""
        return "never" if self.at_s is None else f"at {self.at_s:.1f} s"


def reach(goals: list[GoalTable], evidence: Evidence) -> Iterator[Reached]:
    """Give what became of each goal."""
    for goal in goals:
        at_s = None
        if goal.job is not None:
            what, at_s = f"job {goal.job} is done", evidence.jobs_done_s.get(goal.job)
        elif goal.file is not None:
            what, at_s = f"the file {goal.file} has arrived", evidence.files_arrived_s.get(goal.file)
        elif goal.command is not None:
            count = goal.count or 1
            what = goal.command + (f" has completed {count} times" if count > 1 else " has completed")
            at_s = _nth(_completed_s(goal.command, evidence), count)
        else:
            count = goal.count or 1
            what = f"{goal.event} was reported" + (f" {count} times" if count > 1 else "")
            at_s = _nth([seconds for seconds, kind, _ in evidence.marks if kind == f"event.{goal.event}"], count)
        yield Reached(name=f"{what} by {goal.by_s:g} s", by_s=goal.by_s, at_s=at_s)


def _completed_s(name: str, evidence: Evidence) -> list[float]:
    return sorted(
        seconds
        for command in evidence.commands.values()
        if command["name"] == name
        for seconds, stage, _ in command["stages"]
        if stage == "COMPLETED"
    )


def _nth(times_s: list[float], count: int) -> float | None:
    return times_s[count - 1] if len(times_s) >= count else None
