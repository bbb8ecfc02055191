"""A spacecraft on the table, and the ground's end of its line made of ccsds pieces."""

import contextlib
from dataclasses import replace

import pytest

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import PacketAssembler
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from mission.channels import SPACECRAFT_ID, Apid, Downlink
from mission.profiles import Contact, find_profile
from tests.flight.secured_orbit import Orbit

# On the table the spacecraft is told of contact.
PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)


class NotingWorker:
    """A worker that takes requests and never answers: for tests in which no job gets anywhere."""

    def __init__(self):
        self.requests = []
        self.launches = 0

    def launch(self):
        self.launches += 1
        self.requests = []

    def send(self, request):
        self.requests.append(request)

    def memory_octets(self):
        return 0

    def kill(self):
        self.requests = []


class Table:
    """A spacecraft, and what the ground hears of it."""

    def __init__(self, folder, now_ns=0, disk=None):
        corpus = CorpusFile(name="text", path=folder, sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
        self.worker = NotingWorker()
        self.spacecraft = Spacecraft(
            SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18),
            disk or RealDisk(folder),
            self.worker,
            {"text": corpus},
            now_ns,
        )
        self.deframer = TmDeframer(PROFILE.tm_coding)
        self.assembler = PacketAssembler()
        self.frames = []
        self.packets = []
        self.sequence = 0

    def send(self, packet, now_ns=0, kind=TcFrameKind.BD):
        frame = TcFrame(kind, SPACECRAFT_ID, 0, self.sequence, packet)
        if kind is TcFrameKind.AD:
            self.sequence += 1
        self.spacecraft.receive(cltu_encode(frame.encode()), now_ns)

    def hear(self, now_ns=0):
        """Give the reports that come down, as [service, subtype, data]."""
        reports = []
        while (octets := self.spacecraft.transmit(now_ns)) is not None:
            self.deframer.receive(octets)
            for octets_of_frame, _ in self.deframer.take():
                frame = TmFrame.decode(octets_of_frame)
                self.frames.append(frame)
                if frame.virtual_channel == Downlink.LIVE:
                    for packet in self.assembler.receive(frame.data, frame.first_header_pointer, frame.vc_count):
                        telemetry = Telemetry.decode(packet)
                        self.packets.append(telemetry)
                        reports.append((telemetry.service, telemetry.subtype, telemetry.data))
        return reports


def telecommand(service, subtype, data=b"", sequence=0):
    return Telecommand(Apid.CORE, sequence, service, subtype, 9, data=data).encode()


@pytest.fixture
def table(tmp_path):
    return Table(tmp_path)


@pytest.fixture
def make_table():
    return Table


@pytest.fixture
def make_telecommand():
    return telecommand


@pytest.fixture
def orbit(tmp_path):
    """A spacecraft with keys, and its ground's."""
    with contextlib.ExitStack() as stack:
        yield Orbit(tmp_path, stack)
