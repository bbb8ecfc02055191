"""The entity: classes 1 and 2, what an operator asks for, what forged PDUs may not do."""

from dataclasses import replace

import pytest

from ccsds.cfdp.codes import (
    ChecksumType,
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.directives import Ack, Eof, FileData, Finished, KeepAlive, Metadata, Nak
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import FaultRaised, PduRejected, Rejection, Role, TransactionFinished
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.mib import NASA_CFS, YAMCS, Mib, RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.receiver_table import TABLE as RECEIVER_TABLE
from ccsds.cfdp.receiver_table import ReceiverEvent, ReceiverState
from ccsds.cfdp.records import PutRequest
from ccsds.cfdp.sender_table import TABLE as SENDER_TABLE
from ccsds.cfdp.sender_table import SenderEvent, SenderState
from ccsds.cfdp.tlv import FaultHandlerOverride, FilestoreAction, FilestoreRequest, MessageToUser
from ccsds.errors import MisuseError
from tools.bench.cfdp_channel import NS

CLASS_1 = TransmissionMode.UNACKNOWLEDGED
CONTENT = bytes(range(256)) * 40


def pdus(line):
    return [Pdu.decode(octets).body for octets in line.log]


@pytest.mark.parametrize("checksum_type", list(ChecksumType))
@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=["empty", "one octet", "several segments"])
@pytest.mark.parametrize("mode", list(TransmissionMode))
def test_a_file_arrives_in_either_class_with_any_checksum(mode, content, checksum_type, new_link):
    link = new_link(checksum_type=checksum_type, has_crc=True)
    link.put(content, mode=mode)
    assert link.run()
    assert link.stores[1].read("copy") == content
    (finished,) = link.finished(1)
    assert (finished.condition, finished.delivery) == (ConditionCode.NO_ERROR, DeliveryCode.COMPLETE)
    assert link.stores[1].list() == ["copy"]


def test_closure_in_class_1_brings_a_finished_without_an_ack(new_link):
    link = new_link()
    link.put(mode=CLASS_1, closure_requested=True)
    assert link.run()
    assert [type(body) for body in pdus(link.lines[1])] == [Finished]
    assert link.finished(0)[0].file_status is FileStatus.RETAINED


def test_class_1_with_a_loss_ends_at_the_check_limit_and_leaves_no_file(new_link):
    link = new_link()
    link.lines[0].is_lost = lambda number, pdu: number == 3
    link.put(mode=CLASS_1)
    assert link.run()
    assert link.finished(1)[0].condition is ConditionCode.CHECK_LIMIT_REACHED
    assert link.stores[1].list() == []


def test_messages_and_filestore_requests_go_without_a_file(new_link):
    link = new_link()
    link.stores[1].pwrite("old", 0, b"x")
    requests = (
        MessageToUser(b"hello"),
        FilestoreRequest(FilestoreAction.CREATE_DIRECTORY, "d"),
        FilestoreRequest(FilestoreAction.RENAME_FILE, "old", "d/new"),
        FilestoreRequest(FilestoreAction.APPEND_FILE, "d/new", "d/new"),
        FilestoreRequest(FilestoreAction.CREATE_FILE, "empty"),
        FilestoreRequest(FilestoreAction.REPLACE_FILE, "empty", "d/new"),
        FilestoreRequest(FilestoreAction.DENY_FILE, "nothing"),
        FilestoreRequest(FilestoreAction.DELETE_FILE, "d/new"),
        FilestoreRequest(FilestoreAction.REMOVE_DIRECTORY, "d"),
        FilestoreRequest(FilestoreAction.DENY_DIRECTORY, "d"),
        FilestoreRequest(FilestoreAction.DELETE_FILE, "../../etc/passwd"),
        FilestoreRequest(FilestoreAction.CREATE_FILE, "never"),
    )
    link.put(source_name="", destination_name="", options=requests)
    assert link.run()
    assert [response.status for response in link.finished(0)[0].responses] == [0] * 9 + [2, 15]
    assert link.stores[1].list() == ["empty"]
    assert link.stores[1].read("empty") == b"xx"
    assert link.finished(0)[0].condition is ConditionCode.FILESTORE_REJECTION


@pytest.mark.parametrize("side", [0, 1], ids=["sender", "receiver"])
def test_cancel_ends_both_ends_and_leaves_no_file(side, new_link):
    link = new_link()
    transaction = link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.now_ns > NS)
    link.ends[side].cancel(transaction, link.now_ns)
    assert link.run()
    for end in (0, 1):
        assert link.finished(end)[0].condition is ConditionCode.CANCEL_REQUEST_RECEIVED
    assert link.stores[1].list() == []


