"""The running transactions of an entity: begun, found, gone on with after a reboot, closed. It reads no PDU.

It is the `ccsds.cfdp.host.Host` of them all.

Source: CCSDS 727.0-B-5 4.1, 4.11.
"""

import contextlib
from collections import Counter, deque
from collections.abc import Iterable

from ccsds.cfdp.arrival import PART_SUFFIX
from ccsds.cfdp.codes import ConditionCode
from ccsds.cfdp.events import Event, PduRejected, Rejection, Role, TransactionId
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.history import History
from ccsds.cfdp.mib import Mib
from ccsds.cfdp.receiver import Receiver
from ccsds.cfdp.records import ClosedRecord, Journal, ReceiverRecord, SenderRecord, transaction_of
from ccsds.cfdp.room import Room
from ccsds.cfdp.sender import Sender
from ccsds.errors import MisuseError

# Events that nobody took. Beyond it the oldest are dropped; `Entity.rejections` counts on.
EVENTS_MAX = 4096


class Transactions:
    """The transactions of an entity.

    Args:
        mib: What the entity is set to.
        store: The files.
        journal: Where transactions are remembered; None if they need not be.
    """

    def __init__(self, mib: Mib, store: FileStore, journal: Journal | None) -> None:
        self.mib = mib
        self.store = store
        self.room = Room(store)
        self.far_ends = {remote.entity: FarEnd(remote) for remote in mib.remotes}
        self.senders: dict[TransactionId, Sender] = {}
        self.receivers: dict[TransactionId, Receiver] = {}
        self.routes: dict[bytes, Receiver] = {}
        """Receivers by all of a header but its length, so that file data finds its way with one look."""
        self.history = History(
            journal, mib.finished_max, lambda: (transaction.durable_record() for transaction in self.all())
        )
        self.events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self.events_dropped = 0
        self.rejections: Counter[Rejection] = Counter()

    def all(self) -> list[Sender | Receiver]:
        """Give all of them: what is sent from here, then what is received."""
        return [*self.senders.values(), *self.receivers.values()]

    def find(self, transaction: TransactionId) -> Sender | Receiver:
        """Give one.

        Raises:
            MisuseError: It is not running here.
        """
        found = self.senders.get(transaction) or self.receivers.get(transaction)
        if found is None:
            raise MisuseError(f"CFDP {transaction}: expected a running transaction, found none")
        return found

    def open_sender(self, record: SenderRecord, far_end: FarEnd, time_ns: int) -> Sender:
        """Begin to send, or go on."""
        sender = Sender(self, far_end, record, time_ns)
        self.senders[sender.identity] = sender
        far_end.wake(sender)
        return sender

    def open_receiver(self, record: ReceiverRecord, far_end: FarEnd, time_ns: int) -> Receiver:
        """Begin to receive, or go on; may raise ``OSError``."""
        receiver = Receiver(self, far_end, record, time_ns)
        self.receivers[receiver.identity] = receiver
        far_end.wake(receiver)
        return receiver

    def restore(self, records: Iterable[bytes], now_ns: int) -> None:
        """Go on with what the journal holds, and remove parts of files of which it holds nothing.

        Raises:
            MisuseError: A record is none of CFDP's, or of a far end that the MIB does not know any more.
            OSError: The store failed; what is only in the way is removed another time.
        """
        for record in self.history.restore(records):
            there = record.header.destination if isinstance(record, SenderRecord) else record.header.source
            far_end = self.far_ends.get(there)
            if far_end is None:
                raise MisuseError(
                    f"CFDP {transaction_of(record.header)}: expected far end {there} in the MIB, "
                    f"found {sorted(self.far_ends)}"
                )
            time_ns = far_end.clock.count(now_ns)
            if isinstance(record, SenderRecord):
                self.open_sender(record, far_end, time_ns)
            else:
                self.open_receiver(record, far_end, time_ns).restore(time_ns)
        parts = {receiver.part_path for receiver in self.receivers.values()}
        with contextlib.suppress(OSError):
            for path in self.store.list(self.mib.part_directory):
                if path.endswith(PART_SUFFIX) and path not in parts:
                    self.store.remove(path)

    def is_being_sent(self, name: str) -> bool:
        """See `Host.is_being_sent`."""
        return any(sender.reads == name for sender in self.senders.values())

    def save(self, record: SenderRecord | ReceiverRecord) -> None:
        """See `Host.save`."""
        self.history.append(record)

    def close(self, record: ClosedRecord) -> None:
        """See `Host.close`."""
        identity = transaction_of(record.header)
        if record.role is Role.SENDER:
            self.senders.pop(identity, None)
        else:
            receiver = self.receivers.pop(identity, None)
            for route in receiver.routes if receiver else ():
                self.routes.pop(route, None)
        self.history.close(record)

    def tell(self, event: Event) -> None:
        """See `Host.tell`."""
        if len(self.events) == EVENTS_MAX:
            self.events_dropped += 1
        self.events.append(event)

    def reject(
        self, rejection: Rejection, detail: str, transaction: TransactionId | None, condition: ConditionCode
    ) -> None:
        """See `Host.reject`."""
        self.rejections[rejection] += 1
        self.tell(PduRejected(rejection, condition, detail, transaction))
