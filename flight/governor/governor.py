"""The governor: looks at the sensors, and tells the job engine how much jobs may do.

It decides when steps run, never their arithmetic. What it cannot read counts against jobs, never raises, and is told.
"""

import math
from collections.abc import Callable

from flight.governor.allowance import Trigger
from flight.governor.config import GovernorSettings
from flight.governor.daylight import Daylight
from flight.governor.deadline import Work
from flight.governor.decision import CAUSES, FREE, GAUGES, Decision, Quantity, reason
from flight.governor.forecast import Forecast, Outlook, forecast
from flight.governor.gauge import Standing
from flight.governor.looks import Looks
from flight.governor.metering import Meter
from flight.governor.panel import Panel
from flight.governor.watch import Levels, Watch
from flight.jobs.engine import Engine
from flight.jobs.pace import FULL_PERMILLE, Pace
from flight.jobs.running import RunningJob
from flight.reporter import Reporter, clip_reason
from flight.sensors import PowerLimit, Sensors
from mission.governor import Allowance, Sensor
from mission.jobs import PauseCause
from mission.words.governor import ALLOWANCE_CHANGED, DEADLINE_MET, DEADLINE_MISSED, POWER_LIMIT_REFUSED

NS_PER_S = 1_000_000_000

# Of the duty that the forecast allows, in permille: less is not worth a worker that is kept in memory.
FORECAST_LEVELS = Levels(50, 900, 100)

# Of busy time and of steps, until sunrise: less is not worth that a job which was held goes on.
RESUME_BUSY_S_MIN = 300.0
RESUME_STEPS_MIN = 5

# While no job is at work, the sensors are looked at so many times more seldom.
IDLE_PERIODS = 5


