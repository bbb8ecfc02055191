"""A team's job that is watched as far as its protocol lets anybody: by the State that it gives, and steps done again.

| level | finds |
|---|---|
| ``off`` | nothing |
| ``state`` | what changes in State between the end of a step and the beginning of the next |
| ``replay`` | also whatever goes wrong in a share of the steps, which are done twice from the same State |
| ``double`` | also whatever goes wrong in any step: all are done twice |

What is found is undone: State is loaded from a copy in memory, and the steps since are done again. A finding is counted
and told, and says nothing of the device: a package could make as many as it likes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import xxhash

from flight.jobs.guard.finding import Finding, LostError
from flight.jobs.guard_recipe import GuardLevel, GuardRecipe
from flight.jobs.package.package_job import PackageError, PackageJob
from flight.jobs.state import State, tensor_octets
from flight.jobs.train import StepReport
from mission.jobs import Struck

# State that is struck so often before one step comes about is struck by the package.
STRIKES_MAX = 4
# Runs of one step until two in a row agree.
RUNS_MAX = 4

_WHERE_CHARACTERS_MAX = 200

_Digests = Mapping[str, bytes]


@dataclass(frozen=True)
class _Copy:
    state: State
    digests: _Digests
    step: int


class GuardedPackage:
    """A package and its guard.

    Args:
        job: What is watched; it must not be stepped but from here.
        tai_ns: On-board time.

    Raises:
        PackageError: What it gives is no State.
    """

    def __init__(self, job: PackageJob, tai_ns: int = 0) -> None:
        self.job = job
        self.tai_ns = tai_ns
        """On-board time, as far as whoever asks for steps has told."""
        self._recipe: GuardRecipe = job.recipe.guard
        self._findings: list[Finding] = []
        self._copy: _Copy | None = None
        self._digests: _Digests = {}
        self.trust()

    def trust(self) -> None:
        """Take State as it is for right: at the start, or after the job has loaded another."""
        if self._recipe.level is GuardLevel.OFF:
            return
        self._digests = _digest(self.job.state())
        self._take_copy()

    def step(self) -> StepReport:
        """Do the next step, as often as it takes.

        Raises:
            PackageError: The package is to blame.
            LostError: The copy in memory was struck, too.
        """
        if self._recipe.level is GuardLevel.OFF:
            return self.job.step()
        step = self.job.steps_done + 1
        self.verify()
        while True:
            report = self._step_once()
            if report.step == step:
                return report

    def verify(self) -> None:
        """Make sure that State is what the last step left, going back and doing steps again if it is not.

        Raises:
            PackageError: The package is to blame.
            LostError: The copy in memory was struck, too.
        """
        if self._recipe.level is GuardLevel.OFF:
            return
        step = self.job.steps_done
        for _ in range(STRIKES_MAX):
            where = self._differing()
            if not where:
                return
            self._go_back(where)
            while self.job.steps_done < step:
                self._step_once()
        raise PackageError(
            f"package: step {step}: expected State to stay as it is between two steps, found it changed {STRIKES_MAX} "
            "times: what changes it is the package"
        )

    def take_findings(self) -> tuple[Finding, ...]:
        """Give what was found since the last call."""
        findings, self._findings = tuple(self._findings), []
        return findings

    def _step_once(self) -> StepReport:
        report = self._run()
        self._digests = _digest(self.job.state())
        if report.step % self._recipe.snapshot_interval == 0:
            self._take_copy()
        return report

    def _run(self) -> StepReport:
        if not self._is_due_twice(self.job.steps_done + 1):
            return self.job.step()
        begin, step = self.job.state().clone(), self.job.steps_done
        if _digest(begin) != self._digests:
            raise LostError(f"step {step + 1}: State was struck while it was copied")
        before: tuple[str, _Digests] | None = None
        for runs in range(1, RUNS_MAX + 1):
            if runs > 1:
                self.job.load(begin, step)
            report = self.job.step()
            # Written out, since a loss that is not a number is not equal to itself.
            now = repr(report), _digest(self.job.state())
            if now == before:
                if runs > 2:
                    self._note(Struck.COMPUTE, "a step", report.step, runs - 1)
                return report
            before = now
        raise PackageError(
            f"package: step {step + 1}: expected two runs from one State that agree, found {RUNS_MAX} that differ: "
            "something beside State decides what it does"
        )

    def _is_due_twice(self, step: int) -> bool:
        if self._recipe.level is not GuardLevel.REPLAY:
            return self._recipe.level is GuardLevel.DOUBLE
        share = self._recipe.replay_share
        return int(step * share) > int((step - 1) * share)

    def _differing(self) -> str:
        found = _digest(self.job.state())
        names = found.keys() | self._digests.keys()
        return ", ".join(sorted(name for name in names if found.get(name) != self._digests.get(name)))

    def _take_copy(self) -> None:
        copy = self.job.state().clone()
        digests = _digest(copy)
        if digests == self._digests:  # Else it was struck: what is there of it is found before the next step.
            self._copy = _Copy(copy, digests, self.job.steps_done)

    def _go_back(self, where: str) -> None:
        step, copy = self.job.steps_done, self._copy
        if copy is None or _digest(copy.state) != copy.digests:
            self._note(Struck.STATE, where, step, 0)
            raise LostError(f"step {step}: state struck in {where[:_WHERE_CHARACTERS_MAX]}, and so was its copy")
        self.job.load(copy.state, copy.step)
        self._digests = copy.digests
        self._note(Struck.STATE, where, step, step - copy.step)

    def _note(self, struck: Struck, where: str, step: int, redone_steps: int) -> None:
        self._findings.append(
            Finding(
                struck=struck,
                where=where[:_WHERE_CHARACTERS_MAX],
                step=step,
                redone_steps=redone_steps,
                tai_ns=self.tai_ns,
            )
        )


def _digest(state: State) -> _Digests:
    """Digest each entry of State by itself."""
    tensors = {name: xxhash.xxh3_128_digest(tensor_octets(tensor)) for name, tensor in state.tensors.items()}
    return tensors | {name: xxhash.xxh3_128_digest(octets) for name, octets in state.octets.items()}
