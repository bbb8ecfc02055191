"""What the solar array gives: sunlight by the orbit, looked up a step of the grid at a time.

Each step has the light of its middle: the edge of a shadow, which is passed within some 10 s of penumbra, is so off by
half a step at most, at either side by chance.
"""

import numpy as np

from hil.orbit.earth import Floats
from hil.orbit.satellite import Satellite
from hil.scenario.environment import GRID_S, ArrayTable

# Kopp and Lean, A new, lower value of total solar irradiance (2011): 1360.8 W/m2 at one astronomical unit. That the
# distance changes by 1.7 % over the year is left out.
SOLAR_CONSTANT_W_M2 = 1360.8

# Steps that are looked up together: a day.
_BLOCK_STEPS = 86_400 // GRID_S


class Sunlight:
    """The power of one array.

    Args:
        table: What it is.
        satellite: Where it is.
    """

    def __init__(self, table: ArrayTable, satellite: Satellite) -> None:
        self._table = table
        self._satellite = satellite
        self.full_w = SOLAR_CONSTANT_W_M2 * table.area_m2 * table.efficiency
        """What comes when the Sun is whole and straight before it."""
        self._block = -1
        self._powers_w: list[float] = []

    def power_w(self, step: int) -> float:
        """Give what comes in during a step of the grid."""
        block, index = divmod(step, _BLOCK_STEPS)
        if block != self._block:
            self._block = block
            self._powers_w = self._look_up(block).tolist()
        return self._powers_w[index]

    def _look_up(self, block: int) -> Floats:
        times_s = (block * _BLOCK_STEPS + np.arange(_BLOCK_STEPS, dtype=np.float64) + 0.5) * float(GRID_S)
        light = self._satellite.light(times_s)
        if self._table.pointing == "zenith":
            light = light * np.maximum(self._satellite.zenith_cosine(times_s), 0.0)
        return self.full_w * light
