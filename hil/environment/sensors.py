"""The sensors of the spacecraft in a run: what the environment says, as the flight software may know it.

Power, charge and temperatures are those of the last step of the grid. When the next eclipse begins, and how long it is,
comes from the orbit, which a spacecraft knows on board. Where it is, a GNSS receiver says, without the
error of some metres that one has.
"""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from flight.sensors import Readings
from hil.environment.environment import Environment
from hil.orbit.earth import geodetic
from hil.orbit.satellite import Satellite
from hil.orbit.spans import Span

NS_PER_S = 1_000_000_000


class EnvironmentSensors:
    """A `flight.sensors.Sensors` of an environment.

    Args:
        environment: Reckoned up to now by whoever owns it.
        satellite: Who flies.
        shadows: When the Sun is hidden, in order.
    """

    def __init__(self, environment: Environment, satellite: Satellite, shadows: Sequence[Span]) -> None:
        self._environment = environment
        self._satellite = satellite
        self._shadows = shadows
        self.now_ns = 0
        """Mission time, kept by the world: the clock on board may be another."""

    def read(self, now_ns: int) -> Readings:
        """See `flight.sensors.Sensors`."""
        now, now_s = self._environment.now, self.now_ns / NS_PER_S
        index = bisect_right(self._shadows, now_s, key=lambda span: span.start_s)
        before = self._shadows[index - 1] if index else None
        is_dark = before is not None and now_s < before.end_s
        shadow = before if is_dark else self._shadows[index] if index < len(self._shadows) else None
        later = self._shadows[index] if index < len(self._shadows) else None
        # The light at hand, or after this shadow: from the end of one to the beginning of the next.
        light_s = later.start_s - before.end_s if before is not None and later is not None else None
        latitude_deg, longitude_deg, altitude_km = geodetic(self._satellite.fixed_km(np.array([now_s]))[0])
        return Readings(
            taken_ns=now_ns,
            battery_charge=now.charge,
            battery_capacity_j=self._environment.battery.capacity_j,
            solar_w=now.solar_w,
            bus_load_w=now.load_w,
            device_w=now.device_w,
            device_c=now.device_c,
            radiator_c=now.radiator_c,
            battery_c=now.battery_c,
            eclipse_in_s=None if shadow is None else max(shadow.start_s - now_s, 0.0),
            sunlight_in_s=shadow.end_s - now_s if is_dark and shadow is not None else 0.0,
            eclipse_s=None if shadow is None else shadow.duration_s,
            sunlight_s=light_s,
            latitude_deg=float(latitude_deg[0]),
            longitude_deg=float(longitude_deg[0]),
            altitude_km=float(altitude_km[0]),
        )
