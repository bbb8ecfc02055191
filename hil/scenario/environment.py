"""What the spacecraft lives on and in: its array, battery, loads, heat and radiation. It needs an orbit.

The defaults are a spacecraft of 60 kg with one data-centre accelerator, which it cannot feed or cool all the time.
Where no source is named a default is an assumption.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.scenario.table import Seconds, Table

Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
Share = Annotated[float, Meta(gt=0, le=1)]
Celsius = Annotated[float, Meta(ge=-150, le=250)]

# Power, heat and charge are reckoned at this pace from mission time zero on, so that how a run is cut changes nothing.
GRID_S = 10

# What strikes in one run; a year of the worst storm on 80 GiB is less.
STRIKES_MAX = 100_000


class ArrayTable(Table, frozen=True, kw_only=True):
    """The solar array."""

    area_m2: Positive = 1.5
    """Assumption: two panels beside a body of 60 kg."""
    efficiency: Share = 0.28
    """Assumption: triple-junction cells of 30 % (data sheets of the usual makers), 93 % of the area covered by them."""
    pointing: Literal["sun", "zenith"] = "sun"
    """Turned to the Sun, or fixed to the face that looks away from the Earth."""


class BatteryTable(Table, frozen=True, kw_only=True):
    """The battery; charge is a share of its usable capacity."""

    capacity_wh: Positive = 500.0
    """Assumption: 3 kg of lithium-ion cells at 170 Wh/kg."""
    charge: Annotated[float, Meta(ge=0, le=1)] = 0.9
    """At the beginning."""
    charge_efficiency: Share = 0.96
    """Assumption, as the next: together 92 %, usual for lithium-ion with its converters."""
    discharge_efficiency: Share = 0.96
    brown_out_charge: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    """Below this the regulator lets everything but the charger go."""
    restart_charge: Annotated[float, Meta(gt=0, le=1)] = 0.3
    """From this on it feeds the spacecraft again."""


class LoadsTable(Table, frozen=True, kw_only=True):
    """What draws power."""

    bus_w: NotNegative = 60.0
    """Assumption: on-board computer, radio and attitude control of 60 kg."""
    off_w: NotNegative = 4.0
    """Assumption: what draws in a brown-out: charger and heaters."""
    device_off_w: NotNegative = 2.0
    """Assumption: the device's supply with nothing on it."""
    device_idle_w: NotNegative = 90.0
    """Assumption: an accelerator with its host that waits."""
    device_busy_w: NotNegative = 700.0
    """NVIDIA H100 SXM, data sheet: up to 700 W."""


class ThermalTable(Table, frozen=True, kw_only=True):
    """Heat, in lumps: device and bus give theirs to a radiator, which radiates."""

    device_j_k: Positive = 2_000.0
    """Assumption: a module with its cold plate, 2.2 kg of aluminium (900 J/kg/K)."""
    bus_j_k: Positive = 25_000.0
    """Assumption: the rest of the body with its battery, whose temperature it stands for."""
    radiator_j_k: Positive = 5_000.0
    """Assumption: 5.5 kg of aluminium."""
    device_radiator_w_k: Positive = 20.0
    """Assumption: a loop or heat pipes that 700 W pass at 35 K."""
    bus_radiator_w_k: Positive = 5.0
    """Assumption."""
    radiator_m2: Positive = 0.5
    """Assumption: one panel. The white paper of Starcloud takes 1.6 m2 for a kilowatt at 20 C."""
    radiator_sides: Annotated[int, Meta(ge=1, le=2)] = 2
    emissivity: Share = 0.92
    """So that two sides at 20 C emit 770 W/m2, as the white paper of Starcloud has it."""
    sink_k: Annotated[float, Meta(ge=3, le=400)] = 190.4
    """So that two sides take 137 W/m2 from Earth, Sun and space, as the same paper has it."""
    start_c: Celsius = 10.0
    """All of it at the beginning. Assumption."""
    device_trip_c: Celsius = 100.0
    """At this the device switches itself off. Assumption: some 10 K above where accelerators slow down."""
    device_return_c: Celsius = 70.0
    """Below this it lets itself be started again. Assumption."""


