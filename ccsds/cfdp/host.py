"""What a transaction asks of the entity that it lives in. It holds no behaviour."""

from typing import Protocol

from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.events import Event, Rejection, TransactionId
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.mib import Mib
from ccsds.cfdp.records import ClosedRecord, ReceiverRecord, SenderRecord

# Files are read and written in pieces of this: a hundred transactions then hold some 6 MiB.
PIECE_OCTETS = 1 << 16

# What may be asked for again after a reboot: data is synced, and the journal told, after so much of it. 1 MiB by the
# design; the piece that is being gathered comes on top, so it is taken off here.
SYNC_OCTETS = (1 << 20) - PIECE_OCTETS


class Transaction(Protocol):
    """One end of a transaction, as its entity sees it."""

    identity: TransactionId
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

    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends."""
        ...

    def fail(self, error: OSError, time_ns: int) -> None:
        """Take notice that the store failed in one of the other calls."""
        ...


class Host(Protocol):
    """The entity, as its transactions see it."""

    store: FileStore
    mib: Mib
    heard_ns: int
    """When a PDU came last, of any transaction."""

    def save(self, record: SenderRecord | ReceiverRecord) -> None:
        """Make a record durable; may raise ``OSError``."""
        ...

    def close(self, transaction: Transaction, record: ClosedRecord) -> None:
        """Forget a transaction, but for what late PDUs are answered with."""
        ...

    def tell(self, event: Event) -> None:
        """Give an event to the owner."""
        ...

    def reject(
        self, rejection: Rejection, detail: str, transaction: TransactionId | None, condition: ConditionCode
    ) -> None:
        """Count a PDU that is not taken, and tell of it."""
        ...

    def want_directive(self, transaction: Transaction) -> None:
        """Put it where directives are pulled from."""
        ...

    def want_data(self, transaction: Transaction) -> None:
        """Put it where segments are pulled from."""
        ...

    def want_idle(self, transaction: Transaction) -> None:
        """Put it where idle slots are filled from."""
        ...

    def wake(self, transaction: Transaction) -> None:
        """Take notice of a deadline that may be earlier than before."""
        ...
