"""Class 1 with repeats: Metadata and EOF go out again, since nobody can ask for them."""

import pytest

from ccsds.cfdp.codes import ConditionCode, FileStatus, TransmissionMode
from ccsds.cfdp.directives import Eof, FileData, Metadata
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.sender_table import SenderState

NS = 1_000_000_000
CONTENT = bytes(range(256)) * 40
CLASS_1 = TransmissionMode.UNACKNOWLEDGED


def kinds(line):
    return [type(Pdu.decode(octets).body) for octets in line.log]


@pytest.mark.parametrize("lost", [Metadata, Eof])
@pytest.mark.parametrize("closure", [False, True])
def test_a_lost_metadata_or_eof_does_not_lose_the_file(lost, closure, new_link):
    link = new_link(repeats=2)
    link.lines[0].is_lost = lambda number, pdu: (
        kinds(link.lines[0]).count(lost) == 1 and isinstance(Pdu.decode(pdu).body, lost)
    )
    link.put(mode=CLASS_1, closure_requested=closure)
    assert link.run()
    assert link.stores[1].read("copy") == CONTENT
    assert link.finished(0)[0].condition is ConditionCode.NO_ERROR
    assert link.finished(0)[0].file_status is (FileStatus.RETAINED if closure else FileStatus.UNREPORTED)


def test_without_repeats_it_is_lost(new_link):
    link = new_link()
    link.lines[0].is_lost = lambda number, pdu: number == 0
    link.put(mode=CLASS_1)
    assert link.run()
    assert link.finished(1)[0].condition is not ConditionCode.NO_ERROR
    assert link.stores[1].list() == []


def test_they_go_out_as_often_as_the_mib_says_and_then_it_is_over(new_link):
    link = new_link(repeats=3, repeat_interval_ns=2 * NS)
    link.put(mode=CLASS_1)
    assert link.run(until=lambda: link.now_ns > NS)
    assert link.source.transfers[0].state is SenderState.REPEATING
    assert link.run()
    assert link.run(until=lambda: not link.source.wants_to_transmit)
    sent = kinds(link.lines[0])
    assert [kind for kind in sent if kind is not FileData] == [Metadata, Eof] * 4
    assert sent.count(FileData) == 10
    assert 6 * NS < link.now_ns < 8 * NS
    assert link.lines[1].sent == 0
    # The receiver took the file once, and does not begin another for what comes late.
    assert len(link.finished(1)) == 1
    assert not link.destination.running


def test_a_lost_finished_of_class_1_is_given_again_when_eof_comes_again(new_link):
    link = new_link(repeats=2)
    link.lines[1].is_lost = lambda number, pdu: number == 0
    link.put(mode=CLASS_1, closure_requested=True)
    assert link.run()
    assert link.finished(0)[0].file_status is FileStatus.RETAINED


def test_class_2_repeats_nothing(new_link):
    link = new_link(repeats=5)
    link.put()
    assert link.run()
    assert kinds(link.lines[0]).count(Metadata) == 1
