"""Drives a sans-IO core over a port in real time: the place where ``now_ns`` comes from a clock.

Octets that come are given to the core; what is due is done; a frame is pulled from the core only when the line is free,
so that the most urgent one is chosen at the last moment and the system's buffer never fills. A port that is lost is
reported, waited for, and taken up again. Nothing here knows what the octets mean.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ccsds.errors import MisuseError
from ports.errors import PortLostError, PortRefusedError
from ports.port import Port, open_port
from ports.url import Url, parse_url

NS_PER_S = 1_000_000_000

# A port without a descriptor is looked at this often: half a frame of the slowest line that such ports are used for.
POLL_NS = 5_000_000

# The next frame is handed over this long before the line falls idle, which hides the latency of the event loop. It is
# less than a frame on a UART, so at most one and a bit wait in the system.
LEAD_NS = 5_000_000

# A lost port is tried again after the first, and then after twice as long each time up to the last: soon enough for a
# cable put back, and no burden where nobody comes.
RETRY_NS_MIN = 50_000_000
RETRY_NS_MAX = 2 * NS_PER_S

# Looks at a port in one turn. A sender that never pauses must not keep what is due from being done.
READS_MAX = 16


class Core(Protocol):
    """What can be driven: a spacecraft, a station, or any other sans-IO core."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take octets from the line."""
        ...

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        ...

    def next_deadline(self) -> int | None:
        """When `advance` has something to do."""
        ...

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the next octets for the line, now that it is free."""
        ...

    def contact(self, up: bool, now_ns: int) -> None:
        """Take note that the port is there, or is gone."""
        ...

    def take_events(self) -> list[Any]:
        """Give what happened since the last call."""
        ...


class PortUp(msgspec.Struct, frozen=True, tag=True):
    """The other end of the port is there."""

    port: str

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"port {self.port} is up"


class PortDown(msgspec.Struct, frozen=True, tag=True):
    """The port, or its other end, is not there; it is waited for."""

    port: str
    reason: str

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"port {self.port} is down: {self.reason}; waiting for it"


async def drive(
    core: Core,
    port: str | Url | Port,
    *,
    rate_bps: int,
    bits_per_octet: int,
    on_events: Callable[[list[Any]], None],
    wake: asyncio.Event,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Drive a core until cancelled.

    Args:
        core: The core; nobody else may use it but from this event loop.
        port: A link URL, whose port is opened here and opened again when it is lost; or an open port, which stays its
            owner's and whose loss ends the drive.
        rate_bps: Bits a second that may leave.
        bits_per_octet: Bits that one octet takes on the line.
        on_events: Called with the core's events, and `PortUp` and `PortDown` among them, before anything more leaves.
        wake: To be set when the core was given something to do from elsewhere. Only the drive clears it.
        clock: Where ``now_ns`` comes from.

    Raises:
        MisuseError: A rate is not above 0, or the URL is wrong.
        PortRefusedError: The device that the URL names shows that it cannot do it.
        PortLostError: The open port that was handed over is lost.
    """
    if rate_bps <= 0 or bits_per_octet <= 0:
        raise MisuseError(f"expected a rate and bits an octet above 0, found {rate_bps} and {bits_per_octet}")
    driver = _Driver(core, port, rate_bps, bits_per_octet, on_events, wake, clock)
    try:
        while True:
            driver.turn()
            await driver.rest()
    finally:
        driver.close()


