"""One command, stop by stop, as ARCHITECTURE.md tells it."""

import contextlib

import pytest

from ccsds.cltu import CltuDeframer
from ccsds.pus.telecommand import Telecommand
from ccsds.sdls.key_file import End
from ccsds.sdls.receiver import Accepted
from ccsds.sdls.security import Security
from ccsds.sdls.window import Receipt
from ccsds.sync import TmDeframer
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame
from flight.books.commands import Executed
from flight.books.jobs import JobSubmitted
from flight.books.mode import ModeChanged
from flight.commit import Commit
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.messages import Start
from flight.journal import Journal
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.events import CommandStaged, Stage
from ground.station import Station
from ground.station_config import StationConfig
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.definition import DICTIONARY
from mission.profiles import find_profile
from ports.key_directory import opened_keys

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

    def memory_octets(self):
        return 0

    def kill(self):
        pass


@pytest.fixture
def ends(tmp_path):
    corpus = CorpusFile(name="text", path=tmp_path, sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
    worker = Worker()
    with contextlib.ExitStack() as stack:
        keys = {
            end: stack.enter_context(opened_keys(path, end)) for end, path in lay_keys(tmp_path, Streams(1)).items()
        }
        yield *_meet(tmp_path, corpus, worker, keys), worker, keys


def _meet(tmp_path, corpus, worker, keys):
    spacecraft = Spacecraft(
        SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18),
        RealDisk(tmp_path / "store"),
        worker,
        {"text": corpus},
        keys=keys[End.SPACECRAFT],
    )
    station = Station(StationConfig(profile=PROFILE, source_id=77), security=Security(keys[End.GROUND]))
    spacecraft.contact(True, 0)
    station.contact(True, 0)
    station.receive(spacecraft.transmit(0), 0)  # The first frame brings the CLCW with which COP-1 begins.
    station.take_events()
    return spacecraft, station


def stages(station):
    return [event.stage for event in station.take_events() if isinstance(event, CommandStaged)]


def test_a_command_goes_its_way(ends, tmp_path):
    spacecraft, station, worker, keys = ends
    arguments = {"job_id": 1, "recipe": "tiny", "corpus": "text"}

    # 1 to 3: the word becomes a packet, and the tracker has it.
    station.command("job.submit", arguments, now_ns=0)
    assert stages(station) == [Stage.QUEUED]

    # 4 to 6: a protected and numbered AD frame in a CLTU, once the transmitter asks.
    cltu = station.transmit(1 * MS)
    assert stages(station) == [Stage.RELEASED]
    deframer = CltuDeframer()
    deframer.receive(cltu)
    (candidate,) = deframer.take()
    frame = TcFrame.decode(candidate)
    assert (frame.kind, frame.sequence) == (TcFrameKind.AD, 0)
    opened = Security(keys[End.SPACECRAFT]).receiver.process_tc(frame)
    assert isinstance(opened, Accepted)
    telecommand = Telecommand.decode(opened.frame.data)
    assert (telecommand.service, telecommand.subtype, telecommand.source_id) == (128, 1, 77)
    assert DICTIONARY.command("job.submit").arguments.decode(telecommand.data)["recipe"] == "tiny"

    # 8 to 12: on board it is accepted, and its receipt, its effect and its answers are one synced record.
    spacecraft.receive(cltu, 2 * MS)
    last = Commit.decode(Journal(RealDisk(tmp_path / "store"), "journal").recover().records[-1])
    assert [type(change) for change in last.changes] == [Receipt, JobSubmitted, ModeChanged, Executed]
    assert [(answer.service, answer.subtype) for answer in last.changes[3].answers] == [(1, 1), (1, 3), (1, 7)]

    # 14 and 15: the engine takes the job and asks its worker.
    spacecraft.advance(3 * MS)
    assert isinstance(worker.requests[0], Start)

    # 16: one protected frame, coded for the line, with the CLCW and the reports.
    octets = spacecraft.transmit(4 * MS)
    assert len(octets) == PROFILE.tm_coding.cadu_octets
    tm_deframer = TmDeframer(PROFILE.tm_coding)
    tm_deframer.receive(octets)
    ((tm_octets, corrected),) = tm_deframer.take()
    assert corrected == 0
    assert TmFrame.decode(tm_octets).virtual_channel == 0

    # 17 and 18: delivered is not accepted; ST[01] says what became of it.
    station.receive(octets, 5 * MS)
    assert stages(station) == [Stage.DELIVERED, Stage.ACCEPTED, Stage.STARTED, Stage.COMPLETED]
