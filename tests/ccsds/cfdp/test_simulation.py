"""Two entities on disks that lose power, over lines that lose, reorder and duplicate: every file arrives whole."""

import random
from collections import Counter

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import FaultRaised, PduRejected, TransactionFinished
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import ClosedRecord, PutRequest, SequenceRecord, decode_record, transaction_of
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest
from flight.journal import Journal
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from tools.bench.cfdp_channel import NS, Line, carry

CONFIG = {
    1: RemoteConfig(entity=2, has_crc=True),
    2: RemoteConfig(entity=1, has_crc=True),
}


class Board:
    """An entity with a disk, which loses power and comes back."""

    def __init__(self, entity, root, seed):
        self.number = entity
        self.disk = SimulatedDisk(root, Streams(seed, f"board{entity}/"))
        self.reboots = 0
        self.is_up = False
        self.finished = []
        self.troubles = []
        self.boot(0)

    def boot(self, now_ns):
        journal = Journal(self.disk, "cfdp.journal")
        records = journal.recover().records
        mib = Mib(entity=self.number, remotes=(CONFIG[self.number],))
        self.entity = Entity(mib, self.disk, journal, records, now_ns)
        self.entity.contact(self.is_up, now_ns)

    def reboot(self, now_ns):
        self.collect()
        self.reboots += 1
        try:
            self.disk.power_cut()
        except PowerCut:
            pass
        self.disk.power_on()
        self.boot(now_ns)

    def collect(self):
        for event in self.entity.take_events():
            if isinstance(event, TransactionFinished):
                self.finished.append(event)
            elif isinstance(event, FaultRaised | PduRejected):
                self.troubles.append(str(event))

    def remembered(self):
        """Read from the disk how each transaction ended; one that did not end is not in it."""
        ends = {}
        for data in Journal(self.disk, "cfdp.journal").recover().records:
            record = decode_record(data)
            if isinstance(record, ClosedRecord):
                ends[transaction_of(record.header)] = record.condition
            elif not isinstance(record, SequenceRecord):
                ends.pop(transaction_of(record.header), None)
        return ends

    def guarded(self, call, now_ns):
        try:
            return call()
        except PowerCut:
            self.reboot(now_ns)
            return None

    def receive(self, pdu, now_ns):
        self.guarded(lambda: self.entity.receive(pdu, now_ns), now_ns)

    def transmit(self, now_ns):
        return self.guarded(lambda: self.entity.transmit(now_ns), now_ns)

    def advance(self, now_ns):
        self.guarded(lambda: self.entity.advance(now_ns), now_ns)

    def next_deadline(self):
        return self.entity.next_deadline()

    def contact(self, up, now_ns):
        self.is_up = up
        self.guarded(lambda: self.entity.contact(up, now_ns), now_ns)


