"""Validation in real time: a bridge between two pseudo-terminals or TCP ports, measured by programs at its far sides.

Whoever sends and whoever receives are in this process, in one loop with the bridge, so that one clock reads both; what
the operating system adds is in the figures. Rates and delays have the tolerance that the harness promises.
"""

import contextlib
import select
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hil.bridge.bridge import Bridge
from hil.channel.burst import NS_PER_S
from hil.channel.jitter import JitterConfig
from hil.channel.line import Line, LineConfig
from hil.channel.slips import SlipConfig
from hil.rig.plug import Plug
from hil.streams import Streams
from hil.validation.alignment import hit_bits, random_octets
from hil.validation.measurement import Interval, Measurement, of_mean, of_median, of_rate, within
from ports.port import Port, open_port

# What the harness promises.
DELAY_TOLERANCE_NS = 2_000_000
PTY_RATE_TOLERANCE = 0.01
TCP_RATE_TOLERANCE = 0.02

PTY_RATE_BPS = 115_200
TCP_RATE_BPS = 12_500_000

_DELAY_NS = 20_000_000
_JITTER_NS = 10_000_000
_PROBE = b"probe 16 octets."

# What does not arrive within this time is lost.
_PATIENCE_NS = 10 * NS_PER_S

# A far side is written and read at most so much at once.
_CHUNK_OCTETS = 1 << 14


