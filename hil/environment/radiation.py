"""Radiation: when particles strike, and what they do, drawn before the mission begins.

Each kind of strike is a Poisson process whose rate is that of the zone (`hil.orbit.zones`) at the time. Over a
Sun-synchronous orbit at 500 km half of the upsets fall into the anomaly, a third into the polar caps and a sixth
elsewhere (doi 10.12126/see.2019.02.002); that latch-ups and interrupts share out alike is an assumption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from hil.faults.flip import Spread
from hil.faults.part import Part
from hil.faults.strike import FlipStrike
from hil.orbit.spans import Span
from hil.orbit.zones import Zone
from hil.scenario.environment import RadiationTable
from hil.streams import Streams

NS_PER_S = 1_000_000_000
DAY_S = 86_400.0
BITS_PER_GIB = 8 << 30

UPSET_SHARES: Mapping[Zone, float] = {Zone.ANOMALY: 0.50, Zone.POLAR: 0.33, Zone.ELSEWHERE: 0.17}
"""Where upsets fall on the orbit that they were counted on."""
TIME_SHARES: Mapping[Zone, float] = {Zone.ANOMALY: 0.0452, Zone.POLAR: 0.3156, Zone.ELSEWHERE: 0.6392}
"""Where a Sun-synchronous orbit at 500 km spends its time: thirty days of `hil.orbit.zones`."""

ZONE_FACTORS: Mapping[Zone, float] = {zone: UPSET_SHARES[zone] / TIME_SHARES[zone] for zone in Zone}
"""How much more often than in the mean a particle strikes in a zone."""

# Each alike, as where no sizes are known: most of the octets are weights and moments, but what is small decides too.
_PARTS = (Part.WEIGHTS, Part.MEAN, Part.SQUARE, Part.BATCHES, Part.NOISE, Part.STEP, Part.CORPUS)
_WIDE = (Spread.WORD, Spread.LINE, Spread.BURST)
# Seeds of single strikes are drawn below this.
_SEEDS = 1 << 32


class Effect(Enum):
    """What a particle does."""

    UPSET = "upset"
    """Bits of a job's memory flip."""
    STORE_UPSET = "store_upset"
    """Bits of a file of the store flip."""
    SOFTWARE_UPSET = "software_upset"
    """Bits of the flight software flip, and it ends."""
    LATCH_UP = "latch_up"
    """A current that only ends with the power: the device loses it at once."""
    INTERRUPT = "interrupt"
    """The device stops, and stays so until its power is cycled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Particle:
    """One that strikes."""

    time_ns: int
    effect: Effect
    zone: Zone
    flip: FlipStrike | None = None
    """What an upset does to a job in memory."""


def particles(
    table: RadiationTable, zones: Mapping[Zone, Sequence[Span]], duration_s: float, streams: Streams
) -> list[Particle]:
    """Draw all particles of a mission, in order of time.

    Args:
        table: How often.
        zones: When the spacecraft is where; elsewhere where no span is. Where the anomaly and a cap overlap, the
            anomaly counts.
        duration_s: How long the mission is.
        streams: Of the seed; it uses ``radiation/…``.
    """
    edges_s, factors = _factors(zones, duration_s, table)
    upsets_per_gib = BITS_PER_GIB * table.upsets_per_bit_day
    a_day = {
        Effect.UPSET: table.memory_gib * upsets_per_gib,
        Effect.STORE_UPSET: table.store_gib * upsets_per_gib,
        Effect.SOFTWARE_UPSET: table.software_gib * upsets_per_gib,
        Effect.LATCH_UP: table.latch_ups_per_day,
        Effect.INTERRUPT: table.interrupts_per_day,
    }
    found: list[Particle] = []
    for effect, rate in a_day.items():
        times_s = _arrivals(edges_s, factors, rate / DAY_S, streams, f"radiation/{effect.value}")
        if effect is Effect.LATCH_UP:
            times_s = [*times_s, *table.latch_ups_at_s]
        for number, time_s in enumerate(times_s):
            flip = _flip(table, streams, number) if effect is Effect.UPSET else None
            zone = zone_at(zones, time_s)
            found.append(Particle(time_ns=round(time_s * NS_PER_S), effect=effect, zone=zone, flip=flip))
    return sorted(found, key=lambda each: (each.time_ns, each.effect.value))


def zone_at(zones: Mapping[Zone, Sequence[Span]], time_s: float) -> Zone:
    """Give where the spacecraft is at a time."""
    for zone in (Zone.ANOMALY, Zone.POLAR):
        if any(span.start_s <= time_s < span.end_s for span in zones.get(zone, ())):
            return zone
    return Zone.ELSEWHERE


def _factors(
    zones: Mapping[Zone, Sequence[Span]], duration_s: float, table: RadiationTable
) -> tuple[np.ndarray, np.ndarray]:
    """Give the edges of all spans, and how much more than in the mean strikes between each two."""
    edges = {0.0, duration_s}
    for spans in zones.values():
        edges |= {edge for span in spans for edge in (span.start_s, span.end_s) if 0 < edge < duration_s}
    storm_until_s = duration_s if table.stress_until_s is None else min(table.stress_until_s, duration_s)
    edges |= {edge for edge in (table.stress_from_s, storm_until_s) if 0 < edge < duration_s}
    edges_s = np.array(sorted(edges))
    middles_s = (edges_s[:-1] + edges_s[1:]) / 2
    factors = np.full(len(middles_s), ZONE_FACTORS[Zone.ELSEWHERE])
    for zone in (Zone.POLAR, Zone.ANOMALY):  # The one that counts comes last.
        spans = zones.get(zone, ())
        starts, ends = np.array([span.start_s for span in spans]), np.array([span.end_s for span in spans])
        inside = np.searchsorted(starts, middles_s, "right") > np.searchsorted(ends, middles_s, "right")
        factors[inside] = ZONE_FACTORS[zone]
    factors[(table.stress_from_s <= middles_s) & (middles_s < storm_until_s)] *= table.stress
    return edges_s, factors


def _arrivals(edges_s: np.ndarray, factors: np.ndarray, rate_hz: float, streams: Streams, name: str) -> list[float]:
    """Draw the times of a Poisson process whose rate changes: those of a steady one, on the scale of what adds up."""
    expected = np.concatenate(([0.0], np.cumsum(np.diff(edges_s) * factors * rate_hz)))
    reached, number = 0.0, 0
    arrivals: list[float] = []
    while True:
        reached += float(streams.block(name, number).exponential())
        if reached >= expected[-1]:
            return np.interp(arrivals, expected, edges_s).tolist() if arrivals else []
        arrivals.append(reached)
        number += 1


def _flip(table: RadiationTable, streams: Streams, number: int) -> FlipStrike:
    chance = streams.block("radiation/flip", number)
    is_single = bool(chance.random() < table.single_bit_share)
    wide = _WIDE[int(chance.integers(len(_WIDE)))]
    part = _PARTS[int(chance.integers(len(_PARTS)))]
    return FlipStrike(part=part, spread=Spread.BIT if is_single else wide, seed=int(chance.integers(_SEEDS)))
