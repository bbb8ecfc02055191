"""A store that fails at any operation, for a moment or for a while: a file is there whole, or both ends know better.

Every operation of a whole transfer fails in turn, at the receiver and at the sender; afterwards the store works again.
"""

import contextlib
import errno

import pytest

from ccsds.cfdp.codes import ChecksumType, ConditionCode, DeliveryCode, FileStatus, TransmissionMode
from ccsds.cfdp.directives import Eof
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import FaultRaised, TransactionFinished, TransactionStarted
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.part_file import PartFile
from ccsds.cfdp.records import ClosedRecord, PutRequest, decode_record
from ccsds.cfdp.room import Room
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest
from ccsds.errors import MisuseError
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from tools.bench.cfdp_channel import NS, Line, carry

CONTENT = bytes(range(256)) * 10
OUTAGE_NS = 25 * NS
RENAME = FilestoreRequest(FilestoreAction.RENAME_FILE, "copy", "kept")


class Outage:
    """Which operations of a store and its journal fail.

    Args:
        numbers: Those that do; one number alone begins a failure of all that come within `OUTAGE_NS`.
        is_late: Whether what fails is done all the same, as a write that cannot be synced is.
    """

    def __init__(self, numbers=(), is_late=False):
        self.numbers, self.is_late = numbers, is_late
        self.operations = self.failures = 0
        self.now_ns = 0
        self._end_ns = 0

    def run(self, operation, *arguments):
        number = self.operations
        self.operations += 1
        if number == self.numbers:
            self._end_ns = self.now_ns + OUTAGE_NS
        if not (self.now_ns < self._end_ns if isinstance(self.numbers, int) else number in self.numbers):
            return operation(*arguments)
        self.failures += 1
        if self.is_late:
            operation(*arguments)
        raise OSError(errno.EIO, f"operation {number} failed, as was planned: {operation.__name__} {arguments[:1]}")


class Failing:
    """A store or a journal under an outage."""

    def __init__(self, real, outage):
        self.real, self.outage = real, outage

    def __getattr__(self, name):
        operation = getattr(self.real, name)
        return lambda *arguments: self.outage.run(operation, *arguments)


class MemoryJournal:
    """Records that outlive an entity."""

    def __init__(self):
        self.records = []

    def append(self, payload):
        self.records.append(payload)

    def replace(self, payloads):
        self.records = list(payloads)


class Transfer:
    """Two entities, the store of one of which fails; ``failing`` is 0 for the sender's."""

    def __init__(self, outage, failing, **config):
        self.outage, self.failing = outage, failing
        self.outages = [outage if side == failing else Outage() for side in (0, 1)]
        self.stores = [MemoryStore(), MemoryStore()]
        self.journals = [MemoryJournal(), MemoryJournal()]
        self.config = config
        self.now_ns = 0
        self.ends = [None, None]
        self.events = [[], []]
        for side in (0, 1):
            self.boot(side)

    def boot(self, side):
        mib = Mib(entity=side + 1, remotes=(RemoteConfig(entity=2 - side, **self.config),))
        store, journal = (Failing(real[side], self.outages[side]) for real in (self.stores, self.journals))
        self.ends[side] = Entity(mib, store, journal, list(self.journals[side].records), self.now_ns)
        self.ends[side].contact(True, self.now_ns)

    def put(self, content, **request):
        self.stores[0].pwrite("file", 0, content)
        names = {"source_name": "file", "destination_name": "copy"}
        return self.ends[0].put(PutRequest(destination=2, **{**names, **request}), self.now_ns)

    def run(self, until=None, seconds=100_000):
        def is_done(now_ns):
            self.now_ns = now_ns
            for side in (0, 1):
                self.outages[side].now_ns = now_ns
                self.events[side] += self.ends[side].take_events()
            return until() if until else not any(end.running for end in self.ends)

        lines = Line(1e5, 10_000_000), Line(1e5, 10_000_000)
        return carry(tuple(self.ends), lines, is_done, self.now_ns, self.now_ns + seconds * NS) is not None

    def finished(self, side):
        return [event for event in self.events[side] if isinstance(event, TransactionFinished)]


