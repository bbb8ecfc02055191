"""The words of the governor: what it reads, what it allows, and the levels that an operator sets. Data only.

It has no commands of its own: its levels are settings of ST[20].
"""

from mission.dictionary import EventDefinition, Parameter, Setting, Severity, Structure, Words
from mission.field_types import Enumerated, Float, Int, Text, UInt
from mission.fields import Field, Layout
from mission.governor import Allowance, Sensor
from mission.jobs import PauseCause

NS_PER_S = 1_000_000_000


def _reading(
    number: int, name: str, description: str, unit: str, warning: tuple[float, float] | None = None
) -> Parameter:
    return Parameter(id=number, shape=Field(name, Float(32), description, unit=unit), warning=warning)


BATTERY_CHARGE = _reading(700, "battery_charge", "what is in the battery, of its usable capacity", "%", (20, 101))
SOLAR_POWER = _reading(701, "solar_power", "what comes in", "W")
BUS_LOAD = _reading(702, "bus_load", "all that is drawn, the compute device included", "W")
DEVICE_POWER = _reading(703, "device_power", "what the compute device draws", "W")
DEVICE_TEMPERATURE = _reading(704, "device_temperature", "of the compute device", "degC", (-40, 95))
RADIATOR_TEMPERATURE = _reading(705, "radiator_temperature", "of the radiator", "degC", (-80, 70))
BATTERY_TEMPERATURE = _reading(706, "battery_temperature", "of the battery", "degC", (-5, 50))
ECLIPSE_IN = _reading(707, "eclipse_in", "time until the next eclipse, 0 while in one", "s")
SUNLIGHT_IN = _reading(708, "sunlight_in", "time until sunrise, 0 while in the light", "s")
ALLOWANCE = Parameter(id=710, shape=Field("allowance", Enumerated(Allowance), "how much jobs may do"))
ALLOWANCE_CAUSE = Parameter(
    id=711, shape=Field("allowance_cause", Enumerated(PauseCause), "what keeps them from doing more, if anything")
)
DUTY = Parameter(
    id=712, shape=Field("duty", UInt(16), "share of the time in which a job may have something to do", unit="permille")
)
SENSORS_LOST = Parameter(
    id=713, shape=Field("sensors_lost", UInt(16), "sensors that gave out: one bit each, by number from the lowest")
)
BASE_LOAD = _reading(714, "base_load", "what is drawn without compute", "W")
COMPUTE_LOAD = _reading(715, "compute_load", "what a job that is always busy draws above that", "W")
COMPUTE_ENERGY = _reading(716, "compute_energy", "what may go into compute until the next sunrise", "J")
SUNRISE_CHARGE = _reading(717, "sunrise_charge", "charge expected at the next sunrise, at the planned duty", "%")
PLANNED_DUTY = _reading(718, "planned_duty", "duty that the forecast allows", "permille")
STEP_ENERGY = _reading(719, "step_energy", "what compute draws for a training step", "J")
JOB_ENERGY = _reading(720, "job_energy", "what the device took for the job at work", "J")
ENERGY_PER_TOKEN = _reading(721, "energy_per_token", "what the device took for a token of the job at work", "J")
TOKENS_PER_JOULE = _reading(722, "tokens_per_joule", "tokens of the job at work for a joule of the device", "1/J")
LATITUDE = _reading(724, "latitude", "where the spacecraft is: north, on WGS84", "deg")
LONGITUDE = _reading(725, "longitude", "where the spacecraft is: east, -180 to 180", "deg")
ALTITUDE = _reading(726, "altitude", "where the spacecraft is: above WGS84", "km")
JOB_LATE = _reading(723, "job_late", "by how much the job is expected to miss its deadline, 0 for not at all", "s")


def _setting(
    number: int, name: str, description: str, unit: str, default: int, *, low: int = 0, high: int, bits: int = 16
) -> Setting:
    kind = Int(bits) if low < 0 else UInt(bits)
    return Setting(
        id=number,
        shape=Field(name, kind, description, unit=unit, minimum=low, maximum=high, default=default),
    )


SENSOR_PERIOD = _setting(
    740, "sensor_period", "between two looks at the sensors, about", "ms", 2_000, low=100, high=60_000, bits=32
)
SENSOR_PATIENCE = _setting(
    741, "sensor_patience", "a sensor gives out after so long without a value, and counts again after so long with one",
    "s", 10, low=1, high=3_600,
)  # fmt: skip
SENSORS_EXPECTED = _setting(
    742, "sensors_expected", "sensors that there have to be, one bit each, beside those seen since the start",
    "", 0, high=(1 << len(Sensor)) - 1,
)  # fmt: skip
SENSOR_LOST_ALLOWANCE = Setting(
    id=743,
    shape=Field(
        "sensor_lost_allowance",
        Enumerated(Allowance),
        "what jobs may do when a temperature or the charge is not known any more",
        default=Allowance.HOLD,
    ),
)
DWELL = _setting(
    744, "governor_dwell", "least time before less is held back again", "s", 60, low=1, high=86_400, bits=32
)
THROTTLED_DUTY = _setting(
    745, "throttled_duty", "the least duty while throttled by charge or heat", "permille", 200, low=10, high=1_000
)
THROTTLED_POWER = _setting(
    746,
    "throttled_power",
    "limit of the device's power while throttled, if it has one; 0 for none",
    "W",
    0,
    high=65_535,
)
WANTED_DUTY = _setting(
    747, "wanted_duty", "duty of jobs that no deadline presses", "permille", 1_000, low=10, high=1_000
)
CHARGE_HOLD = _setting(750, "charge_hold", "jobs are held at this charge", "%", 25, high=90)
CHARGE_THROTTLE = _setting(751, "charge_throttle", "jobs are throttled below this charge", "%", 45, high=95)
CHARGE_HYSTERESIS = _setting(
    752, "charge_hysteresis", "by so much more than where they were held or throttled they go on", "%", 10,
    low=1, high=50,
)  # fmt: skip
CHARGE_RESERVE = _setting(753, "charge_reserve", "charge that is to be left at sunrise", "%", 50, high=95)
DEVICE_HOLD = _setting(
    760, "device_hold", "jobs are held at this temperature of the device", "degC", 90, low=-50, high=150
)
DEVICE_THROTTLE = _setting(
    761, "device_throttle", "jobs are throttled above this temperature of the device", "degC", 80, low=-50, high=150
)
RADIATOR_HOLD = _setting(
    762, "radiator_hold", "jobs are held at this temperature of the radiator", "degC", 65, low=-50, high=150
)
RADIATOR_THROTTLE = _setting(
    763, "radiator_throttle", "jobs are throttled above this temperature of the radiator", "degC", 55, low=-50, high=150
)
BATTERY_HOLD = _setting(
    764, "battery_hold", "jobs are held at this temperature of the battery", "degC", 50, low=-50, high=150
)
BATTERY_THROTTLE = _setting(
    765, "battery_throttle", "jobs are throttled above this temperature of the battery", "degC", 42, low=-50, high=150
)
THERMAL_HYSTERESIS = _setting(
    766,
    "thermal_hysteresis",
    "by so much less than where they were held or throttled they go on",
    "K",
    8,
    low=1,
    high=50,
)

