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

# A device counts as idle after so long without work: what a sensor tells may be the average of some seconds before.
SETTLE_S = 20.0

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
        self.off = Average(IDLE_TAU_S)
        """Watts that the device draws without a worker."""
        self.ready = Average(IDLE_TAU_S)
        """Watts that it draws while a worker has nothing to do."""
        self.solar = Average(SOLAR_TAU_S)
        """Watts that come in while in the light."""
        self.busy_w = math.nan
        """What it draws while a job keeps it busy."""
        self._busy_s = 0.0
        self._span_s = 0.0
        self._energy_j = 0.0
        self._quiet_s = 0.0
        self._had_worker = False

    @property
    def held_w(self) -> float:
        """What is drawn while jobs are held."""
        return self.base.value + _first_known(self.off.value, self.ready.value)

    @property
    def base_w(self) -> float:
        """What is drawn while a worker has nothing to do."""
        return self.base.value + self._ready_w

    @property
    def compute_w(self) -> float:
        """What a job that is always busy draws above that."""
        return max(self.busy_w - self._ready_w, 0.0) if not math.isnan(self.busy_w) else math.nan

    @property
    def _ready_w(self) -> float:
        return _first_known(self.ready.value, self.off.value)

    def add(
        self,
        *,
        device_w: float,
        bus_load_w: float,
        solar_w: float,
        is_light: bool,
        has_worker: bool,
        busy_ns: int | None,
        span_s: float,
    ) -> float:
        """Take in what was measured; give what the device took meanwhile, in joules.

        Args:
            device_w: Not-a-number if it is not known, as of the other powers.
            bus_load_w: All that is drawn.
            solar_w: What comes in.
            is_light: Whether the spacecraft is in the light.
            has_worker: Whether there is a worker.
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
        is_quiet = busy_ns == 0 and has_worker is self._had_worker
        self._quiet_s, self._had_worker = self._quiet_s + span_s if is_quiet else 0.0, has_worker
        if is_quiet and self._quiet_s >= SETTLE_S:
            (self.ready if has_worker else self.off).add(device_w, span_s)
        if busy_ns:
            self._measure(energy_j, span_s, busy_ns / 1e9)
        return energy_j

    def _measure(self, energy_j: float, span_s: float, busy_s: float) -> None:
        self._busy_s += busy_s
        self._span_s += span_s
        self._energy_j += energy_j
        if self._busy_s < (FIRST_WINDOW_S if math.isnan(self.busy_w) else WINDOW_S):
            return
        rested_s = max(self._span_s - self._busy_s, 0.0)
        measured_w = max((self._energy_j - self._ready_w * rested_s) / self._busy_s, 0.0)
        before_w = measured_w if math.isnan(self.busy_w) else self.busy_w
        self.busy_w = before_w + (measured_w - before_w) * WINDOW_WEIGHT
        self._busy_s = self._span_s = self._energy_j = 0.0


def _first_known(*values: float) -> float:
    return next((value for value in values if not math.isnan(value)), 0.0)
