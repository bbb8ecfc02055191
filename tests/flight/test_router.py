"""The router: every stage reported, nothing acts twice, and nothing is said before it is durable."""

import errno

import msgspec
import pytest

from ccsds.pus.telecommand import ALL_ACKS, AckFlags, Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from flight.books.commands import Answer
from flight.books.housekeeping import HousekeepingSwitched
from flight.books.schedule import ActivitiesInserted, Activity
from flight.books.seal import StruckBookError
from flight.disk import RealDisk
from flight.ledger import JOURNAL_COPY_PATH, Ledger
from flight.reporter import Reporter
from flight.router import Router
from flight.services.service import Outcome
from mission.channels import Apid
from mission.definition import DICTIONARY, SERVICES
from mission.dictionary import Command, Dictionary, Repeat, Words
from mission.failures import FailureCode

FIRE = Command(name="thruster.fire", service=200, subtype=1, description="once", repeat=Repeat.ONCE)
WORDS = Dictionary(*SERVICES, Words(commands=(FIRE,)))


class PowerCutError(BaseException):
    """Power goes, in the middle of what was being done."""


class Disk(RealDisk):
    """A real disk that notes its syncs, and can be full."""

    is_full = False
    is_worn = False

    def __init__(self, root):
        super().__init__(root)
        self.unsynced = set()

    def append(self, path, data):
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(path, data)
        if path != JOURNAL_COPY_PATH:  # It may be behind: nothing rests on it but the mending of damage.
            self.unsynced.add(path)

    def fsync(self, path):
        if self.is_worn:
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(path)
        self.unsynced.discard(path)


class Counter:
    """A service that counts what it does."""

    def __init__(self, number, fails=None):
        self.number = number
        self.executed = 0
        self.fails = fails

    def execute(self, command, arguments, now_ns):
        if self.fails:
            raise self.fails
        self.executed += 1
        return Outcome(
            changes=(HousekeepingSwitched(self.executed, True),), answers=(Answer(17, 2, bytes([self.executed])),)
        )


class OpenGuard:
    """Lets everything through."""

    def check(self, command, now_ns, *, is_release):
        pass

    def heard(self, now_ns):
        return ()


class Board:
    def __init__(self, folder, services=None, dictionary=DICTIONARY, disk=None):
        self.disk = disk or Disk(folder)
        self.reporter = Reporter(dictionary)
        self.ledger = Ledger(self.disk)
        self.service = Counter(17)
        services = services or (self.service,)
        self.router = Router(dictionary, self.ledger, self.reporter, services, OpenGuard())

    def route(self, packet):
        self.router.route(packet, 0)
        return [said for said in self.reporter.take() if said.answer.service != 5]


def packet(service=17, subtype=1, sequence=3, data=b"", ack=ALL_ACKS, apid=Apid.CORE):
    return Telecommand(apid, sequence, service, subtype, 9, ack, data).encode()


def stages(said):
    return [(each.answer.service, each.answer.subtype) for each in said]


def failure(said):
    (report,) = [each.answer for each in said if each.answer.service == 1 and each.answer.subtype % 2 == 0]
    decoded = VerificationReport.decode(report.subtype, report.data)
    return decoded.stage, decoded.failure_code, decoded.failure_text


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


def test_a_command_is_accepted_started_answered_and_completed_in_this_order(board):
    said = board.route(packet())
    assert stages(said) == [(1, 1), (1, 3), (17, 2), (1, 7)]
    request = VerificationReport.decode(1, said[0].answer.data).request_id
    assert (request.apid, request.sequence_count) == (Apid.CORE, 3)
    assert {each.destination_id for each in said} == {9}


@pytest.mark.parametrize(
    ("ack", "expected"),
    [
        (AckFlags(0), [(17, 2)]),
        (AckFlags.ACCEPTANCE, [(1, 1), (17, 2)]),
        (AckFlags.COMPLETION, [(17, 2), (1, 7)]),
        (AckFlags.START, [(1, 3), (17, 2)]),
    ],
)
def test_only_the_success_reports_that_are_asked_for_are_sent(board, ack, expected):
    assert stages(board.route(packet(ack=ack))) == expected


