"""Power and heat of one spacecraft over an orbit, on a grid of time that begins with the mission.

Each step of the grid is reckoned when it is over, from what shone and what worked in it: all flows are constant within
a step, and the battery is exact for that. So how a run is cut into calls changes nothing. What happens (the battery is
empty, the device too hot) happens at the end of a step; `next_deadline` says by when somebody has to look.
"""

from dataclasses import dataclass
from enum import Enum

from hil.environment.activity import Activity, SharedDevice
from hil.environment.battery import Battery
from hil.environment.heat import Heat
from hil.environment.power_limit import SimulatedPowerLimit
from hil.environment.sunlight import Sunlight
from hil.orbit.satellite import Satellite
from hil.scenario.environment import GRID_S, EnvironmentTable

NS_PER_S = 1_000_000_000
GRID_NS = GRID_S * NS_PER_S

# How many samples a run keeps for the plots, about: as many as a wide screen has columns.
SAMPLES_MAX = 4_000


class Change(Enum):
    """What came of power and heat."""

    BROWN_OUT = "the battery is empty: the spacecraft loses its power"
    POWER_BACK = "the battery has charge again: the spacecraft has power"
    DEVICE_TRIPPED = "the device is too hot: it switches itself off"
    DEVICE_COOLED = "the device has cooled: it can be started again"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSample:
    """How it was at the end of a step; powers are those of the step."""

    time_s: float
    charge: float
    """Share of the battery's usable capacity."""
    solar_w: float
    load_w: float
    """All that is drawn."""
    device_w: float
    """What of it the compute device draws."""
    device_c: float
    radiator_c: float
    battery_c: float


@dataclass(kw_only=True)
class Energy:
    """What went where since the beginning, in J."""

    solar_j: float = 0.0
    load_j: float = 0.0
    device_j: float = 0.0


class Environment:
    """Power and heat.

    Args:
        table: What the spacecraft is.
        satellite: Where it is.
        activity: What its device does; whoever lets it work keeps that true.
        duration_s: How long the mission is, for how often a sample is kept.
    """

    def __init__(
        self, table: EnvironmentTable, satellite: Satellite, activity: Activity | SharedDevice, duration_s: float
    ) -> None:
        self._table = table
        self._activity = activity
        self._sunlight = Sunlight(table.array, satellite)
        self._step = 0
        self._sample_steps = max(1, round(duration_s / GRID_S / SAMPLES_MAX))
        self.battery = Battery(table.battery)
        self.heat = Heat(table.thermal)
        self.energy = Energy()
        self.hottest_c = self.heat.device_c
        """The highest temperature of the device at the end of a step."""
        self.power_limit = SimulatedPowerLimit(table.loads)
        """Kept by the flight software; with the power it is gone."""
        self.has_power = True
        """Whether the spacecraft is fed."""
        self.is_device_well = True
        """Whether the device lets itself be started."""
        self.samples: list[EnvironmentSample] = []
        # What came in and went out in the last step: from the Sun, to all loads, and to the device.
        self._powers_w = (
            self._sunlight.power_w(0),
            table.loads.bus_w + table.loads.device_off_w,
            table.loads.device_off_w,
        )

    @property
    def now(self) -> EnvironmentSample:
        """How it was at the end of the last step."""
        solar_w, load_w, device_w = self._powers_w
        return EnvironmentSample(
            time_s=float(self._step * GRID_S),
            charge=self.battery.charge,
            solar_w=solar_w,
            load_w=load_w,
            device_w=device_w,
            device_c=self.heat.device_c,
            radiator_c=self.heat.radiator_c,
            battery_c=self.heat.bus_c,
        )

    def advance(self, now_ns: int) -> list[Change]:
        """Reckon the steps that are over; give what came of them, in order."""
        changes: list[Change] = []
        while (self._step + 1) * GRID_NS <= now_ns:
            self._reckon()
            changes += self._changes()
        return changes

    def next_deadline(self) -> int:
        """Give when somebody has to look: the end of the step in which something may change at the earliest."""
        steps = 1 if self._activity.is_on or not self.is_device_well else self._quiet_steps()
        return (self._step + steps) * GRID_NS

    def _quiet_steps(self) -> int:
        """Give in how many steps, the present one included, the charge can cross what it waits for at the earliest."""
        table, battery = self._table, self.battery
        if self.has_power:
            left_j = battery.charge_j - table.battery.brown_out_charge * battery.capacity_j
            pace_w = (table.loads.bus_w + table.loads.device_off_w) / table.battery.discharge_efficiency
        else:
            left_j = table.battery.restart_charge * battery.capacity_j - battery.charge_j
            pace_w = self._sunlight.full_w
        return max(1, int(left_j / (pace_w * GRID_S))) if pace_w else 1

    def _reckon(self) -> None:
        loads = self._table.loads
        on, busy = self._activity.take((self._step + 1) * GRID_NS)
        device_w = loads.device_off_w if self.has_power else 0.0
        device_w += on * (loads.device_idle_w - loads.device_off_w) + busy * (
            self.power_limit.busy_w - loads.device_idle_w
        )
        bus_w = loads.bus_w if self.has_power else loads.off_w
        solar_w = self._sunlight.power_w(self._step)
        load_w = bus_w + device_w
        lost_w = self.battery.run(solar_w, load_w, GRID_S)
        # All that is drawn ends as heat, and what the battery loses too; what it sheds stays on the array.
        self.heat.run(device_w, bus_w + lost_w, GRID_S)
        self.energy.solar_j += solar_w * GRID_S
        self.energy.load_j += load_w * GRID_S
        self.energy.device_j += device_w * GRID_S
        self._step += 1
        self.hottest_c = max(self.hottest_c, self.heat.device_c)
        self._powers_w = (solar_w, load_w, device_w)
        if self._step % self._sample_steps == 0:
            self.samples.append(self.now)

    def _changes(self) -> list[Change]:
        table, changes = self._table, list[Change]()
        charge, device_c = self.battery.charge, self.heat.device_c
        if self.has_power and charge <= table.battery.brown_out_charge:
            self.has_power = False
            changes.append(Change.BROWN_OUT)
        elif not self.has_power and charge >= table.battery.restart_charge:
            self.has_power = True
            changes.append(Change.POWER_BACK)
        if self.is_device_well and device_c >= table.thermal.device_trip_c:
            self.is_device_well = False
            changes.append(Change.DEVICE_TRIPPED)
        elif not self.is_device_well and device_c <= table.thermal.device_return_c:
            self.is_device_well = True
            changes.append(Change.DEVICE_COOLED)
        return changes
