"""Power cut at each single disk operation of inserting, releasing and skipping: all of it happens once, or is told."""

from collections import Counter
from dataclasses import replace

import pytest

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.jobs.corpus import CorpusFile, Origin
from flight.ledger import Ledger
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid
from mission.definition import DICTIONARY
from mission.jobs import JobState
from mission.profiles import Contact, find_profile
from mission.schedule import Anchor, Fate, Late

PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
SOURCE = 9
SECOND = 1_000_000_000
EPOCH = 10**18
END_NS = 60 * SECOND


class Worker:
    """A worker that never gets anywhere: only what commands do is looked at here."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def memory_octets(self):
        return 0

    def kill(self):
        pass


def telecommand(sequence, name, **arguments):
    command = DICTIONARY.command(name)
    data = command.arguments.encode(arguments)
    return Telecommand(Apid.CORE, sequence, command.service, command.subtype, SOURCE, data=data).encode()


def activity(after_s, request, late=Late.RUN):
    return {
        "anchor": Anchor.ABSOLUTE,
        "release_time": EPOCH + after_s * SECOND,
        "late": late,
        "limit": 3600 if late is Late.RUN else 0,
        "request": request,
    }


JOBS = [telecommand(100 + number, "job.submit", job_id=number, recipe="tiny", corpus="text") for number in (1, 2, 3)]
SESSION = [
    telecommand(0, "schedule.enable"),
    telecommand(1, "schedule.insert_relative", activities=[activity(20, JOBS[0]), activity(30, JOBS[1])]),
    telecommand(
        2,
        "schedule.insert_relative",
        activities=[
            activity(30, telecommand(110, "test.connection")),
            activity(50, JOBS[2]),
            activity(51, telecommand(111, "job.pause", job_id=3)),
        ],
    ),
    telecommand(3, "schedule.shift_all", shift=1000),
    telecommand(4, "procedure.load_direct", procedure="late", text="on_reboot continue\nsend job.pause job_id=2\n"),
    telecommand(
        5,
        "schedule.insert_relative",
        activities=[activity(40, telecommand(112, "procedure.start", procedure="late"))],
    ),
    telecommand(6, "schedule.delete", requests=[{"source_id": SOURCE, "sequence_count": 111}]),
]
SCHEDULED = {100 + number for number in (1, 2, 3)} | {110, 112}


class Flight:
    """A spacecraft whose monotonic clock goes on through resets, and its disk."""

    def __init__(self, root):
        self.disk = SimulatedDisk(root, Streams(7))
        self.now_ns = 0

    def boot(self):
        corpus = CorpusFile(name="text", path="t", sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=EPOCH, clock_id="bench")
        self.spacecraft = Spacecraft(config, self.disk, Worker(), {"text": corpus}, self.now_ns)

    def run(self):
        """Send the session, and let a minute go by."""
        for packet in SESSION:
            frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, packet)
            self.spacecraft.receive(cltu_encode(frame.encode()), self.now_ns)
        while (deadline := self.spacecraft.next_deadline()) is not None and deadline < END_NS:
            self.now_ns = max(self.now_ns, deadline)
            self.spacecraft.advance(self.now_ns)
        self.now_ns = END_NS
        self.spacecraft.advance(self.now_ns)


def check(disk):
    ledger = Ledger(disk)
    states = {number: job.state for number, job in ledger.jobs.items()}
    assert states.pop(1) in (JobState.QUEUED, JobState.STARTING)
    assert states == {2: JobState.PAUSED, 3: JobState.QUEUED}
    assert Counter(key & 0xFFFF for key, _, _ in ledger.schedule.fates) == Counter(SCHEDULED)
    assert {fate for _, fate, _ in ledger.schedule.fates} == {Fate.EXECUTED}
    assert ledger.schedule.activities == {}
    assert ledger.procedures.runs == {}
    assert ledger.procedures.sent_count == 1


def test_power_cut_at_each_operation_of_inserting_and_releasing(tmp_path):
    whole = Flight(tmp_path / "whole")
    whole.boot()
    whole.run()
    operations = whole.disk.operations
    check(whole.disk)
    assert operations > 30
    for operation in range(1, operations + 1):
        flight = Flight(tmp_path / str(operation))
        flight.disk.cut_at(operation)
        with pytest.raises(PowerCut):
            flight.boot()
            flight.run()
        flight.disk.power_on()
        flight.boot()
        # The ground sends everything again, the same octets, as it does for what was not acknowledged.
        flight.run()
        check(flight.disk)