def test_the_same_packet_again_acts_once_and_is_answered_with_the_same_reports(board):
    first = board.route(packet())
    again = board.route(packet())
    assert [each.answer for each in again] == [each.answer for each in first]
    assert board.service.executed == 1
    assert board.router.repeated_count == 1


def test_the_same_packet_after_a_reboot_acts_once_and_is_answered_with_the_same_reports(board, tmp_path):
    first = board.route(packet())
    rebooted = Board(tmp_path)
    again = rebooted.route(packet())
    assert [each.answer for each in again] == [each.answer for each in first]
    assert rebooted.service.executed == 0


def test_another_packet_with_the_same_count_is_another_command(board):
    board.route(packet(ack=AckFlags(15)))
    board.route(packet(ack=AckFlags(7)))
    assert board.service.executed == 2


def test_nothing_is_said_before_its_record_is_synced(board):
    unsynced = []
    answer = board.reporter.answer
    board.reporter.answer = lambda *args: (unsynced.append(set(board.disk.unsynced)), answer(*args))
    for sequence in range(3):
        board.route(packet(sequence=sequence))
    assert unsynced == [set()] * 12


@pytest.mark.parametrize(
    ("wrong", "code", "text"),
    [
        (packet(apid=0x55), FailureCode.UNKNOWN_APID, "expected APID 0x42, found 0x55"),
        (packet(service=99), FailureCode.UNKNOWN_SERVICE, "unknown service 99: expected one of 17"),
        (packet(subtype=9), FailureCode.UNKNOWN_SUBTYPE, "[17,9]"),
        (packet(data=b"\x01"), FailureCode.BAD_ARGUMENT, "test.connection: expected 0 octets"),
    ],
)
def test_what_is_not_a_command_fails_acceptance_with_the_reason(board, wrong, code, text):
    said = board.route(wrong)
    stage, found, reason = failure(said)
    assert stages(said) == [(1, 2)]
    assert stage is VerificationStage.ACCEPTANCE_FAILED
    assert found == code
    assert text in reason
    assert board.service.executed == 0


def test_a_refusal_too_is_answered_from_the_journal(board):
    first = board.route(packet(service=99))
    assert [each.answer for each in board.route(packet(service=99))] == [each.answer for each in first]
    assert board.router.refused_count == 1


def test_every_truncation_and_every_single_bit_flip_is_refused_and_acts_never(board):
    good = packet()
    for length in range(len(good)):
        board.route(good[:length])
    for bit in range(8 * len(good)):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        board.route(bytes(flipped))
    assert board.service.executed == 0
    assert board.router.refused_count == len(good) + 8 * len(good)
    rejected = board.router.take_events()
    assert len(rejected) == len(good) + 8 * len(good)
    assert all(event.reason for event in rejected)


def test_a_full_store_fails_the_command_and_the_same_command_may_be_tried_again(board):
    board.disk.is_full = True
    stage, code, _ = failure(board.route(packet()))
    assert (stage, code) == (VerificationStage.COMPLETION_FAILED, FailureCode.STORE)
    assert board.ledger.housekeeping == {}
    board.disk.is_full = False
    assert stages(board.route(packet())) == [(1, 1), (1, 3), (17, 2), (1, 7)]


def test_a_command_that_must_not_be_repeated_is_reported_unknown_after_a_crash_in_its_middle(tmp_path):
    crashing = Board(tmp_path, services=(Counter(200, fails=PowerCutError()),), dictionary=WORDS)
    with pytest.raises(PowerCutError):
        crashing.route(packet(service=200))
    service = Counter(200)
    rebooted = Board(tmp_path, services=(service,), dictionary=WORDS)
    stage, code, _ = failure(rebooted.route(packet(service=200)))
    assert (stage, code) == (VerificationStage.COMPLETION_FAILED, FailureCode.OUTCOME_UNKNOWN)
    assert service.executed == 0
    # From now on it is answered so from the journal.
    assert failure(rebooted.route(packet(service=200)))[1] == FailureCode.OUTCOME_UNKNOWN


