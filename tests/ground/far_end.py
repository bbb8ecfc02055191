"""A spacecraft that knows nothing but CFDP: a bare entity behind real frames, made of `ccsds` alone."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ccsds.cfdp.entity import Entity
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.records import PutRequest
from ccsds.cltu import CltuDeframer
from ccsds.cop1.farm import Farm, FarmConfig
from ccsds.packet import PacketType, SpacePacket, split_packets
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.sync import TmEncoder
from ccsds.tc_frame import TcFrame
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import TmFramer
from ground.station import Station
from mission.channels import GROUND_ENTITY, SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.files import spacecraft_mib
from mission.profiles import LinkProfile

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class FarEnd:
    """The spacecraft's end of a file's way, without security; it may be driven as a core by `ports.drive`."""

    def __init__(self, profile: LinkProfile, store: FileStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.entity = Entity(spacecraft_mib(profile, 0), self.store)
        self.telecommands: list[Telecommand] = []
        self.answer: Callable[[Telecommand], list[tuple[int, int, bytes]]] = self._complete
        """Gives service, subtype and data of the reports that answer a telecommand."""
        self.pdus: list[bytes] = []
        """PDUs that came, in order."""
        self._deframer = CltuDeframer(randomized=profile.tc_randomized)
        self._farms = {channel: Farm(FarmConfig(virtual_channel=channel)) for channel in Uplink}
        self._encoder = TmEncoder(profile.tm_coding)
        self._data_octets = profile.tm_data_octets
        self._framers = {channel: TmFramer(self._data_octets) for channel in (Downlink.LIVE, Downlink.FILES)}
        self._counts = dict.fromkeys(Downlink, 0)
        self._sequence_count = 0
        self._next_frame_ns = 0

    def put(self, content: bytes, name: str, destination_name: str, now_ns: int = 0, **request):
        self.store.pwrite(name, 0, content)
        names = {"source_name": name, "destination_name": destination_name}
        return self.entity.put(PutRequest(destination=GROUND_ENTITY, **names, **request), now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        self._deframer.receive(data)
        for candidate in self._deframer.take():
            frame = TcFrame.decode(candidate)
            verdict = self._farms[Uplink(frame.virtual_channel)].receive(frame)
            for packet in split_packets(verdict.data or b""):
                if frame.virtual_channel == Uplink.FILES:
                    self.pdus.append(SpacePacket.decode(packet).data)
                    self.entity.receive(self.pdus[-1], now_ns)
                else:
                    self._obey(Telecommand.decode(packet), now_ns)

    def report(self, service: int, subtype: int, data: bytes, destination_id: int = 0, now_ns: int = 0) -> None:
        """Queue a report."""
        packet = Telemetry(Apid.CORE, self._count(), service, subtype, 0, destination_id, now_ns, data)
        self._framers[Downlink.LIVE].put(packet.encode())

    def say(self, data: bytes, apid: int = Apid.CFDP, channel: Downlink = Downlink.FILES) -> None:
        """Queue a packet as those of files are."""
        packet = SpacePacket(PacketType.TELEMETRY, apid, self._count(), data, has_secondary_header=False)
        self._framers[channel].put(packet.encode())

    def frame(self, now_ns: int) -> bytes:
        """Give the next frame, coded for the line: of reports, else of a PDU, else an idle one."""
        self.entity.advance(now_ns)
        content, channel = self._framers[Downlink.LIVE].take(flush=True), Downlink.LIVE
        if content is None:
            pdu = self.entity.transmit(now_ns)
            if pdu is not None:
                self.say(pdu)
            content, channel = self._framers[Downlink.FILES].take(flush=True), Downlink.FILES
        if content is None:
            content, channel = (ONLY_IDLE, bytes(self._data_octets)), Downlink.IDLE
        clcw = self._farms[Uplink.COMMANDS].clcw().encode()
        frame = TmFrame(SPACECRAFT_ID, channel, 0, self._counts[channel], *content, clcw)
        self._counts[channel] = (self._counts[channel] + 1) % 256
        return self._encoder.encode(frame.encode())

    def advance(self, now_ns: int) -> None:
        """Nothing is due but frames."""

    def next_deadline(self) -> int | None:
        return self._next_frame_ns

    def transmit(self, now_ns: int) -> bytes | None:
        if now_ns < self._next_frame_ns:
            return None
        self._next_frame_ns = now_ns + 10 * NS_PER_MS
        return self.frame(now_ns)

    def contact(self, up: bool, now_ns: int) -> None:
        self.entity.contact(up, now_ns)

    def take_events(self) -> list:
        return []

    def _obey(self, telecommand: Telecommand, now_ns: int) -> None:
        self.telecommands.append(telecommand)
        for service, subtype, data in self.answer(telecommand):
            self.report(service, subtype, data, telecommand.source_id, now_ns)

    def _complete(self, telecommand: Telecommand) -> list[tuple[int, int, bytes]]:
        stages = (VerificationStage.ACCEPTED, VerificationStage.STARTED, VerificationStage.COMPLETED)
        return [verified(telecommand, stage) for stage in stages]

    def _count(self) -> int:
        self._sequence_count = (self._sequence_count + 1) % (1 << 14)
        return self._sequence_count


def verified(telecommand: Telecommand, stage: VerificationStage, *failure) -> tuple[int, int, bytes]:
    """Give a verification report as `FarEnd.answer` does."""
    return 1, stage, VerificationReport(stage, telecommand.request_id, None, *failure).encode()


def _carry(octets: bytes) -> bytes | None:
    return octets


@dataclass
class FileLadder:
    """Carries frames between a station and a far end, one each way every ten milliseconds."""

    station: Station
    far: FarEnd
    store: FileStore
    """The station's."""
    up: Callable[[bytes], bytes | None] = _carry
    down: Callable[[bytes], bytes | None] = _carry
    now_ns: int = 0
    events: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.station.contact(True, self.now_ns)
        self.far.contact(True, self.now_ns)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Run for a time, or until something holds; tell whether it did."""
        end_ns = self.now_ns + int(seconds * NS_PER_S)
        while self.now_ns < end_ns and not until():
            self.now_ns += 10 * NS_PER_MS
            self.station.advance(self.now_ns)
            cltu = self.station.transmit(self.now_ns)
            if cltu is not None and (carried := self.up(cltu)) is not None:
                self.far.receive(carried, self.now_ns)
            if (carried := self.down(self.far.frame(self.now_ns))) is not None:
                self.station.receive(carried, self.now_ns)
            self.events += self.station.take_events()
        return until()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]