@pytest.mark.parametrize("side", [0, 1], ids=["sender", "receiver"])
@pytest.mark.parametrize("moment", ["early", "in the middle", "when EOF was sent"])
def test_suspend_stands_still_and_resume_goes_on(side, moment, new_link):
    link = new_link()
    transaction = link.put(bytes(1 << 20))
    is_then = {
        "early": lambda: link.now_ns > NS // 10,
        "in the middle": lambda: link.now_ns > 4 * NS,
        "when EOF was sent": lambda: link.source.transfers[0].state is SenderState.AWAITING_ACK,
    }[moment]
    assert link.run(until=is_then)
    link.ends[side].suspend(transaction)
    sent = [line.sent for line in link.lines]
    assert not link.run(seconds=60)
    if side == 0:
        assert link.lines[0].sent == sent[0]
    # A receiver that stands still takes what comes and acknowledges EOF; it asks for nothing and ends nothing.
    assert not any(isinstance(body, Nak | Finished) for body in pdus(link.lines[1])[sent[1] :] if side == 1)
    assert link.ends[side].transfers[0].is_suspended
    assert "copy" not in link.stores[1].list()
    link.now_ns += 120 * NS
    link.ends[side].resume(transaction, link.now_ns)
    assert link.run()
    assert link.stores[1].read("copy") == bytes(1 << 20)


def test_out_of_contact_nothing_is_sent_and_no_timer_runs(new_link):
    link = new_link()
    link.put()
    assert link.run(until=lambda: link.now_ns > 30_000_000)
    for end in link.ends:
        assert end.running
        end.contact(False, link.now_ns)
        assert end.transmit(link.now_ns) is None
        assert end.next_deadline() is None
        end.advance(link.now_ns + 10**6 * NS)
    link.now_ns += 10**6 * NS
    for end in link.ends:
        end.contact(True, link.now_ns)
    assert link.run(seconds=5)
    assert link.stores[1].read("copy") == CONTENT


def test_the_receiver_asks_for_the_whole_tail_at_acquisition_of_signal(new_link):
    link = new_link()
    link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.now_ns > NS)
    link.destination.contact(False, link.now_ns)
    link.destination.contact(True, link.now_ns)
    nak = Pdu.decode(link.destination.transmit(link.now_ns)).body
    assert isinstance(nak, Nak)
    assert nak.requests[-1][1] == 1 << 20


def test_late_eof_and_finished_are_acknowledged_after_closing(new_link):
    link = new_link()
    link.put()
    assert link.run()
    eof = next(octets for octets in link.lines[0].log if isinstance(Pdu.decode(octets).body, Eof))
    link.destination.receive(eof, link.now_ns)
    answers = [Pdu.decode(link.destination.transmit(link.now_ns)).body for _ in range(2)]
    assert answers[0] == Ack(DirectiveCode.EOF, ConditionCode.NO_ERROR, TransactionStatus.TERMINATED)
    assert isinstance(answers[1], Finished)
    finished = next(octets for octets in link.lines[1].log if isinstance(Pdu.decode(octets).body, Finished))
    link.source.receive(finished, link.now_ns)
    answer = Pdu.decode(link.source.transmit(link.now_ns))
    assert answer.body == Ack(DirectiveCode.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.TERMINATED)
    assert answer.header.direction is Direction.TOWARD_RECEIVER


def test_prompt_is_answered(new_link):
    link = new_link()
    transaction = link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.now_ns > NS)
    link.source.prompt(transaction, PromptResponse.KEEP_ALIVE)
    assert link.run(until=lambda: any(isinstance(body, KeepAlive) for body in pdus(link.lines[1])), seconds=1)
    assert any(isinstance(body, KeepAlive) for body in pdus(link.lines[1]))


def test_keep_alive_tells_a_sender_that_is_too_far_ahead(new_link):
    link = new_link(keep_alive_ns=NS, keep_alive_limit_octets=1000)
    link.lines[0].is_lost = lambda number, pdu: number > 20
    link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.now_ns > 4 * NS)
    faults = [event for event in link.events[0] if isinstance(event, FaultRaised)]
    assert faults[0].condition is ConditionCode.KEEP_ALIVE_LIMIT_REACHED


def test_a_receiver_that_is_gone_ends_at_the_positive_ack_limit(new_link):
    link = new_link(ack_limit=5)
    link.lines[0].is_lost = lambda number, pdu: True
    link.put()
    assert link.run(until=lambda: bool(link.finished(0)))
    assert link.finished(0)[0].condition is ConditionCode.POSITIVE_ACK_LIMIT_REACHED
    assert not link.source.running


