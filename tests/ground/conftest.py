"""A little scripted spacecraft made of `ccsds` alone, and a ladder that carries octets between it and a station."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from ccsds.cltu import CltuDeframer
from ccsds.cop1.farm import Farm, FarmConfig
from ccsds.errors import MalformedError
from ccsds.packet import split_packets
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.sync import TmEncoder
from ccsds.tc_frame import TcFrame
from ccsds.tm_frame import ONLY_IDLE, TmFrame, tm_overhead_octets
from ccsds.tm_packets import TmFramer
from ground.client import Client
from ground.events import CommandStaged
from ground.serve import ServeConfig, StationService
from ground.station import Station
from ground.station_config import StationConfig
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.profiles import PROFILES, Contact, LinkProfile
from ports.drive import drive

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SOURCE_ID = 0x1234
TIMEOUT_S = 60

Answer = Callable[[Telecommand], list[VerificationReport]]


def complete(telecommand: Telecommand) -> list[VerificationReport]:
    """The answers of a spacecraft that does as it is told."""
    stages = (VerificationStage.ACCEPTED, VerificationStage.STARTED, VerificationStage.COMPLETED)
    return [VerificationReport(stage, telecommand.request_id) for stage in stages]


class ScriptedSpacecraft:
    """Hears telecommands and says what its script says; it may be driven as a core by `ports.drive`."""

    def __init__(self, profile: LinkProfile, answer: Answer = complete) -> None:
        self.profile = profile
        self.spacecraft_id = SPACECRAFT_ID
        self.is_silent = False
        self.answer = answer
        self.packets: list[bytes] = []
        self.farm = Farm(FarmConfig(virtual_channel=Uplink.COMMANDS, window=profile.farm_window))
        self._deframer = CltuDeframer(randomized=profile.tc_randomized)
        self._encoder = TmEncoder(profile.tm_coding)
        self._data_octets = profile.tm_frame_octets - tm_overhead_octets()
        self._framer = TmFramer(self._data_octets)
        self._counts = dict.fromkeys(Downlink, 0)
        self._master_count = 0
        self._sequence_count = 0
        self._next_keep_alive_ns = 0

    @property
    def telecommands(self) -> list[Telecommand]:
        return [Telecommand.decode(packet) for packet in self.packets]

    def receive(self, data: bytes, now_ns: int) -> None:
        self._deframer.receive(data)
        for candidate in self._deframer.take():
            try:
                verdict = self.farm.receive(TcFrame.decode(candidate))
            except MalformedError:
                continue
            for packet in split_packets(verdict.data or b""):
                self.packets.append(packet)
                telecommand = Telecommand.decode(packet)
                for report in self.answer(telecommand):
                    self.say(1, report.stage, report.encode(), now_ns, telecommand.source_id)

    def say(self, service: int, subtype: int, data: bytes, now_ns: int = 0, destination_id: int = 0) -> None:
        """Queue a report."""
        packet = Telemetry(Apid.CORE, self._sequence_count, service, subtype, 0, destination_id, now_ns, data)
        self._sequence_count = (self._sequence_count + 1) % (1 << 14)
        self._framer.put(packet.encode())

    def frame(self) -> bytes:
        """Give the next frame, coded for the line: of packets if any wait, else an idle one."""
        content = self._framer.take(flush=True)
        channel = Downlink.LIVE if content else Downlink.IDLE
        pointer, data = content or (ONLY_IDLE, bytes(self._data_octets))
        clcw = self.farm.clcw().encode()
        frame = TmFrame(self.spacecraft_id, channel, self._master_count, self._counts[channel], pointer, data, clcw)
        self._counts[channel] = (self._counts[channel] + 1) % 256
        self._master_count = (self._master_count + 1) % 256
        return self._encoder.encode(frame.encode())

    def advance(self, now_ns: int) -> None:
        """Nothing is due but frames."""

    def next_deadline(self) -> int | None:
        return self._next_keep_alive_ns

    def transmit(self, now_ns: int) -> bytes | None:
        if now_ns < self._next_keep_alive_ns:
            return None
        self._next_keep_alive_ns = now_ns + 20 * NS_PER_MS
        return None if self.is_silent else self.frame()

    def contact(self, up: bool, now_ns: int) -> None:
        """It talks whether or not anybody listens."""

    def take_events(self) -> list:
        return []


def _carry(cadu: bytes) -> bytes | None:
    return cadu


@dataclass
class Ladder:
    """Carries octets between a station and a spacecraft, one frame each way at most every tenth of a second."""

    station: Station
    spacecraft: ScriptedSpacecraft
    up: Callable[[bytes], bytes | None] = _carry
    """What the line makes of a CLTU."""
    down: Callable[[bytes], bytes | None] = _carry
    now_ns: int = 0
    events: list = field(default_factory=list)

    def run(self, seconds: float) -> None:
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        while self.now_ns < end_ns:
            self.now_ns += 100 * NS_PER_MS
            self.station.advance(self.now_ns)
            cltu = self.station.transmit(self.now_ns)
            if cltu is not None and (carried := self.up(cltu)) is not None:
                self.spacecraft.receive(carried, self.now_ns)
            if (carried := self.down(self.spacecraft.frame())) is not None:
                self.station.receive(carried, self.now_ns)
            self.events += self.station.take_events()

    def stages(self, command_id: int) -> list[str]:
        """The stages of a command, in order, each try after the first with its number."""
        return [
            event.stage.name + (f" {event.attempt}" if event.attempt > 1 else "")
            for event in self.events
            if isinstance(event, CommandStaged) and event.command_id == command_id
        ]

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def profile() -> LinkProfile:
    return replace(PROFILES["serial"], contact=Contact.MODEM)


@pytest.fixture
def make_spacecraft():
    return ScriptedSpacecraft


@pytest.fixture
def make_ladder(profile):
    def make(answer: Answer = complete, **settings) -> Ladder:
        station = Station(StationConfig(profile=profile, source_id=SOURCE_ID, **settings))
        station.contact(True, 0)
        return Ladder(station, ScriptedSpacecraft(profile, answer))

    return make


@pytest.fixture
def ladder(make_ladder) -> Ladder:
    """A station in contact, and a spacecraft that does as it is told."""
    return make_ladder()


@dataclass
class Served:
    """A station in service in a thread of its own, with a spacecraft at the other end of its line."""

    config: ServeConfig
    spacecraft: ScriptedSpacecraft
    loop: asyncio.AbstractEventLoop
    service: StationService
    lines: list[str]

    def call(self, act) -> None:
        """Do something on the station's own thread, and wait for it."""

        async def run() -> None:
            act()

        asyncio.run_coroutine_threadsafe(run(), self.loop).result(TIMEOUT_S)


