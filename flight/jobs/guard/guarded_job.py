"""A training job that watches itself: its memory in every step, its arithmetic as far as the recipe's level says.

| level | finds |
|---|---|
| ``off`` | nothing |
| ``state`` | whatever changes in weights, moments, generators, step and corpus, before an update uses it |
| ``compute`` | also faults of arithmetic that move a checksum, the loss or the gradient norm |
| ``replay`` | also whatever goes wrong in a share of the steps, which are done twice |
| ``double`` | also whatever goes wrong in any step: all are done twice |

What is found is undone: a pass is done again until it comes out twice; struck State goes back to a copy in memory, and
the steps since are done again. The weights that come of it are those of an undisturbed run.
"""

from collections import Counter
from collections.abc import Callable

import torch
import xxhash

from flight.jobs.guard.bounds import Bounds
from flight.jobs.guard.checksums import Checksums
from flight.jobs.guard.finding import Finding, LostError, StruckError, UnfitError
from flight.jobs.guard.snapshots import Snapshots
from flight.jobs.guard.state_witness import Seal, StateWitness
from flight.jobs.recipe import GuardLevel
from flight.jobs.state import tensor_octets
from flight.jobs.train import Batch, Pass, StepReport, TrainJob
from mission.jobs import Struck

# A bit that flips by chance does not do so at one place again and again. From the third finding at a place on, every
# step of this worker is done twice; after the sixth the device is not to be trusted with the job.
RAISE_FINDINGS = 3
UNFIT_FINDINGS = 6

# Passes until two in a row agree. Where even four differ, nothing is known.
PASSES_MAX = 4

# What torch raises when it is given a struck generator, a token that there is not, or a step out of all bounds.
_BROKEN_BY_STRIKES = (RuntimeError, IndexError, ValueError, OverflowError)


