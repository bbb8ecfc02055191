"""What both ends mean by the governor's words: how much jobs may do, and what is measured. Data only."""

from enum import IntEnum


class Allowance(IntEnum):
    """How much jobs may do."""

    RUN = 1
    """All they can."""
    THROTTLE = 2
    """A share of the time, and of the device's power where that can be limited."""
    HOLD = 3
    """Nothing: they are paused after a checkpoint."""


class Sensor(IntEnum):
    """What is measured; also the number of its bit, from the lowest, in what is told of sensors."""

    BATTERY_CHARGE = 0
    BATTERY_CAPACITY = 1
    SOLAR_POWER = 2
    BUS_LOAD = 3
    DEVICE_POWER = 4
    DEVICE_TEMPERATURE = 5
    RADIATOR_TEMPERATURE = 6
    BATTERY_TEMPERATURE = 7
    ECLIPSE_IN = 8
    SUNLIGHT_IN = 9
    ECLIPSE_LENGTH = 10
    SUNLIGHT_LENGTH = 11
