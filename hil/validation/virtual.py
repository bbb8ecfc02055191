"""Validation in virtual time: each effect alone, on a line of each profile, measured by what went in and what came out.

Sizes are chosen so that the whole takes seconds and each interval is a few per cent wide. Times of bursts are so many
octets of the profile long, so that a slow line and a fast one take the same effort.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hil.channel.breaks import BreakConfig
from hil.channel.burst import NS_PER_S, Pace
from hil.channel.dropouts import Dropout
from hil.channel.fades import FadeConfig
from hil.channel.framing import UART_BITS_PER_OCTET, FramingConfig, FramingPolicy
from hil.channel.gilbert_elliott import GilbertElliottConfig
from hil.channel.half_duplex import Air, HalfDuplexConfig
from hil.channel.jitter import JitterConfig
from hil.channel.line import Line, LineConfig
from hil.channel.overruns import FifoConfig
from hil.channel.path_loss import bit_error_rate_at, slant_range_m
from hil.channel.slips import SlipConfig
from hil.streams import Streams
from hil.validation.alignment import find_gaps, hit_bits, random_octets
from hil.validation.measurement import (
    Interval,
    Measurement,
    of_batches,
    of_deviation,
    of_mean,
    of_rate,
    within,
)
from mission.profiles import LinkProfile

# Octets handed over at once.
_PIECE_OCTETS = 8192

_LIGHT_M_PER_S = 299_792_458
_ALTITUDE_M = 500_000.0


@dataclass(frozen=True, slots=True)
class Bench:
    """Where one profile is measured.

    Args:
        profile: The rates.
        seed: Of every random choice.
    """

    profile: LinkProfile
    seed: int

    @property
    def pace(self) -> Pace:
        """How fast the line down is."""
        return Pace(self.profile.downlink_rate_bps, self.profile.bits_per_octet)

    @property
    def octet_ns(self) -> float:
        """Time of an octet."""
        return self.pace.bits_per_octet * NS_PER_S / self.pace.rate_bps

    def line(self, name: str = "down", air: Air | None = None, **effects: Any) -> Line:
        """Make a line of the profile."""
        rate_bps = self.profile.downlink_rate_bps if name == "down" else self.profile.uplink_rate_bps
        config = LineConfig(name=name, rate_bps=rate_bps, bits_per_octet=self.profile.bits_per_octet, **effects)
        return Line(config, Streams(self.seed).scoped(self.profile.name), air)

    def found(self, effect: str, quantity: str, unit: str, configured: float, found: Interval) -> Measurement:
        """Give a line of the table."""
        return Measurement(
            profile=self.profile.name, effect=effect, quantity=quantity, unit=unit, configured=configured, found=found
        )


def measure(profile: LinkProfile, seed: int) -> list[Measurement]:
    """Measure all that a line of a profile can do."""
    bench = Bench(profile, seed)
    return [measurement for measure_effect in EFFECTS for measurement in measure_effect(bench)]


def carry(line: Line, data: bytes) -> bytes:
    """Send octets without a pause, and give those that arrive."""
    arrived = bytearray()
    for start in range(0, len(data), _PIECE_OCTETS):
        line.send(data[start : start + _PIECE_OCTETS], line.free_at_ns)
        arrived += line.receive(line.free_at_ns)
    while (deadline_ns := line.next_deadline()) is not None:
        arrived += line.receive(deadline_ns)
    return bytes(arrived)


def arrival_ns(line: Line) -> int:
    """Give when all that is on a line has arrived, by looking whether it has."""
    deadline_ns = line.next_deadline()
    assert deadline_ns is not None
    line.receive(deadline_ns - 1)
    assert line.receive(deadline_ns)
    return deadline_ns


def rate(bench: Bench) -> Iterator[Measurement]:
    """How fast octets arrive, in both directions."""
    for name in ("up", "down"):
        line = bench.line(name)
        line.send(b"x", 0)
        first_ns = arrival_ns(line)
        octets = 2000
        for _ in range(octets // 100):
            line.send(bytes(100), first_ns)
        last_ns = 0
        while line.next_deadline() is not None:
            last_ns = arrival_ns(line)
        bits = octets * bench.profile.bits_per_octet
        measured = bits * NS_PER_S / (last_ns - first_ns)
        # The first octet's end is rounded, and the last one's.
        tolerance = measured * 2 / (last_ns - first_ns)
        yield bench.found(
            "rate", f"bits a second {name}", "bit/s", line.config.rate_bps, within(measured, tolerance, octets)
        )


def delay(bench: Bench) -> Iterator[Measurement]:
    """How long an octet takes beyond its own length, fixed and from the range of a pass."""
    line = bench.line(delay_ns=20_000_000)
    line.send(b"x", 0)
    yield bench.found("delay", "fixed", "ms", 20.0, within(arrival_ns(line) - bench.octet_ns, 1, 1).scaled(1e-6))

    def light_time_ns(sent_ns: int) -> int:
        return round(_pass_range_m(sent_ns) / _LIGHT_M_PER_S * NS_PER_S)

    line = bench.line(delay_ns=light_time_ns)
    errors_ns = []
    for second in range(0, 400, 2):
        sent_ns = second * NS_PER_S
        line.send(b"x", sent_ns)
        errors_ns.append(arrival_ns(line) - sent_ns - bench.octet_ns - light_time_ns(sent_ns))
    worst_ns = max(errors_ns, key=abs)
    yield bench.found(
        "delay", "from range, greatest error", "ns", 0.0, within(worst_ns, 1 + bench.octet_ns / 10, len(errors_ns))
    )


def jitter(bench: Bench) -> Iterator[Measurement]:
    """How much later octets are, sent with pauses between them."""
    span_ns = 5_000_000
    line = bench.line(jitter=JitterConfig(span_ns=span_ns, hold_octets=1))
    late_ns = []
    for index in range(3000):
        sent_ns = index * (span_ns + math.ceil(bench.octet_ns) + 1)
        line.send(b"x", sent_ns)
        late_ns.append(arrival_ns(line) - sent_ns - bench.octet_ns)
    yield bench.found("jitter", "mean", "ms", span_ns / 2e6, of_mean(late_ns).scaled(1e-6))
    yield bench.found(
        "jitter", "standard deviation", "ms", span_ns / math.sqrt(12) / 1e6, of_deviation(late_ns).scaled(1e-6)
    )


def bit_errors(bench: Bench) -> Iterator[Measurement]:
    """The share of bits inverted: at fixed rates, and at both ends of a pass."""
    for configured in (1e-5, 1e-3):
        sent = bytes(2_000_000 if configured < 1e-4 else 100_000)
        arrived = carry(bench.line(bit_error_rate=configured), sent)
        hits = int(hit_bits(sent, arrived).sum())
        yield bench.found("bit errors", f"rate {configured:g}", "", configured, of_rate(hits, 8 * len(sent)))

    def rate_at(now_ns: int) -> float:
        return bit_error_rate_at(_pass_range_m(now_ns), reference_range_m=2_078_000, reference_eb_n0_db=0.0)

    for name, second in (("at 5 degrees", 0), ("at 30 degrees", 60)):
        line = bench.line(bit_error_rate=rate_at)
        # A tenth of a second, in which the rate is that at its beginning; on a slow line, many passes of it.
        octets = min(bench.pace.octets_within(NS_PER_S // 10) - 1, 100_000)
        hits = bits = 0
        lines = (
            [line]
            if octets > 50_000
            else [
                Bench(bench.profile, bench.seed + 1000 * number).line(bit_error_rate=rate_at)
                for number in range(min(50_000 // octets, 400))
            ]
        )
        for each in lines:
            each.send(bytes(octets), second * NS_PER_S)
            arrived = each.receive(second * NS_PER_S + NS_PER_S // 10 - 1)
            hits += int.from_bytes(arrived, "big").bit_count()
            bits += 8 * len(arrived)
        yield bench.found("bit errors", f"from range, {name}", "", rate_at(second * NS_PER_S), of_rate(hits, bits))


def fades(bench: Bench) -> Iterator[Measurement]:
    """How long fades are and how far apart, in octets, and which share of frames they cost."""
    config = FadeConfig(good_octets=3000, bad_octets=200)
    sent = random_octets(bench.seed, 1_200_000)
    gaps = find_gaps(sent, carry(bench.line(fades=config), sent))[:-1]
    starts, stops = (np.array(each) for each in zip(*gaps, strict=True))
    yield bench.found("fades", "burst length", "octets", config.bad_octets, of_mean(stops - starts))
    yield bench.found("fades", "between bursts", "octets", config.good_octets, of_mean(starts[1:] - stops[:-1]))
    frame = bench.profile.tm_coding.cadu_octets
    loss, frames = 0.04, 8000
    line = bench.line(fades=FadeConfig.of_frames(loss=loss, burst_frames=2.0, frame_octets=frame))
    is_lost = []
    for _ in range(frames):
        line.send(bytes(frame), line.free_at_ns)
        is_lost.append(len(line.receive(line.free_at_ns)) < frame)
    yield bench.found("fades", "frames lost", "", loss, of_batches(is_lost, 100))


def bursts(bench: Bench) -> Iterator[Measurement]:
    """How long the bad state lasts, and how noisy both are."""
    octet_ns = bench.octet_ns
    good, bad = 5000, 800
    config = GilbertElliottConfig(
        good_ns=good * octet_ns, bad_ns=bad * octet_ns, good_bit_error_rate=1e-4, bad_bit_error_rate=0.25
    )
    sent = bytes(1_500_000)
    bits = hit_bits(sent, carry(bench.line(bursts=config), sent))
    # In the bad state nine octets of ten are hit, so that a dozen in a row that are not mark its end; a hit or two by
    # themselves are noise of the good state.
    hit = np.flatnonzero(bits)
    begins = np.concatenate([[0], np.flatnonzero(np.diff(hit) > 12) + 1])
    ends = np.concatenate([begins[1:], [len(hit)]]) - 1
    spells = [(hit[begin], hit[end] + 1) for begin, end in zip(begins, ends, strict=True) if end - begin > 7]
    is_bad = np.zeros(len(sent), dtype=bool)
    for start, stop in spells:
        is_bad[start:stop] = True
    lengths = [(stop - start) * octet_ns for start, stop in spells[:-1]]
    gaps = [(after[0] - before[1]) * octet_ns for before, after in pairwise(spells)]
    yield bench.found("bursts of noise", "bad state", "ms", config.bad_ns / 1e6, of_mean(lengths).scaled(1e-6))
    yield bench.found("bursts of noise", "good state", "ms", config.good_ns / 1e6, of_mean(gaps).scaled(1e-6))
    for name, state, configured in (
        ("bad", is_bad, config.bad_bit_error_rate),
        ("good", ~is_bad, config.good_bit_error_rate),
    ):
        found = of_rate(int(bits[state].sum()), 8 * int(state.sum()))
        yield bench.found("bursts of noise", f"bit error rate, {name} state", "", configured, found)


def losses_by_time(bench: Bench) -> Iterator[Measurement]:
    """How much a dropout takes, and a pulled cable."""
    octets = 5000
    span = Dropout(round(1000 * bench.octet_ns), round(2500.5 * bench.octet_ns))
    for effect, key in (("dropout", "dropouts"), ("cable pull", "cable_pulls")):
        sent = random_octets(bench.seed, octets)
        effects: dict[str, Any] = {key: (span,)}
        arrived = carry(bench.line(**effects), sent)
        # At each edge an octet is lost if any part of it falls into the span.
        found = within((octets - len(arrived)) * bench.octet_ns, 2 * bench.octet_ns, 1).scaled(1e-6)
        yield bench.found(effect, "length", "ms", span.duration_ns / 1e6, found)


def slips(bench: Bench) -> Iterator[Measurement]:
    """How many octets are too few or too many."""
    octets, configured = 500_000, 2e-3
    for kind in ("drop", "duplicate", "insert"):
        arrived = carry(bench.line(slips=SlipConfig(**{f"{kind}_rate": configured})), bytes(octets))
        yield bench.found("slips", f"{kind} rate", "", configured, of_rate(abs(octets - len(arrived)), octets))


def uart(bench: Bench) -> Iterator[Measurement]:
    """What a UART's receiver does wrong, on lines that are one."""
    if bench.profile.bits_per_octet != UART_BITS_PER_OCTET:
        return
    octet_ns = bench.octet_ns
    octets, configured = 300_000, 2e-3
    sent = random_octets(bench.seed, octets, low=1)
    arrived = carry(bench.line(framing=FramingConfig(stop_error_rate=configured)), sent)
    yield bench.found("framing", "stop bits misread", "", configured, of_rate(arrived.count(0), octets))
    # An octet without an edge inside of it is lost with its start bit, and costs no other.
    config = FramingConfig(start_error_rate=configured, policy=FramingPolicy.DISCARD)
    arrived = carry(bench.line(framing=config), b"\xff" * octets)
    yield bench.found("framing", "start bits missed", "", configured, of_rate(octets - len(arrived), octets))

    octets = 1_000_000
    sent = random_octets(bench.seed, octets, low=1)
    config = BreakConfig(every_ns=2000 * octet_ns, length_ns=100 * octet_ns)
    arrived = carry(bench.line(breaks=config), sent)
    gaps = find_gaps(sent, arrived.replace(b"\0", b""))[:-1]
    starts, stops = (np.array(each) for each in zip(*gaps, strict=True))
    # A break hits an octet more than it lasts, in the mean, and leaves one less between two.
    found = of_mean(stops - starts).shifted(-1).scaled(octet_ns / 1e6)
    yield bench.found("breaks", "length", "ms", config.length_ns / 1e6, found)
    found = of_mean(starts[1:] - stops[:-1]).shifted(1).scaled(octet_ns / 1e6)
    yield bench.found("breaks", "between breaks", "ms", config.every_ns / 1e6, found)

    stall = 60.0
    fifo = FifoConfig(octets=16, stall_every_ns=1500 * octet_ns, stall_ns=stall * octet_ns)
    sent = random_octets(bench.seed, octets)
    gaps = find_gaps(sent, carry(bench.line(fifo=fifo), sent))[:-1]
    # However long a stall has lasted, it goes on for an octet more with the same probability.
    expected = 1 / -math.expm1(-1 / stall)
    yield bench.found("FIFO", "octets of an overrun", "octets", expected, of_mean([b - a for a, b in gaps]))


