"""What the tests of CFDP run in: two entities, their stores in memory and the lines between; PDUs that nobody sent."""

import pytest

from ccsds.cfdp.codes import Direction, TransmissionMode
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import TransactionFinished
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.mib import Mib, RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import PutRequest
from tools.bench.cfdp_channel import NS, Line, carry

CONTENT = bytes(range(256)) * 40


class Link:
    """Two entities and the lines between them."""

    def __init__(self, here=None, there=None, stores=None, transactions_max=1024, **config):
        self.stores = stores or (MemoryStore(), MemoryStore())
        remotes = here or RemoteConfig(entity=2, **config), there or RemoteConfig(entity=1, **config)
        self.source = Entity(Mib(entity=1, remotes=(remotes[0],)), self.stores[0])
        mib = Mib(entity=2, remotes=(remotes[1],), transactions_max=transactions_max)
        self.destination = Entity(mib, self.stores[1])
        self.ends = self.source, self.destination
        self.lines = Line(1e6, 10_000_000, keeps_log=True), Line(1e6, 10_000_000, keeps_log=True)
        self.now_ns = 0
        for end in self.ends:
            end.contact(True, 0)
        self.events = [], []

    def put(self, content=CONTENT, **request):
        self.stores[0].pwrite("file", 0, content)
        names = {"source_name": "file", "destination_name": "copy"}
        return self.source.put(PutRequest(destination=2, **{**names, **request}), self.now_ns)

    def run(self, seconds=1000, until=None):
        def is_done(now_ns):
            self.now_ns = now_ns
            for events, end in zip(self.events, self.ends, strict=True):
                events += end.take_events()
            if until:
                return until()
            return bool(self.finished(1)) and not self.source.running and not self.destination.running

        end_ns = self.now_ns + seconds * NS
        done = carry(self.ends, self.lines, is_done, self.now_ns, end_ns)
        return done is not None

    def finished(self, side):
        return [event for event in self.events[side] if isinstance(event, TransactionFinished)]


def forged(body, direction=Direction.TOWARD_RECEIVER, mode=TransmissionMode.ACKNOWLEDGED, sequence=9, **ids):
    return Pdu(PduHeader(direction, mode, ids.get("source", 1), sequence, ids.get("destination", 2)), body).encode()


@pytest.fixture
def new_link():
    """Gives two entities in contact; its arguments are those of `RemoteConfig`."""
    return Link


@pytest.fixture
def forge():
    """Gives the octets of a PDU that no entity sent."""
    return forged
