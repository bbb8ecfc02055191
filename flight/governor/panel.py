"""All gauges of the board: they are read together, and what changes of their standing is told.

Whatever the sensors do, reading them raises nothing: a driver that fails is a panel of sensors that give nothing.
"""

import math

from flight.governor.config import GovernorConfig
from flight.governor.gauge import Gauge, Standing
from flight.reporter import Reporter, clip_reason
from flight.sensors import Readings, Sensors
from mission.governor import Sensor
from mission.words.governor import SENSOR_FOUND, SENSOR_LOST

NS_PER_S = 1_000_000_000

# Readings older than this many looks are none; one or two may be missed by a sensor that has a pace of its own.
STALE_PERIODS = 3

PLACE = {"latitude_deg": (-90.0, 90.0), "longitude_deg": (-180.0, 180.0), "altitude_km": (-10.0, 1e6)}
"""What of the readings says where it is, and between what that can be: from below the sea to beyond the Moon."""

_NOWHERE = (math.nan, math.nan, math.nan)


class Panel:
    """The gauges.

    Args:
        sensors: What they read.
        reporter: Where it is told that one gave out, or is back.
    """

    def __init__(self, sensors: Sensors, reporter: Reporter) -> None:
        self._sensors = sensors
        self._reporter = reporter
        self._gauges = {sensor: Gauge(sensor) for sensor in Sensor}
        self._place, self._placed_ns = _NOWHERE, -1

    def look(self, config: GovernorConfig, now_ns: int) -> None:
        """Read all of them."""
        readings, fault = self._read(config, now_ns)
        for sensor, gauge in self._gauges.items():
            has_changed = gauge.read(readings, fault, config.patience_ns, now_ns)
            if config.expected >> sensor & 1:
                has_changed |= gauge.expect(now_ns)
            if has_changed and gauge.standing is Standing.LOST:
                self._reporter.event(SENSOR_LOST, sensor=sensor, reason=clip_reason(gauge.fault))
            elif has_changed:
                self._reporter.event(SENSOR_FOUND, sensor=sensor)

    def gauge(self, sensor: Sensor) -> Gauge:
        """Give a gauge."""
        return self._gauges[sensor]

    def value(self, sensor: Sensor) -> float:
        """Give what a sensor says, not-a-number if nothing that counts."""
        return self._gauges[sensor].value

    def has(self, *sensors: Sensor) -> bool:
        """Tell whether all of some sensors say something that counts."""
        return not any(math.isnan(self._gauges[sensor].value) for sensor in sensors)

    def place(self, config: GovernorConfig, now_ns: int) -> tuple[float, float, float]:
        """Give latitude and longitude in degrees and altitude in km, not-a-number if no receiver says all of them.

        They are read when somebody asks: between two looks of the governor a spacecraft flies hundreds of kilometres.
        """
        if now_ns != self._placed_ns:
            readings, _ = self._read(config, now_ns)
            self._place, self._placed_ns = _place_of(readings), now_ns
        return self._place

    @property
    def lost(self) -> int:
        """The sensors that gave out, one bit each."""
        return sum(1 << sensor for sensor, gauge in self._gauges.items() if gauge.standing is Standing.LOST)

    def _read(self, config: GovernorConfig, now_ns: int) -> tuple[Readings | None, str]:
        """Give the readings, or why there are none that count."""
        try:
            readings = self._sensors.read(now_ns)
        except Exception as error:  # Whose driver it ever is: it must not take command and telemetry with it.
            return None, f"cannot be read: {error}" if str(error) else f"cannot be read: {type(error).__name__}"
        age_ns = now_ns - readings.taken_ns
        if age_ns < 0:
            return None, "readings from the future"
        if age_ns > STALE_PERIODS * config.period_ns:
            return None, f"readings {age_ns / NS_PER_S:.0f} s old"
        return readings, ""


def _place_of(readings: Readings | None) -> tuple[float, float, float]:
    if readings is None:
        return _NOWHERE
    latitude_deg, longitude_deg, altitude_km = (getattr(readings, name) for name in PLACE)
    for value, (lowest, highest) in zip((latitude_deg, longitude_deg, altitude_km), PLACE.values(), strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            return _NOWHERE
    return float(latitude_deg), float(longitude_deg), float(altitude_km)