def simulate(seed, tmp_path):
    chance = random.Random(seed)
    boards = Board(1, tmp_path / "one", seed), Board(2, tmp_path / "two", seed)
    files, transactions = {}, set()
    for index in range(chance.randint(1, 4)):
        content = chance.randbytes(chance.choice([0, 1, 1023, 1024, 50_000, 200_000, 1_500_000]))
        sender = chance.randint(0, 1)
        receiver = 1 - sender
        name = f"out/{index}"
        disk = boards[sender].disk
        disk.pwrite(name, 0, content)
        for path in (name, "out", ""):
            disk.fsync(path)
        options = (FilestoreRequest(FilestoreAction.RENAME_FILE, f"in/{index}", f"kept/{index}"),) * chance.randint(
            0, 1
        )
        request = PutRequest(
            destination=receiver + 1,
            source_name=name,
            destination_name=f"in/{index}",
            priority=chance.randint(0, 7),
            options=options,
        )
        transactions.add(boards[sender].entity.put(request, 0))
        files[receiver, f"kept/{index}" if options else f"in/{index}"] = content
    loss = chance.choice([0, 0.01, 0.1, 0.3])
    lines = []
    for rate_bps in (1e6, 256e3):
        lines.append(
            Line(
                rate_bps,
                chance.choice([1_000_000, 10_000_000, 300_000_000]),
                lambda number, pdu: chance.random() < loss,
                lambda number: [chance.choice([0, 0, 0, 0, 30_000_000])] * chance.choice([1, 1, 1, 1, 2]),
            )
        )
    plans = [(0, lambda now_ns: [board.contact(True, now_ns) for board in boards])]
    when_ns = 0
    for _ in range(chance.randint(0, 3)):
        when_ns += chance.randint(NS // 2, 5 * NS)
        plans.append((when_ns, lambda now_ns: [board.contact(False, now_ns) for board in boards]))
        when_ns += chance.randint(1, 5000 * NS)
        plans.append((when_ns, lambda now_ns: [board.contact(True, now_ns) for board in boards]))
    for _ in range(chance.randint(0, 4)):
        victim = chance.choice(boards)
        if chance.random() < 0.5:
            plans.append((chance.randint(0, 20 * NS), victim.reboot))
        else:
            at = chance.randint(1, 60)
            plans.append(
                (
                    chance.randint(0, 10 * NS),
                    lambda _, victim=victim, at=at: victim.disk.cut_at(victim.disk.operations + at),
                )
            )

    def is_done(now_ns):
        return now_ns >= max(at for at, _ in plans) and not any(board.entity.running for board in boards)

    end = carry(boards, (lines[0], lines[1]), is_done, end_ns=60_000 * NS, plans=plans)
    assert end is not None, f"seed {seed} never ended"
    reboots = [board.reboots for board in boards]
    for board in boards:
        # Once more, so that all of it is seen to be durable.
        board.reboot(end)
        assert not board.entity.running
        assert all(event.condition is ConditionCode.NO_ERROR for event in board.finished), (
            boards[0].troubles + boards[1].troubles
        )
    for (receiver, name), content in files.items():
        assert boards[receiver].disk.read(name) == content, name
        assert not any(path.endswith(".part") for path in boards[receiver].disk.list())
    for board in boards:
        # What each end remembers: both are done with every transaction, and neither with another.
        assert board.remembered() == {transaction: ConditionCode.NO_ERROR for transaction in transactions}
        told = Counter((event.transaction, event.role) for event in board.finished)
        assert {transaction for transaction, _ in told} <= transactions
        if not any(reboots):
            assert {transaction for transaction, _ in told} == transactions
            assert set(told.values()) == {1}
    return sum(reboots)


@pytest.mark.parametrize("group", range(8))
def test_any_fault_schedule_gives_the_same_files(group, tmp_path):
    reboots = [simulate(seed, tmp_path / str(seed)) for seed in range(5 * group, 5 * group + 5)]
    assert any(reboots), "expected at least one end of one seed to lose its power"


def test_after_a_power_cut_at_most_one_mebibyte_is_asked_for_again(tmp_path):
    boards = Board(1, tmp_path / "one", 5), Board(2, tmp_path / "two", 5)
    content = random.Random(5).randbytes(6 << 20)
    boards[0].disk.pwrite("file", 0, content)
    boards[0].disk.fsync("file")
    boards[0].disk.fsync("")
    for board in boards:
        board.contact(True, 0)
    boards[0].entity.put(PutRequest(destination=2, source_name="file", destination_name="copy"), 0)
    lines = Line(10e6, 1_000_000), Line(1e6, 1_000_000)
    half_ns = 3 * NS
    end = carry(
        boards,
        lines,
        lambda now_ns: now_ns > half_ns and not any(board.entity.running for board in boards),
        plans=[(half_ns, boards[1].reboot)],
    )
    assert end is not None
    assert boards[1].reboots == 1
    assert boards[1].disk.read("copy") == content
    assert lines[0].octets < (len(content) + (1 << 20)) * 1.02