class Governor:
    """Governs one engine by the sensors of one board.

    Args:
        engine: What it governs.
        reporter: Where it is told.
        settings: How it works.
        tai_of: Gives on-board TAI for ``now_ns``; deadlines are in it.
        sensors: What it looks at.
        power_limit: Limits the power of the device, if anything can.
    """

    def __init__(
        self,
        engine: Engine,
        reporter: Reporter,
        settings: GovernorSettings,
        tai_of: Callable[[int], int],
        sensors: Sensors,
        power_limit: PowerLimit | None,
    ) -> None:
        self._engine = engine
        self._reporter = reporter
        self._settings = settings
        self._tai_of = tai_of
        self._power_limit = power_limit
        self.panel = Panel(sensors, reporter)
        self.meter = Meter()
        self.daylight = Daylight()
        self.watches = {quantity: Watch() for quantity in Quantity}
        self.decision = FREE
        self.forecast: Forecast | None = None
        """What the forecast is, while there is one."""
        self.late_s = math.nan
        """By how much the job at hand is expected after its deadline."""
        self._looks = Looks()
        self._metered: RunningJob | None = None
        self._busy_ns = 0
        # What the device was last limited to, 0 for nothing; None as long as only a life before may have limited it.
        self._limit_w: int | None = None
        # How long the worker of the last job is busy for a step, and which job that is.
        self._known_job_id = 0
        self._busy_per_step_ns = 0
        self._late_job_id = 0
        self._is_late = False
        self._late_since_ns: int | None = None

    def advance(self, now_ns: int) -> None:
        """Look at the sensors, if it is time to, and let the engine know."""
        if now_ns < self.next_deadline():
            return
        config = self._settings.config
        span_ns = self._looks.take(config.period_ns * (IDLE_PERIODS if self._engine.running is None else 1), now_ns)
        self.panel.look(config, now_ns)
        self.daylight.look(self.panel)
        self._measure(span_ns, now_ns)
        work = self._work(now_ns)
        self._see(work, now_ns)
        self._decide(work, now_ns)
        self._tell_lateness(work, now_ns)

    def place(self, now_ns: int) -> tuple[float, float, float]:
        """Give latitude and longitude in degrees and altitude in km, not-a-number if no receiver says all of them."""
        return self.panel.place(self._settings.config, now_ns)

    def next_deadline(self) -> int:
        """Give when it looks next: at once, if a worker was started since."""
        is_begun = self._engine.running is not None and self._metered is None
        return 0 if is_begun else self._looks.due_ns

    def _measure(self, span_ns: int, now_ns: int) -> None:
        """Take note of what the device took, and whether a job kept it busy meanwhile."""
        running, before = self._engine.running, self._metered
        busy_ns = running.busy_ns(now_ns) if running is not None else 0
        # While a worker starts or ends the device is neither busy with steps nor idle.
        is_steady = running is before and (running is None or not running.is_opening)
        energy_j = self.meter.add(
            device_w=self.panel.value(Sensor.DEVICE_POWER),
            bus_load_w=self.panel.value(Sensor.BUS_LOAD),
            solar_w=self.panel.value(Sensor.SOLAR_POWER),
            is_light=self.daylight.is_light,
            has_worker=running is not None,
            busy_ns=busy_ns - self._busy_ns if is_steady else None,
            span_s=span_ns / NS_PER_S,
        )
        if running is not None and running is before:
            self._engine.spend(energy_j)
        self._metered, self._busy_ns = running, busy_ns

    def _work(self, now_ns: int) -> Work | None:
        """Give what the job at work, or else the next one, has yet to do."""
        running = self._engine.running
        job_id = self._engine.queue.next_job_id() if running is None else running.job_id
        if not job_id:
            return None
        if running is not None and running.busy_per_step_ns:
            self._known_job_id, self._busy_per_step_ns = job_id, running.busy_per_step_ns
        job = self._engine.queue.find(job_id)
        if running is not None:
            steps = running.recipe.training.steps - running.step
        elif job.described is not None:
            steps = job.described.steps - (job.checkpoint.step if job.checkpoint else 0)
        else:
            steps = 0
        is_known = job_id == self._known_job_id
        deadline_ns = job.submitted.deadline
        return Work(
            job_id=job_id,
            busy_s=steps * self._busy_per_step_ns / NS_PER_S if is_known else math.nan,
            deadline_in_s=(deadline_ns - self._tai_of(now_ns)) / NS_PER_S if deadline_ns else math.inf,
        )

    def _see(self, work: Work | None, now_ns: int) -> None:
        """Have every watched quantity seen."""
        dwell_ns = self._settings.config.dwell_ns
        self.forecast = self._forecast(work)
        for quantity, watch in self.watches.items():
            trigger, duty_permille = self._place(quantity)
            watch.see(trigger, duty_permille, dwell_ns, now_ns)

    def _place(self, quantity: Quantity) -> tuple[Trigger, float]:
        """Give where a quantity is, and the duty that it would have jobs throttled to."""
        config = self._settings.config
        least = config.throttled_permille
        value = self._value(quantity)
        if not math.isnan(value):
            levels = self._levels(quantity)
            if quantity is Quantity.FORECAST:
                return Trigger.LOW if self._is_too_little() else levels.place(value), value
            return levels.place(value), max(levels.share(value) * FULL_PERMILLE, least)
        gauges = [self.panel.gauge(sensor) for sensor in GAUGES[quantity]]
        standings = {gauge.standing for gauge in gauges}
        if Standing.LOST not in standings or Standing.ABSENT in standings:
            return Trigger.AMPLE, FULL_PERMILLE  # There is no such thing on this board, or it is not known yet.
        if quantity is Quantity.FORECAST and config.lost_allowance is Allowance.HOLD:
            return Trigger.DIM, least  # Charge and temperatures still hold jobs at their own levels.
        return _TRIGGERS[config.lost_allowance], least

    def _is_too_little(self) -> bool:
        """Tell whether what may be spent is not worth a worker that is started for it."""
        if self.watches[Quantity.FORECAST].allowance is not Allowance.HOLD or self.forecast is None:
            return False
        busy_s = self.forecast.budget_j / self.meter.compute_w
        return busy_s < max(RESUME_BUSY_S_MIN, RESUME_STEPS_MIN * self._busy_per_step_ns / NS_PER_S)

    def _value(self, quantity: Quantity) -> float:
        """Give a quantity as it is watched: the more the better."""
        match quantity:
            case Quantity.CHARGE:
                return self.panel.value(Sensor.BATTERY_CHARGE)
            case Quantity.FORECAST:
                return math.nan if self.forecast is None else self.forecast.duty_permille
            case _:
                return -self.panel.value(GAUGES[quantity][0])

    def _levels(self, quantity: Quantity) -> Levels:
        match quantity:
            case Quantity.CHARGE:
                return self._settings.config.charge
            case Quantity.FORECAST:
                return FORECAST_LEVELS
            case _:
                return self._settings.config.heat(quantity.value)

    def _forecast(self, work: Work | None) -> Forecast | None:
        panel, daylight, meter = self.panel, self.daylight, self.meter
        capacity_j = panel.value(Sensor.BATTERY_CAPACITY)
        outlook = Outlook(
            charge_j=panel.value(Sensor.BATTERY_CHARGE) * capacity_j,
            capacity_j=capacity_j,
            reserve_j=self._settings.config.reserve * capacity_j,
            solar_w=0.0 if math.isnan(meter.solar.value) else meter.solar.value,
            held_w=meter.held_w,
            base_w=meter.base_w,
            compute_w=meter.compute_w,
            light_s=daylight.light_left_s,
            eclipse_s=daylight.eclipse_left_s,
            orbit_light_s=_or_zero(daylight.light_s),
            orbit_eclipse_s=_or_zero(daylight.eclipse_s),
        )
        if not panel.has(*GAUGES[Quantity.FORECAST]) or not outlook.is_whole:
            return None
        return forecast(outlook, math.inf if work is None else work.deadline_in_s)

    def _decide(self, work: Work | None, now_ns: int) -> None:
        """Bring together what all quantities let jobs do, and let the engine know."""
        before, after = self.decision, self._decision(work)
        self.decision = after
        is_held = after.allowance is Allowance.HOLD
        self._engine.allow(
            Pace(
                hold=after.cause if is_held else PauseCause.NONE,
                duty_permille=FULL_PERMILLE if is_held else after.duty_permille,
            )
        )
        if (before.allowance, before.cause) != (after.allowance, after.cause):
            self._reporter.event(
                ALLOWANCE_CHANGED,
                before=before.allowance,
                after=after.allowance,
                duty=after.duty_permille,
                cause=after.cause,
                reason=clip_reason(after.reason),
            )
        self._limit(self._settings.config.throttled_w if after.allowance is Allowance.THROTTLE else 0)

    def _decision(self, work: Work | None) -> Decision:
        worst = max(self.watches, key=lambda quantity: self.watches[quantity].allowance)  # The first of equals.
        allowance = self.watches[worst].allowance
        wanted = self._settings.config.wanted_permille
        needed = 0.0 if work is None else work.needed_permille
        duty = min(
            *(watch.duty_permille for watch in self.watches.values()),
            max(wanted, math.ceil(min(needed, FULL_PERMILLE))),
        )
        if allowance is Allowance.RUN:
            return Decision(allowance, PauseCause.NONE, duty, FREE.reason)
        gauges = [self.panel.gauge(sensor) for sensor in GAUGES[worst]]
        fault = next((gauge.fault for gauge in gauges if gauge.standing is Standing.LOST), "")
        told = reason(worst, allowance, self._levels(worst), self._value(worst), fault)
        return Decision(allowance, CAUSES[worst], duty, told)

    def _limit(self, limit_w: int) -> None:
        """Limit the device's power, or with 0 let it have what it takes; nobody touches it who was never asked to.

        A limit outlasts the software that set it, so where one is wanted at all, it is set anew after each start.
        """
        is_touched = self._limit_w is not None or self._settings.config.throttled_w
        if self._power_limit is None or limit_w == self._limit_w or not is_touched:
            return
        try:
            self._power_limit.limit(limit_w or None)
            self._limit_w = limit_w
        except Exception as error:  # As with the sensors: whose driver it ever is.
            self._power_limit = None
            self._reporter.event(POWER_LIMIT_REFUSED, reason=clip_reason(str(error)))

    def _tell_lateness(self, work: Work | None, now_ns: int) -> None:
        """Tell when the job at hand turns out to miss its deadline, or to meet it after all."""
        # The forecast is of power: where heat holds jobs back, the duty of now is all that is known.
        ahead = None if self.decision.cause is PauseCause.THERMAL else self.forecast
        self.late_s = math.nan if work is None else work.late_s(self.decision.duty_permille, ahead)
        if self._engine.running is not None:
            self._engine.running.late_s = self.late_s
        if work is None or math.isnan(self.late_s):
            return
        if work.job_id != self._late_job_id:
            self._late_job_id, self._is_late, self._late_since_ns = work.job_id, False, None
        is_late = self.late_s >= 1
        dwells = self._late_since_ns is not None and now_ns - self._late_since_ns < self._settings.config.dwell_ns
        if is_late is self._is_late or dwells:
            return
        self._is_late, self._late_since_ns = is_late, now_ns
        if is_late:
            late_s = min(round(self.late_s), _U32_MAX) if math.isfinite(self.late_s) else _U32_MAX
            why = clip_reason(self.decision.reason)
            self._reporter.event(DEADLINE_MISSED, job_id=work.job_id, late=late_s, reason=why)
        else:
            self._reporter.event(DEADLINE_MET, job_id=work.job_id)


_U32_MAX = (1 << 32) - 1

_TRIGGERS = {Allowance.RUN: Trigger.AMPLE, Allowance.THROTTLE: Trigger.DIM, Allowance.HOLD: Trigger.BLIND}
"""What the loss of a quantity counts as."""


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
