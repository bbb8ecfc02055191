"""All packet stores on board, and when they write: in batches, at bounded intervals, never a sync for each packet.

A power cut takes at most `BATCH_NS` of telemetry. An event of severity MEDIUM or above is written at once, or at most
`URGENT_NS_MIN` after the one before; so nothing floods the disk. Answers to telecommands are in the ledger besides.
"""

from collections.abc import Mapping

from ccsds.pus.telemetry import Telemetry
from flight.books.storage import NumbersReserved
from flight.disk import Disk
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter, Statement, clip_reason
from flight.storage.packet_store import PacketStore
from mission.channels import Apid
from mission.storage import URGENT_SEVERITY_MIN, StoreId, store_of
from mission.words.core import STORE_FAILED
from mission.words.storage import (
    OVERWRITTEN_COUNTS,
    STORE_MENDED,
    STORE_OVERWROTE,
    STORED_COUNTS,
    UNSTORED_COUNTS,
)

# So much telemetry is lost in a power cut at most.
BATCH_NS = 10_000_000_000
# A batch that is so long does not wait.
BATCH_OCTETS = 32_768
URGENT_NS_MIN = 1_000_000_000

OCTETS_DEFAULT: Mapping[StoreId, int] = {StoreId.EVENTS: 4 << 20, StoreId.HOUSEKEEPING: 16 << 20}
"""A day of both out of contact, several times over: an event a second is 8 MB, the core's housekeeping 2 MB a day."""

_EVENT_SERVICE = 5


class PacketStores:
    """All stores.

    Args:
        disk: Where they are.
        ledger: What is durable beside the packets.
        reporter: Where it is told what made way.
        octets: What each may take of the disk.
    """

    def __init__(self, disk: Disk, ledger: Ledger, reporter: Reporter, octets: Mapping[StoreId, int]) -> None:
        self._reporter = reporter
        self._stores = {store: PacketStore(store, disk, ledger, octets[store]) for store in StoreId}
        self._due_ns: int | None = None
        self._urgent_from_ns = 0
        self._has_failed = False

    def __getitem__(self, store: StoreId) -> PacketStore:
        return self._stores[store]

    def reserve(self) -> tuple[NumbersReserved, ...]:
        """Give the changes that let numbers be given for a while."""
        return tuple(store.reserve() for store in self._stores.values())

    def boot(self) -> None:
        """Tell what was found damaged at the start."""
        for store in self._stores.values():
            if store.damaged_octets:
                self._reporter.event(STORE_MENDED, store=store.store, octets=store.damaged_octets)

    def keep(self, said: Statement, tai_ns: int, time_status: int, now_ns: int) -> tuple[StoreId, int] | None:
        """Store what was said; give where, or None if it is not stored."""
        answer = said.answer
        store = store_of(answer.service, said.name)
        if store is None or not self._stores[store].state.is_storing:
            return None
        packet = Telemetry(
            apid=Apid.CORE,
            sequence_count=0,
            service=answer.service,
            subtype=answer.subtype,
            message_counter=0,
            destination_id=said.destination_id,
            time_tai_ns=tai_ns,
            time_status=time_status,
            data=answer.data,
        )
        number = self._stores[store].put(packet)
        if number is None:
            return None
        is_urgent = answer.service == _EVENT_SERVICE and answer.subtype >= URGENT_SEVERITY_MIN
        if is_urgent or self._stores[store].pending_octets >= BATCH_OCTETS:
            self._write_at(max(now_ns, self._urgent_from_ns))
        else:
            self._write_at(max(now_ns + BATCH_NS, self._urgent_from_ns))
        return store, number

    def advance(self, now_ns: int) -> None:
        """Write what is due."""
        if self._due_ns is None or now_ns < self._due_ns:
            return
        self._due_ns = None
        self._urgent_from_ns = now_ns + URGENT_NS_MIN
        try:
            for store in self._stores.values():
                for change in store.write():
                    count = sum(end - start for start, end in change.ranges)
                    first, last = change.ranges[0][0], change.ranges[-1][1] - 1
                    self._reporter.event(STORE_OVERWROTE, store=store.store, first=first, last=last, count=count)
        except OSError as error:
            self._urgent_from_ns = now_ns + BATCH_NS
            self._write_at(self._urgent_from_ns)
            if not self._has_failed:
                self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            self._has_failed = True
        else:
            self._has_failed = False

    def next_deadline(self) -> int | None:
        """Give when something is to be written."""
        return self._due_ns

    def sources(self) -> dict[str, Source]:
        """Give where parameters have their values from."""
        found: dict[str, Source] = {}
        for number, store in self._stores.items():
            found[STORED_COUNTS[number].name] = lambda _, store=store: store.next
            found[OVERWRITTEN_COUNTS[number].name] = lambda _, store=store: store.state.overwritten_count
            found[UNSTORED_COUNTS[number].name] = lambda _, store=store: store.unstored_count
        return found

    def _write_at(self, at_ns: int) -> None:
        self._due_ns = at_ns if self._due_ns is None else min(self._due_ns, at_ns)