class GuardedJob:
    """A job and its guard, at the level of the job's recipe.

    Args:
        job: What is watched; it must not be stepped but from here.
    """

    def __init__(self, job: TrainJob) -> None:
        self.job = job
        self.level = job.recipe.guard.level
        self._witness = StateWitness(job.optimizer)
        self._checksums = Checksums()
        self._bounds = Bounds()
        self._snapshots = Snapshots(job) if self.level is not GuardLevel.OFF else None
        self._data_digest = job.data_digest()
        self._findings: list[Finding] = []
        self._places: Counter[str] = Counter()
        self.trust()

    def trust(self) -> None:
        """Take State as it is for right: at the start, or after the job has loaded another."""
        if self._snapshots is None:
            return
        self._witness.note_blocks()
        self._witness.note_octets(self.job.octets())
        self._snapshots.take(self._witness)

    def step(self) -> StepReport:
        """Train on one batch, as often as it takes.

        Raises:
            FloatingPointError: The loss or the gradient is not finite, twice; nothing was updated.
            LostError: Nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        if self._snapshots is None:
            return self.job.step()
        step = self.job.steps_done + 1
        has_failed = False
        while True:
            try:
                report = self._step_once(self._snapshots)
            except StruckError as struck:
                self._undo(self._snapshots, struck, step)
                continue
            except torch.OutOfMemoryError:
                raise
            except _BROKEN_BY_STRIKES:
                if has_failed:
                    raise  # It comes out twice, from State that is whole.
                has_failed = True
                self._undo(self._snapshots, self._struck_behind(), step)
                continue
            if report.step >= step:
                return report

    def verify(self) -> None:
        """Make sure that State is what it should be, going back and doing steps again if it is not.

        Raises:
            LostError: Nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        self._make_sure(self._verify_all)

    def seal(self) -> Seal | None:
        """Give what tells whether a copy of State that is taken now is right; None if nobody watches.

        Generators, step and corpus are verified at once, as in `verify`.

        Raises:
            LostError: Nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        self._make_sure(self._verify_small)
        return self._witness.seal() if self._snapshots is not None else None

    def note_struck_copy(self, struck: StruckError) -> None:
        """Take note that a copy of State was struck, and make sure that State was not.

        Raises:
            LostError: State was, and nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        if self.job.ranks > 1:
            raise LostError(f"{struck}, in the copy of a group") from struck
        self._note(StruckError(struck.struck, f"copy of {struck.where}"), self.job.steps_done, 0)
        self.verify()

    def _make_sure(self, verify: Callable[[], None]) -> None:
        if self._snapshots is None:
            return
        step = self.job.steps_done
        while True:
            try:
                verify()
            except StruckError as struck:
                self._undo(self._snapshots, struck, step)
                while self.job.steps_done < step:
                    self.step()
                continue
            return

    def take_findings(self) -> tuple[Finding, ...]:
        """Give what was found since the last call."""
        findings, self._findings = tuple(self._findings), []
        return findings

    def _step_once(self, snapshots: Snapshots) -> StepReport:
        job, witness = self.job, self._witness
        before = job.octets()
        witness.verify_octets(before)
        batch = job.draw_batch()
        # From here on it is known what generators and step must be, and nothing that strikes them is taken for right.
        drawn = job.octets()
        passed = self._pass(batch)
        expected = job.octets_after(drawn, passed)
        job.update(passed, witness, twice=self.level is GuardLevel.DOUBLE)
        witness.note_octets(expected)
        witness.verify_octets(job.octets())
        if passed.report.step != job.steps_done or not job.is_only_drawn(before, drawn):
            raise StruckError(Struck.GENERATOR, "generators and step")
        if job.steps_done % job.recipe.guard.snapshot_interval == 0:
            self._verify_data()
            snapshots.take(witness)
        return passed.report

    def _pass(self, batch: Batch) -> Pass:
        """Go forward and backward, and again where the level or a suspicion asks for it, until two ways agree."""
        job = self.job
        watches = self.level in (GuardLevel.COMPUTE, GuardLevel.REPLAY)
        passed = self._watched_pass(batch) if watches else job.run_pass(batch)
        report = passed.report
        is_suspicious = self._bounds.is_suspicious(report.loss, report.gradient_norm)
        if watches:
            is_suspicious |= self._checksums.is_suspicious()
        is_suspicious = job.any_rank(is_suspicious)
        if is_suspicious:
            # Rather the memory than the arithmetic: struck weights would give the same wrong loss twice.
            self._verify_blocks()
        if is_suspicious or self._is_due_twice(report.step):
            passed = self._repeat(batch, passed, watches)
        self._bounds.learn(passed.report.loss, passed.report.gradient_norm)
        return passed

    def _watched_pass(self, batch: Batch) -> Pass:
        with self._checksums.watching():
            return self.job.run_pass(batch)

    def _repeat(self, batch: Batch, passed: Pass, watches: bool) -> Pass:
        digest = self._pass_digest(passed)
        for passes in range(2, PASSES_MAX + 1):
            again = self._watched_pass(batch) if watches else self.job.run_pass(batch)
            if not self.job.any_rank(self._pass_digest(again) != digest):
                if watches:
                    self._checksums.learn()
                if passes > 2:
                    self._note(StruckError(Struck.COMPUTE, "gradients"), again.report.step, passes - 1)
                return again
            digest = self._pass_digest(again)
        raise UnfitError(f"step {passed.report.step}: expected two passes that agree, found {PASSES_MAX} that differ")

    def _is_due_twice(self, step: int) -> bool:
        if self.level is not GuardLevel.REPLAY:
            return self.level is GuardLevel.DOUBLE
        share = self.job.recipe.guard.replay_share
        return int(step * share) > int((step - 1) * share)

    def _pass_digest(self, passed: Pass) -> bytes:
        digest = xxhash.xxh3_128(repr(passed.report).encode())
        digest.update(tensor_octets(passed.noise))
        for block in self.job.optimizer.blocks:
            digest.update(tensor_octets(block.gradients_N))
        return digest.digest()

    def _verify_all(self) -> None:
        self._verify_small()
        self._verify_blocks()

    def _verify_small(self) -> None:
        self._witness.verify_octets(self.job.octets())
        self._verify_data()

    def _verify_blocks(self) -> None:
        self._witness.verify_blocks([block.rows_3N for block in self.job.optimizer.blocks])

    def _verify_data(self) -> None:
        if self.job.data_digest() != self._data_digest:
            raise StruckError(Struck.DATA, "corpus")

    def _struck_behind(self) -> StruckError:
        """Tell what was struck, if anything was, when a step was broken off."""
        try:
            self._verify_data()
            self._verify_blocks()
        except StruckError as struck:
            return struck
        return StruckError(Struck.GENERATOR, "generators and step")

    def _undo(self, snapshots: Snapshots, struck: StruckError, step: int) -> None:
        if self.job.ranks > 1:
            # The others are elsewhere by now: all of them go back to the checkpoint.
            raise LostError(f"step {step}: {struck}, in a group") from struck
        if struck.struck is Struck.DATA:
            # It came from a file, and is read from there again by the next worker.
            raise LostError(f"step {step}: {struck}") from struck
        if not snapshots.go_back(self._witness):
            raise LostError(f"step {step}: {struck}, and no copy in memory is whole") from struck
        self._note(struck, step, step - self.job.steps_done)

    def _note(self, struck: StruckError, step: int, redone_steps: int) -> None:
        self._findings.append(Finding(struck=struck.struck, where=struck.where, step=step, redone_steps=redone_steps))
        self._places[struck.where] += 1
        if self._places[struck.where] >= RAISE_FINDINGS:
            self.level = GuardLevel.DOUBLE
        if self._places[struck.where] >= UNFIT_FINDINGS:
            raise UnfitError(f"step {step}: {struck.where} was struck {UNFIT_FINDINGS} times")
