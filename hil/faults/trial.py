"""One strike against one job, and what came of it: found, without effect, or missed."""

from dataclasses import dataclass
from enum import Enum

from ccsds.errors import MalformedError
from flight.disk import Disk
from flight.jobs.checkpoint import load_checkpoint
from flight.jobs.guard.finding import Finding, LostError, UnfitError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.manifest import Identity
from flight.jobs.messages import CheckpointReference
from flight.jobs.state import tensor_octets
from hil.faults.flip import Spread, draw_flip
from hil.faults.instant import PRODUCTS, Operators, Profile, outcome
from hil.faults.part import Part
from hil.faults.place import draw_memory_strike, strike_memory
from hil.faults.stored import draw_stored_strike, strike_stored
from hil.streams import Streams


class Verdict(Enum):
    """How a strike ended."""

    FOUND = "found"
    """The guard mended it."""
    HARMLESS = "harmless"
    """Nobody told of it, and nothing came of it: it was overwritten, or hit what is not used."""
    RESTARTED = "restarted"
    """The guard gave the memory up; a new worker goes on from the last checkpoint."""
    MISSED = "missed"
    """Weights came out other than they must."""
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


def strike_state(guarded: GuardedJob, steps: int, clean_sha256: str, profile: Profile, streams: Streams) -> Trial:
    """Strike a part of memory at an instant, train to the end, and compare the weights with those of a clean run.

    Args:
        guarded: A job of which at least one step is left.
        steps: The step to train to.
        clean_sha256: The digest of the weights there.
        profile: The operators of the steps from here in which it may fall.
        streams: Of this trial.
    """
    chance = streams.block("strike", 0)
    part, spread = list(Part)[int(chance.integers(len(Part)))], list(Spread)[int(chance.integers(len(Spread)))]
    strike = draw_memory_strike(chance, guarded, part, spread)
    operator = profile.draw(chance)
    what = f"{strike.part} {strike.name}, {strike.flip}, after operator {operator} from step {guarded.job.steps_done}"
    with Operators() as operators:
        operators.after(operator, lambda _: strike_memory(guarded, strike))
        return _judge(guarded, steps, clean_sha256, streams.seed, what)


def strike_product(guarded: GuardedJob, steps: int, clean_sha256: str, products: int, streams: Streams) -> Trial:
    """Strike the outcome of a matrix product, forward or backward, train to the end, and compare the weights.

    Args:
        guarded: A job of which at least one step is left.
        steps: The step to train to.
        clean_sha256: The digest of the weights there.
        products: How many products from here on it may be.
        streams: Of this trial.
    """
    chance = streams.block("strike", 0)
    spread = list(Spread)[int(chance.integers(len(Spread)))]
    number = 1 + int(chance.integers(products))
    told: list[str] = []

    def happens(result: object) -> None:
        tensor = outcome(result)
        assert tensor is not None  # A product is one tensor of floats.
        octets = tensor_octets(tensor)
        flip = draw_flip(chance, spread, len(octets))
        flip.strike(octets)
        told.append(f"{flip} of {tuple(tensor.shape)}")

    with Operators(only=PRODUCTS) as operators:
        operators.after(number, happens)
        trial = _judge(guarded, steps, clean_sha256, streams.seed, f"product {number}")
    return Trial(seed=trial.seed, what=f"{trial.what}, {' '.join(told)}", verdict=trial.verdict, detail=trial.detail)


def strike_checkpoint(
    disk: Disk, identity: Identity, counting: CheckpointReference, before: CheckpointReference, streams: Streams
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
    strike_stored(disk, strike)
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
    strike_stored(disk, strike)
    return Trial(seed=streams.seed, what=str(strike), verdict=verdict, detail=detail)


def _judge(guarded: GuardedJob, steps: int, clean_sha256: str, seed: int, what: str) -> Trial:
    try:
        while guarded.job.steps_done < steps:
            guarded.step()
        guarded.verify()
    except (LostError, UnfitError) as error:
        return Trial(seed=seed, what=what, verdict=Verdict.RESTARTED, detail=str(error))
    except Exception as error:  # Whatever it is: a strike must not raise it.
        return Trial(seed=seed, what=what, verdict=Verdict.BROKEN, detail=f"{type(error).__name__}: {error}")
    findings: tuple[Finding, ...] = guarded.take_findings()
    if guarded.job.weights_sha256() != clean_sha256:
        return Trial(seed=seed, what=what, verdict=Verdict.MISSED, detail="; ".join(map(str, findings)))
    verdict = Verdict.FOUND if findings else Verdict.HARMLESS
    return Trial(seed=seed, what=what, verdict=verdict, detail="; ".join(map(str, findings)))