class RadiationTable(Table, frozen=True, kw_only=True):
    """Particles."""

    memory_gib: Positive = 80.0
    """What the job holds its numbers in; NVIDIA H100 SXM, data sheet."""
    upsets_per_bit_day: Annotated[float, Meta(ge=0, le=1)] = 1e-11
    """In the mean over a Sun-synchronous orbit at 500 km. Assumption: no figure for such memory in orbit is published;
    static memory of 2002 had 4.04e-7 (Alsat-1), and 1e-13 to 1e-9 should be swept."""
    store_gib: NotNegative = 0.0
    """What the files of the store lie in, and all take up. Assumption: storage that corrects errors, so none."""
    store_path: str = ""
    """Where in the store they strike: a file, or a directory of which one file is struck. All of it, if empty."""
    software_gib: NotNegative = 0.0
    """What the flight software lies in, where an upset ends it. Assumption: memory that corrects errors, so none."""
    single_bit_share: Annotated[float, Meta(ge=0, le=1)] = 0.986
    """Of the upsets; of the others several bits of a word, a line or a burst flip. Alsat-1."""
    latch_ups_per_day: NotNegative = 1 / 300
    """Assumption."""
    interrupts_per_day: NotNegative = 1 / 30
    """The device stops until its power has been cycled. Assumption: one in 10 to 100 days."""
    stress: NotNegative = 1.0
    """All rates times this, while it lasts: a storm on the Sun, or a test."""
    stress_from_s: Seconds = 0.0
    stress_until_s: Seconds | None = None
    """To the end, if it is not said."""
    latch_up_down_s: Seconds = 60.0
    """From a latch-up, which takes the device's power within milliseconds, until it can be started. Assumption."""
    interrupt_down_s: Seconds = 300.0
    """From an interrupt until a watchdog on the bus has cycled the device's power. Assumption."""
    latch_ups_at_s: list[Seconds] = msgspec.field(default_factory=list)
    """Latch-ups at known times beside those by chance, for a run that wants one."""


class EnvironmentTable(Table, frozen=True, kw_only=True):
    """All of it."""

    array: ArrayTable = ArrayTable()
    battery: BatteryTable = BatteryTable()
    loads: LoadsTable = LoadsTable()
    thermal: ThermalTable = ThermalTable()
    radiation: RadiationTable | None = None
    """Without it no particle does anything."""


def check_environment(environment: EnvironmentTable, duration_s: float) -> None:
    """Refuse what is well-formed but makes no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    battery, loads, thermal = environment.battery, environment.loads, environment.thermal
    if battery.restart_charge <= battery.brown_out_charge:
        raise MisuseError(
            f"environment.battery.restart_charge: expected above brown_out_charge = {battery.brown_out_charge:g}, "
            f"found {battery.restart_charge:g}"
        )
    if battery.charge <= battery.brown_out_charge:
        raise MisuseError(
            f"environment.battery.charge: expected above brown_out_charge = {battery.brown_out_charge:g}, "
            f"found {battery.charge:g}"
        )
    step_wh = (loads.bus_w + loads.device_busy_w) * GRID_S / 3_600 / battery.discharge_efficiency
    left_wh = battery.brown_out_charge * battery.capacity_wh
    if left_wh < step_wh:
        raise MisuseError(
            f"environment.battery.capacity_wh: expected {GRID_S} s of all loads ({step_wh:.3g} Wh) below "
            f"brown_out_charge, found {left_wh:.3g} Wh"
        )
    if not loads.device_off_w <= loads.device_idle_w <= loads.device_busy_w:
        raise MisuseError("environment.loads.device_idle_w: expected it between device_off_w and device_busy_w")
    if thermal.device_return_c >= thermal.device_trip_c:
        raise MisuseError(
            f"environment.thermal.device_return_c: expected below device_trip_c = {thermal.device_trip_c:g}, "
            f"found {thermal.device_return_c:g}"
        )
    radiation = environment.radiation
    if radiation is not None:
        gib = radiation.memory_gib + radiation.store_gib + radiation.software_gib
        a_day = gib * (8 << 30) * radiation.upsets_per_bit_day
        a_day += radiation.latch_ups_per_day + radiation.interrupts_per_day
        expected = a_day * radiation.stress * duration_s / 86_400
        if expected > STRIKES_MAX:
            raise MisuseError(
                f"environment.radiation.stress: expected at most {STRIKES_MAX} strikes in all, found {expected:.3g}"
            )
        if radiation.stress_until_s is not None and radiation.stress_until_s <= radiation.stress_from_s:
            raise MisuseError(
                f"environment.radiation.stress_until_s: expected above stress_from_s = {radiation.stress_from_s:g}, "
                f"found {radiation.stress_until_s:g}"
            )
        for name in ("stress_from_s", "stress_until_s"):
            value = getattr(radiation, name)
            if value is not None and value > duration_s:
                raise MisuseError(
                    f"environment.radiation.{name}: expected at most duration_s = {duration_s:g}, found {value:g}"
                )
        late = [at_s for at_s in radiation.latch_ups_at_s if at_s >= duration_s]
        if late:
            raise MisuseError(
                f"environment.radiation.latch_ups_at_s: expected below duration_s = {duration_s:g}, found {late[0]:g}"
            )
