"""What is wrong with PDUs: refused with its condition, counted, told; nothing outside the store, no transfer harmed."""

import random

import pytest

from ccsds.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.directives import Ack, Eof, FileData, Finished, KeepAlive, Metadata, Nak, Prompt
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import PduRejected, Rejection, TransactionFinished
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest, MessageToUser
from flight.disk import RealDisk

NS = 1_000_000_000
CLASS_1 = TransmissionMode.UNACKNOWLEDGED
TOWARD_SENDER = Direction.TOWARD_SENDER
BACK = {"source": 2, "destination": 1}
CONTENT = random.Random(8).randbytes(1 << 18)

RECEIVER_IS_TOLD = {
    "foreign destination": ((FileData(0, b"x"),), {"destination": 3}, Rejection.FOREIGN_ENTITY),
    "foreign source": ((FileData(0, b"x"),), {"source": 3}, Rejection.FOREIGN_ENTITY),
    "foreign NAK": ((Nak(0, 1), TOWARD_SENDER), {"source": 2, "destination": 9}, Rejection.FOREIGN_ENTITY),
    "NAK of no transaction": (
        (Nak(0, 1), TOWARD_SENDER),
        BACK,
        Rejection.UNKNOWN_TRANSACTION,
    ),
    "file data to its sender": (
        (FileData(0, b"x"), TOWARD_SENDER),
        BACK,
        Rejection.OUT_OF_PLACE,
    ),
    "ACK of no transaction": (
        (Ack(DirectiveCode.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE),),
        {},
        Rejection.UNKNOWN_TRANSACTION,
    ),
    "past the end": ((FileData(1 << 30, b"x"),), {"sequence": 1}, Rejection.BEYOND_FILE),
    "across the end": ((FileData((1 << 18) - 1, b"xy"),), {"sequence": 1}, Rejection.BEYOND_FILE),
    "no octets": ((FileData(0, b""),), {"sequence": 1}, Rejection.BEYOND_FILE),
    "other octets": ((FileData(1000, b"other octets"),), {"sequence": 1}, Rejection.CONTRADICTION),
    "other mode": ((FileData(0, b"x"),), {"sequence": 1, "mode": CLASS_1}, Rejection.CONTRADICTION),
    "other Metadata": ((Metadata(9, "q", "r", 2),), {"sequence": 1}, Rejection.CONTRADICTION),
    "EOF elsewhere": (
        (Eof(ConditionCode.NO_ERROR, 0, 1000),),
        {"sequence": 1},
        Rejection.CONTRADICTION,
    ),
    "EOF far beyond": ((Eof(ConditionCode.NO_ERROR, 0, (1 << 32) - 1),), {"sequence": 1}, Rejection.CONTRADICTION),
    "a NAK the wrong way": ((Nak(0, 1),), {"sequence": 1}, Rejection.OUT_OF_PLACE),
}


def half_way(new_link, **config):
    link = new_link(**config)
    transaction = link.put(CONTENT)
    assert link.run(until=lambda: link.now_ns > NS)
    assert (transaction.sequence, len(link.destination.running)) == (1, 1)
    link.destination.take_events()
    return link


def refused(link, octets, rejection):
    """Give a PDU to the receiver; it must be counted once, and told."""
    before = link.destination.rejections.copy()
    link.destination.receive(octets, link.now_ns)
    assert link.destination.rejections - before == {rejection: 1}
    (event,) = [event for event in link.destination.take_events() if isinstance(event, PduRejected)]
    assert event.rejection is rejection
    assert "expected" in str(event)
    return event


@pytest.mark.parametrize("name", RECEIVER_IS_TOLD)
def test_what_is_forged_is_counted_and_harms_no_transfer(name, new_link, forge):
    arguments, ids, rejection = RECEIVER_IS_TOLD[name]
    link = half_way(new_link)
    refused(link, forge(*arguments, **{"sequence": 77, **ids}), rejection)
    assert link.run()
    assert link.stores[1].read("copy") == CONTENT
    assert link.finished(0)[0].condition is ConditionCode.NO_ERROR


@pytest.mark.parametrize("has_crc", [False, True])
def test_a_pdu_that_lies_about_its_length_is_refused(has_crc, new_link):
    link = new_link(has_crc=has_crc)
    link.put(CONTENT)
    assert link.run(until=lambda: link.now_ns > NS)
    # All that was sent so far: Metadata, and file data of a transaction that has its route.
    for octets in link.lines[0].log[:3]:
        for lie in (octets[:-1], octets + b"y", octets[:3], octets[:1] + b"\xff\xff" + octets[3:], octets[:12]):
            assert refused(link, lie, Rejection.MALFORMED).condition is ConditionCode.NO_ERROR
    assert link.run()
    assert link.stores[1].read("copy") == CONTENT


