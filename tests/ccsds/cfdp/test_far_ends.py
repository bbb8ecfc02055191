"""One entity with two far ends: each has its own contact, its own timers and its own line."""

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.directives import FileData, Metadata, Nak
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import FaultRaised
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import PutRequest
from ccsds.errors import MisuseError

NS = 1_000_000_000


@pytest.fixture
def centre():
    """An entity with a file for each of two far ends, 2 and 3."""
    entity = Entity(Mib(entity=1, remotes=(RemoteConfig(entity=2), RemoteConfig(entity=3))), MemoryStore())
    entity.store.pwrite("file", 0, bytes(100_000))
    for there in (2, 3):
        entity.put(PutRequest(destination=there, source_name="file", destination_name="copy"), 0)
    return entity


def pull(entity, now_ns, far_end=None):
    """Take all PDUs that there are; give where they go."""
    found = []
    while entity.wants_to_transmit:
        pdu = entity.transmit(now_ns, far_end)
        if pdu is None:
            break
        found.append(Pdu.decode(pdu).header.destination)
    return found


def test_only_the_one_in_contact_is_sent_to_and_waits_for_answers(centre):
    assert not centre.wants_to_transmit
    centre.contact(True, 0, 3)
    assert set(pull(centre, 0)) == {3}
    assert centre.next_deadline() is not None
    centre.contact(False, NS, 3)
    assert centre.next_deadline() is None
    centre.contact(True, 2 * NS, 2)
    centre.advance(10_000 * NS)
    assert set(pull(centre, 10_000 * NS)) == {2}
    # Nothing was given up: the time without contact did not count.
    assert len(centre.running) == 2


def test_contact_with_all_lets_equals_take_turns(centre):
    centre.contact(True, 0)
    order = pull(centre, 0)
    half = order[: len(order) // 2]
    assert 0.4 < half.count(2) / len(half) < 0.6


def test_the_most_urgent_file_goes_first_whichever_far_end_it_is_for(centre):
    centre.put(PutRequest(destination=3, source_name="file", destination_name="urgent", priority=0), 0)
    centre.contact(True, 0)
    # Metadata of all three goes first, then the 98 segments of the urgent one and its EOF.
    assert pull(centre, 0)[3:102] == [3] * 99


def test_a_line_to_one_far_end_carries_nothing_for_another(centre):
    centre.contact(True, 0)
    assert set(pull(centre, 0, 2)) == {2}
    assert set(pull(centre, 0, 3)) == {3}


def test_a_far_end_that_is_not_in_the_mib_is_refused(centre):
    with pytest.raises(MisuseError, match="found 4"):
        centre.contact(True, 0, 4)
    with pytest.raises(MisuseError, match="found 4"):
        centre.transmit(0, 4)


def test_both_files_arrive_while_their_contacts_take_turns(centre):
    boards = {}
    for there in (2, 3):
        boards[there] = Entity(Mib(entity=there, remotes=(RemoteConfig(entity=1),)), MemoryStore())
    now_ns = 0
    for turn in range(60):
        there = 2 + turn % 2
        board = boards[there]
        centre.contact(True, now_ns, there)
        board.contact(True, now_ns)
        for step in range(20):
            now_ns += NS // 100
            pdu = centre.transmit(now_ns)
            if pdu is not None and step % 5:
                board.receive(pdu, now_ns)
            pdu = board.transmit(now_ns)
            if pdu is not None:
                centre.receive(pdu, now_ns)
            centre.advance(now_ns)
            board.advance(now_ns)
        centre.contact(False, now_ns, there)
        board.contact(False, now_ns)
        now_ns += 5000 * NS
    assert not centre.running
    for board in boards.values():
        assert not board.running
        assert board.store.read("copy") == bytes(100_000)


def test_contact_with_one_does_not_stir_what_goes_on_with_another(forge):
    entity = Entity(Mib(entity=2, remotes=(RemoteConfig(entity=1), RemoteConfig(entity=3))), MemoryStore())
    entity.contact(True, 0, 1)
    entity.receive(forge(Metadata(5000, "a", "b", 2)), 0)
    assert entity.transmit(0) is None
    entity.contact(True, 0, 3)
    assert entity.transmit(0) is None
    # Of the one that it is received from, the whole tail is asked for.
    entity.contact(False, 0, 1)
    entity.contact(True, 0, 1)
    assert isinstance(Pdu.decode(entity.transmit(0)).body, Nak)


@pytest.mark.parametrize("is_heard", [True, False])
def test_naks_that_bring_nothing_are_a_fault_only_while_the_far_end_is_silent(is_heard, new_link, forge):
    link = new_link(nak_limit=3, nak_interval_max_ns=NS)
    link.destination.receive(forge(FileData(1000, b"x"), sequence=1), 0)
    faults = []
    for step in range(1, 200):
        now_ns = step * NS // 10
        if is_heard:
            # Another file of the same far end goes on, of a higher priority than the one that is asked for.
            link.destination.receive(forge(FileData(1000 * step, bytes(1000)), sequence=2), now_ns)
        link.destination.advance(now_ns)
        while link.destination.transmit(now_ns) is not None:
            pass
        faults += [event for event in link.destination.take_events() if isinstance(event, FaultRaised)]
    assert [fault.condition for fault in faults] == ([] if is_heard else [ConditionCode.NAK_LIMIT_REACHED])
