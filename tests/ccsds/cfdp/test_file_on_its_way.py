"""A file that is on its way out stays as it is, or its transfer ends with a fault: never does half of each arrive."""

import os

import pytest

from ccsds.cfdp.codes import ChecksumType, ConditionCode, FileStatus, TransmissionMode
from ccsds.cfdp.directives import Eof, FileData, Metadata
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import FaultRaised, PduRejected, Rejection, TransactionFinished
from ccsds.cfdp.filestore_requests import NOT_ALLOWED
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.records import PutRequest
from ccsds.cfdp.tlv import SUCCESSFUL, FilestoreAction, FilestoreRequest
from flight.disk import RealDisk
from flight.journal import Journal
from ground.file_store import DirectoryStore
from tools.bench.cfdp_channel import NS

OLD = b"old!" * 100_000
NEW = b"new!" * 100_000


@pytest.fixture
def busy(new_link):
    """A link that sends a file, a quarter of which is gone; its source can be reached by forged PDUs too."""
    link = new_link()
    link.put(OLD)
    assert link.run(until=lambda: link.lines[0].sent > 100)
    return link


def receive_file(entity, forge, name, content=b"other", options=(), now_ns=0):
    """Let a whole small file come to an entity, from its far end."""
    ids = {"source": 2, "destination": 1, "sequence": 77}
    metadata = Metadata(len(content), "theirs", name, ChecksumType.NULL, False, tuple(options))
    for body in (metadata, FileData(0, content), Eof(ConditionCode.NO_ERROR, 0, len(content))):
        entity.receive(forge(body, **ids), now_ns)


def ends_of(entity):
    return [event for event in entity.take_events() if isinstance(event, TransactionFinished)]


def test_a_delivery_onto_its_name_is_refused_and_the_transfer_arrives_as_it_was_put(busy, forge):
    receive_file(busy.source, forge, "file", now_ns=busy.now_ns)
    (end,) = ends_of(busy.source)
    assert end.condition is ConditionCode.FILESTORE_REJECTION
    assert end.file_status is FileStatus.REJECTED
    assert busy.run()
    assert busy.stores[1].read("copy") == OLD


def test_a_delivery_whose_metadata_came_before_the_put_is_refused_when_it_is_whole(new_link, forge):
    link = new_link()
    ids = {"source": 2, "destination": 1, "sequence": 77}
    link.source.receive(forge(Metadata(5, "theirs", "file", ChecksumType.NULL), **ids), 0)
    link.put(OLD)
    assert link.run(until=lambda: link.lines[0].sent > 100)
    for body in (FileData(0, b"other"), Eof(ConditionCode.NO_ERROR, 0, 5)):
        link.source.receive(forge(body, **ids), link.now_ns)
    (end,) = ends_of(link.source)
    assert end.condition is ConditionCode.FILESTORE_REJECTION
    assert link.stores[0].read("file") == OLD


@pytest.mark.parametrize("action", [action for action in FilestoreAction if "DIRECTORY" not in action.name])
def test_no_filestore_request_changes_it(busy, forge, action):
    busy.stores[0].pwrite("b", 0, b"other")
    request = FilestoreRequest(action, "file", "b" if action is not FilestoreAction.RENAME_FILE else "elsewhere")
    receive_file(busy.source, forge, "third", options=[request], now_ns=busy.now_ns)
    (end,) = ends_of(busy.source)
    assert [response.status for response in end.responses] == [NOT_ALLOWED[action]]
    assert busy.stores[0].read("file") == OLD


def test_what_only_reads_it_is_done(busy, forge):
    busy.stores[0].pwrite("b", 0, b"other")
    request = FilestoreRequest(FilestoreAction.APPEND_FILE, "b", "file")
    receive_file(busy.source, forge, "third", options=[request], now_ns=busy.now_ns)
    (end,) = ends_of(busy.source)
    assert [response.status for response in end.responses] == [SUCCESSFUL]
    assert busy.stores[0].read("b") == b"other" + OLD


def test_once_it_was_sent_its_name_is_free(busy, forge):
    assert busy.run()
    receive_file(busy.source, forge, "file", now_ns=busy.now_ns)
    (end,) = ends_of(busy.source)
    assert end.condition is ConditionCode.NO_ERROR
    assert busy.stores[0].read("file") == b"other"


