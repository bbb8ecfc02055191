"""One sensor as the governor sees it: whether it is there, what it last gave, and whether that can be believed.

A sensor that was never there is no matter. One that was there and gives nothing, or what cannot be, is believed on its
last value for a while; then it counts as lost until it has given good values for as long.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flight.sensors import Readings
from mission.governor import Sensor

_W_MAX = 1e7
_S_MAX = 1e8
_C_MIN, _C_MAX = -150.0, 250.0

# A fuel gauge that is a little off its ends is not broken.
_CHARGE_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Span:
    """Where the values of a sensor are in the readings, and between what they can be."""

    field: str
    lowest: float
    highest: float


SPANS = {
    Sensor.BATTERY_CHARGE: Span("battery_charge", -_CHARGE_MARGIN, 1 + _CHARGE_MARGIN),
    Sensor.BATTERY_CAPACITY: Span("battery_capacity_j", 1.0, 1e12),
    Sensor.SOLAR_POWER: Span("solar_w", 0.0, _W_MAX),
    Sensor.BUS_LOAD: Span("bus_load_w", 0.0, _W_MAX),
    Sensor.DEVICE_POWER: Span("device_w", 0.0, _W_MAX),
    Sensor.DEVICE_TEMPERATURE: Span("device_c", _C_MIN, _C_MAX),
    Sensor.RADIATOR_TEMPERATURE: Span("radiator_c", _C_MIN, _C_MAX),
    Sensor.BATTERY_TEMPERATURE: Span("battery_c", _C_MIN, _C_MAX),
    Sensor.ECLIPSE_IN: Span("eclipse_in_s", 0.0, _S_MAX),
    Sensor.SUNLIGHT_IN: Span("sunlight_in_s", 0.0, _S_MAX),
    Sensor.ECLIPSE_LENGTH: Span("eclipse_s", 0.0, _S_MAX),
    Sensor.SUNLIGHT_LENGTH: Span("sunlight_s", 0.0, _S_MAX),
}
"""What can be measured."""


class Standing(Enum):
    """Whether a sensor is to be believed."""

    ABSENT = "absent"
    """There is none on this board, as far as is known."""
    GOOD = "good"
    """Its last value counts, even if it is some seconds old."""
    LOST = "lost"


class Gauge:
    """One sensor.

    Args:
        sensor: Which.
    """

    def __init__(self, sensor: Sensor) -> None:
        self._sensor = sensor
        self._span = SPANS[sensor]
        self.standing = Standing.ABSENT
        self.value = math.nan
        """The last value that can be; not-a-number if there was none, or if it is lost."""
        self.fault = ""
        """Why it is lost."""
        self._good_ns = 0
        self._bad_ns: int | None = None
        """Since when it gives nothing that counts, or, once it is lost, when it last did."""

    def read(self, readings: Readings | None, fault: str, patience_ns: int, now_ns: int) -> bool:
        """Take what was measured; tell whether the standing changed in a way that an operator is to hear of.

        Args:
            readings: None if there are none that count.
            fault: Why there are none.
            patience_ns: For so long a sensor that gives nothing is believed, and one that is back is not yet.
            now_ns: When.
        """
        raw = None if readings is None else getattr(readings, self._span.field)
        fault = fault or self._fault(raw)
        match self.standing:
            case Standing.ABSENT if not fault:
                self.standing = Standing.GOOD
                self._take(raw, now_ns)
            case Standing.GOOD if not fault:
                self._take(raw, now_ns)
            case Standing.GOOD if now_ns - self._good_ns >= patience_ns:
                self._lose(f"{fault} for {(now_ns - self._good_ns) // 1_000_000_000} s", now_ns)
                return True
            case Standing.LOST if fault:
                self._bad_ns = now_ns
            case Standing.LOST if self._bad_ns is None or now_ns - self._bad_ns >= patience_ns:
                self.standing, self.fault = Standing.GOOD, ""
                self._take(raw, now_ns)
                return True
        return False

    def expect(self, now_ns: int) -> bool:
        """Say that the sensor has to be there; tell whether it is lost by that."""
        if self.standing is not Standing.ABSENT:
            return False
        self._lose("expected, and never there", now_ns)
        return True

    def _take(self, raw: Any, now_ns: int) -> None:
        self.value = min(max(float(raw), 0.0), 1.0) if self._sensor is Sensor.BATTERY_CHARGE else float(raw)
        self._good_ns, self._bad_ns = now_ns, None

    def _lose(self, fault: str, now_ns: int) -> None:
        self.standing, self.fault, self.value = Standing.LOST, fault, math.nan
        self._bad_ns = now_ns

    def _fault(self, raw: Any) -> str:
        """Give what is wrong with a value; empty if it can be."""
        if raw is None:
            return "no value"
        if isinstance(raw, bool) or not isinstance(raw, int | float):
            return f"no number but {type(raw).__name__}"
        if not self._span.lowest <= raw <= self._span.highest:  # Not-a-number is outside of everything.
            return f"expected {self._span.lowest:g} to {self._span.highest:g}, found {raw:g}"
        return ""
