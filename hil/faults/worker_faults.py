"""What befalls the worker of a scenario: killed, hung, slowed, starved of memory, or struck by a particle."""

import numpy as np

from hil.faults.flip import Spread
from hil.faults.hands import Hands
from hil.faults.part import KEPT
from hil.faults.strike import FlipStrike, StarveStrike, Strike
from hil.scenario.faults import FaultTable

# Seeds of single strikes are drawn below this.
_SEEDS = 1 << 32


def strike_worker(hands: Hands, fault: FaultTable, chance: np.random.Generator, after: str) -> None:
    """Let a fault befall the worker that runs.

    Args:
        hands: With a worker that is alive.
        fault: What befalls it.
        chance: Of this fault.
        after: After what it does, such as ``after step 500``.
    """
    worker = hands.spacecraft.worker
    match fault.kind:
        case "kill_worker":
            hands.tell(f"the worker is killed {after}")
            hands.spacecraft.lose_worker("killed by signal 9", hands.now_ns())
        case "hang_worker":
            hands.tell(f"the worker hangs {after}")
            worker.hang()
        case "slow_worker":
            factor = fault.factor or 1.0
            hands.tell(f"the worker takes {factor:g} times as long {after}")
            worker.slow_down(factor)
        case _:
            strike = _draw_strike(fault, chance)
            hands.tell(f"{strike}, in the work granted {after}")
            worker.strike(strike)


def _draw_strike(fault: FaultTable, chance: np.random.Generator) -> Strike:
    if fault.kind == "starve_worker":
        return StarveStrike()
    # Whatever is drawn is covered at any level of the guard; the rest has to be asked for.
    parts, spreads = KEPT, list(Spread)
    part = parts[int(chance.integers(len(parts)))]
    spread = spreads[int(chance.integers(len(spreads)))]
    return FlipStrike(part=fault.part or part, spread=fault.spread or spread, seed=int(chance.integers(_SEEDS)))