def test_a_command_that_may_be_repeated_is_simply_done_after_a_crash_in_its_middle(tmp_path):
    crashing = Board(tmp_path, services=(Counter(17, fails=PowerCutError()),))
    with pytest.raises(PowerCutError):
        crashing.route(packet())
    rebooted = Board(tmp_path)
    assert stages(rebooted.route(packet())) == [(1, 1), (1, 3), (17, 2), (1, 7)]


def test_what_follows_a_command_happens_once_it_is_durable_and_not_when_it_is_repeated(tmp_path):
    class Follower(Counter):
        def execute(self, command, arguments, now_ns):
            return Outcome(afterwards=lambda now_ns: seen.append(set(board.disk.unsynced)))

    seen = []
    board = Board(tmp_path, services=(Follower(17),))
    board.route(packet())
    board.route(packet())
    assert seen == [set()]


def test_the_same_octets_but_for_the_source_are_another_command(board):
    for source in (9, 10):
        board.route(Telecommand(Apid.CORE, 3, 17, 1, source).encode())
    assert board.service.executed == 2


def test_an_error_that_nobody_foresaw_is_reported_once_and_for_all(tmp_path):
    board = Board(tmp_path, services=(Counter(17, fails=RecursionError("too deep")),))
    stage, code, text = failure(board.route(packet()))
    assert (stage, code) == (VerificationStage.START_FAILED, FailureCode.SOFTWARE_FAULT)
    assert "RecursionError: too deep" in text
    assert failure(board.route(packet()))[1] == FailureCode.SOFTWARE_FAULT
    assert board.router.repeated_count == 1


def test_a_book_that_was_struck_ends_the_flight_software_and_is_no_answer_to_a_command(tmp_path):
    class Reader(Counter):
        def execute(self, command, arguments, now_ns):
            assert board.ledger.schedule.activities[2]

    board = Board(tmp_path, services=(Reader(17),))
    board.ledger.commit(ActivitiesInserted((Activity(2, b"request", 1, 0, 10**18),)))
    msgspec.structs.force_setattr(board.ledger.schedule.activities[2], "packet", b"requesu")
    with pytest.raises(StruckBookError, match="entry 2 of a book"):
        board.route(packet())
    # It was not dealt with: sent again after the reset, it is.
    assert stages(Board(tmp_path).route(packet())) == [(1, 1), (1, 3), (17, 2), (1, 7)]


class UnsureDisk(Disk):
    """Writes, and then fails to say that it is durable, whatever is tried."""

    fails = False

    def fsync(self, path):
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(path)


def test_a_store_that_cannot_say_whether_it_is_durable_gives_outcome_unknown(board, tmp_path):
    disk = UnsureDisk(tmp_path / "unsure")
    board.ledger = Ledger(disk)
    board.router = Router(DICTIONARY, board.ledger, board.reporter, (board.service,), OpenGuard())
    board.route(packet(sequence=1))
    disk.fails = True
    assert failure(board.route(packet(sequence=2)))[1] == FailureCode.OUTCOME_UNKNOWN


def test_a_store_that_cannot_sync_at_boot_answers_nothing_as_done_until_it_can(board, tmp_path):
    first = board.route(packet())
    disk = Disk(tmp_path)
    disk.is_worn = True
    rebooted = Board(tmp_path, disk=disk)
    stage, code, _ = failure(rebooted.route(packet()))
    assert (stage, code) == (VerificationStage.COMPLETION_FAILED, FailureCode.OUTCOME_UNKNOWN)
    disk.is_worn = False
    again = rebooted.route(packet())
    assert [each.answer for each in again] == [each.answer for each in first]
    assert rebooted.service.executed == 0