@pytest.fixture
def config(tmp_path: Path) -> ServeConfig:
    profile = replace(PROFILES["serial"], contact=Contact.MODEM, silence_ns=1 * NS_PER_S)
    return ServeConfig(
        link=f"serial:{tmp_path}/line?baud=115200",
        profile=profile,
        archive_path=tmp_path / "archive.sqlite",
        socket_path=tmp_path / "run" / "ground.sock",
    )


@pytest.fixture
def served_core(config):
    """The other end of the line of a station in service."""
    return ScriptedSpacecraft(config.profile)


@pytest.fixture
def served(config, tmp_path, served_core) -> Iterator[Served]:
    ready = threading.Event()
    lines: list[str] = []
    found: list[Served] = []
    profile = config.profile
    failures: list[BaseException] = []

    def say(line: str) -> None:
        lines.append(line)
        if "socket" in line:
            ready.set()

    async def main() -> None:
        spacecraft = served_core
        wake = asyncio.Event()
        line = asyncio.create_task(
            drive(
                spacecraft,
                f"pty:{tmp_path}/line",
                rate_bps=profile.downlink_rate_bps,
                bits_per_octet=profile.bits_per_octet,
                on_events=lambda events: None,
                wake=wake,
            )
        )
        service = StationService(config, say)
        found.append(Served(config, spacecraft, asyncio.get_running_loop(), service, lines))
        try:
            await service.run()
        finally:
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(TIMEOUT_S)
    assert failures == []
    yield found[0]
    if thread.is_alive():
        found[0].loop.call_soon_threadsafe(found[0].service.stop)
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert failures == []


@pytest.fixture
def client(served) -> Iterator[Client]:
    with Client.connect(served.config.socket_path) as client:
        yield client


@pytest.fixture
def http(served) -> Iterator[httpx.Client]:
    """Plain requests to the station, as somebody makes them who has no client of ours."""
    transport = httpx.HTTPTransport(uds=str(served.config.socket_path))
    with httpx.Client(transport=transport, base_url="http://station", timeout=TIMEOUT_S) as http:
        yield http
