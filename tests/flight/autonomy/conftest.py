"""A board with a router, a ledger and the services that act by themselves, and one service whose acts are counted."""

import pytest

from ccsds.errors import MalformedError
from ccsds.pus.telecommand import ALL_ACKS, Telecommand
from ccsds.pus.verification import VerificationReport
from flight.autonomy.autonomy import Autonomy
from flight.autonomy.causes import Causes
from flight.books.housekeeping import HousekeepingSwitched
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.router import Router
from flight.services.parameters import ParameterService
from flight.services.service import Outcome
from mission.channels import Apid
from mission.definition import SERVICES
from mission.dictionary import Command, Dictionary, Repeat, Words
from mission.field_types import UInt
from mission.fields import Field, Layout
from mission.jobs import JobState

SECOND = 1_000_000_000
NUMBER = Layout((Field("number", UInt(8)),))
ACTS = Words(
    commands=tuple(
        Command(
            name=f"act.{repeat.value}",
            service=200,
            subtype=1 + position,
            description="",
            arguments=NUMBER,
            repeat=repeat,
        )
        for position, repeat in enumerate(Repeat)
    )
)
DICTIONARY = Dictionary(*SERVICES, ACTS)
SOURCE = 9
EPOCH = 10**18


class Acts:
    """A service that notes what it does. What it does to the store it does so that twice is not once."""

    number = 200

    def __init__(self, ledger, done):
        self._ledger = ledger
        self._done = done
        self.fails = None

    def execute(self, command, arguments, now_ns):
        if self.fails is not None:
            raise self.fails
        number = arguments["number"]
        if command.repeat is not Repeat.STORE:
            self._done.append((command.repeat, number))
            return Outcome()
        before = self._ledger.housekeeping.get(number, False)
        return Outcome(changes=(HousekeepingSwitched(number, not before),))


class OpenGuard:
    """Lets everything through: safeguards are tested elsewhere."""

    def check(self, command, now_ns, *, is_release):
        pass

    def heard(self, now_ns):
        return ()


class Board:
    """The part of a spacecraft that acts by itself. ``clock`` is shared by the boards of one spacecraft."""

    def __init__(self, disk, offset_ns=EPOCH, now_ns=0, done=None):
        self.disk = disk
        self.offset_ns = offset_ns
        self.now_ns = now_ns
        self.done = [] if done is None else done
        self.sequence = 0
        self.said = []
        self.ledger = Ledger(disk)
        self.reporter = Reporter(DICTIONARY)
        self.acts = Acts(self.ledger, self.done)
        self.pool = ParameterPool(DICTIONARY, self.ledger)
        self.values = {"job_loss": 5.0, "job_step": 0, "jobs_waiting": 0, "job_state": JobState.NONE}
        self.pool.provide({name: lambda _, name=name: self.values[name] for name in self.values})
        self.autonomy = Autonomy(
            DICTIONARY,
            self.ledger,
            self.reporter,
            self.pool,
            disk,
            Causes(),
            self.tai_of,
            lambda release, at_ns: self.router.release(release, at_ns),
            now_ns,
        )
        services = (self.acts, ParameterService(self.pool, self.reporter), *self.autonomy.services)
        self.router = Router(DICTIONARY, self.ledger, self.reporter, services, OpenGuard())
        self.pool.boot(now_ns)
        self.autonomy.boot(now_ns)

    def tai_of(self, now_ns):
        return now_ns + self.offset_ns

    @property
    def tai_ns(self):
        return self.tai_of(self.now_ns)

    def packet(self, name, sequence=None, source=SOURCE, ack=ALL_ACKS, **arguments):
        """Give a telecommand, with a count of its own unless one is given."""
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        command = DICTIONARY.command(name)
        return Telecommand(
            Apid.CORE, sequence, command.service, command.subtype, source, ack, command.arguments.encode(arguments)
        ).encode()

    def send(self, name, **arguments):
        """Send a command; give "" if it is completed, else why not. Reports that answer it are in ``answers``."""
        return self.send_packet(self.packet(name, 8000 + self.sequence_of_sent(), **arguments))

    def sequence_of_sent(self):
        self.sent = getattr(self, "sent", 0) + 1
        return self.sent

    def send_packet(self, packet):
        self.router.route_frame((packet,), None, self.now_ns)
        self.answers = []
        reasons = []
        for said in self.reporter.take():
            answer = said.answer
            self.said.append(said)
            if answer.service == 1:
                report = VerificationReport.decode(answer.subtype, answer.data)
                reasons += [report.failure_text] if report.stage.is_failure else []
            elif answer.service != 5:
                self.answers.append(DICTIONARY.report_of(answer.service, answer.subtype).fields.decode(answer.data))
        return "; ".join(reasons)

    def run_to(self, now_ns):
        """Let time go on as a driver does: from deadline to deadline. Give the events told."""
        while (deadline := self.autonomy.next_deadline()) is not None and deadline <= now_ns:
            self.now_ns = max(self.now_ns, deadline)
            self.autonomy.advance(self.now_ns)
        self.now_ns = now_ns
        self.autonomy.advance(now_ns)
        return self.take_events()

    def schedule_values(self):
        """Give the values of the schedule structure."""
        return self.pool.sample(DICTIONARY.structures[11].parameters, self.now_ns)

    def read(self, *names):
        """Give the values of parameters."""
        return [self.pool.read(name, self.now_ns) for name in names]

    def take_events(self):
        said = self.reporter.take()
        self.said += said
        events = []
        for each in said:
            if each.answer.service == 5:
                definition = DICTIONARY.events[each.name]
                events.append((each.name, definition.fields.decode(each.answer.data[2:])))
        return events


@pytest.fixture
def board(tmp_path):
    return Board(RealDisk(tmp_path))


@pytest.fixture
def make_board():
    return Board


@pytest.fixture
def damage():
    """Give every truncation and every flip of a single bit of a packet that is no telecommand any more."""

    def damaged(packet):
        cut = [packet[:length] for length in range(len(packet))]
        flips = []
        for bit in range(8 * len(packet)):
            flipped = bytearray(packet)
            flipped[bit // 8] ^= 0x80 >> bit % 8
            flips.append(bytes(flipped))
        found = []
        for octets in cut + flips:
            try:
                Telecommand.decode(octets)
            except MalformedError:
                found.append(octets)
        return found

    return damaged


@pytest.fixture
def enabled(board):
    assert board.send("schedule.enable") == ""
    return board
