"""A spacecraft with files, and a bare CFDP entity at the ground's end of its lines."""

import contextlib
from dataclasses import replace

import pytest

from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import TransactionFinished
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.records import PutRequest
from ccsds.cltu import cltu_encode
from ccsds.packet import PacketType, SpacePacket
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End
from ccsds.sdls.receiver import Accepted
from ccsds.sdls.security import Security
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import PacketAssembler
from flight.disk import directory_of
from flight.events import Announced, CommandAnswered, Rejected
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.ends.keys import lay_keys
from hil.streams import Streams
from hil.tabletop.operator import IdleWorker
from mission.channels import SPACECRAFT_ENTITY, SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.definition import DICTIONARY
from mission.dictionary import Hazard
from mission.files import ground_mib
from mission.profiles import Contact, LinkProfile, find_profile
from ports.key_directory import opened_keys

SECOND = 1_000_000_000
# One frame either way each step: a serial line at its rate.
STEP_NS = 25_000_000


class Sky:
    """A spacecraft, the ground's entity, and lines that carry one frame a step each way."""

    def __init__(self, folder, profile, with_keys, stack, seed, disk):
        profile = profile if isinstance(profile, LinkProfile) else find_profile(profile)
        self.profile = replace(profile, contact=Contact.MODEM)
        self.folder = folder
        self.disk = disk or SimulatedDisk(folder / "store", Streams(seed))
        self.paths = lay_keys(folder, Streams(3)) if with_keys else None
        self.security = None
        if self.paths:
            self.security = Security(stack.enter_context(opened_keys(self.paths[End.GROUND], End.GROUND)))
        overhead = self.security.overhead_octets(Link.TC, Uplink.FILES) if self.security else 0
        self.store = MemoryStore()
        self.ground = Entity(ground_mib(self.profile, overhead), self.store)
        self.now_ns = 0
        self.held = contextlib.ExitStack()
        self.answered, self.announced, self.finished = [], [], []
        self.frames, self.reports, self.sent, self.rejected = [], [], [], []
        self.sequence = self.sources = 0
        self.loses = lambda direction, number: False
        self.frames_up = 0
        self.boot()
        self.ground.contact(True, 0)

    def boot(self):
        """Start the flight software, again if it ran; power may go in the middle of that too."""
        self.held.close()
        self.keys = None
        if self.paths:
            self.keys = self.held.enter_context(opened_keys(self.paths[End.SPACECRAFT], End.SPACECRAFT))
        config = SpacecraftConfig(profile=self.profile, tai_offset_ns=10**18)
        while True:
            try:
                self.spacecraft = Spacecraft(config, self.disk, IdleWorker(), {}, self.now_ns, self.keys)
                self.spacecraft.contact(True, self.now_ns)
                break
            except PowerCut:
                self.disk.power_on()
        self.deframer = TmDeframer(self.profile.tm_coding)
        self.assemblers = {channel: PacketAssembler() for channel in Downlink}

    def reboot(self):
        """Cut the power of the spacecraft and start it again."""
        with contextlib.suppress(PowerCut):
            self.disk.power_cut()
        self.disk.power_on()
        self.collect()
        self.boot()

    def file(self, name, content):
        """Put a durable file into the store on board."""
        self.disk.pwrite(f"files/{name}", 0, content)
        self.disk.fsync(f"files/{name}")
        self.disk.fsync(directory_of(f"files/{name}"))

    def command(self, word, /, **arguments):
        """Send a command, armed if it must be; give what became of it."""
        command = DICTIONARY.command(word)
        if command.hazard is not Hazard.NONE:
            self.sequence += 1
            armed = self.send_command(
                "command.arm", self.sequence, service=command.service, subtype=command.subtype, hold_s=60
            )
            assert armed == [("executed", "")]
        self.sequence += 1
        return self.send_command(word, self.sequence, **arguments)

    def send_command(self, word, sequence, /, **arguments):
        command = DICTIONARY.command(word)
        data = command.arguments.encode(arguments)
        packet = Telecommand(Apid.CORE, sequence, command.service, command.subtype, 9, data=data)
        before = len(self.answered)
        self.up(packet.encode(), Uplink.COMMANDS)
        self.collect()
        return [(event.outcome, event.text) for event in self.answered[before:]]

    def up(self, packet, channel=Uplink.FILES, frame=None):
        """Send a packet to the spacecraft."""
        if frame is None:
            frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, channel, 0, packet)
            frame = self.security.sender.protect_tc(frame) if self.security else frame
        self.sent.append(frame)
        self.sending = frame
        try:
            self.spacecraft.receive(cltu_encode(frame.encode()), self.now_ns)
        except PowerCut:
            self.reboot()

    def send_pdu(self, pdu):
        """Send a PDU to the spacecraft as the ground does."""
        self.up(SpacePacket(PacketType.TELECOMMAND, Apid.CFDP, 0, pdu, has_secondary_header=False).encode())

    def put(self, content, destination="in", **request):
        """Have the ground begin to send a file."""
        self.sources += 1
        name = f"source {self.sources}"
        self.store.pwrite(name, 0, content)
        request = PutRequest(destination=SPACECRAFT_ENTITY, source_name=name, destination_name=destination, **request)
        return self.ground.put(request, self.now_ns)

    def step(self):
        """Let a frame's time pass on both lines."""
        self.now_ns += STEP_NS
        self.ground.advance(self.now_ns)
        try:
            self.spacecraft.advance(self.now_ns)
        except PowerCut:
            self.reboot()
        pdu = self.ground.transmit(self.now_ns)
        if pdu is not None:
            self.frames_up += 1
            if not self.loses("up", self.frames_up):
                self.send_pdu(pdu)
        self.hear()
        self.collect()

    def hear(self):
        """Take one frame from the spacecraft."""
        try:
            octets = self.spacecraft.transmit(self.now_ns)
        except PowerCut:
            self.reboot()
            return
        if octets is None:
            return
        self.deframer.receive(octets)
        for frame_octets, _ in self.deframer.take():
            frame = TmFrame.decode(frame_octets)
            self.frames.append(frame)
            if frame.virtual_channel == Downlink.IDLE or self.loses("down", len(self.frames)):
                continue
            self.take(frame)

    def take(self, frame):
        """Use a frame as the ground does."""
        if self.security:
            judged = self.security.receiver.process_tm(frame)
            assert isinstance(judged, Accepted), judged
            frame = judged.frame
        channel = Downlink(frame.virtual_channel)
        for packet in self.assemblers[channel].receive(frame.data, frame.first_header_pointer, frame.vc_count):
            if channel is Downlink.FILES:
                found = SpacePacket.decode(packet)
                assert (found.apid, found.has_secondary_header) == (Apid.CFDP, False)
                self.ground.receive(found.data, self.now_ns)
            else:
                telemetry = Telemetry.decode(packet)
                if telemetry.service not in (1, 3, 5):
                    report = DICTIONARY.report_of(telemetry.service, telemetry.subtype)
                    self.reports.append((report.name, report.fields.decode(telemetry.data)))

    def collect(self):
        for event in self.spacecraft.take_events():
            if isinstance(event, CommandAnswered):
                self.answered.append(event)
            elif isinstance(event, Announced):
                self.announced.append((event.name, event.values))
            elif isinstance(event, Rejected):
                self.rejected.append(event.reason)
        self.finished += [event for event in self.ground.take_events() if isinstance(event, TransactionFinished)]

    def run(self, seconds=60, until=None):
        """Let time pass until something holds, by default that no transfer is under way; tell whether it came to."""
        end_ns = self.now_ns + seconds * SECOND
        while self.now_ns < end_ns:
            self.step()
            if until() if until else self.is_quiet:
                return True
        return False

    def parameter(self, name):
        """Give a parameter of the files structure as housekeeping has it."""
        structure = DICTIONARY.structures[23]
        self.spacecraft.advance(self.now_ns)
        return self.spacecraft._pool.sample(structure.parameters, self.now_ns)[name]

    @property
    def is_quiet(self):
        sources = self.spacecraft._files.sources()
        return not (sources["transfers_sending"](0) or sources["transfers_receiving"](0) or self.ground.running)

    def told(self, name):
        """Give the values of the event reports of a name."""
        return [values for found, values in self.announced if found == name]

    def report(self, name):
        """Hear until a report of a name has come; give its values."""
        before = len(self.reports)
        assert self.run(10, lambda: any(found == name for found, _ in self.reports[before:]))
        return [values for found, values in self.reports[before:] if found == name][-1]


@pytest.fixture
def make_sky(tmp_path):
    """Gives a `Sky`; its arguments are those of the class but the folder."""
    with contextlib.ExitStack() as stack:

        def make(profile="serial", with_keys=False, folder="sky", seed=1, disk=None):
            (tmp_path / folder).mkdir()
            sky = Sky(tmp_path / folder, profile, with_keys, stack, seed, disk)
            stack.callback(lambda: sky.held.close())
            return sky

        yield make


@pytest.fixture
def sky(make_sky):
    return make_sky()