def directives():
    """Every kind of PDU, with all that it can carry."""
    request = FilestoreRequest(FilestoreAction.RENAME_FILE, "a", "b")
    return [
        (Metadata(9, "a", "b", 2, True, (request, MessageToUser(b"hello"))), Direction.TOWARD_RECEIVER),
        (Eof(ConditionCode.CANCEL_REQUEST_RECEIVED, 7, 9, 1), Direction.TOWARD_RECEIVER),
        (FileData(5, b"abc"), Direction.TOWARD_RECEIVER),
        (Prompt(PromptResponse.NAK), Direction.TOWARD_RECEIVER),
        (Ack(DirectiveCode.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE), Direction.TOWARD_RECEIVER),
        (Finished(ConditionCode.NO_ERROR, DeliveryCode.COMPLETE, FileStatus.RETAINED, (), 2), TOWARD_SENDER),
        (Nak(0, 9, ((0, 0), (1, 5))), TOWARD_SENDER),
        (KeepAlive(5), TOWARD_SENDER),
    ]


@pytest.mark.parametrize("side", [0, 1], ids=["to the sender", "to the receiver"])
def test_every_truncation_of_every_pdu_is_refused(side, new_link, forge):
    link = half_way(new_link)
    end = link.ends[side]
    count = 0
    for body, direction in directives():
        octets = forge(body, direction, sequence=1)
        for length in range(len(octets)):
            end.receive(octets[:length], link.now_ns)
            count += 1
    assert end.rejections[Rejection.MALFORMED] == count
    assert link.run()
    assert link.stores[1].read("copy") == CONTENT