def half_duplex(bench: Bench) -> Iterator[Measurement]:
    """How long the air is silent between the two directions."""
    turn_round_ns, delay_ns = 50_000_000, 7_000_000
    air = Air(HalfDuplexConfig(turn_round_ns=turn_round_ns))
    up, down = (bench.line(name, air, delay_ns=delay_ns) for name in ("up", "down"))
    silences_ns = []
    for _ in range(20):
        for line, other in ((up, down), (down, up)):
            line.send(bytes(40), line.free_at_ns)
            arrived_ns = arrival_ns(line)
            silences_ns.append(other.free_at_ns - arrived_ns)
    yield bench.found(
        "half-duplex", "turn-round", "ms", turn_round_ns / 1e6, within(float(np.mean(silences_ns)), 1, 40).scaled(1e-6)
    )


EFFECTS: tuple[Callable[[Bench], Iterator[Measurement]], ...] = (
    rate, delay, jitter, bit_errors, fades, bursts, losses_by_time, slips, uart, half_duplex,
)  # fmt: skip
"""In the order of the table."""


def _pass_range_m(now_ns: int) -> float:
    """Give the range of a pass of 400 s, from 5 degrees evenly up to the zenith and down again."""
    elevation_deg = 90 - 85 * abs(now_ns / NS_PER_S - 200) / 200
    return slant_range_m(math.radians(max(elevation_deg, 5.0)), _ALTITUDE_M)
