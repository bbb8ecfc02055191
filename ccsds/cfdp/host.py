"""What transactions ask of the entity that they live in, and what is asked of them. It holds no behaviour."""

from typing import Protocol

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.events import Event, Rejection, TransactionId
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.mib import Mib
from ccsds.cfdp.records import ClosedRecord, ReceiverRecord, SenderRecord
from ccsds.cfdp.room import Room

# Files are read and written in pieces of this: a hundred transactions then hold some 6 MiB.
PIECE_OCTETS = 1 << 16

# What may be asked for again after a reboot: data is synced, and the journal told, after so much of it. 1 MiB by the
# design; the piece that is being gathered comes on top, so it is taken off here.
SYNC_OCTETS = (1 << 20) - PIECE_OCTETS

# And after so much time in contact, at both ends: at 9,600 bit/s a mebioctet is two passes, and a reboot must not cost
# the one that it falls into.
SYNC_NS = 10 * 1_000_000_000


class Transaction(Protocol):
    """One end of a transaction, as the line to its far end sees it."""

    priority: int

    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""
        ...

    def pull_data(self, time_ns: int) -> bytes | None:
        """Give a segment of the file."""
        ...

    def pull_idle(self, time_ns: int) -> bytes | None:
        """Give what may be sent because the line has nothing else."""
        ...

    def advance(self, time_ns: int) -> None:
        """Let time pass."""
        ...

    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""
        ...

    def fail(self, error: OSError, time_ns: int) -> None:
        """Take notice that the store failed in one of the other calls; never raises."""
        ...


class Host(Protocol):
    """The entity, as its transactions see it."""

    store: FileStore
    mib: Mib
    room: Room
    """What of the store is promised to files that are still coming."""

    def is_being_sent(self, name: str) -> bool:
        """Tell whether a transaction still reads the file of this name, so that nothing may take its place."""
        ...

    def save(self, record: SenderRecord | ReceiverRecord) -> None:
        """Make a record durable; may raise ``OSError``."""
        ...

    def close(self, record: ClosedRecord) -> None:
        """Forget a transaction, but for what late PDUs are answered with; may raise ``OSError``."""
        ...

    def tell(self, event: Event) -> None:
        """Give an event to the owner."""
        ...

    def reject(
        self, rejection: Rejection, detail: str, transaction: TransactionId | None, condition: ConditionCode
    ) -> None:
        """Count a PDU that is not taken, and tell of it."""
        ...
