"""Where the parameters of the governor have their values from: with sensors, and without."""

import math
from collections.abc import Callable

from flight.governor.decision import FREE, Decision
from flight.governor.governor import Governor
from flight.jobs.engine import Engine
from flight.jobs.telling import energy_per_token_j
from flight.parameters import Source
from mission.governor import Sensor

NS_PER_S = 1_000_000_000

_READINGS = {
    "solar_power": Sensor.SOLAR_POWER,
    "bus_load": Sensor.BUS_LOAD,
    "device_power": Sensor.DEVICE_POWER,
    "device_temperature": Sensor.DEVICE_TEMPERATURE,
    "radiator_temperature": Sensor.RADIATOR_TEMPERATURE,
    "battery_temperature": Sensor.BATTERY_TEMPERATURE,
    "eclipse_in": Sensor.ECLIPSE_IN,
    "sunlight_in": Sensor.SUNLIGHT_IN,
}


def sources(governor: Governor | None, engine: Engine) -> dict[str, Source]:
    """Give where the parameters of power, heat, energy and place have their values from.

    Args:
        governor: None if there are no sensors: then nothing is known, and nothing holds jobs back.
        engine: What it governs.
    """

    def of(value: Callable[[Governor], float]) -> Source:
        return lambda _: math.nan if governor is None else value(governor)

    def reading(sensor: Sensor) -> Source:
        return of(lambda governor: governor.panel.value(sensor))

    def place(index: int) -> Source:
        return lambda now_ns: math.nan if governor is None else governor.place(now_ns)[index]

    def energy_per_token(_: int) -> float:
        running = engine.running
        if running is None:
            return math.nan
        job = engine.queue.find(running.job_id)
        return energy_per_token_j(job, running.step, engine.energy_j(running.job_id))

    def decision() -> Decision:
        return FREE if governor is None else governor.decision

    return {
        "battery_charge": of(lambda governor: governor.panel.value(Sensor.BATTERY_CHARGE) * 100),
        **{name: reading(sensor) for name, sensor in _READINGS.items()},
        **{name: place(index) for index, name in enumerate(("latitude", "longitude", "altitude"))},
        "allowance": lambda _: decision().allowance,
        "allowance_cause": lambda _: decision().cause,
        "duty": lambda _: decision().duty_permille,
        "sensors_lost": lambda _: 0 if governor is None else governor.panel.lost,
        "base_load": of(lambda governor: governor.meter.base_w),
        "compute_load": of(lambda governor: governor.meter.compute_w),
        "compute_energy": of(lambda governor: governor.forecast.budget_j if governor.forecast else math.nan),
        "sunrise_charge": of(_sunrise_percent),
        "planned_duty": of(lambda governor: governor.forecast.duty_permille if governor.forecast else math.nan),
        "step_energy": of(lambda governor: _step_j(governor, engine)),
        "job_energy": lambda _: engine.energy_j(engine.job_id) or math.nan,
        "energy_per_token": energy_per_token,
        "tokens_per_joule": lambda now_ns: 1 / energy_per_token(now_ns),
        "job_late": of(lambda governor: governor.late_s),
    }


def _sunrise_percent(governor: Governor) -> float:
    capacity_j = governor.panel.value(Sensor.BATTERY_CAPACITY)
    return 100 * governor.forecast.sunrise_j / capacity_j if governor.forecast else math.nan


def _step_j(governor: Governor, engine: Engine) -> float:
    running = engine.running
    return governor.meter.compute_w * running.step_ns / NS_PER_S if running and running.step_ns else math.nan
