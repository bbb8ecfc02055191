"""What power, heat and radiation do to a run: they take the spacecraft's power, stop its device, and flip bits.

The environment reckons (`hil.environment`); this file has what comes of it happen, by the same hands as the faults of a
scenario.
"""

from collections import Counter

import msgspec
import numpy as np

from hil.environment.activity import Activity, SharedDevice
from hil.environment.environment import Change, Environment
from hil.environment.radiation import Effect, Particle, particles
from hil.environment.sensors import EnvironmentSensors
from hil.faults.end_faults import reset_spacecraft
from hil.faults.flip import Spread
from hil.faults.hands import Hands
from hil.orbit.outlook import Outlook
from hil.orbit.zones import Zone
from hil.scenario.environment import EnvironmentTable
from hil.streams import Streams

NS_PER_S = 1_000_000_000


class ParticleStruck(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A particle struck, and something came of it."""

    time_ns: int
    effect: str
    zone: str
    text: str


class EnvironmentChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Power or heat came to where something happens."""

    time_ns: int
    change: Change
    text: str


class Surroundings:
    """The environment of one run.

    Args:
        table: What the spacecraft is.
        outlook: Where it flies.
        streams: Of the seed.
    """

    def __init__(self, table: EnvironmentTable, outlook: Outlook, streams: Streams) -> None:
        self._table = table
        self.activity = Activity()
        """Kept by the worker of jobs."""
        self.model_activity = Activity()
        """Kept by the worker that serves a model."""
        self.environment = Environment(
            table, outlook.satellite, SharedDevice(self.activity, self.model_activity), outlook.duration_s
        )
        self.sensors = EnvironmentSensors(self.environment, outlook.satellite, outlook.shadows)
        self._hands: Hands | None = None
        self._streams = streams
        self._store_upsets = 0
        # What keeps the device from being started, and how often each.
        self._down: Counter[str] = Counter()
        self.particles: list[Particle] = []
        if table.radiation is not None:
            self.particles = particles(table.radiation, outlook.zones, outlook.duration_s, streams)

    def take_hold(self, hands: Hands) -> None:
        """Have what happens act upon the two ends from now on; to be called once, before time goes on."""
        self._hands = hands
        for particle in self.particles:
            hands.agenda.add(particle.time_ns, lambda particle=particle: self._strike(hands, particle))

    def advance(self, now_ns: int) -> None:
        """Reckon, and let what comes of it happen."""
        assert self._hands is not None
        self.sensors.now_ns = now_ns
        for change in self.environment.advance(now_ns):
            self._change(self._hands, change)

    def next_deadline(self) -> int:
        """Give when it is due."""
        return self.environment.next_deadline()

    def _change(self, hands: Hands, change: Change) -> None:
        spacecraft = hands.spacecraft
        match change:
            case Change.BROWN_OUT:
                hands.collect()
                spacecraft.is_fed = False
                forgot = f"; {spacecraft.cut_power()}" if spacecraft.is_on else ""
                self._note(hands, change, forgot)
            case Change.POWER_BACK:
                self._note(hands, change)
                spacecraft.is_fed = True
                hands.start(spacecraft)
            case Change.DEVICE_TRIPPED:
                self._note(hands, change, f", at {self.environment.heat.device_c:.1f} degC")
                self._lose_device(hands, "heat")
            case Change.DEVICE_COOLED:
                self._note(hands, change)
                self._return_device(hands, "heat")

    def _note(self, hands: Hands, change: Change, more: str = "") -> None:
        hands.note(EnvironmentChanged(time_ns=hands.now_ns(), change=change, text=change.value + more))

    def _strike(self, hands: Hands, particle: Particle) -> None:
        radiation, spacecraft = self._table.radiation, hands.spacecraft
        assert radiation is not None
        where = f"over the {particle.zone.value}" if particle.zone is Zone.ANOMALY else f"at a {particle.zone.value}"
        where = where if particle.zone is not Zone.ELSEWHERE else "outside of the zones"
        match particle.effect:
            case Effect.STORE_UPSET:
                if spacecraft.is_on:
                    number = self._store_upsets
                    self._store_upsets += 1
                    chance = self._streams.block("radiation/store", number)
                    struck = spacecraft.disk.flip(chance, self._store_spread(chance), radiation.store_path)
                    if struck is not None:
                        self._tell(hands, particle, f"{struck[0]}, {struck[1]}, {where}")
            case Effect.SOFTWARE_UPSET:
                if spacecraft.is_on:
                    self._tell(hands, particle, f"the flight software is struck {where}")
                    reset_spacecraft(hands)
            case Effect.UPSET:
                # What nobody has in memory is nobody's loss.
                if particle.flip is None or not (spacecraft.is_on and spacecraft.worker.is_working):
                    return
                spacecraft.worker.strike(particle.flip)
                self._tell(hands, particle, f"{particle.flip}, {where}")
            case Effect.LATCH_UP:
                if not spacecraft.is_fed:
                    return
                self._tell(hands, particle, f"the device latches up {where}, and loses its power")
                self._lose_device(hands, "latch-up")
                hands.later(round(radiation.latch_up_down_s * NS_PER_S), lambda: self._return_device(hands, "latch-up"))
            case Effect.INTERRUPT:
                if not spacecraft.is_fed:
                    return
                self._tell(hands, particle, f"the device stops {where}, until its power is cycled")
                self._down["interrupt"] += 1
                for worker in spacecraft.workers:
                    worker.hang()
                    worker.is_device_down = True
                down_ns = round(radiation.interrupt_down_s * NS_PER_S)
                hands.later(down_ns, lambda: self._return_device(hands, "interrupt"))

    def _store_spread(self, chance: np.random.Generator) -> Spread:
        radiation = self._table.radiation
        is_single = radiation is None or bool(chance.random() < radiation.single_bit_share)
        return Spread.BIT if is_single else Spread.WORD

    def _lose_device(self, hands: Hands, why: str) -> None:
        spacecraft = hands.spacecraft
        self._down[why] += 1
        for worker in spacecraft.workers:
            worker.is_device_down = True
        if spacecraft.is_on and spacecraft.worker.is_alive:
            spacecraft.lose_worker(f"the device is gone: {why}", hands.now_ns())
        if spacecraft.is_on and spacecraft.model_worker.is_alive:
            spacecraft.lose_model_worker(f"the device is gone: {why}", hands.now_ns())

    def _return_device(self, hands: Hands, why: str) -> None:
        self._down[why] -= 1
        if not any(self._down.values()):
            for worker in hands.spacecraft.workers:
                worker.is_device_down = False

    def _tell(self, hands: Hands, particle: Particle, text: str) -> None:
        hands.note(
            ParticleStruck(
                time_ns=hands.now_ns(), effect=particle.effect.value, zone=particle.zone.name.lower(), text=text
            )
        )
