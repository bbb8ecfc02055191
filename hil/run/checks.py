"""Judging a run: what must always hold, and what the scenario expects, each with the evidence for it."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ground.events import FINAL
from hil.run.evidence import Evidence
from hil.run.goals import reach
from hil.scenario.scenario import Scenario

_FINAL = {stage.name for stage in FINAL}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was judged."""

    name: str
    ok: bool
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The same job, run bare and undisturbed, and what its corpus alone says."""

    weights_sha256: str
    validation_loss: float
    bigram_loss: float
    """Cross-entropy of the validation split under its own bigram model, in nats."""
    corpus_sha256: str
    tokens_per_s: float


def judge(
    scenario: Scenario, evidence: Evidence, failures: list[str], is_done: bool, reference: Reference | None
) -> list[Check]:
    """Judge a run.

    Args:
        scenario: What was expected.
        evidence: What was seen.
        failures: Commands of the procedure that did not complete.
        is_done: Whether the procedure came to its end in time.
        reference: The undisturbed run, if the scenario compares with one.
    """
    may_fail = any(step.may_fail or step.attempts > 1 for step in scenario.procedure)
    checks = list(_always(evidence, failures, is_done, may_fail))
    submitted = scenario.submitted()
    if submitted is not None:
        report = evidence.job_reports.get(submitted["job_id"], {})
        checks += _job(scenario, submitted["job_id"], report, evidence, reference)
    checks += _replies(scenario, evidence)
    checks += _files(scenario, evidence)
    checks += _environment(scenario, evidence)
    checks += _link(scenario, evidence)
    if scenario.attacker is not None:
        checks += _attack(evidence)
    checks += [Check(reached.name, reached.ok, str(reached)) for reached in reach(scenario.expect.goals, evidence)]
    return checks


def _always(evidence: Evidence, failures: list[str], is_done: bool, may_fail: bool) -> Iterator[Check]:
    text = "all steps done" if is_done else "broken off" if failures else "out of mission time"
    yield Check("the procedure came to its end", is_done, text)
    # What the station gives by itself, such as confirmations of stored telemetry, is no matter of a procedure.
    given = [command for command in evidence.commands.values() if not command["is_automatic"]]
    stages = Counter(_last_stage(command) for command in given)
    text = "; ".join(failures) or f"{stages['COMPLETED']} of {len(given)}"
    if may_fail:
        ok = not failures and all(stage in _FINAL for stage in stages)
        text += "".join(f", {stages[stage]} {stage.lower()}" for stage in sorted(stages) if stage != "COMPLETED")
        yield Check("every command came to an end, and those completed that had to", ok, text)
    else:
        yield Check("every command completed", not failures and stages["COMPLETED"] == len(given), text)
    if evidence.executed:
        most = max(evidence.executed.values())
        text = f"{len(evidence.executed)} commands executed, the most often {most} time{'s' if most > 1 else ''}"
        yield Check("no command acted twice", most == 1, text)
    else:
        executed = evidence.housekeeping.get("core", {}).get("commands_executed")
        ok = executed is not None and executed <= len(evidence.commands)
        text = f"{executed} executed on board by housekeeping, {len(evidence.commands)} sent"
        yield Check("no command acted twice", ok, text)


def _job(
    scenario: Scenario, job_id: int, report: dict[str, Any], evidence: Evidence, reference: Reference | None
) -> Iterator[Check]:
    expect = scenario.expect
    state = report.get("state", "not reported")
    failure = f": {report['failure']}" if report.get("failure") else ""
    yield Check("the job is done", state == "DONE", f"job {job_id} {state}{failure}")
    found = str(report.get("weights_sha256", ""))
    loss = report.get("validation_loss")
    loss = math.inf if loss is None else loss
    if expect.weights_as_reference and reference is not None:
        expected = reference.weights_sha256
        text = f"{found[:16] or 'none'} in orbit, {expected[:16]} undisturbed"
        yield Check("the weights are bit for bit those of the undisturbed run", found == expected, text)
    if expect.below_bigram_by is not None and reference is not None:
        under = reference.bigram_loss - loss
        text = f"{loss:.4f}, bigram model {reference.bigram_loss:.4f}: {under:.3f} nats under it"
        yield Check(
            f"validation loss {expect.below_bigram_by:g} nats under the bigram model",
            under >= expect.below_bigram_by,
            text,
        )
    bound = expect.validation_loss_below.get(str(report.get("corpus_sha256", "")))
    if bound is not None:
        yield Check(f"validation loss under {bound:g} on this corpus", loss < bound, f"{loss:.4f}")
    if expect.workers_lost_min:
        count = report.get("worker_restarts", 0)
        text = f"{count} time{'' if count == 1 else 's'}, by the job's report"
        yield Check("the worker was lost, and replaced", count >= expect.workers_lost_min, text)
    if expect.faults_mended_min:
        count = report.get("faults_mended", 0)
        text = f"{count} time{'' if count == 1 else 's'}, by the job's report"
        yield Check("the guard found what was struck, and undid it", count >= expect.faults_mended_min, text)
    if expect.sample:
        sample = evidence.samples.get(job_id, "")
        yield Check("the sample text arrived", bool(sample), f"{len(sample)} characters")


def _replies(scenario: Scenario, evidence: Evidence) -> Iterator[Check]:
    expected = scenario.expect.replies_min
    if expected:
        turns = [turn for turns in evidence.conversations.values() for turn in turns]
        whole = sum(turn["is_whole"] for turn in turns)
        yield Check("replies of the model are whole", whole >= expected, f"{whole} of {len(turns)}, by their digests")


def _files(scenario: Scenario, evidence: Evidence) -> Iterator[Check]:
    for name in dict.fromkeys(step.wait_for_file for step in scenario.procedure if step.wait_for_file is not None):
        sent, arrived = evidence.files.get(name, ("", ""))
        text = f"{arrived[:16] or 'none'} arrived, {sent[:16] or 'none'} sent"
        yield Check(f"the file {name} arrived as it was sent", bool(sent) and sent == arrived, text)


def _environment(scenario: Scenario, evidence: Evidence) -> Iterator[Check]:
    expect = scenario.expect
    for cause in expect.limited_for:
        found = {after: count for (after, by), count in sorted(evidence.limits.items()) if by == cause}
        limited = found.get("THROTTLE", 0) + found.get("HOLD", 0)
        text = ", ".join(f"{after} x {count}" for after, count in found.items()) or "never"
        yield Check(f"the governor limited jobs for {cause}", limited > 0, f"{text}, by telemetry")
    count = evidence.environment_changes["BROWN_OUT"]
    text = f"{count} time{'' if count == 1 else 's'}"
    if expect.brown_outs_min:
        yield Check("the battery ran empty", count >= expect.brown_outs_min, text)
    if expect.brown_outs_max is not None:
        most = expect.brown_outs_max
        yield Check(f"the battery ran empty at most {most} times", count <= most, text)
    if expect.device_c_below is not None:
        hottest_c = math.inf if evidence.device_c_max is None else evidence.device_c_max
        text = f"{hottest_c:.1f} degC at most"
        yield Check(f"the device stayed below {expect.device_c_below:g} degC", hottest_c < expect.device_c_below, text)
    if expect.particles_min:
        count = evidence.counts["hil.ParticleStruck"]
        yield Check("particles struck", count >= expect.particles_min, f"{count} of which something came")


def _link(scenario: Scenario, evidence: Evidence) -> Iterator[Check]:
    expect = scenario.expect
    if expect.commands_sent_again_min:
        again = [command["name"] for command in evidence.commands.values() if command["tries"] > 1]
        text = ", ".join(again) or "none"
        yield Check("commands cut by the link were sent again", len(again) >= expect.commands_sent_again_min, text)
    if expect.answers_from_journal_min:
        count = max(
            evidence.housekeeping.get("core", {}).get("commands_repeated", 0),
            evidence.counts["event.command_repeated"],
        )
        yield Check(
            "reports cut by the link came from the journal",
            count >= expect.answers_from_journal_min,
            f"{count} time{'' if count == 1 else 's'}",
        )
    for direction in ("up", "down"):
        lost = evidence.counts[f"link.{direction}.OctetsLost"]
        wanted = sum(dropout.direction == direction for dropout in scenario.link.dropouts)
        if wanted:
            yield Check(f"dropouts struck the {direction}link", lost > 0, f"{lost} of {wanted} cut something")


def _attack(evidence: Evidence) -> Iterator[Check]:
    acted = sorted(set(evidence.executed) - evidence.given)
    text = f"{evidence.forged} times sent or changed, {len(acted)} acted" + (f": {acted[:3]}" if acted else "")
    yield Check("nothing that the attacker sent acted", evidence.forged > 0 and not acted, text)


def _last_stage(command: dict[str, Any]) -> str:
    return command["stages"][-1][1] if command["stages"] else "QUEUED"
