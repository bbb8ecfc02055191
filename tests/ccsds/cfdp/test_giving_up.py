"""What becomes of a transfer that one end has given up, and how long that takes."""

import pytest

from ccsds.cfdp.arrival import INCOMPLETE_SUFFIX
from ccsds.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.directives import Ack, FileData, Finished, Metadata
from ccsds.cfdp.events import FaultRaised
from ccsds.cfdp.far_end import ANSWER_INTERVAL_NS
from ccsds.cfdp.filestore import NAME_OCTETS_MAX
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest
from hil.disk.simulated_disk import SimulatedDisk
from hil.streams import Streams
from tools.bench.cfdp_channel import NS


def give_up(link, forge):
    """Let a receiver have half a file, give it up, and hear that the sender knows."""
    link.destination.receive(forge(Metadata(2000, "a", "b", 2)), 0)
    link.destination.receive(forge(FileData(0, bytes(1000))), 0)
    (transaction, _), *_ = link.destination.running
    link.destination.cancel(transaction, 0)
    sent = drain(link.destination, 0)
    assert [type(body) for body in sent] == [Finished]
    ack = Ack(DirectiveCode.FINISHED, ConditionCode.CANCEL_REQUEST_RECEIVED, TransactionStatus.ACTIVE)
    link.destination.receive(forge(ack), 0)
    assert not link.destination.running


def drain(entity, now_ns):
    sent = []
    while (octets := entity.transmit(now_ns)) is not None:
        sent.append(Pdu.decode(octets).body)
    return sent


def test_a_sender_that_goes_on_is_told_again_and_not_at_every_segment(new_link, forge):
    link = new_link()
    give_up(link, forge)
    answers = []
    for number in range(300):
        now_ns = number * NS // 100
        link.destination.receive(forge(FileData(1000 + number, b"x")), now_ns)
        answers += [(now_ns, body) for body in drain(link.destination, now_ns)]
    assert all(isinstance(body, Finished) for _, body in answers)
    assert {body.condition for _, body in answers} == {ConditionCode.CANCEL_REQUEST_RECEIVED}
    assert [now_ns for now_ns, _ in answers] == [0, ANSWER_INTERVAL_NS, 2 * ANSWER_INTERVAL_NS]


def test_a_sender_whose_receiver_gave_up_unheard_ends_within_a_second_of_the_next_segment(new_link):
    link = new_link()
    transaction = link.put(bytes(1 << 20))
    assert link.run(until=lambda: link.lines[0].sent > 100)
    # Not one word of the receiver's comes through while it gives up, and then forgets.
    link.lines[1].is_lost = lambda number, pdu: True
    link.destination.cancel(transaction, link.now_ns)
    link.destination.take_events()
    drain(link.destination, link.now_ns)
    ids = {"source": transaction.source, "sequence": transaction.sequence}
    link.destination.receive(_ack(ids), link.now_ns)
    assert not link.destination.running
    link.lines[1].is_lost = lambda number, pdu: False
    sent = link.lines[0].sent
    assert link.run(until=lambda: bool(link.finished(0)))
    assert link.finished(0)[0].condition is ConditionCode.CANCEL_REQUEST_RECEIVED
    # It had nine hundred segments to go.
    assert link.lines[0].sent - sent < 20


def _ack(ids):
    header = PduHeader(
        Direction.TOWARD_RECEIVER, TransmissionMode.ACKNOWLEDGED, ids["source"], ids["sequence"], 2, False, False, 2, 4
    )
    body = Ack(DirectiveCode.FINISHED, ConditionCode.CANCEL_REQUEST_RECEIVED, TransactionStatus.ACTIVE)
    return Pdu(header, body).encode()


def test_a_file_that_arrived_whole_answers_late_segments_with_nothing(new_link, forge):
    link = new_link()
    link.put(b"whole")
    assert link.run()
    link.destination.receive(forge(FileData(0, b"whole"), sequence=1), link.now_ns)
    assert drain(link.destination, link.now_ns) == []


def silent_for(new_link, forge, seconds, step_s=5, **config):
    """Let a receiver wait for the rest of a file; give the faults, and when each came."""
    link = new_link(**config)
    link.destination.receive(forge(Metadata(5000, "a", "b", 2)), 0)
    link.destination.receive(forge(FileData(1000, b"x")), 0)
    faults = []
    for second in range(0, seconds, step_s):
        now_ns = second * NS
        link.destination.advance(now_ns)
        drain(link.destination, now_ns)
        events = link.destination.take_events()
        faults += [(second, event.condition) for event in events if isinstance(event, FaultRaised)]
    return faults