KINDS = {
    "class 2": ({}, {}),
    "class 2, a request": ({"options": (RENAME,)}, {}),
    "class 2, kept": ({}, {"keeps_incomplete": True}),
    "class 2, no file": ({"source_name": "", "destination_name": "", "options": (RENAME,)}, {}),
    "class 1, closure": ({"mode": TransmissionMode.UNACKNOWLEDGED, "closure_requested": True}, {}),
}


def operations_of(kind, failing):
    """Count the operations of a transfer that nothing disturbs."""
    request, config = KINDS[kind]
    transfer = Transfer(Outage(), failing, **config)
    transfer.stores[1].pwrite("copy", 0, b"before")
    transfer.put(CONTENT, **request)
    assert transfer.run()
    return transfer.outage.operations


def name_of(kind):
    return "kept" if "request" in kind or "no file" in kind else "copy"


def look_at(transfer, kind, was_killed):
    """Hold what must be so at the end, whatever failed when."""
    store = transfer.stores[1]
    content = b"before" if "no file" in kind else CONTENT
    is_there = name_of(kind) in store.list() and store.read(name_of(kind)) == content
    detail = [str(event) for side in (0, 1) for event in transfer.events[side]], store.list()
    assert not [path for path in store.list() if path.endswith(".part")], detail
    for side in (0, 1):
        kinds = [type(event) for event in transfer.events[side]]
        if not was_killed:  # Else what was told may not be remembered, and is told again.
            assert kinds.count(TransactionFinished) == kinds.count(TransactionStarted), detail
            ended = kinds.index(TransactionFinished) if TransactionFinished in kinds else len(kinds)
            assert FaultRaised not in kinds[ended:], detail
    for sent in transfer.finished(0)[-1:]:
        if sent.condition is ConditionCode.NO_ERROR:
            assert is_there, detail
    for received in transfer.finished(1)[-1:]:
        # A request may be done though the store said in the end that it failed: then its response says why.
        is_good = received.condition is ConditionCode.NO_ERROR
        assert is_there is is_good or any(done.message for done in received.responses), detail
        is_whole = received.delivery is DeliveryCode.COMPLETE
        if is_whole and "no file" not in kind:
            assert received.file_status is FileStatus.RETAINED, detail
            assert CONTENT in (store.read(path) for path in store.list()), detail
        elif not is_whole:
            assert received.file_status is not FileStatus.RETAINED or "kept" in kind, detail
            assert transfer.stores[1].read("copy") == b"before", detail
        for sent in transfer.finished(0)[-1:] if "class 2" in kind else ():
            assert sent.delivery is received.delivery, detail
            assert transfer.failing == 0 or sent.condition is received.condition, detail


def go(kind, failing, numbers, is_late, failures=0):
    """Run a transfer while some operations fail; if that is said, its process is killed after so many failures."""
    request, config = KINDS[kind]
    outage = Outage(numbers, is_late)
    transfer = Transfer(outage, failing, **config)
    transfer.stores[1].pwrite("copy", 0, b"before")
    try:
        transfer.put(CONTENT, **request)
    except (OSError, MisuseError):
        assert failing == 0
        return False
    if failures:
        transfer.run(until=lambda: outage.failures >= failures or not any(end.running for end in transfer.ends))
        outage.numbers = ()
        transfer.events[failing] += transfer.ends[failing].take_events()
        transfer.boot(failing)
    assert transfer.run(), [str(event) for side in (0, 1) for event in transfer.events[side]]
    look_at(transfer, kind, was_killed=failures > 0)
    # Both ends are done with it: after a reboot too, and for the file that comes next.
    outage.numbers = ()
    for side in (0, 1):
        transfer.boot(side)
    assert transfer.run()
    transfer.events = [[], []]
    transfer.put(b"another", destination_name="next")
    assert transfer.run()
    assert [end.condition for side in (0, 1) for end in transfer.finished(side)] == [ConditionCode.NO_ERROR] * 2
    assert transfer.stores[1].read("next")[:7] == b"another"
    return True


BOTH = pytest.mark.parametrize("is_late", [False, True], ids=["undone", "done"])
ENDS = pytest.mark.parametrize("failing", [1, 0], ids=["receiver", "sender"])
OF_EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@BOTH
@pytest.mark.parametrize("length", [1, 2, 6, None])
@ENDS
@OF_EACH_KIND
def test_whichever_operation_fails_both_ends_come_to_an_end_that_is_true(kind, failing, length, is_late):
    firsts = range(operations_of(kind, failing))
    outages = [range(first, first + length) if length else first for first in firsts]
    assert any([go(kind, failing, numbers, is_late) for numbers in outages])


