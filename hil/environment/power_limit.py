"""A limit of the device's power in simulation: it runs at a lower clock, takes longer, and computes the same.

What a step takes of energy beyond rest stays the same. Assumption, on the safe side: the power of a real device falls
faster than its speed, so that a step costs it less.
"""

from hil.scenario.environment import LoadsTable

# Of what it can take beyond rest. Assumption: as an NVIDIA H100, which can be brought down to 200 W of 700.
LEAST_SHARE = 0.2


class SimulatedPowerLimit:
    """A `flight.sensors.PowerLimit` of a simulated device.

    Args:
        loads: What it draws.
    """

    def __init__(self, loads: LoadsTable) -> None:
        self._loads = loads
        self.busy_w = loads.device_busy_w
        """What the device draws at work."""

    @property
    def slowness(self) -> float:
        """How many times as long work takes as without a limit."""
        taken_w = self.busy_w - self._loads.device_idle_w
        full_w = self._loads.device_busy_w - self._loads.device_idle_w
        return full_w / taken_w if taken_w > 0 else 1.0

    def limit(self, watts: float | None) -> None:
        """See `flight.sensors.PowerLimit`."""
        idle_w, busy_w = self._loads.device_idle_w, self._loads.device_busy_w
        least_w = idle_w + LEAST_SHARE * (busy_w - idle_w)
        self.busy_w = busy_w if watts is None else min(max(watts, least_w), busy_w)
