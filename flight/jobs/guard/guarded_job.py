"""A training job that watches itself: its memory in every step, its arithmetic as far as the recipe's level says.

| level | finds |
|---|---|
| ``off`` | nothing |
| ``state`` | whatever changes in weights, moments, generators, step and corpus, before an update uses it |
| ``compute`` | also faults of arithmetic that move a checksum, the loss, the gradient norm or the size of an update |
| ``replay`` | also whatever goes wrong in a share of the steps, which are done twice, update and all |
| ``double`` | also whatever goes wrong in any step: all are done twice |

What is found is undone: a pass is done again until it comes out twice; struck State goes back to a copy in memory, and
the steps since are done again. The weights that come of it are those of an undisturbed run.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch

from flight.jobs.guard.bounds import Bounds
from flight.jobs.guard.checksums import Checksums
from flight.jobs.guard.finding import WHERE_CHARACTERS_MAX, Finding, LostError, StruckError, UnfitError
from flight.jobs.guard.snapshots import Snapshots
from flight.jobs.guard.state_witness import Seal, StateWitness
from flight.jobs.memory import Digest
from flight.jobs.recipe import GuardLevel
from flight.jobs.state import tensor_octets
from flight.jobs.train import Batch, Pass, StepReport, TrainJob
from mission.jobs import FINDINGS_KEPT_MAX, Struck

# How long a finding counts in steps, at most and at least. A worn cell shows in each step, a marginal unit of
# arithmetic every few hundred. What shows seldom is chance, however fast the steps are; what shows in each of a few
# steps is none, however slow.
WINDOW_STEPS_MAX = 10_000
WINDOW_STEPS_MIN = 16

# How long it counts in time, in between. A storm on the Sun strikes memory once a minute (`hil/scenarios`: a thousand
# times the rate of a quiet day), and then perhaps one place. No particle waits in a unit of arithmetic to be used.
_NS_PER_S = 1_000_000_000
MEMORY_WINDOW_NS = 60 * _NS_PER_S
ARITHMETIC_WINDOW_NS = 3_600 * _NS_PER_S
_OF_ARITHMETIC = (Struck.COMPUTE, Struck.UPDATE)

# A bit that flips by chance does not do so at one place again and again. From the third finding at a place on, every
# step is done twice; after the sixth the device is not to be trusted with the job. A worker is not lost by chance
# three times to one place: another one has read it anew each time.
RAISE_FINDINGS = 3
UNFIT_FINDINGS = 6
UNFIT_LOSSES = 3

# Passes until two in a row agree. Where even four differ, nothing is known.
PASSES_MAX = 4

# What torch raises when it is given a struck generator, a token that there is not, or a step out of all bounds; and
# what a job raises whose loss is not a number.
_BROKEN_BY_STRIKES = (RuntimeError, IndexError, ValueError, OverflowError, FloatingPointError)

# How often a step is broken off before the job is to blame: the newest copy is gone back to, then the older one.
_BREAKS_MAX = 2

_ARITHMETIC = "gradients"

_Fingerprint = tuple[str, bytes, tuple[Digest, ...]]
"""What two passes over one batch must have alike: the report, the noise after it, the digests of the gradients."""


class GuardedJob:
    """A job and its guard, at the level of the job's recipe.

    Args:
        job: What is watched; it must not be stepped but from here.
        findings: What was found in the job by workers before this one, oldest first.
        tai_ns: On-board time.
    """

    def __init__(self, job: TrainJob, findings: Sequence[Finding] = (), tai_ns: int = 0) -> None:
        self.job = job
        self.tai_ns = tai_ns
        """On-board time, as far as whoever asks for steps has told; without it steps alone count."""
        self._level = job.recipe.guard.level
        self._watches = self._level in (GuardLevel.COMPUTE, GuardLevel.REPLAY)
        self._witness = StateWitness(job.optimizer, Bounds() if self._watches else None)
        self._checksums = Checksums(job.weights() if self._watches else {})
        self._bounds = Bounds()
        self._snapshots = Snapshots(job) if self._level is not GuardLevel.OFF else None
        self._data_digest = job.data_digest()
        self._constants_digest = job.constants_digest()
        self._step = 0
        self._findings: list[Finding] = []
        self._history = list(findings)
        self.pass_repeats = 0
        """Passes that were done again because of how they looked."""
        counting = [each for each in findings if self._counts(each, job.steps_done)]
        places = Counter((each.struck, each.where) for each in counting)
        self._raised_by = [each for each in counting if places[each.struck, each.where] >= RAISE_FINDINGS]
        self.trust()

    @property
    def level(self) -> GuardLevel:
        """How closely it is watched now."""
        is_raised = any(self._counts(each, self.job.steps_done) for each in self._raised_by)
        return GuardLevel.DOUBLE if is_raised else self._level

    @property
    def steps_done(self) -> int:
        """Steps done, by two counts that must agree; if one was struck, the other."""
        if self._snapshots is None:
            return self.job.steps_done
        if self._step != self.job.steps_done:
            try:
                self._witness.verify_octets(self.job.octets())
            except StruckError:
                return self._step  # The job's will be found when it is used.
            self._step = self.job.steps_done
        return self._step

    @property
    def odd_updates(self) -> int:
        """Updates of a stretch that were done twice because of their size."""
        return self._witness.odd_updates

    def trust(self) -> None:
        """Take State as it is for right: at the start, or after the job has loaded another."""
        if self._snapshots is None:
            return
        self._step = self.job.steps_done
        self._witness.note_blocks()
        self._witness.note_octets(self.job.octets())
        if self._witness.rows is not None:
            self._witness.rows.note_all()
        self._snapshots.take(self._witness)

    def step(self) -> StepReport:
        """Train on one batch, as often as it takes.

        Raises:
            FloatingPointError: The loss or the gradient is not finite, also from the copies in memory.
            LostError: Nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        if self._snapshots is None:
            return self.job.step()
        step = self.steps_done + 1
        breaks = 0
        while True:
            try:
                report = self._step_once(self._snapshots)
            except StruckError as struck:
                self._undo(self._snapshots, struck, step)
                continue
            except torch.OutOfMemoryError:
                raise
            except _BROKEN_BY_STRIKES as error:
                breaks += 1
                if breaks > _BREAKS_MAX or (self.job.ranks > 1 and isinstance(error, FloatingPointError)):
                    raise  # It comes out again, from State that is whole.
                if breaks > 1 and not self._snapshots.drop_newest():
                    raise
                self._undo(self._snapshots, self._struck_behind(error), step)
                continue
            if report.step >= step:
                return report

    def verify(self) -> bool:
        """Make sure that State is what it should be, going back and doing steps again if it is not.

        Returns:
            Whether it was at once.

        Raises:
            LostError: Nothing in memory is left to go back to.
            UnfitError: The device is not to be trusted.
        """
        return self._make_sure(self._verify_all)

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
        struck = StruckError(struck.struck, f"copy of {struck.where}")
        self._note(struck, self.job.steps_done, 0, is_lost=self.job.ranks > 1)
        if self.job.ranks > 1:
            raise LostError(f"{struck}, in a group") from struck
        self.verify()

    def _make_sure(self, verify: Callable[[], None]) -> bool:
        if self._snapshots is None:
            return True
        step, is_sound = self.steps_done, True
        while True:
            try:
                verify()
            except StruckError as struck:
                is_sound = False
                self._undo(self._snapshots, struck, step)
                while self.steps_done < step:
                    self.step()
                continue
            return is_sound

    def take_findings(self) -> tuple[Finding, ...]:
        """Give what was found since the last call."""
        findings, self._findings = tuple(self._findings), []
        return findings

    def _step_once(self, snapshots: Snapshots) -> StepReport:
        job, witness = self.job, self._witness
        before = job.octets()
        witness.verify_octets(before)
        batch = job.draw_batch()
        # From here on it is known what generators and step must be, and nothing that strikes them is taken for right:
        # the step is compared below, since whoever asks for steps counts by it, the rest before it is used again.
        drawn = before
        if job.draws_batches:
            drawn = job.octets()
            witness.note_octets(drawn)
        passed = self._pass(batch)
        # A pass changes none of it. What comes after a strike is wrong however often it comes out alike.
        witness.verify_octets(job.octets())
        expected = job.octets_after(drawn, passed)
        job.update(passed, witness, twice=job.recipe.guard.is_due_twice(passed.report.step, self.level))
        witness.note_octets(expected)
        self._step += 1
        if not (self._step == passed.report.step == job.steps_done and job.is_only_drawn(before, drawn)):
            raise StruckError(Struck.GENERATOR, "generators and step")
        rows = witness.rows
        struck_copy = rows.scan() if rows is not None else ""
        if struck_copy:
            self._note(StruckError(Struck.STATE, struck_copy), job.steps_done, 0)
        is_copy_lost = rows is not None and rows.copy_step < 0
        if job.steps_done % job.recipe.guard.snapshot_interval == 0 or is_copy_lost:
            self._verify_data()
            snapshots.take(witness)
        return passed.report

    def _pass(self, batch: Batch) -> Pass:
        """Go forward and backward, and again where the level or a suspicion asks for it, until two ways agree."""
        job, bounds = self.job, self._bounds
        passed = self._run_pass(batch)
        report = passed.report
        suspicious = self._checksums.suspicious() if self._watches else ""
        if not suspicious and (
            bounds.is_outside("loss", report.loss) or bounds.is_outside("gradient norm", report.gradient_norm)
        ):
            suspicious = _ARITHMETIC
        is_suspicious = job.any_rank(bool(suspicious))
        if is_suspicious:
            self.pass_repeats += 1
            # Rather the memory than the arithmetic: struck weights would give the same wrong loss twice.
            self._verify_blocks()
        if is_suspicious or job.recipe.guard.is_due_twice(report.step, self.level):
            passed = self._repeat(batch, passed, suspicious)
        elif self._watches:
            self._checksums.learn(is_repeated=False)
        bounds.learn("loss", passed.report.loss)
        bounds.learn("gradient norm", passed.report.gradient_norm)
        return passed

    def _run_pass(self, batch: Batch) -> Pass:
        self._witness.watches_gradients = self.level is not GuardLevel.STATE
        if not self._watches:
            return self.job.run_pass(batch, self._witness)
        with self._checksums.watching():
            return self.job.run_pass(batch, self._witness)

    def _repeat(self, batch: Batch, passed: Pass, suspicious: str) -> Pass:
        """Do a pass again until two in a row agree.

        Args:
            batch: Of the pass.
            passed: What the first one came to.
            suspicious: What looked odd in it; empty if nothing did.
        """
        step = passed.report.step
        # All ranks must come to the same place, or some of them raise the level before the others.
        where = _ARITHMETIC if self.job.ranks > 1 else suspicious
        before = self._fingerprint(passed)
        for passes in range(2, PASSES_MAX + 1):
            again = self._run_pass(batch)
            now = self._fingerprint(again)
            if not self.job.any_rank(now != before):
                if passes > 2:
                    self._note(StruckError(Struck.COMPUTE, where), step, passes - 1)
                self._learn_rounding(again)
                return again
            where = where or self._differing(before, now)
            before = now
        self._note(StruckError(Struck.COMPUTE, where), step, 0, is_lost=True)
        raise UnfitError(f"step {step}: expected two passes that agree, found {PASSES_MAX} that differ")

    def _learn_rounding(self, passed: Pass) -> None:
        """Take what the checksums differ by for rounding, unless no rounding goes so far."""
        if not self._watches:
            return
        wrong = self._checksums.learn(is_repeated=True)
        report = passed.report
        if wrong and math.isfinite(report.loss) and math.isfinite(report.gradient_norm):
            # The device computes it wrong each time. What it learned so far is not to be trusted either.
            struck = StruckError(Struck.COMPUTE, wrong)
            self._note(struck, report.step, 0, is_lost=True)
            raise LostError(f"step {report.step}: {struck}, in the same way twice")

    def _fingerprint(self, passed: Pass) -> _Fingerprint:
        if not self._witness.watches_gradients:  # So they were not digested as they were gathered.
            self._witness.watches_gradients = True
            self._witness.gathered(self.job.optimizer.gradient_octets)
        # Written out, since a loss that is not a number is not equal to itself.
        rows = self._witness.rows.gradient_digest if self._witness.rows is not None else ()
        return repr(passed.report), bytes(tensor_octets(passed.noise)), (*self._witness.gradient_digests, rows)

    def _differing(self, before: _Fingerprint, now: _Fingerprint) -> str:
        """Name the gradients by which two passes differ, if it is few; what is wrong on the way makes all differ."""
        differing = [stretch for stretch, digest in enumerate(now[2]) if before[2][stretch] != digest]
        if len(differing) == 1 and len(now[2]) > 1:
            return f"{_ARITHMETIC} of {self.job.optimizer.name_of(differing[0])}"
        return _ARITHMETIC

    def _verify_all(self) -> None:
        self._verify_small()
        self._verify_blocks()

    def _verify_small(self) -> None:
        self._witness.verify_octets(self.job.octets())
        self._verify_data()

    def _verify_blocks(self) -> None:
        self._witness.verify_blocks(self.job.optimizer.octets)
        if self._witness.rows is not None:
            self._witness.rows.verify_all()

    def _verify_data(self) -> None:
        if self.job.data_digest() != self._data_digest:
            raise StruckError(Struck.DATA, "corpus")
        if self.job.constants_digest() != self._constants_digest:
            raise StruckError(Struck.DATA, "constants of the model")

    def _struck_behind(self, error: Exception) -> StruckError:
        """Tell what was struck, if anything was, when a step was broken off."""
        try:
            self._verify_data()
            self._verify_blocks()
        except StruckError as struck:
            return struck
        if isinstance(error, FloatingPointError):
            return StruckError(Struck.UPDATE, "an update before")
        return StruckError(Struck.GENERATOR, "generators and step")

    def _undo(self, snapshots: Snapshots, struck: StruckError, step: int) -> None:
        if self.job.ranks > 1:
            # The others are elsewhere by now: all of them go back to the checkpoint.
            self._note(struck, step, 0, is_lost=True)
            raise LostError(f"step {step}: {struck}, in a group") from struck
        if struck.struck is Struck.DATA:
            # It came from a file, or was computed, and the next worker does so again.
            self._note(struck, step, 0, is_lost=True)
            raise LostError(f"step {step}: {struck}") from struck
        if not snapshots.go_back(self._witness):
            self._note(struck, step, 0, is_lost=True)
            raise LostError(f"step {step}: {struck}, and no copy in memory is whole") from struck
        self._step = self.job.steps_done
        self._note(struck, step, step - self.job.steps_done)

    def _note(self, struck: StruckError, step: int, redone_steps: int, *, is_lost: bool = False) -> None:
        """Take note of a finding, and draw from it and those before what there is to draw.

        Args:
            struck: What was found.
            step: In which step.
            redone_steps: How many are done again.
            is_lost: Whether this worker ends with it.

        Raises:
            UnfitError: The device is not to be trusted.
        """
        where = struck.where[:WHERE_CHARACTERS_MAX]
        recent = [each for each in self._history if self._counts(each, step)]
        here = 1 + sum((each.struck, each.where) == (struck.struck, where) for each in recent)
        raises = here >= RAISE_FINDINGS
        finding = Finding(
            struck=struck.struck,
            where=where,
            step=step,
            redone_steps=redone_steps,
            tai_ns=self.tai_ns,
            raised_to=GuardLevel.DOUBLE.value if raises and self.level is not GuardLevel.DOUBLE else "",
        )
        if raises:
            self._raised_by = [*(each for each in self._raised_by if self._counts(each, step)), finding]
        self._findings.append(finding)
        self._history = [*recent, finding][-FINDINGS_KEPT_MAX:]
        if here >= (UNFIT_LOSSES if is_lost else UNFIT_FINDINGS):
            raise UnfitError(f"step {step}: {where} was struck {here} times {self._since(recent[0])}")
        if len(recent) + 1 >= FINDINGS_KEPT_MAX:
            raise UnfitError(f"step {step}: {len(recent) + 1} places were struck {self._since(recent[0])}")

    def _counts(self, finding: Finding, step: int) -> bool:
        """Tell whether a finding still says something of the device at a step.

        On-board time can be set: what seems to come from later is of just now.
        """
        steps = step - finding.step
        window_ns = ARITHMETIC_WINDOW_NS if finding.struck in _OF_ARITHMETIC else MEMORY_WINDOW_NS
        is_recent = self.tai_ns - finding.tai_ns < window_ns
        return steps < WINDOW_STEPS_MIN or (is_recent and steps < WINDOW_STEPS_MAX)

    def _since(self, finding: Finding) -> str:
        return f"since step {finding.step}, {max(self.tai_ns - finding.tai_ns, 0) // _NS_PER_S} s ago"
