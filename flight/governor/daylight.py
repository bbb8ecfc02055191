"""Light and eclipse: how much of each is left, and how long a whole one is, learnt where no sensor says it."""

import math

from flight.governor.panel import Panel
from mission.governor import Sensor


class Daylight:
    """What is known of the orbit's light. All in seconds, not-a-number where unknown."""

    def __init__(self) -> None:
        self.is_light = True
        """Whether the spacecraft is in the light, as far as is known."""
        self.light_left_s = math.nan
        self.eclipse_left_s = math.nan
        self.light_s = math.nan
        """Of a whole orbit."""
        self.eclipse_s = math.nan
        """Of a whole orbit."""
        self._was_light: bool | None = None

    def look(self, panel: Panel) -> None:
        """Take note of what the sensors say."""
        eclipse_in_s = panel.value(Sensor.ECLIPSE_IN)
        sunlight_in_s = panel.value(Sensor.SUNLIGHT_IN)
        if math.isnan(eclipse_in_s) and math.isnan(sunlight_in_s):
            self.light_left_s = self.eclipse_left_s = math.nan
            self._was_light = None
            return
        self.is_light = is_light = eclipse_in_s > 0 or (math.isnan(eclipse_in_s) and sunlight_in_s == 0)
        left_s = eclipse_in_s if is_light else sunlight_in_s
        # The first look of a stretch that was entered tells how long a whole one is, to a look's length.
        if self._was_light is not None and self._was_light is not is_light:
            self.light_s, self.eclipse_s = (left_s, self.eclipse_s) if is_light else (self.light_s, left_s)
        self._was_light = is_light
        self.light_s = _told(panel.value(Sensor.SUNLIGHT_LENGTH), self.light_s)
        self.eclipse_s = _told(panel.value(Sensor.ECLIPSE_LENGTH), self.eclipse_s)
        self.light_left_s = eclipse_in_s if is_light else 0.0
        self.eclipse_left_s = self.eclipse_s if is_light else sunlight_in_s


def _told(told_s: float, known_s: float) -> float:
    return known_s if math.isnan(told_s) else told_s