class _Driver:
    def __init__(
        self,
        core: Core,
        port: str | Url | Port,
        rate_bps: int,
        bits_per_octet: int,
        on_events: Callable[[list[Any]], None],
        wake: asyncio.Event,
        clock: Callable[[], int],
    ) -> None:
        self._core = core
        self._rate_bps = rate_bps
        self._bits_per_octet = bits_per_octet
        self._on_events = on_events
        self._wake = wake
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._url = parse_url(port) if isinstance(port, str) else port if isinstance(port, Url) else None
        self._port: Port | None = None if isinstance(port, str | Url) else port
        self._opening: asyncio.Future[Port] | None = None
        self._opened_at_ns = 0
        self._retry_at_ns = clock()
        self._retry_ns = RETRY_NS_MIN
        self._is_up = False
        self._told_down: PortDown | None = None
        self._port_events: list[Any] = []
        self._reading: int | None = None
        self._writing: int | None = None
        self._unsent = b""
        self._free_at_ns = 0
        self._has_more = False

    def turn(self) -> None:
        """Do all there is to do now."""
        now_ns = self._clock()
        try:
            self._open(now_ns)
            if self._port is not None:
                self._read(self._port, now_ns)
            self._advance(now_ns)
            # Whoever listens may have to make it durable before anything more leaves.
            self._tell()
            if self._port is not None and self._is_up:
                self._transmit(self._port, now_ns)
        except PortLostError as error:
            self._lose(error, now_ns)
        self._watch()
        self._tell()

    async def rest(self) -> None:
        """Wait for octets, for a time that is due, or for `wake`."""
        times = [self._core.next_deadline()]
        if self._port is None and self._opening is None:
            times.append(self._retry_at_ns)
        if self._port is not None:
            if self._reading is None:
                times.append(self._clock() + POLL_NS)
            if self._has_more:
                times.append(self._free_at_ns - LEAD_NS)
        due = [moment_ns for moment_ns in times if moment_ns is not None]
        timer = None
        if due:
            timer = self._loop.call_later(max(min(due) - self._clock(), 0) / NS_PER_S, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Let go of the port, if it was opened here."""
        self._unwatch()
        if self._opening is not None:
            self._opening.add_done_callback(_close_what_came)
        if self._port is not None and self._url is not None:
            self._port.close()

    def _tell(self) -> None:
        events = self._port_events + self._core.take_events()
        self._port_events = []
        if events:
            self._on_events(events)

    def _open(self, now_ns: int) -> None:
        if self._port is not None or self._url is None:
            return
        if self._opening is None:
            if now_ns >= self._retry_at_ns:
                # Names, networks and some drivers keep one waiting: not here, where the core has deadlines.
                self._opening = self._loop.run_in_executor(None, open_port, self._url)
                self._opening.add_done_callback(lambda _: self._wake.set())
            return
        if self._opening.done():
            opening, self._opening = self._opening, None
            try:
                self._port = opening.result()
            except MisuseError as error:
                raise PortRefusedError(str(error)) from error
            self._opened_at_ns = now_ns

    def _read(self, port: Port, now_ns: int) -> None:
        for _ in range(READS_MAX):
            data = port.read()
            self._set_up(port, now_ns)
            if not data:
                break
            self._core.receive(data, now_ns)

    def _advance(self, now_ns: int) -> None:
        deadline_ns = self._core.next_deadline()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self._core.advance(now_ns)

    def _transmit(self, port: Port, now_ns: int) -> None:
        self._has_more = False
        while self._flush(port, now_ns) and now_ns >= self._free_at_ns - LEAD_NS:
            data = self._core.transmit(now_ns)
            if not data:
                return
            duration_ns = len(data) * self._bits_per_octet * NS_PER_S // self._rate_bps
            self._free_at_ns = max(self._free_at_ns, now_ns) + duration_ns
            self._unsent = data
        # What the port did not take is waited for by its descriptor, not by the clock.
        self._has_more = self._is_up and not self._unsent

    def _flush(self, port: Port, now_ns: int) -> bool:
        """Put out what was not taken before; tell whether all has been taken."""
        if self._unsent:
            self._unsent = self._unsent[port.write(self._unsent) :]
            self._set_up(port, now_ns)
        return not self._unsent and self._is_up

    def _set_up(self, port: Port, now_ns: int) -> None:
        """Take note of whether the other end is there."""
        is_up = port.is_up
        if not is_up and self._told_down is None:
            self._tell_down(PortDown(port.name, "nobody is at the other end"))
        if is_up == self._is_up:
            return
        self._is_up = is_up
        if is_up:
            self._told_down = None
            self._port_events.append(PortUp(port.name))
        else:
            self._forget_line()
        self._core.contact(is_up, now_ns)

    def _lose(self, error: PortLostError, now_ns: int) -> None:
        self._unwatch()
        port, self._port = self._port, None
        if port is not None and self._url is not None:
            port.close()
            if now_ns - self._opened_at_ns > RETRY_NS_MAX:
                self._retry_ns = RETRY_NS_MIN
        self._retry_at_ns = now_ns + self._retry_ns
        self._retry_ns = min(2 * self._retry_ns, RETRY_NS_MAX)
        self._forget_line()
        if self._is_up:
            self._is_up = False
            self._core.contact(False, now_ns)
        if self._url is None:
            raise error
        self._tell_down(PortDown(self._url.text, str(error)))

    def _forget_line(self) -> None:
        """What had not left is gone, as on a line that was cut."""
        self._unsent = b""
        self._free_at_ns = 0
        self._has_more = False

    def _tell_down(self, event: PortDown) -> None:
        """Tell that the port is down, once for each reason in a row."""
        if event != self._told_down:
            self._told_down = event
            self._port_events.append(event)

    def _watch(self) -> None:
        """Have the event loop look at the descriptor that the port has now."""
        descriptor = None if self._port is None else self._port.fileno()
        if descriptor != self._reading:
            self._unwatch()
            if descriptor is not None:
                self._loop.add_reader(descriptor, self._wake.set)
                self._reading = descriptor
        wanted = descriptor if self._unsent else None
        if wanted != self._writing:
            if self._writing is not None:
                self._loop.remove_writer(self._writing)
            if wanted is not None:
                self._loop.add_writer(wanted, self._wake.set)
            self._writing = wanted

    def _unwatch(self) -> None:
        if self._reading is not None:
            self._loop.remove_reader(self._reading)
        if self._writing is not None:
            self._loop.remove_writer(self._writing)
        self._reading = self._writing = None


def _close_what_came(opening: "asyncio.Future[Port]") -> None:
    """Close a port that was opened for nobody: the drive ended meanwhile."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
