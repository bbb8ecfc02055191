"""What of a job can be struck in memory, by name, and the hand that flips bits there.

The hand goes past torch, as a particle does: no tensor learns that it was changed.
"""

from dataclasses import dataclass

import numpy as np

from ccsds.errors import MisuseError
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.muon import MOMENTUM
from flight.jobs.row_rms import MEAN_SQUARE
from flight.jobs.state import tensor_octets
from hil.faults.flip import Flip, Spread, draw_flip
from hil.faults.instant import outcome
from hil.faults.part import Part


@dataclass(frozen=True, kw_only=True)
class MemoryStrike:
    """Bits of one named tensor or number."""

    part: Part
    name: str
    flip: Flip


# A count of steps is eight octets; the job holds it as a number that stays positive.
_STEP_OCTETS = 7
# torch's Mersenne Twister: what lies before its words is its own book-keeping, which it refuses if it is not whole.
# It keeps each word of 32 bits in 64, of which it reads the lower half.
_GENERATOR_WORDS = slice(24, 24 + 624 * 8)
# The moments that there are: those of AdamW, that of Muon, and those of a table's rows.
_MOMENTS = {Part.MEAN: (Part.MEAN.value, MOMENTUM), Part.SQUARE: (Part.SQUARE.value, MEAN_SQUARE)}
# What lies in the optimiser's blocks.
_BLOCKS = (Part.WEIGHTS, Part.MEAN, Part.SQUARE)


def draw_memory_strike(chance: np.random.Generator, guarded: GuardedJob, part: Part, spread: Spread) -> MemoryStrike:
    """Draw the place of a strike in a part of memory: each name alike, then each octet alike."""
    names = names_of(guarded, part)
    name = names[int(chance.integers(len(names)))]
    return MemoryStrike(part=part, name=name, flip=draw_flip(chance, spread, len(_octets(guarded, part, name))))


def names_of(guarded: GuardedJob, part: Part) -> list[str]:
    """Give what there is of a part."""
    job = guarded.job
    match part:
        case Part.WEIGHTS:
            return [f"model/{name}" for name in job.weights()]
        case Part.MEAN | Part.SQUARE:
            return [name for name in job.state().tensors if name.rsplit("/", 1)[1] in _MOMENTS[part]]
        case Part.CORPUS:
            return [part.value, *job.constants()]
        case Part.COPIES:
            copies = guarded._snapshots._copies if guarded._snapshots is not None else []
            return [f"{number}/{block}" for number, copy in enumerate(copies) for block in range(len(copy.blocks))]
        case Part.GRADIENTS:
            return [str(number) for number in range(len(job.optimizer.blocks))]
        case Part.PLACE:
            most = max(len(stretch.place) for stretch in job.optimizer._stretches)
            return [*map(str, range(most)), "gradients"]
        case _:
            return [part.value]


def strike_memory(guarded: GuardedJob, strike: MemoryStrike) -> bool:
    """Flip the bits.

    Returns:
        Whether they were: a stretch of State that is just being updated is another part (`Part.PLACE`).
    """
    job = guarded.job
    if strike.part in _BLOCKS and _is_at_work(guarded, strike):
        return False
    octets = _octets(guarded, strike.part, strike.name)
    # The stretch that is at work may be shorter than the longest, for which the strike was drawn, or have fewer rows.
    flip = strike.flip.within(len(octets)) if strike.part is Part.PLACE else strike.flip
    flip.strike(octets)
    match strike.part:
        case Part.STEP:
            job._step = int.from_bytes(octets, "little")
        case Part.BATCHES:
            state = job._batch_generator.get_state()
            tensor_octets(state)[_GENERATOR_WORDS] = np.frombuffer(octets, dtype="<u4").astype("<u8").tobytes()
            job._batch_generator.set_state(state)
    return True


def strike_outcome(result: object, chance: np.random.Generator, spread: Spread) -> str:
    """Flip bits of what an operator came to.

    Returns:
        What was struck; empty if the operator came to no numbers that lie together.
    """
    tensor = outcome(result)
    if tensor is None:
        return ""
    octets = tensor_octets(tensor)
    flip = draw_flip(chance, spread, len(octets))
    flip.strike(octets)
    return f"{flip} of {tuple(tensor.shape)}"


def _is_at_work(guarded: GuardedJob, strike: MemoryStrike) -> bool:
    """Tell whether any of the octets lie in rows that are updated where they lie."""
    at_work = guarded.job.optimizer.at_work
    if not at_work:
        return False
    begin = guarded.job.state().tensors[strike.name].data_ptr()
    rows = [range(row_n.data_ptr(), row_n.data_ptr() + row_n.nbytes) for row_n in at_work]
    return any(begin + offset in row for offset, _ in strike.flip.masks for row in rows)


def _octets(guarded: GuardedJob, part: Part, name: str) -> memoryview:
    """Give the memory of a name; a copy of it where no Python hand reaches the memory itself."""
    job = guarded.job
    match part:
        case Part.STEP:
            return memoryview(bytearray(job.steps_done.to_bytes(_STEP_OCTETS, "little")))
        case Part.BATCHES:
            words = np.frombuffer(tensor_octets(job._batch_generator.get_state())[_GENERATOR_WORDS], dtype="<u8")
            return memoryview(bytearray(words.astype("<u4").tobytes()))
        case Part.NOISE:
            return tensor_octets(job._noise)
        case Part.CORPUS:
            return tensor_octets(job.train_tokens if name == part.value else job.constants()[name])
        case Part.COPIES:
            if guarded._snapshots is None:
                raise MisuseError("copies: expected a job that is guarded, found level off")
            number, block = map(int, name.split("/"))
            return tensor_octets(guarded._snapshots._copies[number].blocks[block])
        case Part.GRADIENTS:
            return tensor_octets(job.optimizer.blocks[int(name)].gradients_N)
        case Part.PLACE:
            # All are worked on in one room: the longest tells how much of it there is.
            stretches, at_work = job.optimizer._stretches, job.optimizer.at_work
            if name == "gradients":
                return tensor_octets(max((each.gradient_place_n for each in stretches), key=len))
            number = int(name)
            if at_work:
                return tensor_octets(at_work[number % len(at_work)])
            return tensor_octets(max((each.place[number] for each in stretches if number < len(each.place)), key=len))
        case Part.ACTIVATIONS:
            raise MisuseError("activations: expected what an operator came to, which lies nowhere for long")
        case _:
            return tensor_octets(job.state().tensors[name])
