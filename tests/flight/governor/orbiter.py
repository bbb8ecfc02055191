"""A small spacecraft in orbit, as arithmetic: battery, Sun and heat; its worker is a script, and draws power."""

from dataclasses import replace

from flight.books.jobs import JobSubmitted
from flight.governor.config import GovernorConfig, GovernorSettings
from flight.governor.governor import Governor
from flight.jobs.messages import Step
from flight.sensors import Readings
from mission.governor import Sensor
from tests.flight.jobs.engine_bench import Bench

S = 1_000_000_000
LIGHT_S, ECLIPSE_S = 3_540, 2_160
ORBIT_S = LIGHT_S + ECLIPSE_S
LONG = JobSubmitted(
    1, "tiny", "text", 7, 1_000_000, "training.checkpoint_interval = 200\ntraining.evaluation_interval = 1000000"
)


class Orbiter:
    """The sensors of a spacecraft whose device draws more while it has something to do.

    Args:
        busy_ns: Gives how long it had, in all.
    """

    capacity_j = 400e3
    light_w = 300.0
    base_w = 60.0
    idle_w = 15.0
    busy_w = 215.0
    ambient_c = 20.0
    k_per_w = 0.2
    thermal_tau_s = 300.0

    def __init__(self, busy_ns):
        self.charge_j = 0.8 * self.capacity_j
        self.device_c = self.ambient_c
        self.drawn_j = 0.0
        """What the device really took while it was busy or a job waited."""
        self.lowest = 1.0
        self.sunrises = []
        self.override = {}
        """Fields of the readings that are not as they are."""
        self.is_averaging = False
        """Whether the power of the device is told as an average since the last look, not as it is."""
        self._busy_ns = busy_ns
        self._at_ns, self._busy_at_ns = 0, 0

    def is_light(self, now_ns):
        return now_ns / S % ORBIT_S < LIGHT_S

    def read(self, now_ns):
        duty = self.pass_time(now_ns)
        into_s = now_ns / S % ORBIT_S
        is_light = into_s < LIGHT_S
        device_w = self.idle_w + (self.busy_w - self.idle_w) * (duty if self.is_averaging else self.is_busy())
        readings = Readings(
            taken_ns=now_ns,
            battery_charge=self.charge_j / self.capacity_j,
            battery_capacity_j=self.capacity_j,
            solar_w=self.light_w if is_light else 0.0,
            bus_load_w=self.base_w + device_w,
            device_w=device_w,
            device_c=self.device_c,
            eclipse_in_s=LIGHT_S - into_s if is_light else 0.0,
            sunlight_in_s=0.0 if is_light else ORBIT_S - into_s,
            eclipse_s=ECLIPSE_S,
            sunlight_s=LIGHT_S,
        )
        return replace(readings, **self.override)

    is_busy = staticmethod(lambda: False)

    def pass_time(self, now_ns):
        """Let time pass since the last look; give the share in which the device was busy."""
        dt_s = (now_ns - self._at_ns) / S
        busy_ns = self._busy_ns(now_ns)
        busy_s = min(max(busy_ns - self._busy_at_ns, 0) / S, dt_s)
        was_light = self.is_light(self._at_ns)
        self._at_ns, self._busy_at_ns = now_ns, busy_ns
        if not dt_s:
            return 0.0
        device_j = self.idle_w * dt_s + (self.busy_w - self.idle_w) * busy_s
        self.drawn_j += device_j
        gained_j = (self.light_w * dt_s if was_light else 0.0) - self.base_w * dt_s - device_j
        self.charge_j = min(max(self.charge_j + gained_j, 0.0), self.capacity_j)
        equilibrium_c = self.ambient_c + self.k_per_w * device_j / dt_s
        self.device_c += (equilibrium_c - self.device_c) * min(dt_s / self.thermal_tau_s, 1.0)
        self.lowest = min(self.lowest, self.charge_j / self.capacity_j)
        if not was_light and self.is_light(now_ns):
            self.sunrises.append(self.charge_j / self.capacity_j)
        return busy_s / dt_s


class GovernedBench(Bench):
    """An engine, its worker of constant speed, and the governor of an orbiter."""

    step_ns = S

    def __init__(self, folder, **settings):
        self.settings = GovernorSettings(GovernorConfig(values={**GovernorConfig().values, **settings}))
        self.power_limit = None
        self.busy_total_ns = 0
        super().__init__(folder)
        self.restart(grant_ns=4 * S)

    def boot(self):
        super().boot()
        self.orbiter = Orbiter(self._busy_ns)
        self.orbiter.is_busy = lambda: bool(self.script.requests)
        self.govern(self.orbiter)

    def govern(self, sensors):
        self.sensors = sensors
        self.governor = Governor(
            self.engine, self.reporter, self.settings, lambda now_ns: now_ns, sensors, self.power_limit
        )

    def fly(self, seconds, until=lambda bench: False):
        """Let time pass; the worker answers as soon as it is done."""
        end_ns = self.now_ns + round(seconds * S)
        self.turn()
        while self.now_ns < end_ns and not until(self):
            due = [self.governor.next_deadline(), end_ns]
            if self.script.requests:
                due.append(self._done_ns())
            engine_ns = self.engine.next_deadline()
            due += [engine_ns] if engine_ns is not None else []
            self.now_ns = max(min(due), self.now_ns)
            if self.script.requests and self.now_ns >= self._done_ns():
                self.busy_total_ns += self.now_ns - self.engine.running.waiting_since_ns
                self.engine.reply(self.script.answer(), self.now_ns)
            self.turn()

    def turn(self):
        self.governor.advance(self.now_ns)
        self.engine.advance(self.now_ns)
        self.said += [(self.now_ns, each.name, each.values) for each in self.reporter.take()]

    def heard(self, name):
        return [values for _, each, values in self.said if each == name]

    def allowances(self):
        return [values["after"] for values in self.heard("allowance_changed")]

    def set(self, **settings):
        config = self.settings.config
        self.settings.config = replace(config, values={**config.values, **settings})

    def _done_ns(self):
        request = self.script.requests[0]
        took_ns = self.step_ns * request.count if isinstance(request, Step) else self.step_ns // 10
        return self.engine.running.waiting_since_ns + took_ns

    def _busy_ns(self, now_ns):
        running = self.engine.running
        return self.busy_total_ns + (now_ns - running.waiting_since_ns if running and running.outstanding else 0)


ALL_SENSORS = tuple(Sensor)
