"""What compute costs, from the power of the device and the time in which a job kept it busy.

All is averaged: over some minutes what is drawn without compute, over the busy time of some seconds what is drawn for
it. An average by ``span / (span + tau)`` is the same on every computer.
"""

import math
from dataclasses import dataclass

# The load beside compute changes with heaters and transmitters; a forecast is of their average.
BASE_TAU_S = 120.0

# A device goes idle in milliseconds; what it draws then changes with its temperature, slowly.
IDLE_TAU_S = 30.0

# The Sun is seen at a slowly changing angle.
SOLAR_TAU_S = 120.0

# Busy time that makes one measurement of what compute draws: a look tells but one instant of a duty cycle. The first
# one is wanted sooner.
WINDOW_S = 60.0
FIRST_WINDOW_S = 10.0

# Share that a new such measurement has.
WINDOW_WEIGHT = 0.3


@dataclass(slots=True)
class Average:
    """An average that forgets. Not-a-number until there is one."""

    tau_s: float
    value: float = math.nan

    def add(self, value: float, span_s: float) -> None:
        """Take in a value that held for a while."""
        if math.isnan(self.value):
            self.value = value
        elif span_s > 0:
            self.value += (value - self.value) * span_s / (span_s + self.tau_s)


class Meter:
    """Measures what compute draws."""

    def __init__(self) -> None:
        self.base = Average(BASE_TAU_S)
        """Watts that are drawn without the device."""
        self.idle = Average(IDLE_TAU_S)
        """Watts that the device draws while it has nothing to do."""
        self.solar = Average(SOLAR_TAU_S)
        """Watts that come in while in the light."""
        self.compute_w = math.nan
        """What a job that is always busy draws above an idle device."""
        self._busy_s = 0.0
        self._elapsed_s = 0.0
        self._energy_j = 0.0

    @property
    def base_w(self) -> float:
        """What is drawn without compute, the idle device included."""
        return self.base.value + (0.0 if math.isnan(self.idle.value) else self.idle.value)

    def add(
        self, *, device_w: float, bus_load_w: float, solar_w: float, is_light: bool, busy_ns: int | None, span_s: float
    ) -> float:
        """Take in what was measured; give what the device took meanwhile, in joules.

        Args:
            device_w: Not-a-number if it is not known, as of the other powers.
            bus_load_w: All that is drawn.
            solar_w: What comes in.
            is_light: Whether the spacecraft is in the light.
            busy_ns: How long a job kept the device busy since the look before; None if that cannot be said.
            span_s: How long a time this look stands for.
        """
        if is_light and not math.isnan(solar_w):
            self.solar.add(solar_w, span_s)
        if math.isnan(device_w):
            return 0.0
        if bus_load_w >= device_w:
            self.base.add(bus_load_w - device_w, span_s)
        energy_j = device_w * span_s
        if busy_ns == 0:
            self.idle.add(device_w, span_s)
        elif busy_ns is not None:
            self._measure(energy_j, span_s, busy_ns / 1e9)
        return energy_j

    def _measure(self, energy_j: float, span_s: float, busy_s: float) -> None:
        self._busy_s += busy_s
        self._elapsed_s += span_s
        self._energy_j += energy_j
        if self._busy_s < (FIRST_WINDOW_S if math.isnan(self.compute_w) else WINDOW_S):
            return
        idle_w = 0.0 if math.isnan(self.idle.value) else self.idle.value
        measured_w = max((self._energy_j - idle_w * self._elapsed_s) / self._busy_s, 0.0)
        before_w = measured_w if math.isnan(self.compute_w) else self.compute_w
        self.compute_w = before_w + (measured_w - before_w) * WINDOW_WEIGHT
        self._busy_s = self._elapsed_s = self._energy_j = 0.0