@BOTH
@pytest.mark.parametrize("failures", [1, 2, 4])
@ENDS
@OF_EACH_KIND
def test_so_they_do_if_the_process_is_killed_while_the_store_fails(kind, failing, failures, is_late):
    firsts = range(operations_of(kind, failing))
    assert any([go(kind, failing, first, is_late, failures) for first in firsts])


@BOTH
def test_so_they_do_if_one_operation_fails_and_at_a_second_one_the_process_is_killed(is_late):
    operations = operations_of("class 2, a request", 1)
    for first in range(operations):
        for second in range(first + 1, operations + 12):
            assert go("class 2, a request", 1, {first, second}, is_late, 2)


def interrupted(operation, spoils=False, **config):
    """Give a transfer whose receiver's store fails from the first call of an operation on, until it is told not to."""
    transfer = Transfer(Outage(), 1, **config)
    write = transfer.stores[1].pwrite
    if spoils:
        transfer.stores[1].pwrite = lambda path, offset, data: write(path, offset, b"?" + data[1:])
    write("copy", 0, b"before")
    transfer.put(CONTENT)
    real = getattr(transfer.stores[1], operation)

    def beginning(*arguments):
        transfer.outage.numbers = range(1 << 30)
        return real(*arguments)

    setattr(transfer.stores[1], operation, beginning)
    assert transfer.run(until=lambda: transfer.ends[1].running and transfer.ends[1].transfers[0].done_octets)
    for up in (False, True):  # The journal has what came so far.
        transfer.ends[1].contact(up, transfer.now_ns)
    assert transfer.run(until=lambda: transfer.outage.failures)
    setattr(transfer.stores[1], operation, real)
    transfer.stores[1].pwrite = write
    return transfer


def test_a_file_that_was_struck_in_the_store_comes_again_though_the_process_is_killed_in_between():
    transfer = interrupted("remove", spoils=True)
    assert transfer.stores[1].list() == ["copy"]
    transfer.outage.numbers = ()
    transfer.boot(1)
    assert transfer.run()
    assert transfer.stores[1].read("copy") == CONTENT


def require_it_to_come_though_killed_again_after_the_first_new_segment(transfer):
    for _ in range(2):
        transfer.boot(1)
        assert transfer.ends[1].transfers[0].done_octets == 0
        assert transfer.run(until=lambda: transfer.ends[1].transfers[0].done_octets)
    assert transfer.run()
    assert [end.condition for side in (0, 1) for end in transfer.finished(side)] == [ConditionCode.NO_ERROR] * 2
    assert transfer.stores[1].read("copy") == CONTENT


def test_what_was_in_a_part_file_that_is_gone_is_not_believed_once_a_new_one_is_begun():
    transfer = Transfer(Outage(), 1)
    transfer.put(CONTENT)
    assert transfer.run(until=lambda: transfer.ends[1].running and transfer.ends[1].transfers[0].done_octets)
    transfer.ends[1].contact(False, transfer.now_ns)
    (part,) = transfer.stores[1].list()
    transfer.stores[1].remove(part)
    require_it_to_come_though_killed_again_after_the_first_new_segment(transfer)


@pytest.mark.parametrize("ends_by", ["begun anew", "abandoned"])
def test_a_part_file_is_removed_only_when_the_journal_says_that_nothing_is_in_it(ends_by):
    transfer = Transfer(Outage(), 1)
    transfer.put(CONTENT)
    assert transfer.run(until=lambda: transfer.ends[1].running and transfer.ends[1].transfers[0].done_octets)
    for up in (False, True):
        transfer.ends[1].contact(up, transfer.now_ns)
    assert decode_record(transfer.journals[1].records[-1]).runs
    remove, told = transfer.stores[1].remove, []

    def removing(path):
        told.append(decode_record(transfer.journals[1].records[-1]))
        remove(path)

    transfer.stores[1].remove = removing
    if ends_by == "abandoned":
        receiver = transfer.ends[1]._transactions.receivers[transfer.ends[1].running[0][0]]
        receiver.abandon(ConditionCode.INACTIVITY_DETECTED, transfer.now_ns)
        assert [type(record) for record in told] == [ClosedRecord]
        return
    (part,) = (path for path in transfer.stores[1].list() if path.endswith(".part"))
    transfer.stores[1].pwrite(part, 0, b"?")
    assert transfer.run()
    assert [record.runs for record in told] == [()]
    assert transfer.stores[1].read("copy") == CONTENT


