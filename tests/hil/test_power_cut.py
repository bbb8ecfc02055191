"""Power cut at each single disk operation of a session: nothing acknowledged is lost, and no command acts twice."""

import pytest

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.jobs.corpus import CorpusFile, Origin
from flight.ledger import Ledger
from flight.spacecraft import Spacecraft, SpacecraftConfig
from ground.downlink import Downlink, Verified
from hil.disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid
from mission.definition import DICTIONARY
from mission.jobs import JobState
from mission.profiles import find_profile

PROFILE = find_profile("serial")
SOURCE = 9
COMPLETED = 7


class Worker:
    """A worker that never gets anywhere: only what commands do is looked at here."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def kill(self):
        pass


def telecommand(sequence, name, **arguments):
    command = DICTIONARY.command(name)
    data = command.arguments.encode(arguments)
    return Telecommand(Apid.CORE, sequence, command.service, command.subtype, SOURCE, data=data).encode()


SESSION = [
    telecommand(0, "housekeeping.enable", structures=[1]),
    telecommand(1, "job.submit", job_id=1, recipe="tiny", corpus="text"),
    telecommand(2, "job.submit", job_id=2, recipe="tiny", corpus="text"),
    telecommand(3, "job.pause", job_id=2),
    telecommand(4, "test.connection"),
    telecommand(5, "job.cancel", job_id=1),
    telecommand(6, "housekeeping.disable", structures=[1]),
]


def boot(disk):
    corpus = CorpusFile(name="text", path="t", sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
    config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18)
    spacecraft = Spacecraft(config, disk, Worker(), {"text": corpus})
    spacecraft.contact(True, 0)
    return spacecraft


def send(spacecraft, packet):
    """Give the sequence counts whose completion is reported, having sent one packet."""
    spacecraft.receive(cltu_encode(TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, packet).encode()), 0)
    spacecraft.advance(0)
    ground = Downlink(PROFILE, DICTIONARY)
    while (octets := spacecraft.transmit(0)) is not None:
        ground.receive(octets, 0)
    reports: list[VerificationReport] = [item.report for item in ground.take() if isinstance(item, Verified)]
    return {report.request_id.sequence_count for report in reports if report.stage == COMPLETED}


def session(spacecraft, acknowledged):
    for packet in SESSION:
        acknowledged |= send(spacecraft, packet)


def state(disk):
    """Give what the store adds up to, but for the count of boots."""
    ledger = Ledger(disk)
    return ledger.housekeeping, {number: (job.state, job.submitted) for number, job in ledger.jobs.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    disk = SimulatedDisk(tmp_path_factory.mktemp("store"), Streams(0))
    acknowledged = set()
    session(boot(disk), acknowledged)
    assert acknowledged == set(range(len(SESSION)))
    return state(disk), disk.operations


def test_a_power_cut_at_each_disk_operation_loses_nothing_acknowledged_and_repeats_nothing(undisturbed, tmp_path):
    expected, operations = undisturbed
    assert operations > len(SESSION)
    for seed in range(3):
        for operation in range(1, operations + 1):
            disk = SimulatedDisk(tmp_path / f"{seed}-{operation}", Streams(seed))
            disk.cut_at(operation)
            acknowledged = set()
            with pytest.raises(PowerCut):
                session(boot(disk), acknowledged)
            disk.power_on()
            spacecraft = boot(disk)
            repeated = [event for event in spacecraft.take_events() if type(event).__name__ == "CommandAnswered"]
            assert repeated == []
            # The station sends again all that it has no answer to, and once more what it has: the same octets.
            executed_again = []
            for sequence, packet in enumerate(SESSION):
                send(spacecraft, packet)
                (answered,) = [event for event in spacecraft.take_events() if type(event).__name__ == "CommandAnswered"]
                if sequence in acknowledged and answered.outcome != "repeated":
                    executed_again.append(sequence)
            assert executed_again == []
            housekeeping, jobs = state(disk)
            assert (housekeeping, jobs) == expected
            assert jobs[1][0] is JobState.CANCELLED
