"""Commands longer than a frame through the whole of both ends: in segments, once, whatever is lost on the way."""

import contextlib
import random
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from ccsds.cltu import CltuDeframer
from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ccsds.sdls.key_file import End
from ccsds.sdls.security import Security
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.books.commands import Executed
from flight.books.jobs import JobSubmitted
from flight.commit import Commit
from flight.disk import RealDisk
from flight.events import Rejected
from flight.jobs.corpus import CorpusFile, Origin
from flight.journal import Journal
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.events import CommandStaged, Stage
from ground.station import Station
from ground.station_config import StationConfig
from hil.ends.keys import lay_keys
from hil.streams import Streams
from mission.channels import Uplink
from mission.profile_file import open_profile
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

MS = 1_000_000
EXAMPLE = Path(__file__).parents[3] / "docs" / "profiles" / "uart_small.toml"
STEP_NS = 50 * MS
DELAY_NS = 100 * MS
NARROW = replace(find_profile("serial"), name="narrow", contact=Contact.MODEM, tc_frame_octets_max=80, tc_map=5)
LONG = {"job_id": 7, "recipe": "nanogpt", "corpus": "text", "overrides": "training.steps = 7\n" + "#" * 480}


class Worker:
    """No job runs here."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def memory_octets(self):
        return 0

    def kill(self):
        pass


class Pair:
    """Both ends, a delay each way, and a line up that may lose frames."""

    def __init__(self, folder, stack, security, profile=NARROW):
        self.profile = profile
        self.folder = folder / "store"
        self.keys = lay_keys(folder, Streams(3), profile) if security == "keys" else {}
        self.held = {end: stack.enter_context(contextlib.ExitStack()) for end in End}
        self.corpus = CorpusFile(
            name="text", path=folder, sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice=""
        )
        self.chance = random.Random(4)
        self.now_ns = 0
        self.loss = 0.0
        self.up, self.down = deque(), deque()
        self.frames: list[TcFrame] = []
        self.stages: dict[int, list[Stage]] = {}
        self.rejected: list[Rejected] = []
        self.boot()
        store = self.open(End.GROUND)
        self.station = Station(
            StationConfig(profile=profile, source_id=9, tries_max=20, response_timeout_ns=3_000 * MS),
            security=None if store is None else Security(store),
        )
        self.station.contact(True, 0)
        self.run(2)

    def boot(self):
        config = SpacecraftConfig(profile=self.profile, tai_offset_ns=10**18)
        keys = self.open(End.SPACECRAFT)
        self.spacecraft = Spacecraft(config, RealDisk(self.folder), Worker(), {"text": self.corpus}, keys=keys)
        self.spacecraft.contact(True, self.now_ns)

    def open(self, end):
        """Give the keys of an end that starts, as a process that starts finds them."""
        self.held[end].close()
        return self.held[end].enter_context(opened_keys(self.keys[end], end)) if self.keys else None

    def run(self, seconds, until=lambda: False):
        end_ns = self.now_ns + round(seconds * 1000) * MS
        while self.now_ns < end_ns and not until():
            self.now_ns += STEP_NS
            for core in (self.station, self.spacecraft):
                core.advance(self.now_ns)
            octets = self.station.transmit(self.now_ns)
            if octets is not None:
                deframer = CltuDeframer()
                deframer.receive(octets)
                self.frames += [TcFrame.decode(candidate) for candidate in deframer.take()]
                if self.chance.random() >= self.loss:
                    self.up.append((self.now_ns + DELAY_NS, octets))
            octets = self.spacecraft.transmit(self.now_ns)
            if octets is not None:
                self.down.append((self.now_ns + DELAY_NS, octets))
            for line, core in ((self.up, self.spacecraft), (self.down, self.station)):
                while line and line[0][0] <= self.now_ns:
                    core.receive(line.popleft()[1], self.now_ns)
            self.rejected += [each for each in self.spacecraft.take_events() if isinstance(each, Rejected)]
            for event in self.station.take_events():
                if isinstance(event, CommandStaged):
                    self.stages.setdefault(event.command_id, []).append(event.stage)

    def send(self, name="job.submit", arguments=LONG, service=Service.AD):
        return self.station.command(name, arguments, service=service, now_ns=self.now_ns)

    def is_complete(self, *numbers):
        return all(self.stages.get(number, [None])[-1] is Stage.COMPLETED for number in numbers)

    def cop1(self):
        return self.station.snapshot()["cop1"]

    def changes(self, kind):
        records = Journal(RealDisk(self.folder), "journal").recover().records
        return [each for record in records for each in Commit.decode(record).changes if isinstance(each, kind)]


@pytest.fixture(params=["keys", "none"])
def pair(tmp_path, request):
    with contextlib.ExitStack() as stack:
        yield Pair(tmp_path, stack, request.param)


def of_commands(frames):
    return [each for each in frames if each.kind is not TcFrameKind.BC and each.virtual_channel == Uplink.COMMANDS]


@pytest.mark.parametrize("service", [Service.AD, Service.BD])
def test_a_command_of_many_frames_acts_once_with_every_octet(pair, service):
    number = pair.send(service=service)
    pair.run(20, lambda: pair.is_complete(number))
    assert pair.is_complete(number)
    frames = of_commands(pair.frames)
    assert len(frames) > 6
    assert all(len(each.encode()) <= NARROW.tc_frame_octets_max for each in frames)
    assert [each.data[0] >> 6 for each in frames] == [0b01, *[0b00] * (len(frames) - 2), 0b10]
    assert {each.data[0] & 0x3F for each in frames} == {5}
    (submitted,) = pair.changes(JobSubmitted)
    assert submitted.job_id == 7
    assert pair.rejected == []
    # A report of acceptance says that the packet's CRC was right, so that all of its octets came.
    assert pair.stages[number] == [
        *([Stage.QUEUED, Stage.RELEASED, Stage.DELIVERED] if service is Service.AD else [Stage.QUEUED, Stage.RELEASED]),
        Stage.ACCEPTED,
        Stage.STARTED,
        Stage.COMPLETED,
    ]


@pytest.mark.parametrize("service", [Service.AD, Service.BD])
def test_lost_frames_cost_time_and_nothing_acts_twice_or_in_part(pair, service):
    pair.loss = 0.2 if service is Service.AD else 0.1
    numbers = []
    for job_id in range(1, 6):
        numbers += [pair.send(arguments={**LONG, "job_id": job_id}, service=service), pair.send("test.connection", {})]
    pair.run(400, lambda: pair.is_complete(*numbers))
    assert pair.is_complete(*numbers)
    assert sorted(each.job_id for each in pair.changes(JobSubmitted)) == [1, 2, 3, 4, 5]
    # The station may have confirmed what came of the stores meanwhile, which is a command of its own.
    executed = [each.identity for each in pair.changes(Executed)]
    assert len(set(executed)) == len(executed) >= len(numbers)
    if service is Service.BD:
        assert any(each.where == "segment" for each in pair.rejected)


def test_a_command_past_the_sequence_falls_between_the_frames_of_a_long_one_and_harms_neither(pair):
    long = pair.send()
    pair.run(0.2)
    urgent = pair.send("test.connection", {}, Service.BD)
    pair.run(20, lambda: pair.is_complete(long, urgent))
    assert pair.is_complete(long, urgent)
    kinds = [each.kind for each in of_commands(pair.frames)]
    assert TcFrameKind.BD in kinds[1:-1]
    assert pair.rejected == []


def test_a_reboot_in_the_middle_of_a_long_command_costs_a_try(pair):
    number = pair.send()
    pair.run(0.3)
    pair.boot()
    pair.run(60, lambda: pair.is_complete(number))
    assert pair.is_complete(number)
    assert len(pair.changes(JobSubmitted)) == 1


def test_a_command_is_delivered_when_its_last_frame_is_and_begins_anew_when_the_service_does(pair):
    pair.station.direct_cop1(Directive.SET_WINDOW, 1, now_ns=pair.now_ns)
    number = pair.send()
    pair.run(20, lambda: len(of_commands(pair.frames)) == 3 and pair.cop1()["on_their_way"] == 0)
    assert pair.stages[number] == [Stage.QUEUED, Stage.RELEASED]
    # Nothing of it is on its way, so COP-1 gives up nothing by itself.
    pair.station.direct_cop1(Directive.TERMINATE, now_ns=pair.now_ns)
    count = len(pair.frames)
    pair.run(1)
    pair.station.direct_cop1(Directive.INITIATE_WITHOUT_CLCW, now_ns=pair.now_ns)
    pair.run(30, lambda: pair.is_complete(number))
    assert pair.is_complete(number)
    assert of_commands(pair.frames[count:])[0].data[0] >> 6 == 0b01
    assert [each.where for each in pair.rejected] == ["segment"]
    assert len(pair.changes(JobSubmitted)) == 1


@pytest.mark.parametrize("security", ["keys", "none"])
def test_a_long_command_crosses_a_link_whose_profile_is_in_a_file(tmp_path, security):
    profile = open_profile(str(EXAMPLE))
    with contextlib.ExitStack() as stack:
        pair = Pair(tmp_path, stack, security, profile)
        number = pair.send()
        pair.run(60, lambda: pair.is_complete(number))
        assert pair.is_complete(number)
        frames = of_commands(pair.frames)
        assert len(frames) > 4
        assert max(len(each.encode()) for each in frames) <= profile.tc_frame_octets_max
        assert len(pair.changes(JobSubmitted)) == 1
        assert pair.rejected == []


def test_a_command_longer_than_any_row_of_segments_is_refused(pair):
    with pytest.raises(MisuseError, match="expected a telecommand of at most"):
        pair.station.telecommand(17, 1, bytes(40_000), now_ns=0)


def test_without_segments_the_same_command_is_refused_and_keys_must_be_made_for_the_profile(tmp_path):
    plain = replace(NARROW, tc_map=None)
    station = Station(StationConfig(profile=plain, source_id=9))
    with pytest.raises(MisuseError, match="expected a telecommand of at most 73 octets"):
        station.command("job.submit", LONG, now_ns=0)
    with contextlib.ExitStack() as stack:
        path = lay_keys(tmp_path, Streams(3), NARROW)[End.GROUND]
        security = Security(stack.enter_context(opened_keys(path, End.GROUND)))
        with pytest.raises(MisuseError, match="expected 0 octets of segment header on tc 0, as the link's profile has"):
            Station(StationConfig(profile=plain, source_id=9), security=security)
