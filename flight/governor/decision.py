"""What the governor came to, and why, in words."""

import math
from dataclasses import dataclass
from enum import Enum

from flight.governor.watch import Levels
from flight.jobs.pace import FULL_PERMILLE
from mission.governor import Allowance, Sensor
from mission.jobs import PauseCause


class Quantity(Enum):
    """What is watched; of several that hold jobs back alike, the first is told."""

    CHARGE = "battery charge"
    FORECAST = "forecast"
    DEVICE = "device"
    RADIATOR = "radiator"
    BATTERY = "battery"


CAUSES = {
    Quantity.CHARGE: PauseCause.POWER,
    Quantity.FORECAST: PauseCause.POWER,
    Quantity.DEVICE: PauseCause.THERMAL,
    Quantity.RADIATOR: PauseCause.THERMAL,
    Quantity.BATTERY: PauseCause.THERMAL,
}
"""What a job that is held by it is paused by."""

GAUGES = {
    Quantity.CHARGE: (Sensor.BATTERY_CHARGE,),
    Quantity.DEVICE: (Sensor.DEVICE_TEMPERATURE,),
    Quantity.RADIATOR: (Sensor.RADIATOR_TEMPERATURE,),
    Quantity.BATTERY: (Sensor.BATTERY_TEMPERATURE,),
    Quantity.FORECAST: (
        Sensor.BATTERY_CHARGE,
        Sensor.BATTERY_CAPACITY,
        Sensor.SOLAR_POWER,
        Sensor.BUS_LOAD,
        Sensor.DEVICE_POWER,
        Sensor.ECLIPSE_IN,
        Sensor.SUNLIGHT_IN,
    ),
}
"""The sensors without which it is not known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What jobs may do, and by what."""

    allowance: Allowance
    cause: PauseCause
    duty_permille: int
    reason: str


FREE = Decision(Allowance.RUN, PauseCause.NONE, FULL_PERMILLE, "nothing holds jobs back")
"""What is until something was measured."""


def reason(quantity: Quantity, allowance: Allowance, levels: Levels, value: float, fault: str) -> str:
    """Say why a quantity lets jobs do no more.

    Args:
        quantity: Which.
        allowance: What it lets them do.
        levels: Its levels.
        value: What it is, as it is watched; not-a-number if it is not known.
        fault: Why it is not known, if a sensor gave out.
    """
    if fault:
        return f"{quantity.value} is not known: {fault}"
    if math.isnan(value):
        return f"{quantity.value} is not known"
    is_held = allowance is Allowance.HOLD
    back = levels.resume if is_held else levels.free
    match quantity:
        case Quantity.CHARGE:
            return f"battery charge {value:.1%}, {'held' if is_held else 'throttled'} until {back:.0%}"
        case Quantity.FORECAST:
            return f"the forecast leaves a duty of {value:.0f} permille until sunrise"
        case _:
            return f"{quantity.value} at {-value:.1f} degC, {'held' if is_held else 'throttled'} until {-back:.0f} degC"
