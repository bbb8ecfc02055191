"""How far transactions are, as their owner reads it, and whether there is anything to say."""

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.directives import FileData
from ccsds.cfdp.events import Role
from ccsds.cfdp.receiver_table import ReceiverState
from ccsds.cfdp.sender_table import SenderState

NS = 1_000_000_000
SIZE_OCTETS = 1 << 20


def test_both_ends_tell_how_far_a_file_is(new_link):
    link = new_link()
    transaction = link.put(bytes(SIZE_OCTETS))
    seen = []

    def look():
        ours, theirs = link.source.transfers, link.destination.transfers
        if ours and theirs:
            seen.append((ours[0].done_octets, theirs[0].done_octets))
        return not ours and not theirs and bool(seen)

    assert link.run(until=lambda: link.now_ns > NS)
    (ours,), (theirs,) = link.source.transfers, link.destination.transfers
    assert (ours.transaction, ours.role, ours.far_end, ours.state) == (
        transaction,
        Role.SENDER,
        2,
        SenderState.SENDING,
    )
    assert (theirs.transaction, theirs.role, theirs.far_end, theirs.state) == (
        transaction,
        Role.RECEIVER,
        1,
        ReceiverState.RECEIVING,
    )
    for one in (ours, theirs):
        assert (one.source_name, one.destination_name, one.size_octets) == ("file", "copy", SIZE_OCTETS)
        assert (one.condition, one.is_suspended) == (ConditionCode.NO_ERROR, False)
    # 1 Mbit/s for a second, 20 octets of header to each KiB; 10 ms are on their way.
    assert 110_000 < theirs.done_octets < ours.done_octets < 125_000
    assert link.run(until=look)
    assert seen == sorted(seen)
    assert seen[-1] == (SIZE_OCTETS, SIZE_OCTETS)
    assert str(theirs) == (f"CFDP 1-1: receiver, 'copy', {theirs.done_octets} of {SIZE_OCTETS} octets, receiving")


def test_what_is_not_known_yet_is_not_made_up(new_link, forge):
    link = new_link()
    link.destination.receive(forge(FileData(2048, bytes(1000))), 0)
    (one,) = link.destination.transfers
    assert (one.source_name, one.destination_name, one.size_octets, one.done_octets) == ("", "", None, 1000)
    assert "1000 of ? octets" in str(one)


def test_looking_writes_nothing(new_link, forge):
    link = new_link()
    for index in range(3):
        link.destination.receive(forge(FileData(1000 * index, bytes(1000))), 0)
    files = link.stores[1].list()
    assert link.destination.transfers[0].done_octets == 3000
    assert link.stores[1].list() == files
    assert sum(link.stores[1].size(path) for path in files) < 3000


@pytest.mark.parametrize("side", [0, 1], ids=["sender", "receiver"])
def test_a_suspended_and_a_cancelled_transaction_say_so(new_link, side):
    link = new_link()
    transaction = link.put(bytes(SIZE_OCTETS))
    assert link.run(until=lambda: link.now_ns > NS)
    link.ends[side].suspend(transaction)
    (one,) = link.ends[side].transfers
    assert one.is_suspended
    assert "suspended" in str(one)
    link.ends[side].cancel(transaction, link.now_ns)
    (one,) = link.ends[side].transfers
    assert one.condition is ConditionCode.CANCEL_REQUEST_RECEIVED
    assert one.size_octets == SIZE_OCTETS
    assert link.run()
    assert link.ends[side].transfers == []


def test_an_entity_wants_to_transmit_exactly_while_it_has_something_to_say(new_link):
    link = new_link()
    assert not link.source.wants_to_transmit
    link.put(bytes(5000))
    assert link.source.wants_to_transmit
    link.source.contact(False, 0)
    assert not link.source.wants_to_transmit
    link.source.contact(True, 0)
    given = 0
    while link.source.wants_to_transmit:
        if link.source.transmit(0) is not None:
            given += 1
        else:
            assert not link.source.wants_to_transmit
    assert given > 6
    assert link.source.transmit(0) is None
    link.source.advance(10 * NS)
    assert link.source.wants_to_transmit
    assert link.source.transmit(10 * NS) is not None


def test_no_end_that_wants_nothing_gives_a_pdu(new_link):
    link = new_link()
    link.lines[0].is_lost = lambda number, pdu: number % 5 == 1
    surprises = []
    for end in link.ends:
        plain = end.transmit

        def watched(now_ns, end=end, plain=plain):
            wants = end.wants_to_transmit
            pdu = plain(now_ns)
            if pdu is not None and not wants:
                surprises.append(now_ns)
            return pdu

        end.transmit = watched
    link.put(bytes(100_000))
    assert link.run()
    assert surprises == []
