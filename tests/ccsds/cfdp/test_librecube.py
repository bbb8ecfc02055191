"""LibreCube's cfdp 2.1 as the far end of real transfers, both ways, classes 1 and 2, with loss.

It keeps its own threads and clock, so these transfers take real time; nothing waits but for its next PDU.
"""

import queue
import random
import time
from dataclasses import replace

import cfdp
import pytest
from cfdp.filestore import native
from cfdp.transport import base

from ccsds.cfdp.codes import TransmissionMode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import LIBRECUBE, Mib
from ccsds.cfdp.records import PutRequest

CONTENT = random.Random(9).randbytes(20_000)


class Wire(base.Transport):
    """What it sends goes into a queue."""

    def __init__(self):
        super().__init__()
        self.sent = queue.Queue()

    def request(self, data, *_):
        self.sent.put(bytes(data))


@pytest.mark.parametrize(
    ("mode", "loss"),
    [
        (TransmissionMode.UNACKNOWLEDGED, 0),
        (TransmissionMode.ACKNOWLEDGED, 0),
        (TransmissionMode.ACKNOWLEDGED, 0.1),
    ],
)
@pytest.mark.parametrize("we_send", [True, False], ids=["we send", "we receive"])
def test_a_file_crosses(we_send, mode, loss, tmp_path):
    chance = random.Random(3)
    store, wire = MemoryStore(), Wire()
    theirs = cfdp.CfdpEntity(
        entity_id=2,
        filestore=native.NativeFileStore(str(tmp_path)),
        transport=wire,
        positive_ack_timer_interval=1,
        nak_timer_interval=1,
    )
    try:
        ours = Entity(Mib(entity=1, remotes=(replace(LIBRECUBE, entity=2, mode=mode),)), store)
        ours.contact(True, time.monotonic_ns())
        if we_send:
            store.pwrite("file", 0, CONTENT)
            ours.put(PutRequest(destination=2, source_name="file", destination_name="copy"), time.monotonic_ns())
        else:
            (tmp_path / "file").write_bytes(CONTENT)
            theirs.put(
                destination_id=1,
                source_filename="file",
                destination_filename="copy",
                transmission_mode=int(mode),
            )
        assert exchange(ours, theirs, wire, lambda: has_arrived(we_send, store, tmp_path), chance, loss)
    finally:
        for machine in theirs.machines.values():
            for name in ("inactivity_timer", "ack_timer", "nak_timer"):
                timer = getattr(machine, name, None)
                if timer is not None:
                    timer.cancel()
        theirs.shutdown()


def has_arrived(we_send, store, folder):
    if we_send:
        return (folder / "copy").is_file() and (folder / "copy").read_bytes() == CONTENT
    return "copy" in store.list() and store.read("copy") == CONTENT


def exchange(ours, theirs, wire, is_done, chance, loss):
    """Carry PDUs for half a minute at most; the first of each direction always arrives."""
    end_ns = time.monotonic_ns() + 30 * 10**9
    carried = [0, 0]
    while time.monotonic_ns() < end_ns:
        now_ns = time.monotonic_ns()
        ours.advance(now_ns)
        pdu = ours.transmit(now_ns)
        if pdu is not None:
            carried[0] += 1
            if carried[0] == 1 or chance.random() >= loss:
                theirs.pdu_received(pdu)
        try:
            answer = wire.sent.get(timeout=0.002)
        except queue.Empty:
            answer = None
        if answer is not None:
            carried[1] += 1
            if carried[1] == 1 or chance.random() >= loss:
                ours.receive(answer, time.monotonic_ns())
        if not ours.running and is_done():
            return True
    return False
