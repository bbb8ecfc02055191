"""What befalls the worker of a scenario, and when: killed, hung, slowed, starved of memory, or struck by a particle.

Each fault comes once, when telemetry has told of its step. What it strikes is drawn from the campaign's seed.
"""

from collections.abc import Iterator, Sequence

from hil.faults.flip import Spread
from hil.faults.part import Part
from hil.faults.strike import FlipStrike, StarveStrike
from hil.scenario.faults import WORKER_FAULTS, FaultTable
from hil.streams import Streams

# Seeds of single strikes are drawn below this.
_SEEDS = 1 << 32


class WorkerFaults:
    """The faults of a scenario's worker.

    Args:
        faults: All faults of the scenario.
        streams: Of the seed.
    """

    def __init__(self, faults: Sequence[FaultTable], streams: Streams) -> None:
        self._left = [(number, fault) for number, fault in enumerate(faults) if fault.kind in WORKER_FAULTS]
        self._streams = streams

    def due(self, step: int) -> Iterator[tuple[int, FaultTable]]:
        """Give the faults that a step brings on, with their numbers, and forget them."""
        for number, fault in tuple(self._left):
            if fault.job_step is not None and step >= fault.job_step:
                self._left.remove((number, fault))
                yield number, fault

    def strike(self, number: int, fault: FaultTable) -> FlipStrike | StarveStrike:
        """Draw what a fault does inside the worker."""
        if fault.kind == "starve_worker":
            return StarveStrike()
        chance = self._streams.block("worker_faults", number)
        parts, spreads = list(Part), list(Spread)
        part = parts[int(chance.integers(len(parts)))]
        spread = spreads[int(chance.integers(len(spreads)))]
        return FlipStrike(part=fault.part or part, spread=fault.spread or spread, seed=int(chance.integers(_SEEDS)))
