"""A spacecraft with keys on the table, its ground's end of the line, and what an adversary may do between them."""

import contextlib
from dataclasses import replace

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sdls.key_file import End
from ccsds.sdls.receiver import Accepted
from ccsds.sdls.security import Security
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import PacketAssembler
from flight.disk import RealDisk
from flight.events import Rejected
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.ends.keys import lay_keys
from hil.streams import Streams
from hil.tabletop.operator import IdleWorker
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.definition import DICTIONARY
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
SECOND = 1_000_000_000


class Orbit:
    """A keyed spacecraft, its ground's keys, and what an adversary may do between them."""

    def __init__(self, folder, stack, disk=None):
        self.paths = lay_keys(folder, Streams(3))
        self.ground = Security(stack.enter_context(opened_keys(self.paths[End.GROUND], End.GROUND)))
        self.disk = disk or RealDisk(folder / "store")
        self.assembler = PacketAssembler()
        self.deframer = TmDeframer(PROFILE.tm_coding)
        self.frames = []
        self.sequence = 0
        self.boot()

    def boot(self, security_disk=None):
        """Start the flight software, again if it ran."""
        with contextlib.suppress(AttributeError):
            self.held.close()
        self.held = contextlib.ExitStack()
        store = self.held.enter_context(opened_keys(self.paths[End.SPACECRAFT], End.SPACECRAFT))
        self.store = store
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18)
        self.spacecraft = Spacecraft(config, self.disk, IdleWorker(), {}, 0, store)
        self.spacecraft.contact(True, 0)

    def protected(self, packet, kind=TcFrameKind.BD, channel=Uplink.COMMANDS):
        return self.ground.sender.protect_tc(TcFrame(kind, SPACECRAFT_ID, channel, 0, packet))

    def command(self, name, **arguments):
        """Give a protected frame with a command that no other frame has."""
        command = DICTIONARY.command(name)
        self.sequence += 1
        data = command.arguments.encode(arguments)
        packet = Telecommand(Apid.CORE, self.sequence, command.service, command.subtype, 9, data=data)
        return self.protected(packet.encode())

    def send(self, frame, now_ns=0):
        """Send a frame; give why it was rejected, or nothing."""
        self.spacecraft.take_events()
        self.spacecraft.receive(cltu_encode(frame.encode()), now_ns)
        return [event.reason for event in self.spacecraft.take_events() if isinstance(event, Rejected)]

    def hear(self, now_ns=0):
        """Give the reports that are authentic, as (service, subtype, data)."""
        reports = []
        while (octets := self.spacecraft.transmit(now_ns)) is not None:
            self.deframer.receive(octets)
            for octets_of_frame, _ in self.deframer.take():
                frame = TmFrame.decode(octets_of_frame)
                self.frames.append(frame)
                if frame.virtual_channel == Downlink.IDLE:
                    continue
                judged = self.ground.receiver.process_tm(frame)
                assert isinstance(judged, Accepted), judged
                clear = judged.frame
                for packet in self.assembler.receive(clear.data, clear.first_header_pointer, clear.vc_count):
                    telemetry = Telemetry.decode(packet)
                    reports.append((telemetry.service, telemetry.subtype, telemetry.data))
        return reports

    def events(self, now_ns=0):
        """Give the names and values of the ST[05] reports that come down."""
        found = []
        for service, _, data in self.hear(now_ns):
            if service == 5:
                event = DICTIONARY.event_of(int.from_bytes(data[:2], "big"))
                found.append((event.name, event.fields.decode(data[2:])))
        return found

    def housekeeping(self, now_ns):
        self.spacecraft.advance(now_ns)
        layout = DICTIONARY.structures[3].layout
        found = [data[1:] for service, subtype, data in self.hear(now_ns) if (service, subtype) == (3, 25)]
        return layout.decode(found[-1])