def test_the_nak_limit_is_reached_across_the_times_that_nothing_was_heard(new_link, forge):
    # Twenty NAKs, ten seconds apart in the end, are three minutes: three times longer than `inactivity_ns`.
    (second, condition), *_ = silent_for(new_link, forge, 600, nak_limit=20)
    assert condition is ConditionCode.NAK_LIMIT_REACHED
    assert 100 < second < 240


def test_the_nak_limit_is_reached_across_contacts_too(new_link, forge):
    link = new_link(nak_limit=20)
    link.destination.receive(forge(Metadata(5000, "a", "b", 2)), 0)
    link.destination.receive(forge(FileData(1000, b"x")), 0)
    faults = []
    for second in range(600):
        # Passes of half a minute, in none of which the sender says a word.
        link.destination.contact(second // 30 % 2 == 0, second * NS)
        link.destination.advance(second * NS)
        drain(link.destination, second * NS)
        faults += [event for event in link.destination.take_events() if isinstance(event, FaultRaised)]
    assert faults[0].condition is ConditionCode.NAK_LIMIT_REACHED


def test_by_default_a_silent_sender_is_given_up_by_inactivity_after_ten_hours_and_not_sooner(new_link, forge):
    (second, condition), *_ = silent_for(new_link, forge, 11 * 3600)
    assert condition is ConditionCode.INACTIVITY_DETECTED
    assert 10 * 3600 <= second < 10 * 3600 + 120


@pytest.fixture
def cancelled(new_link, forge, tmp_path):
    """Gives the store of a receiver that gave a file up, some of which came."""

    def cancel(name="b", keeps=True, prepare=lambda disk: None, seed=1):
        disk = SimulatedDisk(tmp_path / f"disk{seed}", Streams(seed))
        prepare(disk)
        link = new_link(
            stores=(MemoryStore(), disk),
            here=RemoteConfig(entity=2),
            there=RemoteConfig(entity=1, keeps_incomplete=keeps),
        )
        link.destination.receive(forge(Metadata(2000, "a", name, 2)), 0)
        link.destination.receive(forge(FileData(0, b"some")), 0)
        (transaction, _), *_ = link.destination.running
        link.destination.cancel(transaction, 0)
        return disk, link.destination.take_events()[-1]

    return cancel


def test_what_came_of_a_file_is_kept_under_a_name_that_says_so_and_outlasts_a_power_cut(cancelled):
    for seed in range(8):
        disk, end = cancelled(seed=seed)
        disk.power_cut()
        disk.power_on()
        assert disk.list() == ["b" + INCOMPLETE_SUFFIX]
        assert disk.read("b" + INCOMPLETE_SUFFIX) == b"some"
        told = end.name, end.delivery, end.file_status
        assert told == ("b.incomplete", DeliveryCode.INCOMPLETE, FileStatus.RETAINED)


def test_it_takes_the_place_of_no_file_that_is_whole(cancelled):
    disk, _ = cancelled(prepare=lambda disk: disk.pwrite("b", 0, b"whole"))
    assert disk.read("b") == b"whole"


@pytest.mark.parametrize(
    "refused",
    [
        {"keeps": False},
        {"name": "b" * (NAME_OCTETS_MAX - 3)},
        {"prepare": lambda disk: disk.make_directory("b.incomplete")},
    ],
    ids=["the MIB does not want it", "no room in the name", "a directory in its place"],
)
def test_otherwise_it_is_dropped(cancelled, refused):
    disk, end = cancelled(**refused)
    assert disk.list() == []
    assert end.file_status is FileStatus.DISCARDED


def test_a_finished_that_is_longer_than_a_pdu_may_be_says_less_and_leaves_all_the_same(new_link):
    # Forty requests with long names: their responses take eight thousand octets.
    names = [f"{'d' * 200}{number}" for number in range(40)]
    requests = tuple(FilestoreRequest(FilestoreAction.CREATE_FILE, name) for name in names)
    there = RemoteConfig(entity=1, pdu_octets_max=600, segment_octets=500)
    link = new_link(here=RemoteConfig(entity=2), there=there)
    link.put(b"x", options=requests)
    assert link.run()
    assert set(names) <= set(link.stores[1].list())
    assert max(len(octets) for octets in link.lines[1].log) <= 600
    # The owner of the files hears of all of them, the far end of as many as fit.
    assert [response.first_name for response in link.finished(1)[0].responses] == names
    assert [response.first_name for response in link.finished(0)[0].responses] == names[:2]
    assert link.finished(0)[0].condition is ConditionCode.NO_ERROR
