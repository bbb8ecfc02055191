"""cfdp-py 0.7 as the far end of real transfers, both ways, classes 1 and 2, with loss."""

import random
from dataclasses import replace

import pytest

from ccsds.cfdp.codes import TransmissionMode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import CFDP_PY, Mib
from ccsds.cfdp.records import PutRequest
from tools.bench.cfdp_channel import NS, Line, carry
from tools.bench.cfdp_peer import PeerEnd, VirtualClock

# cfdp-py calls a deprecated part of spacepackets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CONTENT = random.Random(7).randbytes(150_000)


@pytest.mark.parametrize("immediate_nak", [True, False], ids=["immediate NAK", "deferred NAK"])
@pytest.mark.parametrize(
    ("mode", "loss"),
    [(TransmissionMode.UNACKNOWLEDGED, 0), *((TransmissionMode.ACKNOWLEDGED, loss) for loss in (0, 0.02, 0.1))],
)
@pytest.mark.parametrize("we_send", [True, False], ids=["we send", "we receive"])
def test_a_file_crosses(we_send, mode, loss, immediate_nak, tmp_path):
    chance = random.Random(11)
    store = MemoryStore()
    with VirtualClock() as clock:
        ours = Entity(Mib(entity=1, remotes=(replace(CFDP_PY, entity=2, mode=mode),)), store)
        ours.contact(True, 0)
        is_class_two = mode is TransmissionMode.ACKNOWLEDGED
        theirs = PeerEnd(2, 1, clock, class_two=is_class_two, immediate_nak=immediate_nak)
        if we_send:
            store.pwrite("file", 0, CONTENT)
            ours.put(PutRequest(destination=2, source_name="file", destination_name=str(tmp_path / "copy")), 0)
        else:
            (tmp_path / "file").write_bytes(CONTENT)
            theirs.put(tmp_path / "file", "copy")
        # The first PDU always arrives: cfdp-py does not close when the Metadata is lost.
        lines = tuple(Line(1e6, 20_000_000, lambda number, pdu: number > 0 and chance.random() < loss) for _ in (0, 1))
        end = carry(
            (ours, theirs),
            (lines[0], lines[1]),
            lambda _: not ours.running and theirs.is_complete,
            end_ns=600 * NS,
        )
    assert end is not None
    assert ((tmp_path / "copy").read_bytes() if we_send else store.read("copy")) == CONTENT