def test_a_sender_that_is_gone_ends_at_the_inactivity_limit(new_link):
    link = new_link(inactivity_limit=2, nak_limit=1000)
    link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.now_ns > NS)
    link.lines[0].is_lost = lambda number, pdu: True
    assert link.run(until=lambda: bool(link.finished(1)))
    assert link.finished(1)[0].condition is ConditionCode.INACTIVITY_DETECTED


def test_an_override_changes_what_a_fault_does(new_link):
    link = new_link()
    override = FaultHandlerOverride(ConditionCode.FILESTORE_REJECTION, HandlerCode.ABANDON)
    link.put(destination_name="../x", options=(override,))
    link.run(seconds=5)
    fault = next(event for event in link.events[1] if isinstance(event, FaultRaised))
    assert fault.handler is HandlerCode.ABANDON


def test_the_most_urgent_goes_first_and_equals_take_turns(new_link):
    link = new_link()
    for index, priority in enumerate((5, 5, 1)):
        link.stores[0].pwrite(f"f{index}", 0, bytes(200_000))
        link.source.put(
            PutRequest(destination=2, source_name=f"f{index}", destination_name=f"g{index}", priority=priority), 0
        )
    assert link.run()
    order = [event.transaction.sequence for event in link.finished(1)]
    assert order[0] == 3
    first_of_second = next(i for i, o in enumerate(link.lines[0].log) if Pdu.decode(o).header.sequence == 2 and i > 3)
    assert first_of_second < 250


@pytest.mark.parametrize("profile", [NASA_CFS, YAMCS])
def test_profiles_keep_to_their_limits(profile, new_link):
    link = new_link(replace(profile, entity=2), replace(profile, entity=1))
    link.lines[0].is_lost = lambda number, pdu: number % 2 == 1 and number < 400
    link.put(bytes(range(256)) * 800)
    assert link.run()
    assert link.stores[1].read("copy") == bytes(range(256)) * 800
    assert max(map(len, link.lines[0].log + link.lines[1].log)) <= profile.pdu_octets_max
    naks = [body for body in pdus(link.lines[1]) if isinstance(body, Nak)]
    assert naks
    assert max(len(nak.requests) for nak in naks) <= profile.nak_segments_max


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", ".cfdp/x", "a\\b", "a\0b", "./a", "a//b"])
def test_a_name_outside_the_store_is_refused_with_its_condition(name, new_link):
    link = new_link()
    link.put(destination_name=name)
    assert link.run()
    assert link.finished(0)[0].condition is ConditionCode.FILESTORE_REJECTION
    assert link.finished(0)[0].file_status is FileStatus.REJECTED
    assert link.stores[1].list() == []


@pytest.mark.parametrize("handler", [HandlerCode.IGNORE, HandlerCode.SUSPEND, HandlerCode.ABANDON])
def test_the_metadata_cannot_override_that_its_name_is_refused(handler, new_link):
    link = new_link()
    link.put(destination_name="../x", options=(FaultHandlerOverride(ConditionCode.FILESTORE_REJECTION, handler),))
    assert link.run(until=lambda: bool(link.finished(1)))
    assert link.finished(1)[0].condition is ConditionCode.FILESTORE_REJECTION
    assert link.stores[1].list() == []


def test_a_symbolic_link_out_of_the_store_is_refused(new_link):
    link = new_link()
    link.stores[1].is_inside = lambda path: not path.startswith("link/")
    link.put(destination_name="link/x")
    assert link.run()
    assert link.finished(0)[0].condition is ConditionCode.FILESTORE_REJECTION


def test_a_file_that_the_store_has_no_room_for_is_refused(new_link, forge):
    link = new_link()
    link.destination.receive(forge(Metadata(1 << 31, "a", "b", 2)), 0)
    assert link.run(until=lambda: bool(link.finished(1)), seconds=5)
    assert link.finished(1)[0].condition is ConditionCode.FILESTORE_REJECTION


def test_other_octets_for_the_same_offset_are_refused(new_link, forge):
    link = new_link()
    for data in (b"abc", b"abd"):
        link.destination.receive(forge(FileData(0, data)), 0)
    assert link.destination.rejections == {Rejection.CONTRADICTION: 1}
    link.destination.receive(forge(Metadata(3, "a", "b", 2)), 0)
    link.destination.receive(forge(Eof(ConditionCode.NO_ERROR, 0x364B3FB7, 3)), 0)
    assert link.stores[1].read("b") == b"abc"


