"""How the governor works: the levels and times that an operator sets (ST[20]), each with its default."""

from dataclasses import dataclass, field, replace
from typing import Any

from flight.governor.watch import Levels
from flight.parameters import ParameterPool
from mission.dictionary import Setting
from mission.governor import Allowance
from mission.words import governor as words

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


def _defaults() -> dict[str, Any]:
    return {each.name: each.default for each in words.SETTINGS}


@dataclass(frozen=True, kw_only=True)
class GovernorConfig:
    """The settings as they are now, by name, and what they mean."""

    values: dict[str, Any] = field(default_factory=_defaults)

    @property
    def period_ns(self) -> int:
        """Between two looks at the sensors, about."""
        return self.values["sensor_period"] * NS_PER_MS

    @property
    def patience_ns(self) -> int:
        """How long a sensor may give nothing."""
        return self.values["sensor_patience"] * NS_PER_S

    @property
    def dwell_ns(self) -> int:
        """The least time before less is held back again."""
        return self.values["governor_dwell"] * NS_PER_S

    @property
    def expected(self) -> int:
        """Sensors that have to be there, one bit each."""
        return self.values["sensors_expected"]

    @property
    def lost_allowance(self) -> Allowance:
        """What jobs may do when a watched quantity is not known any more."""
        return Allowance(self.values["sensor_lost_allowance"])

    @property
    def throttled_permille(self) -> int:
        """The least duty while charge or heat throttles."""
        return self.values["throttled_duty"]

    @property
    def throttled_w(self) -> int:
        """Limit of the device's power while throttled; 0 for none."""
        return self.values["throttled_power"]

    @property
    def wanted_permille(self) -> int:
        """Duty of jobs that no deadline presses."""
        return self.values["wanted_duty"]

    @property
    def reserve(self) -> float:
        """Share of the capacity that is to be left at sunrise."""
        return self.values["charge_reserve"] / 100

    @property
    def charge(self) -> Levels:
        """Of the battery's charge, 0 to 1."""
        names = ("charge_hold", "charge_throttle", "charge_hysteresis")
        hold, throttle, hysteresis = (self.values[name] / 100 for name in names)
        return Levels(hold, throttle, hysteresis)

    def heat(self, what: str) -> Levels:
        """Give the levels of a temperature, which is watched by its negative.

        Args:
            what: ``device``, ``radiator`` or ``battery``.
        """
        return Levels(-self.values[f"{what}_hold"], -self.values[f"{what}_throttle"], self.values["thermal_hysteresis"])


class GovernorSettings:
    """Follows what an operator sets.

    Args:
        config: What it is until then.
    """

    def __init__(self, config: GovernorConfig) -> None:
        self.config = config

    def bind(self, pool: ParameterPool) -> None:
        """Follow the settings of the governor."""
        for setting in words.SETTINGS:
            self._bind(pool, setting)

    def _bind(self, pool: ParameterPool, setting: Setting) -> None:
        def follow(value: Any, now_ns: int) -> None:
            self.config = replace(self.config, values={**self.config.values, setting.name: value})

        pool.bind(setting, self.config.values[setting.name], follow)