SETTINGS = (
    SENSOR_PERIOD, SENSOR_PATIENCE, SENSORS_EXPECTED, SENSOR_LOST_ALLOWANCE, DWELL, THROTTLED_DUTY, THROTTLED_POWER,
    WANTED_DUTY, CHARGE_HOLD, CHARGE_THROTTLE, CHARGE_HYSTERESIS, CHARGE_RESERVE, DEVICE_HOLD, DEVICE_THROTTLE,
    RADIATOR_HOLD, RADIATOR_THROTTLE, BATTERY_HOLD, BATTERY_THROTTLE, THERMAL_HYSTERESIS,
)  # fmt: skip
"""Everything about the governor that an operator can set."""

_SENSOR = Field("sensor", Enumerated(Sensor), "which")
_REASON = Field("reason", Text(200), "why")
_JOB_ID = Field("job_id", UInt(32), "number of the job")

ALLOWANCE_CHANGED = EventDefinition(
    id=350,
    name="allowance_changed",
    severity=Severity.INFORMATIVE,
    text="jobs: {before} -> {after} at {duty} permille, cause {cause}: {reason}",
    fields=Layout(
        (
            Field("before", Enumerated(Allowance)),
            Field("after", Enumerated(Allowance)),
            Field("duty", UInt(16), "share of the time", unit="permille"),
            Field("cause", Enumerated(PauseCause), "what holds them back, if anything"),
            _REASON,
        )
    ),
)
SENSOR_LOST = EventDefinition(
    id=351,
    name="sensor_lost",
    severity=Severity.MEDIUM,
    text="sensor {sensor} gave out: {reason}",
    fields=Layout((_SENSOR, _REASON)),
)
SENSOR_FOUND = EventDefinition(
    id=352,
    name="sensor_found",
    severity=Severity.INFORMATIVE,
    text="sensor {sensor} counts again",
    fields=Layout((_SENSOR,)),
)
DEADLINE_MISSED = EventDefinition(
    id=353,
    name="deadline_missed",
    severity=Severity.MEDIUM,
    text="job {job_id} is expected {late} s after its deadline: {reason}",
    fields=Layout((_JOB_ID, Field("late", UInt(32), "by how much", unit="s"), _REASON)),
)
DEADLINE_MET = EventDefinition(
    id=354,
    name="deadline_met",
    severity=Severity.INFORMATIVE,
    text="job {job_id} is expected in time again",
    fields=Layout((_JOB_ID,)),
)
POWER_LIMIT_REFUSED = EventDefinition(
    id=355,
    name="power_limit_refused",
    severity=Severity.LOW,
    text="the device takes no limit of its power, and is not asked again: {reason}",
    fields=Layout((_REASON,)),
)

WORDS = Words(
    parameters=SETTINGS,
    structures=(
        Structure(
            id=24,
            name="governor",
            description="Power and heat, and what they let jobs do.",
            parameters=(
                BATTERY_CHARGE,
                SOLAR_POWER,
                BUS_LOAD,
                DEVICE_POWER,
                DEVICE_TEMPERATURE,
                RADIATOR_TEMPERATURE,
                BATTERY_TEMPERATURE,
                ECLIPSE_IN,
                SUNLIGHT_IN,
                ALLOWANCE,
                ALLOWANCE_CAUSE,
                DUTY,
                SENSORS_LOST,
                BASE_LOAD,
                COMPUTE_LOAD,
                COMPUTE_ENERGY,
                SUNRISE_CHARGE,
                PLANNED_DUTY,
                STEP_ENERGY,
                JOB_ENERGY,
                ENERGY_PER_TOKEN,
                TOKENS_PER_JOULE,
                JOB_LATE,
            ),
            period_ns=10 * NS_PER_S,
        ),
        Structure(
            id=25,
            name="position",
            description="Where the spacecraft is, by its receiver; not-a-number without one.",
            parameters=(LATITUDE, LONGITUDE, ALTITUDE),
            period_ns=10 * NS_PER_S,
        ),
    ),
    events=(ALLOWANCE_CHANGED, SENSOR_LOST, SENSOR_FOUND, DEADLINE_MISSED, DEADLINE_MET, POWER_LIMIT_REFUSED),
)