def test_every_flipped_bit_is_refused_by_the_crc_and_the_transfer_goes_on(new_link):
    link = new_link(has_crc=True)
    link.put(CONTENT)
    assert link.run(until=lambda: link.now_ns > NS)
    count = 0
    for octets in (link.lines[0].log[0], link.lines[0].log[1]):
        for bit in range(8 * len(octets)):
            if bit == 6:
                # The flag that says that there is a CRC.
                continue
            damaged = bytearray(octets)
            damaged[bit // 8] ^= 0x80 >> bit % 8
            link.destination.receive(bytes(damaged), link.now_ns)
            count += 1
    assert link.destination.rejections.total() == link.destination.rejections[Rejection.MALFORMED] == count
    assert link.run()
    assert link.stores[1].read("copy") == CONTENT


def test_no_flipped_bit_of_a_running_transfer_raises(new_link, forge):
    link = half_way(new_link)
    for body, direction in directives():
        octets = forge(body, direction, sequence=1)
        for bit in range(8 * len(octets)):
            damaged = bytearray(octets)
            damaged[bit // 8] ^= 0x80 >> bit % 8
            for end in link.ends:
                end.receive(bytes(damaged), link.now_ns)
                assert all(str(event) for event in end.take_events())


@pytest.fixture
def directory(tmp_path):
    """A store on a real directory, beside which there is something that nobody may touch."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    disk = RealDisk(tmp_path / "store")
    (tmp_path / "store" / "away").symlink_to(outside, target_is_directory=True)
    (tmp_path / "store" / "secret").symlink_to(outside / "secret")
    (tmp_path / "store" / "round").symlink_to("round")
    (tmp_path / "store" / "plain").write_bytes(b"plain")
    return disk


def untouched(disk):
    outside = disk.root.parent
    assert sorted(path.name for path in outside.iterdir()) == ["outside", "store"]
    assert [path.name for path in (outside / "outside").iterdir()] == ["secret"]
    assert (outside / "outside" / "secret").read_bytes() == b"secret"
    assert disk.read("plain") == b"plain"


OUTSIDE = [
    "../out",
    "/etc/starloop",
    "a/../../b",
    "away/x",
    "away/secret",
    "secret",
    "round",
    "round/x",
    ".cfdp/1-1.part",
]


@pytest.mark.parametrize("name", [*OUTSIDE, "plain/x", "a\\b", "a\0b", "a\nb", "./a", "a//b", "a/"])
def test_a_file_is_not_written_outside_a_real_store(name, new_link, directory):
    link = new_link(stores=(MemoryStore(), directory))
    link.put(destination_name=name)
    assert link.run()
    for side in (0, 1):
        assert link.finished(side)[0].condition is ConditionCode.FILESTORE_REJECTION
    assert link.finished(0)[0].file_status is FileStatus.REJECTED
    untouched(directory)
    assert directory.list() == ["plain", "secret"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    "action", [action for action in FilestoreAction if action is not FilestoreAction.DENY_DIRECTORY]
)
def test_a_filestore_request_does_not_leave_a_real_store(action, name, new_link, directory):
    link = new_link(stores=(MemoryStore(), directory))
    requests = [FilestoreRequest(action, name, "plain"), FilestoreRequest(action, "plain", name)]
    for request in requests[: 2 if action in (2, 3, 4) else 1]:
        link.put(source_name="", destination_name="", options=(request,))
        assert link.run()
        (response,) = link.finished(0)[-1].responses
        assert response.status
        assert link.finished(0)[-1].condition is ConditionCode.FILESTORE_REJECTION
    untouched(directory)


def test_a_file_larger_than_the_room_is_refused_and_says_so(new_link, forge):
    link = half_way(new_link, stores=(MemoryStore(), MemoryStore(1 << 20)))
    link.destination.receive(forge(Metadata((1 << 20) + 1, "a", "b", 2)), link.now_ns)
    finished = [event for event in link.destination.take_events() if isinstance(event, TransactionFinished)]
    assert finished[0].condition is ConditionCode.FILESTORE_REJECTION
    assert link.run(until=lambda: not link.source.running)
    assert link.stores[1].read("copy") == CONTENT


def test_files_that_only_fit_alone_are_not_let_in_together(new_link, forge):
    link = new_link(stores=(MemoryStore(), MemoryStore(1_000_000)))
    for sequence in (1, 2, 3):
        link.destination.receive(forge(Metadata(400_000, "a", f"b{sequence}", 2), sequence=sequence), 0)
    finished = [event for event in link.destination.take_events() if isinstance(event, TransactionFinished)]
    assert [(event.transaction.sequence, event.condition) for event in finished] == [
        (3, ConditionCode.FILESTORE_REJECTION)
    ]
    # What is given up gives its room back, what is written does not count twice.
    link.destination.receive(forge(FileData(0, bytes(60_000)), sequence=1), 0)
    link.destination.receive(forge(Eof(ConditionCode.CANCEL_REQUEST_RECEIVED, 0, 0), sequence=2), 0)
    link.destination.receive(forge(Metadata(600_001, "a", "b4", 2), sequence=4), 0)
    link.destination.receive(forge(Metadata(600_000, "a", "b5", 2), sequence=5), 0)
    finished = [event for event in link.destination.take_events() if isinstance(event, TransactionFinished)]
    assert [event.transaction.sequence for event in finished] == [2, 4]


def test_room_is_promised_again_after_a_reboot(new_link, forge):
    class Kept(list):
        def replace(self, payloads):
            self[:] = list(payloads)

    journal, store = Kept(), MemoryStore(1_000_000)
    link = new_link()
    mib = link.destination.mib
    entity = Entity(mib, store, journal)
    entity.contact(True, 0)
    entity.receive(forge(Metadata(600_000, "a", "b", 2), sequence=1), 0)
    entity.receive(forge(FileData(0, bytes(60_000)), sequence=1), 0)
    entity.contact(False, 1)
    again = Entity(mib, store, journal, journal, 2)
    assert again.transfers[0].done_octets == 60_000
    again.receive(forge(Metadata(400_001, "a", "c", 2), sequence=2), 2)
    again.receive(forge(Metadata(400_000, "a", "d", 2), sequence=3), 2)
    finished = [event for event in again.take_events() if isinstance(event, TransactionFinished)]
    assert [event.transaction.sequence for event in finished] == [2]


def test_an_offset_beyond_the_room_is_refused_before_the_size_is_known(new_link, forge):
    link = half_way(new_link)
    event = refused(link, forge(FileData(1 << 31, b"x"), sequence=9), Rejection.NO_ROOM)
    assert event.condition is ConditionCode.FILESTORE_REJECTION
    assert link.stores[1].size(".cfdp/1-1.part") < 1 << 18


def test_a_flood_of_transactions_is_bounded_and_the_running_one_completes(new_link, forge):
    link = half_way(new_link, transactions_max=8)
    for sequence in range(100, 200):
        link.destination.receive(forge(Metadata(5, "a", f"b{sequence}", 2), sequence=sequence), link.now_ns)
    assert len(link.destination.running) == 8
    assert link.destination.rejections == {Rejection.NO_ROOM: 93}
    assert link.run(until=lambda: not link.source.running)
    assert link.stores[1].read("copy") == CONTENT
