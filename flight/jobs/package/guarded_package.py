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

from dataclasses import dataclass
from typing import NoReturn

from flight.jobs.guard.finding import WHERE_CHARACTERS_MAX, Finding, LostError
from flight.jobs.guard_recipe import GuardLevel, GuardRecipe
from flight.jobs.package.package_job import Digests, PackageError, PackageJob, differing, digest_entries
from flight.jobs.state import State
from flight.jobs.train import StepReport
from mission.jobs import Struck

# State that is struck so often before one step comes about is struck by the package.
STRIKES_MAX = 4
# Runs of one step until two in a row agree.
RUNS_MAX = 4


@dataclass(frozen=True)
class _Copy:
    state: State
    digests: Digests
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
        self._digests: Digests = {}
        self.trust()

    def trust(self) -> None:
        """Take State as it is for right, at the start.

        Raises:
            PackageError: It is not the same each time that it is asked for.
        """
        if self._recipe.level is GuardLevel.OFF:
            return
        for _ in range(STRIKES_MAX):
            self._digests = digest_entries(self.job.state())
            self._take_copy()
            if self._copy is not None:
                return
        raise PackageError(
            f"package: step {self.job.steps_done}: expected the same State each time that it is asked for, found "
            f"another {STRIKES_MAX} times"
        )

    def step(self) -> StepReport:
        """Do the next step, as often as it takes.

        Raises:
            PackageError: The package is to blame.
            LostError: The copy in memory was struck, too.
        """
        if self._recipe.level is GuardLevel.OFF:
            return self.job.step()
        self.verify()
        return self._step_once()

    def verify(self) -> bool:
        """Make sure that State is what the last step left, going back and doing steps again if it is not.

        Returns:
            Whether it was at once.

        Raises:
            PackageError: The package is to blame.
            LostError: The copy in memory was struck, too.
        """
        if self._recipe.level is GuardLevel.OFF:
            return True
        step = self.job.steps_done
        for strikes in range(STRIKES_MAX):
            names = differing(self._digests, digest_entries(self.job.state()))
            if not names:
                return strikes == 0
            self._go_back(", ".join(names))
            while self.job.steps_done < step:
                self._step_once()
        raise PackageError(
            f"package: step {step}: expected State to stay as it is between two steps, found it changed {STRIKES_MAX} "
            "times: what changes it is the package"
        )

    def vouch(self, state: State) -> None:
        """Make sure that a State which the job gave, and of which something was made since, is what the last step left.

        Raises:
            LostError: It is not, and neither is what was made of it.
        """
        if self._recipe.level is GuardLevel.OFF:
            return
        names = differing(self._digests, digest_entries(state))
        if names:
            self._lose(", ".join(names), "while a checkpoint was made of it")

    def take_findings(self) -> tuple[Finding, ...]:
        """Give what was found since the last call."""
        findings, self._findings = tuple(self._findings), []
        return findings

    def _step_once(self) -> StepReport:
        if self._recipe.is_due_twice(self.job.steps_done + 1):
            report = self._step_twice()
        else:
            report = self.job.step()
            self._digests = digest_entries(self.job.state())
        if report.step % self._recipe.snapshot_interval == 0:
            self._take_copy()
        return report

    def _step_twice(self) -> StepReport:
        """Do a step until two runs in a row agree, of which the second began with the State that is known."""
        begin, step = self.job.state().clone(), self.job.steps_done
        before: tuple[str, Digests] | None = None
        for runs in range(1, RUNS_MAX + 1):
            if runs > 1:
                names = differing(self._digests, digest_entries(begin))
                if names:
                    self._lose(", ".join(names), "where a step begins anew")
                self.job.load(begin, step)
            report = self.job.step()
            # Written out, since a loss that is not a number is not equal to itself.
            now = repr(report), digest_entries(self.job.state())
            if now == before:
                if runs > 2:
                    self._note(Struck.COMPUTE, "a step", report.step, runs - 1)
                self._digests = now[1]
                return report
            before = now
        raise PackageError(
            f"package: step {step + 1}: expected two runs from one State that agree, found {RUNS_MAX} that differ: "
            "something beside State decides what it does"
        )

    def _take_copy(self) -> None:
        copy = self.job.state().clone()
        digests = digest_entries(copy)
        if digests == self._digests:  # Else it was struck: what is there of it is found before the next step.
            self._copy = _Copy(copy, digests, self.job.steps_done)

    def _go_back(self, where: str) -> None:
        step, copy = self.job.steps_done, self._copy
        if copy is None or digest_entries(copy.state) != copy.digests:
            self._lose(where, "and so was its copy")
        self.job.load(copy.state, copy.step)
        self._digests = copy.digests
        self._note(Struck.STATE, where, step, step - copy.step)

    def _lose(self, where: str, how: str) -> NoReturn:
        step = self.job.steps_done
        self._note(Struck.STATE, where, step, 0)
        raise LostError(f"step {step}: state struck in {where[:WHERE_CHARACTERS_MAX]}, {how}")

    def _note(self, struck: Struck, where: str, step: int, redone_steps: int) -> None:
        self._findings.append(
            Finding(
                struck=struck,
                where=where[:WHERE_CHARACTERS_MAX],
                step=step,
                redone_steps=redone_steps,
                tai_ns=self.tai_ns,
            )
        )