class Loop:
    """A bridge between two ports of a kind, and the two ports at their far sides.

    Args:
        mode: ``pty`` or ``tcp``.
        line: The line from the sender to the receiver.
        stack: Closes what is opened.
    """

    def __init__(self, mode: str, line: Line, stack: contextlib.ExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        back = Line(
            LineConfig(name="up", rate_bps=line.config.rate_bps, bits_per_octet=line.config.bits_per_octet), Streams(0)
        )
        urls = [f"pty:{Path(folder) / name}" if mode == "pty" else "tcp-listen:127.0.0.1:0" for name in ("a", "b")]
        near, far = (Plug(url) for url in urls)
        self._bridge = Bridge(near, far, back, line)
        stack.callback(self._bridge.close)
        self._bridge.turn(0)
        self.receiver, self.sender = (self._open(mode, plug, stack) for plug in (near, far))
        self._started_ns = time.monotonic_ns()

    @property
    def now_ns(self) -> int:
        """Time since it was opened."""
        return time.monotonic_ns() - self._started_ns

    def turn(self, until_ns: int) -> bytes:
        """Let the bridge do what is due, wait for more up to a time, and give what has arrived."""
        now_ns = self.now_ns
        self._bridge.turn(now_ns)
        arrived = self.receiver.read()
        if arrived:
            return arrived
        deadlines = [until_ns, self._bridge.next_deadline(now_ns)]
        wait_ns = max(min(each for each in deadlines if each is not None) - self.now_ns, 0)
        reading, writing = self._bridge.descriptors(now_ns)
        reading += [each for each in (self.receiver.fileno(),) if each is not None]
        select.select(reading, writing, [], wait_ns / NS_PER_S)
        return self.receiver.read()

    def _open(self, mode: str, plug: Plug, stack: contextlib.ExitStack) -> Port:
        url = plug.name.replace("pty:", "serial:") if mode == "pty" else plug.name.replace("tcp-listen:", "tcp:")
        port = open_port(url)
        stack.callback(port.close)
        return port


def measure_real_time(mode: str, seed: int, stream_s: float = 8.0, probes: int = 100) -> list[Measurement]:
    """Measure a line over ports of a kind.

    Args:
        mode: ``pty``, at 115200 baud, or ``tcp``, at 12.5 Mbit/s.
        seed: Of every random choice.
        stream_s: For how long octets are streamed to measure the rate.
        probes: Short messages sent to measure a delay.
    """
    return list(_Bench(mode, seed, probes).measure(stream_s))


class _Bench:
    def __init__(self, mode: str, seed: int, probes: int) -> None:
        self._probes = probes
        self._mode = mode
        self._seed = seed
        self._rate_bps, self._bits = (PTY_RATE_BPS, 10) if mode == "pty" else (TCP_RATE_BPS, 8)
        self._octet_ns = self._bits * NS_PER_S / self._rate_bps

    def measure(self, stream_s: float) -> Iterator[Measurement]:
        tolerance = PTY_RATE_TOLERANCE if self._mode == "pty" else TCP_RATE_TOLERANCE
        found = self._stream(stream_s)
        yield self._found(
            "rate", "bits a second", "bit/s", self._rate_bps,
            within(found.value, self._rate_bps * tolerance, found.count, f"within {tolerance:.0%}"),
        )  # fmt: skip
        delays = self._probe(delay_ns=_DELAY_NS)
        method = f"median within {DELAY_TOLERANCE_NS / 1e6:g} ms"
        found = of_median(delays, DELAY_TOLERANCE_NS, method).scaled(1e-6)
        yield self._found("delay", "fixed", "ms", _DELAY_NS / 1e6, found)
        late = of_mean(self._probe(jitter=JitterConfig(span_ns=_JITTER_NS)))
        found = Interval(
            value=late.value, low=late.low - DELAY_TOLERANCE_NS, high=late.high, count=late.count,
            method=f"{late.method}, within {DELAY_TOLERANCE_NS / 1e6:g} ms",
        ).scaled(1e-6)  # fmt: skip
        yield self._found("jitter", "mean", "ms", _JITTER_NS / 2e6, found)
        sent = random_octets(self._seed, 30_000)
        configured = 1e-3
        arrived = self._carry(sent, bit_error_rate=configured)
        hits = int(hit_bits(sent, arrived).sum()) if len(arrived) == len(sent) else 8 * len(sent)
        yield self._found("bit errors", f"rate {configured:g}", "", configured, of_rate(hits, 8 * len(sent)))
        configured = 1e-2
        arrived = self._carry(sent, slips=SlipConfig(drop_rate=configured))
        lost = of_rate(len(sent) - len(arrived), len(sent))
        yield self._found("slips", "drop rate", "", configured, lost)

    def _found(self, effect: str, quantity: str, unit: str, configured: float, found: Interval) -> Measurement:
        name = f"{self._mode} {self._rate_bps:,} bit/s"
        return Measurement(
            profile=name, effect=effect, quantity=quantity, unit=unit, configured=configured, found=found
        )

    def _line(self, **effects: Any) -> Line:
        config = LineConfig(name="down", rate_bps=self._rate_bps, bits_per_octet=self._bits, **effects)
        return Line(config, Streams(self._seed))

    def _stream(self, stream_s: float) -> Interval:
        """Send as fast as the port takes it, and give the rate at which octets arrive."""
        with contextlib.ExitStack() as stack:
            loop = Loop(self._mode, self._line(), stack)
            end_ns = loop.now_ns + round(stream_s * NS_PER_S)
            first_ns = last_ns = count = 0
            while loop.now_ns < end_ns:
                loop.sender.write(bytes(_CHUNK_OCTETS))
                arrived = loop.turn(loop.now_ns + NS_PER_S // 100)
                if arrived:
                    last_ns = loop.now_ns
                    # What comes first tells when to begin to count.
                    if first_ns:
                        count += len(arrived)
                    else:
                        first_ns = last_ns
        value = count * self._bits * NS_PER_S / max(last_ns - first_ns, 1)
        return within(value, 0.0, count)

    def _probe(self, **effects: Any) -> np.ndarray:
        """Send short messages with pauses, and give how much longer each took than its octets."""
        delays = []
        with contextlib.ExitStack() as stack:
            loop = Loop(self._mode, self._line(**effects), stack)
            for _ in range(self._probes):
                sent_ns = loop.now_ns
                loop.sender.write(_PROBE)
                count = self._take(loop, len(_PROBE))
                if count == len(_PROBE):
                    delays.append(loop.now_ns - sent_ns - len(_PROBE) * self._octet_ns)
                # A pause, so that each begins on an idle line.
                pause_ns = loop.now_ns + 5_000_000
                while loop.now_ns < pause_ns:
                    loop.turn(pause_ns)
        return np.array(delays)

    def _carry(self, data: bytes, **effects: Any) -> bytes:
        """Send octets and give those that arrive."""
        arrived = bytearray()
        with contextlib.ExitStack() as stack:
            line = self._line(**effects)
            loop = Loop(self._mode, line, stack)
            deadline_ns = loop.now_ns + _PATIENCE_NS
            place = 0
            while loop.now_ns < deadline_ns:
                if place < len(data):
                    place += loop.sender.write(data[place : place + _CHUNK_OCTETS])
                arrived += loop.turn(loop.now_ns + NS_PER_S // 100)
                counts = line.counts
                if counts.octets_sent == len(data) and counts.octets_in_flight == 0:
                    deadline_ns = min(deadline_ns, loop.now_ns + NS_PER_S // 5)
        return bytes(arrived)

    def _take(self, loop: Loop, count: int) -> int:
        """Wait for so many octets, and give how many came."""
        come = 0
        deadline_ns = loop.now_ns + _PATIENCE_NS
        while come < count and loop.now_ns < deadline_ns:
            come += len(loop.turn(deadline_ns))
        return come
