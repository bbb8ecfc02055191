"""Power cut at each single disk operation of a session: nothing acknowledged is lost, and no command acts twice."""

import itertools
from dataclasses import replace

import pytest

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.jobs.corpus import CorpusFile, Origin
from flight.ledger import Ledger
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.downlink import Downlink, Verified
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from mission.channels import SPACECRAFT_ID, Apid
from mission.definition import DICTIONARY
from mission.jobs import JobState
from mission.profiles import Contact, find_profile

PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
SOURCE = 9
COMPLETED = 7


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


AUTONOMY = [
    telecommand(0, "housekeeping.create", structure=130, interval=500, parameters=["uptime"]),
    telecommand(1, "housekeeping.append", structure=130, parameters=["boot_count"]),
    telecommand(2, "housekeeping.on_change", structure=130, bands=[{"parameter": "uptime", "band": 9.0}]),
    telecommand(3, "housekeeping.enable", structures=[130]),
    telecommand(4, "diagnostics.create", structure=7, interval=500, parameters=["uptime"]),
    telecommand(5, "diagnostics.delete", structures=[7]),
    telecommand(6, "parameter.set", values={"keep_alive": 500, "clock_drift": 2.0}),
    telecommand(7, "event.disable", events=["booted", "clock_started"]),
    telecommand(8, "time.set", tai=2 * 10**18),
    telecommand(9, "time.adjust", offset=-(10**9)),
    telecommand(10, "time.report_rate", exponent=3),
]

CANCEL = 5
ARMS = itertools.count(100)

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


def arm(spacecraft, packet):
    """Arm what is hazardous, each time anew, as an operator does who finds that a reset has disarmed it."""
    if packet is SESSION[CANCEL]:
        send(spacecraft, telecommand(next(ARMS), "command.arm", service=128, subtype=2))


def session(spacecraft, acknowledged, packets=SESSION):
    for packet in packets:
        arm(spacecraft, packet)
        acknowledged |= send(spacecraft, packet) & set(range(len(packets)))


def executed_again(spacecraft, acknowledged, packets=SESSION):
    """Send the whole session again, the same octets; give what acted although it was acknowledged before."""
    again = []
    for sequence, packet in enumerate(packets):
        arm(spacecraft, packet)
        spacecraft.take_events()
        send(spacecraft, packet)
        (answered,) = [event for event in spacecraft.take_events() if type(event).__name__ == "CommandAnswered"]
        if sequence in acknowledged and answered.outcome != "repeated":
            again.append(sequence)
    return again


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
    operations = disk.operations
    return state(disk), operations


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
            assert executed_again(spacecraft, acknowledged) == []
            housekeeping, jobs = state(disk)
            assert (housekeeping, jobs) == expected
            assert jobs[1][0] is JobState.CANCELLED


def kept(disk):
    """Give what the store has of the clock, of settings, of structures and of events."""
    ledger = Ledger(disk)
    structures = ledger.structures
    made = (structures.made, structures.switched, structures.intervals_ms, structures.bands)
    assert ledger.clock is not None
    return made, ledger.settings, ledger.events.disabled, ledger.time_report_exponent, ledger.clock.tai_ns


def test_a_power_cut_at_each_disk_operation_leaves_clock_settings_structures_and_events_whole(tmp_path):
    disk = SimulatedDisk(tmp_path / "undisturbed", Streams(0))
    acknowledged = set()
    session(boot(disk), acknowledged, AUTONOMY)
    assert acknowledged == set(range(len(AUTONOMY)))
    operations = disk.operations
    *expected, tai_ns = kept(disk)
    assert tai_ns == 2 * 10**18 - 10**9
    for operation in range(1, operations + 1):
        disk = SimulatedDisk(tmp_path / f"{operation}", Streams(operation))
        disk.cut_at(operation)
        acknowledged = set()
        with pytest.raises(PowerCut):
            session(boot(disk), acknowledged, AUTONOMY)
        disk.power_on()
        spacecraft = boot(disk)
        assert executed_again(spacecraft, acknowledged, AUTONOMY) == []
        *found, tai_ns = kept(disk)
        assert found == expected
        # The clock went on from the latest it can have been, so that no time is given out twice; nothing acted twice.
        late_ns = tai_ns - (2 * 10**18 - 10**9)
        assert late_ns in (0, 300 * 10**9)


class Killed(BaseException):
    """The flight process is killed at a disk operation, while the power stays on."""


class KillingDisk:
    """A disk that kills the process which uses it, just before its nth operation that changes something."""

    def __init__(self, disk, operation):
        self._disk = disk
        self._left = operation

    def __getattr__(self, name):
        method = getattr(self._disk, name)
        if name not in ("append", "pwrite", "fsync", "rename", "remove"):
            return method

        def counted(*given):
            self._left -= 1
            if self._left == 0:
                raise Killed
            return method(*given)

        return counted


@pytest.mark.parametrize("compaction_octets", [1 << 22, 1], ids=["appending", "compacting"])
def test_a_kill_at_each_disk_operation_and_a_power_cut_later_lose_nothing_either(
    compaction_octets, tmp_path, monkeypatch
):
    monkeypatch.setattr("flight.ledger.COMPACTION_OCTETS_MIN", compaction_octets)
    operation = 0
    was_killed = True
    while was_killed:
        operation += 1
        disk = SimulatedDisk(tmp_path / f"{operation}", Streams(operation))
        acknowledged = set()
        try:
            session(boot(KillingDisk(disk, operation)), acknowledged)
            was_killed = False
        except Killed:
            pass
        spacecraft = boot(disk)
        assert executed_again(spacecraft, acknowledged) == []
        acknowledged = set(range(len(SESSION)))
        disk.power_cut()
        disk.power_on()
        assert executed_again(boot(disk), acknowledged) == []
    assert operation > len(SESSION)
