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
from ccsds.sync import TmEncoder
from ccsds.tc_frame import TcFrame
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from ccsds.tm_packets import TmFramer
from ground.station import Station
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.files import GROUND_ENTITY, spacecraft_mib
from mission.profiles import LinkProfile

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class FarEnd:
    """The spacecraft's end of a file's way, without security."""

    def __init__(self, profile: LinkProfile, store: FileStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.entity = Entity(spacecraft_mib(profile, 0), self.store)
        self.events: list = []
        self.commands: list[bytes] = []
        self.pdus: list[bytes] = []
        """PDUs that came, in order."""
        self._deframer = CltuDeframer(randomized=profile.tc_randomized)
        self._farms = {channel: Farm(FarmConfig(virtual_channel=channel)) for channel in Uplink}
        self._encoder = TmEncoder(profile.tm_coding)
        self._data_octets = profile.tm_data_octets
        self._framer = TmFramer(self._data_octets)
        self._counts = dict.fromkeys(Downlink, 0)
        self._sequence_count = 0

    def put(self, content: bytes, name: str, destination_name: str, now_ns: int = 0, **request):
        self.store.pwrite(name, 0, content)
        names = {"source_name": name, "destination_name": destination_name}
        return self.entity.put(PutRequest(destination=GROUND_ENTITY, **names, **request), now_ns)

    def receive(self, cltu: bytes, now_ns: int) -> None:
        self._deframer.receive(cltu)
        for candidate in self._deframer.take():
            frame = TcFrame.decode(candidate)
            verdict = self._farms[Uplink(frame.virtual_channel)].receive(frame)
            for packet in split_packets(verdict.data or b""):
                if frame.virtual_channel == Uplink.FILES:
                    self.pdus.append(SpacePacket.decode(packet).data)
                    self.entity.receive(self.pdus[-1], now_ns)
                else:
                    self.commands.append(packet)

    def frame(self, now_ns: int) -> bytes:
        """Give the next frame, coded for the line: of a PDU if there is one, else an idle one."""
        self.entity.advance(now_ns)
        pdu = self.entity.transmit(now_ns)
        self.events += self.entity.take_events()
        if pdu is not None:
            self.say(pdu)
        content = self._framer.take(flush=True)
        channel = Downlink.IDLE if content is None else Downlink.FILES
        return self.coded(channel, *(content or (ONLY_IDLE, bytes(self._data_octets))))

    def say(self, data: bytes, apid: int = Apid.CFDP) -> None:
        """Queue a packet of the channel of files."""
        packet = SpacePacket(PacketType.TELEMETRY, apid, self._sequence_count, data, has_secondary_header=False)
        self._sequence_count = (self._sequence_count + 1) % (1 << 14)
        self._framer.put(packet.encode())

    def coded(self, channel: Downlink, pointer: int, data: bytes) -> bytes:
        clcw = self._farms[Uplink.COMMANDS].clcw().encode()
        frame = TmFrame(SPACECRAFT_ID, channel, 0, self._counts[channel], pointer, data, clcw)
        self._counts[channel] = (self._counts[channel] + 1) % 256
        return self._encoder.encode(frame.encode())


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
        self.far.entity.contact(True, self.now_ns)

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