def test_a_file_that_the_store_never_takes_ends_though_what_was_gathered_cannot_be_written():
    transfer = Transfer(Outage(), 1)

    def write(*_):
        raise OSError(errno.ENOSPC, "no room")

    transfer.stores[1].pwrite = write
    transfer.put(CONTENT)
    assert transfer.run()
    conditions = [end.condition for side in (0, 1) for end in transfer.finished(side)]
    assert conditions == [ConditionCode.FILESTORE_REJECTION] * 2
    assert transfer.now_ns < 60 * NS


def test_a_file_that_has_its_name_is_not_called_incomplete_because_it_is_cancelled():
    transfer = interrupted("rename")
    (running, _), *_ = transfer.ends[1].running
    transfer.outage.numbers = ()
    transfer.ends[1].cancel(running, transfer.now_ns)
    assert transfer.run()
    assert [end.condition for side in (0, 1) for end in transfer.finished(side)] == [ConditionCode.NO_ERROR] * 2
    assert transfer.stores[1].read("copy") == CONTENT


def test_an_end_that_the_store_interrupted_waits_while_the_transfer_is_suspended_and_comes_when_it_is_resumed():
    transfer = interrupted("rename", ack_interval_ns=5 * NS, inactivity_ns=1000 * NS)
    (running, _), *_ = transfer.ends[1].running
    transfer.outage.numbers = ()
    transfer.ends[1].suspend(running)
    assert not transfer.run(seconds=60)
    assert not transfer.finished(1)
    transfer.ends[1].resume(running, transfer.now_ns)
    transfer.events[1] += transfer.ends[1].take_events()
    assert [end.condition for end in transfer.finished(1)] == [ConditionCode.NO_ERROR]
    assert transfer.run()


def test_a_late_end_of_file_begins_nothing_though_the_store_did_not_take_that_it_is_over(forge):
    transfer = Transfer(Outage(), 1)
    transfer.outage.numbers = {operations_of("class 2", 1) - 1}
    transfer.put(CONTENT)
    assert transfer.run()
    assert transfer.outage.failures == 1
    transfer.ends[1].receive(forge(Eof(ConditionCode.NO_ERROR, 0, len(CONTENT)), sequence=1), transfer.now_ns)
    assert not transfer.ends[1].running
    assert transfer.ends[1].transmit(transfer.now_ns)


def test_a_sender_hears_within_seconds_that_its_long_file_was_given_up_though_the_store_failed_then():
    transfer = Transfer(Outage(), 1)
    transfer.put(bytes(10 << 20))
    assert transfer.run(until=lambda: transfer.now_ns > 5 * NS)
    transfer.outage.numbers = transfer.outage.operations
    assert transfer.run()
    assert transfer.finished(0)[0].condition is ConditionCode.FILESTORE_REJECTION
    assert transfer.now_ns < 60 * NS


@pytest.mark.parametrize("kind", [ChecksumType.CRC_32C, ChecksumType.CRC_32, ChecksumType.MODULAR])
@pytest.mark.parametrize("seed", range(6))
def test_a_part_file_that_is_discarded_comes_again_as_if_it_were_new(tmp_path, kind, seed):
    disk = SimulatedDisk(tmp_path, Streams(seed, "disk/"))
    part = PartFile(disk, Room(disk), ".cfdp/1-1.part", (), kind)
    for content in (b"struck", CONTENT):
        part.discard()
        assert part.is_synced
        assert part.runs() == ()
        part.take(0, content, 1 << 20)
        assert not part.is_synced
        assert part.checksum() == part.stored_checksum(kind)
        part.sync()
    part.take(len(CONTENT), b"not synced", 1 << 20)
    part.discard()
    assert part.is_synced
    part.take(0, CONTENT, 1 << 20)
    part.sync()
    with contextlib.suppress(PowerCut):
        disk.power_cut()
    disk.power_on()
    assert disk.read(part.path) == CONTENT
