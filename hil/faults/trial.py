"""One strike against one job, and what came of it: found, without effect, or missed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from ccsds.errors import MalformedError
from flight.disk import RealDisk
from flight.jobs.checkpoint import load_checkpoint
from flight.jobs.guard.finding import Finding, LostError, UnfitError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from hil.faults.flip import Spread
from hil.faults.instant import PRODUCTS, Operators, Profile
from hil.faults.part import Part
from hil.faults.place import draw_memory_strike, strike_memory, strike_outcome
from hil.faults.stored import draw_stored_strike, strike_stored
from hil.streams import Streams


class Verdict(Enum):
    """How a strike ended."""

    FOUND = "found"
    """The guard mended it."""
    HARMLESS = "harmless"
    """Nobody told of it, and nothing came of it: it was overwritten, or hit what is not used."""
    RESTARTED = "restarted"
    """The guard gave the memory up; a new worker went on from the last checkpoint, to the same weights."""
    MISSED = "missed"
    """Weights came out other than they must."""
    UNSTRUCK = "not struck"
    """The job was over before the strike could fall."""
    BROKEN = "broken"
    """Something else was raised than the guard raises."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One strike and its end."""

    seed: int
    what: str
    """What was struck, and when: enough to strike it again."""
    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class End:
    """What a struck job is judged by."""

    steps: int
    """The step to train to."""
    clean_sha256: str
    """The digest of the weights there, in a run that nobody disturbed."""
    successor: Callable[[tuple[Finding, ...]], GuardedJob] | None = None
    """Makes what a new worker goes on with, given what was found, where the guard gives the memory up."""


def strike_part(guarded: GuardedJob, parts: Sequence[Part], end: End, profile: Profile, streams: Streams) -> Trial:
    """Strike a part of memory, or what an operator comes to, at an instant, and see how the job ends.

    Args:
        guarded: A job of which at least one step is left.
        parts: Of which one is struck.
        end: What it is judged by.
        profile: The operators of the steps from here in which it may fall.
        streams: Of this trial.
    """
    chance = streams.block("strike", 0)
    part, spread = parts[int(chance.integers(len(parts)))], list(Spread)[int(chance.integers(len(Spread)))]
    when = f"from step {guarded.job.steps_done}"
    if part is Part.ACTIVATIONS:
        operator = profile.draw(chance)
        what = f"{part} after operator {operator} {when}"
        with Operators() as operators:
            told = _strike_outcome_after(operators, operator, chance, spread)
            trial = _judged(guarded, end, streams.seed, what, operators)
        return replace(trial, what=", ".join((trial.what, *told)))
    strike = draw_memory_strike(chance, guarded, part, spread)
    operator = profile.draw(chance)
    what = f"{strike.part} {strike.name}, {strike.flip}, after operator {operator} {when}"
    with Operators() as operators:
        operators.after(operator, lambda _: strike_memory(guarded, strike))
        return _judged(guarded, end, streams.seed, what, operators)


def strike_product(guarded: GuardedJob, end: End, products: int, streams: Streams) -> Trial:
    """Strike the outcome of a matrix product, forward or backward, and see how the job ends.

    Args:
        guarded: A job of which at least one step is left.
        end: What it is judged by.
        products: How many products from here on it may be.
        streams: Of this trial.
    """
    chance = streams.block("strike", 0)
    spread = list(Spread)[int(chance.integers(len(Spread)))]
    number = 1 + int(chance.integers(products))
    with Operators(only=PRODUCTS) as operators:
        told = _strike_outcome_after(operators, number, chance, spread)
        trial = _judged(guarded, end, streams.seed, f"product {number}", operators)
    return replace(trial, what=", ".join((trial.what, *told)))


def strike_checkpoint(
    disk: RealDisk, identity: Identity, counting: CheckpointReference, before: CheckpointReference, streams: Streams
) -> Trial:
    """Strike the checkpoint that counts, try to go on from it and from the one before, and flip the bits back.

    Args:
        disk: Where both are.
        identity: Of their job.
        counting: The one that is struck.
        before: The one that must still do.
        streams: Of this trial.
    """
    chance = streams.block("strike", 0)
    spread = list(Spread)[int(chance.integers(len(Spread)))]
    strike = draw_stored_strike(chance, disk, identity.job_id, counting.slot, spread)
    strike_stored(disk.root, strike)
    verdict, detail = Verdict.MISSED, ""
    try:
        load_checkpoint(disk, counting, identity)
    except MalformedError as refusal:
        verdict, detail = Verdict.FOUND, str(refusal)
    except Exception as error:  # Whatever it is: a strike must not raise it.
        verdict, detail = Verdict.BROKEN, f"{type(error).__name__}: {error}"
    try:
        load_checkpoint(disk, before, identity)
    except MalformedError as refusal:
        verdict, detail = Verdict.MISSED, f"the one before, too: {refusal}"
    strike_stored(disk.root, strike)
    return Trial(seed=streams.seed, what=str(strike), verdict=verdict, detail=detail)


def _strike_outcome_after(operators: Operators, number: int, chance: np.random.Generator, spread: Spread) -> list[str]:
    """Have what an operator comes to struck, or the next that comes to numbers; what it was is told in the list."""
    told: list[str] = []

    def strike(result: object) -> bool:
        told.extend(filter(None, [strike_outcome(result, chance, spread)]))
        return bool(told)

    operators.after(number, strike)
    return told


def _judged(guarded: GuardedJob, end: End, seed: int, what: str, operators: Operators) -> Trial:
    """Judge a job that is struck after one of the operators; a strike that did not fall did no good."""
    trial = _judge(guarded, end, seed, what)
    is_unstruck = trial.verdict is Verdict.HARMLESS and not operators.is_over
    return replace(trial, verdict=Verdict.UNSTRUCK) if is_unstruck else trial


def _judge(guarded: GuardedJob, end: End, seed: int, what: str) -> Trial:
    detail = ""
    verdict = Verdict.FOUND
    try:
        _train(guarded, end.steps)
    except (LostError, UnfitError) as error:
        detail, verdict = str(error), Verdict.RESTARTED
    except Exception as error:  # Whatever it is: a strike must not raise it.
        return Trial(seed=seed, what=what, verdict=Verdict.BROKEN, detail=f"{type(error).__name__}: {error}")
    findings: tuple[Finding, ...] = guarded.take_findings()
    if verdict is Verdict.RESTARTED:
        if end.successor is None:
            return Trial(seed=seed, what=what, verdict=verdict, detail=detail)
        guarded = end.successor(findings)
        _train(guarded, end.steps)
    else:
        detail = "; ".join(map(str, findings))
        verdict = Verdict.FOUND if findings else Verdict.HARMLESS
    if guarded.job.weights_sha256() != end.clean_sha256:
        verdict = Verdict.MISSED
    return Trial(seed=seed, what=what, verdict=verdict, detail=detail)


def _train(guarded: GuardedJob, steps: int) -> None:
    while guarded.steps_done < steps:
        guarded.step()
    guarded.verify()
