"""What the board measures of its power, its heat and its place, and the ports of the governor.

Data and protocols only: the board's own sensors are in `flight.board`, those of a scenario in the HIL environment.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that was measured at one time; None is a sensor that the board does not have."""

    taken_ns: int
    """When it was measured, in the time that ``now_ns`` is in."""
    battery_charge: float | None = None
    """What is in the battery, as a share of its usable capacity: 0 to 1."""
    battery_capacity_j: float | None = None
    """What is in it when it is full."""
    solar_w: float | None = None
    """What comes in from the Sun, or another source."""
    bus_load_w: float | None = None
    """All that is drawn, the compute device included."""
    device_w: float | None = None
    """What the compute device draws."""
    device_c: float | None = None
    """Temperature of the compute device."""
    radiator_c: float | None = None
    battery_c: float | None = None
    eclipse_in_s: float | None = None
    """Time until the next eclipse, 0 while in one."""
    sunlight_in_s: float | None = None
    """Time until sunrise, 0 while in the light."""
    eclipse_s: float | None = None
    """How long the present eclipse is in all, or the next one."""
    sunlight_s: float | None = None
    """How long the present stretch of light is in all, or the next one."""
    latitude_deg: float | None = None
    """Where it is, as a GNSS receiver says: north of the equator, on WGS84."""
    longitude_deg: float | None = None
    """East of Greenwich, -180 to 180."""
    altitude_km: float | None = None
    """Above WGS84."""


class Sensors(Protocol):
    """The sensors of a board."""

    def read(self, now_ns: int) -> Readings:
        """Measure, in microseconds: nobody is served meanwhile.

        Raises:
            OSError: The sensors cannot be read at all.
        """
        ...


class PowerLimit(Protocol):
    """A compute device whose power can be limited: it runs at a lower clock, and computes the same."""

    def limit(self, watts: float | None) -> None:
        """Keep the device below so much from now on, or with None let it have what it takes by itself.

        Args:
            watts: Brought into what the device can do.

        Raises:
            OSError: The device, or the system, refuses.
        """
        ...