@pytest.mark.parametrize("mode", list(TransmissionMode))
@pytest.mark.parametrize("length", [len(OLD), len(OLD) + 1, len(OLD) // 2])
def test_what_is_changed_behind_its_back_is_a_fault_and_no_file_at_the_far_end(new_link, mode, length):
    link = new_link()
    link.put(OLD, mode=mode)
    assert link.run(until=lambda: link.lines[0].sent > 100)
    link.stores[0].remove("file")
    link.stores[0].pwrite("file", 0, (NEW * 2)[:length])
    link.run(seconds=60)
    fault = next(event for event in link.events[0] if isinstance(event, FaultRaised))
    assert fault.condition in (ConditionCode.FILE_CHECKSUM_FAILURE, ConditionCode.FILE_SIZE_ERROR)
    assert link.stores[1].list() == []
    assert not link.source.running


def test_what_is_asked_for_again_is_not_taken_from_another_file(new_link):
    link = new_link()
    link.lines[0].is_lost = lambda number, pdu: number == 50
    link.put(OLD)
    # All of it was sent once, but for one that was lost; then it is replaced by as many octets.
    assert link.run(until=lambda: link.lines[0].sent > 391)
    link.stores[0].pwrite("file", 0, NEW)
    link.run(seconds=60)
    fault = next(event for event in link.events[0] if isinstance(event, FaultRaised))
    assert fault.condition is ConditionCode.FILE_CHECKSUM_FAILURE
    assert "as it was put" in fault.detail
    assert link.stores[1].list() == []


@pytest.mark.parametrize("make_store", [RealDisk, DirectoryStore], ids=["board", "station"])
@pytest.mark.parametrize("is_changed", [False, True])
def test_over_a_reboot_too(tmp_path, make_store, is_changed):
    store, disk = make_store(tmp_path / "files"), RealDisk(tmp_path / "journal")
    store.pwrite("file", 0, OLD)
    store.fsync("file")
    mib = Mib(entity=1, remotes=(RemoteConfig(entity=2),))

    def boot():
        journal = Journal(disk, "j")
        entity = Entity(mib, store, journal, journal.recover().records)
        entity.contact(True, 0)
        return entity

    entity = boot()
    entity.put(PutRequest(destination=2, source_name="file", destination_name="copy"), 0)
    sent = sum(entity.transmit(NS) is not None for _ in range(100))
    assert sent == 100
    entity.contact(False, NS)
    if is_changed:
        # As a job that finishes again, or an operator with a shell, replaces a file: whole, and under its name.
        (tmp_path / "other").write_bytes(NEW)
        os.replace(tmp_path / "other", tmp_path / "files" / "file")
    again = boot()
    pdus = 0
    while again.transmit(NS) is not None:
        pdus += 1
    faults = [event for event in again.take_events() if isinstance(event, FaultRaised)]
    assert [fault.condition for fault in faults] == ([ConditionCode.FILE_CHECKSUM_FAILURE] if is_changed else [])
    assert (pdus > 300) is not is_changed


@pytest.mark.parametrize("make_store", [RealDisk, DirectoryStore], ids=["board", "station"])
def test_the_version_of_a_file_is_its_own_and_stays_until_it_is_written_to(tmp_path, make_store):
    store = make_store(tmp_path / "files")
    store.pwrite("file", 0, OLD)
    version = store.version("file")
    assert len(version) == 8
    store.read("file")
    store.fsync("file")
    assert make_store(tmp_path / "files").version("file") == version
    status = (tmp_path / "files" / "file").stat()
    store.pwrite("file", 0, NEW)
    # A copy that keeps the time of change still has its own time of being made.
    os.utime(tmp_path / "files" / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert store.version("file") != version
    with pytest.raises(FileNotFoundError):
        store.version("none")


def spoil_part(store, offset=5_000):
    """Flip a bit of a file that is on its way, where it lies."""
    (path,) = [path for path in store.list() if path.endswith(".part")]
    (octet,) = store.read(path, offset, 1)
    store.pwrite(path, offset, bytes([octet ^ 8]))


@pytest.mark.parametrize("kind", [ChecksumType.CRC_32C, ChecksumType.CRC_32, ChecksumType.MODULAR])
def test_what_a_particle_struck_in_the_store_before_it_is_whole_is_asked_for_again(new_link, kind):
    link = new_link(checksum_type=kind)
    link.put(OLD)
    assert link.run(until=lambda: link.destination.transfers and link.destination.transfers[0].done_octets > 90_000)
    spoil_part(link.stores[1])
    assert link.run()
    assert link.stores[1].read("copy") == OLD
    assert [event.condition for event in link.finished(1)] == [ConditionCode.NO_ERROR]
    assert [event.rejection for event in link.events[1] if isinstance(event, PduRejected)] == [Rejection.SPOILT]


def test_a_store_that_spoils_each_try_ends_the_transfer(new_link, monkeypatch):
    link = new_link()
    read = MemoryStore.read

    def reading(store, path, offset_octets=0, length_octets=None):
        octets = read(store, path, offset_octets, length_octets)
        is_struck = path.endswith(".part") and offset_octets <= 5_000 < offset_octets + len(octets)
        return octets.replace(octets[:1], b"?") if is_struck else octets

    monkeypatch.setattr(MemoryStore, "read", reading)
    link.put(OLD)
    assert link.run()
    assert [event.condition for event in link.finished(1)] == [ConditionCode.FILE_CHECKSUM_FAILURE]
    assert "copy" not in link.stores[1].list()


def test_without_acknowledgement_nobody_can_be_asked_and_what_was_spoilt_is_no_file(new_link):
    link = new_link()
    link.put(OLD, mode=TransmissionMode.UNACKNOWLEDGED)
    assert link.run(until=lambda: link.destination.transfers and link.destination.transfers[0].done_octets > 90_000)
    spoil_part(link.stores[1])
    link.run()
    assert "copy" not in link.stores[1].list()
