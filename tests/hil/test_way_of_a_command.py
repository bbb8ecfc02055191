"""One command, stop by stop, as ARCHITECTURE.md tells it."""

import pytest

from ccsds.cltu import CltuDeframer
from ccsds.pus.telecommand import Telecommand
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.messages import Start
from flight.journal import Journal
from flight.records import Commit, Executed, JobSubmitted
from flight.spacecraft import Spacecraft, SpacecraftConfig
from ground.events import CommandStaged, Stage
from ground.station import Station, StationConfig
from mission.definition import DICTIONARY
from mission.profiles import find_profile

PROFILE = find_profile("sband")
MS = 1_000_000


class Worker:
    """What the engine asks of its worker, noted."""

    def __init__(self):
        self.requests = []

    def launch(self):
        pass

    def send(self, request):
        self.requests.append(request)

    def kill(self):
        pass


@pytest.fixture
def ends(tmp_path):
    corpus = CorpusFile(name="text", path=tmp_path, sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
    worker = Worker()
    spacecraft = Spacecraft(
        SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18), RealDisk(tmp_path), worker, {"text": corpus}
    )
    station = Station(StationConfig(profile=PROFILE, source_id=77))
    spacecraft.contact(True, 0)
    station.contact(True, 0)
    station.receive(spacecraft.transmit(0), 0)  # The first frame brings the CLCW with which COP-1 begins.
    station.take_events()
    return spacecraft, station, worker


def stages(station):
    return [event.stage for event in station.take_events() if isinstance(event, CommandStaged)]


def test_a_command_goes_its_way(ends, tmp_path):
    spacecraft, station, worker = ends
    arguments = {"job_id": 1, "recipe": "tiny", "corpus": "text"}

    # 1 to 3: the word becomes a packet, and the tracker has it.
    station.command("job.submit", arguments, now_ns=0)
    assert stages(station) == [Stage.QUEUED]

    # 4 and 5: a numbered AD frame in a CLTU, once the transmitter asks.
    cltu = station.transmit(1 * MS)
    assert stages(station) == [Stage.RELEASED]
    deframer = CltuDeframer()
    deframer.receive(cltu)
    (candidate,) = deframer.take()
    frame = TcFrame.decode(candidate)
    assert (frame.kind, frame.sequence) == (TcFrameKind.AD, 0)
    telecommand = Telecommand.decode(frame.data)
    assert (telecommand.service, telecommand.subtype, telecommand.source_id) == (128, 1, 77)
    assert DICTIONARY.command("job.submit").arguments.decode(telecommand.data)["recipe"] == "tiny"

    # 7 to 10: on board it is accepted, and its effect and its answers are one synced record.
    spacecraft.receive(cltu, 2 * MS)
    last = Commit.decode(Journal(RealDisk(tmp_path), "journal").recover().records[-1])
    assert [type(change) for change in last.changes] == [JobSubmitted, Executed]
    assert [(answer.service, answer.subtype) for answer in last.changes[1].answers] == [(1, 1), (1, 3), (1, 7)]

    # 12 and 13: the engine takes the job and asks its worker.
    spacecraft.advance(3 * MS)
    assert isinstance(worker.requests[0], Start)

    # 14: one frame, coded for the line, with the CLCW and the reports.
    octets = spacecraft.transmit(4 * MS)
    assert len(octets) == PROFILE.tm_coding.cadu_octets
    tm_deframer = TmDeframer(PROFILE.tm_coding)
    tm_deframer.receive(octets)
    ((tm_octets, corrected),) = tm_deframer.take()
    assert corrected == 0
    assert TmFrame.decode(tm_octets).virtual_channel == 0

    # 15 and 16: delivered is not accepted; ST[01] says what became of it.
    station.receive(octets, 5 * MS)
    assert stages(station) == [Stage.DELIVERED, Stage.ACCEPTED, Stage.STARTED, Stage.COMPLETED]
