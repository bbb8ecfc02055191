"""Heat in lumps: a device and a bus, each joined to a radiator, which radiates to a sink as Stefan and Boltzmann say.

    device --- radiator ))) sink        C dT/dt = P - G (T - T_radiator)
    bus -------+                        C dT/dt = sum of G (T - T_radiator) - sides A e s (T^4 - T_sink^4)

Integrated by the classical Runge-Kutta method in steps of at most a fifth of the fastest time constant, at which it is
off by less than (1/5)^5 / 120 of a change, 3 parts in a million. Linear and radiative flows are exact otherwise.

Source: the nodal method, Gilmore, Spacecraft Thermal Control Handbook, volume 1, chapter 15; constant, CODATA 2018.
"""

import math

from hil.scenario.environment import ThermalTable

STEFAN_BOLTZMANN_W_M2_K4 = 5.670374419e-8
ZERO_C_K = 273.15

# The share of the fastest time constant that one step takes at most.
_STEP_SHARE = 0.2
# A radiator this hot has melted; its time constant there is the shortest.
_RADIATOR_K_MAX = 500.0

Temperatures = tuple[float, float, float]


class Heat:
    """The temperatures of one spacecraft, in K.

    Args:
        table: What it is.
    """

    def __init__(self, table: ThermalTable) -> None:
        self._table = table
        start_k = table.start_c + ZERO_C_K
        self.device_k = self.bus_k = self.radiator_k = start_k
        self._radiance = table.radiator_sides * table.radiator_m2 * table.emissivity * STEFAN_BOLTZMANN_W_M2_K4
        self._sink_w = self._radiance * table.sink_k**4
        fastest_s = min(
            table.device_j_k / table.device_radiator_w_k,
            table.bus_j_k / table.bus_radiator_w_k,
            table.radiator_j_k
            / (table.device_radiator_w_k + table.bus_radiator_w_k + 4 * self._radiance * _RADIATOR_K_MAX**3),
        )
        self._step_s_max = _STEP_SHARE * fastest_s

    @property
    def device_c(self) -> float:
        """Temperature of the device."""
        return self.device_k - ZERO_C_K

    @property
    def bus_c(self) -> float:
        """Temperature of the bus and the battery."""
        return self.bus_k - ZERO_C_K

    @property
    def radiator_c(self) -> float:
        """Temperature of the radiator."""
        return self.radiator_k - ZERO_C_K

    @property
    def stored_j(self) -> float:
        """The heat in all of it, from absolute zero on."""
        table = self._table
        return table.device_j_k * self.device_k + table.bus_j_k * self.bus_k + table.radiator_j_k * self.radiator_k

    def radiated_w(self) -> float:
        """Give what leaves now, less what comes from the sink."""
        return self._radiance * self.radiator_k**4 - self._sink_w

    def run(self, device_w: float, bus_w: float, duration_s: float) -> None:
        """Let heat come at a constant rate for a while."""
        steps = max(1, math.ceil(duration_s / self._step_s_max))
        step_s = duration_s / steps
        now = (self.device_k, self.bus_k, self.radiator_k)
        for _ in range(steps):
            now = self._step(now, device_w, bus_w, step_s)
        self.device_k, self.bus_k, self.radiator_k = now

    def _step(self, now: Temperatures, device_w: float, bus_w: float, step_s: float) -> Temperatures:
        device, bus, radiator = now
        half_s = step_s / 2
        a1, b1, c1 = self._rates(device, bus, radiator, device_w, bus_w)
        a2, b2, c2 = self._rates(device + half_s * a1, bus + half_s * b1, radiator + half_s * c1, device_w, bus_w)
        a3, b3, c3 = self._rates(device + half_s * a2, bus + half_s * b2, radiator + half_s * c2, device_w, bus_w)
        a4, b4, c4 = self._rates(device + step_s * a3, bus + step_s * b3, radiator + step_s * c3, device_w, bus_w)
        sixth_s = step_s / 6
        return (
            device + sixth_s * (a1 + 2 * (a2 + a3) + a4),
            bus + sixth_s * (b1 + 2 * (b2 + b3) + b4),
            radiator + sixth_s * (c1 + 2 * (c2 + c3) + c4),
        )

    def _rates(self, device: float, bus: float, radiator: float, device_w: float, bus_w: float) -> Temperatures:
        table = self._table
        from_device_w = table.device_radiator_w_k * (device - radiator)
        from_bus_w = table.bus_radiator_w_k * (bus - radiator)
        squared = radiator * radiator
        leaving_w = self._radiance * squared * squared - self._sink_w
        return (
            (device_w - from_device_w) / table.device_j_k,
            (bus_w - from_bus_w) / table.bus_j_k,
            (from_device_w + from_bus_w - leaving_w) / table.radiator_j_k,
        )