def test_an_unknown_checksum_type_is_ignored_as_the_standard_asks(new_link, forge):
    link = new_link()
    link.destination.receive(forge(Metadata(3, "a", "b", 9)), 0)
    link.destination.receive(forge(FileData(0, b"abc")), 0)
    link.destination.receive(forge(Eof(ConditionCode.NO_ERROR, 1, 3)), 0)
    assert link.stores[1].read("b") == b"abc"
    assert any(isinstance(e, FaultRaised) for e in link.destination.take_events())


def test_a_wrong_checksum_is_a_fault_and_leaves_no_file(new_link, forge):
    link = new_link()
    link.destination.receive(forge(Metadata(3, "a", "b", 2)), 0)
    link.destination.receive(forge(FileData(0, b"abc")), 0)
    link.destination.receive(forge(Eof(ConditionCode.NO_ERROR, 1, 3)), 0)
    finished = [e for e in link.destination.take_events() if isinstance(e, TransactionFinished)]
    assert finished[0].condition is ConditionCode.FILE_CHECKSUM_FAILURE
    assert link.stores[1].list() == []


def test_a_put_that_cannot_be_is_refused(new_link):
    link = new_link()
    for request in (
        PutRequest(destination=5, source_name="file", destination_name="x"),
        PutRequest(destination=2, source_name="missing", destination_name="x"),
        PutRequest(destination=2, source_name="../x", destination_name="x"),
        PutRequest(destination=2, source_name="x"),
        PutRequest(destination=2, priority=8),
    ):
        with pytest.raises(MisuseError):
            link.source.put(request, 0)


def test_every_cell_of_the_tables_leads_to_a_state_and_closed_is_the_end():
    assert {state for state, _ in SENDER_TABLE} == set(SenderState) - {SenderState.CLOSED}
    assert {event for _, event in SENDER_TABLE} == set(SenderEvent)
    assert {state for state, _ in RECEIVER_TABLE} == set(ReceiverState) - {ReceiverState.CLOSED}
    assert {event for _, event in RECEIVER_TABLE} == set(ReceiverEvent)


def test_roles_and_rejections_are_told(new_link):
    link = new_link()
    transaction = link.put()
    assert link.source.running == [(transaction, Role.SENDER)]
    link.source.receive(b"?", 0)
    assert any(isinstance(event, PduRejected) for event in link.source.take_events())


def test_a_hundred_transactions_at_once_all_arrive_through_loss(new_link):
    link = new_link()
    link.lines[0].is_lost = lambda number, pdu: number % 11 == 3
    for index in range(100):
        link.stores[0].pwrite(f"f{index}", 0, bytes([index]) * 5000)
        link.source.put(PutRequest(destination=2, source_name=f"f{index}", destination_name=f"g{index}"), 0)
    assert link.run()
    assert all(link.stores[1].read(f"g{index}") == bytes([index]) * 5000 for index in range(100))


def test_offsets_beyond_4_gib_are_carried_with_the_large_file_flag(new_link):
    link = new_link()
    offset = (1 << 32) + 5
    header = PduHeader(Direction.TOWARD_RECEIVER, TransmissionMode.ACKNOWLEDGED, 1, 9, 2, is_large=True)
    link.destination.receive(Pdu(header, Metadata(offset + 3, "a", "b", 2)).encode(), 0)
    # There is no room for it in memory, and the refusal has 64-bit sizes too.
    finished = Pdu.decode(link.destination.transmit(0))
    assert finished.header.is_large
    assert finished.body.condition is ConditionCode.FILESTORE_REJECTION


class MemoryJournal:
    """A journal that a test can look into."""

    def __init__(self):
        self.records = []
        self.replaced = 0

    def append(self, payload):
        self.records.append(payload)

    def replace(self, payloads):
        self.records = list(payloads)
        self.replaced += 1


def test_the_journal_is_written_anew_and_nothing_is_forgotten(monkeypatch, new_link):
    monkeypatch.setattr("ccsds.cfdp.history.RECORDS_MAX", 10)
    link, journal = new_link(), MemoryJournal()
    mib = Mib(entity=1, remotes=(RemoteConfig(entity=2),), finished_max=4)
    link.source = Entity(mib, link.stores[0], journal)
    link.ends = link.source, link.destination
    link.source.contact(True, 0)
    for index in range(30):
        link.put(destination_name=f"copy{index}")
        assert link.run()
    assert journal.replaced
    assert len(journal.records) < 20
    link.source.contact(False, link.now_ns)
    running = link.put(bytes(1 << 20))
    again = Entity(mib, link.stores[0], journal, journal.records, link.now_ns)
    assert again.running == [(running, Role.SENDER)]
    link.stores[0].pwrite("file", 0, b"")
    other = again.put(PutRequest(destination=2, source_name="file", destination_name="copy"), link.now_ns)
    assert other.sequence == running.sequence + 1
