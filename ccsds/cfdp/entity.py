"""A CFDP entity: many transactions at once. It never reads a clock, opens a file, or raises on octets.

It has the shape of every core here: `receive`, `transmit` (one PDU, pulled when the line is free), `advance`,
`next_deadline`, `contact`, `take_events`. Directives go first; then files by priority, and among equals in
short turns; then, when the line has nothing else, what no far end confirmed yet. Timers count contact time only.

Source: CCSDS 727.0-B-5 3, 4.
"""

from collections import Counter
from collections.abc import Iterable

from ccsds.cfdp import inbound
from ccsds.cfdp.codes import ConditionCode, PromptResponse
from ccsds.cfdp.events import Event, Rejection, Role, TransactionId, TransactionStarted
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.mib import Mib
from ccsds.cfdp.outgoing import sender_record
from ccsds.cfdp.records import Journal, PutRequest
from ccsds.cfdp.room import Room
from ccsds.cfdp.transactions import Transactions
from ccsds.cfdp.transfer import Transfer
from ccsds.deadline import earliest
from ccsds.errors import MisuseError


class Entity:
    """A CFDP entity, begun out of contact.

    Args:
        mib: What it is set to.
        store: The files.
        journal: Where it remembers its transactions; None if it need not.
        records: What the journal holds from before, in order.
        now_ns: The time.

    Raises:
        MisuseError: A record is none of CFDP's, or of a far end that the MIB does not know any more.
    """

    def __init__(
        self,
        mib: Mib,
        store: FileStore,
        journal: Journal | None = None,
        records: Iterable[bytes] = (),
        now_ns: int = 0,
    ) -> None:
        self.mib = mib
        self.store = store
        self._transactions = Transactions(mib, store, journal)
        self._far_ends = list(self._transactions.far_ends.values())
        self._transactions.restore(records, now_ns)

    @property
    def rejections(self) -> Counter[Rejection]:
        """PDUs that were not taken, by reason."""
        return self._transactions.rejections

    @property
    def events_dropped(self) -> int:
        """Events that nobody took in time."""
        return self._transactions.events_dropped

    @property
    def running(self) -> list[tuple[TransactionId, Role]]:
        """The transactions that are not over."""
        return [(transaction.identity, transaction.role) for transaction in self._transactions.all()]

    @property
    def transfers(self) -> list[Transfer]:
        """How far each transaction is that is not over: what is sent from here, then what is received."""
        return [transaction.snapshot() for transaction in self._transactions.all()]

    @property
    def room(self) -> Room:
        """The room of the store: who writes there beside the entity has it promised, too."""
        return self._transactions.room

    def part_of(self, name: str) -> str | None:
        """Give where what came so far of a file lies that is coming under a name, None if none is.

        Raises:
            OSError: What came could not be written.
        """
        for receiver in self._transactions.receivers.values():
            if receiver.snapshot().destination_name == name:
                part = receiver.written_part()
                if part is not None:
                    return part
        return None

    @property
    def wants_to_transmit(self) -> bool:
        """Whether `transmit` may give a PDU; it costs nothing.

        Where it is False, `transmit` gives None. Where it is True, `transmit` nearly always gives a PDU; once it gave
        None, this is False until something happens.
        """
        return any(far_end.urgency and far_end.clock.is_up for far_end in self._far_ends)

    def put(self, request: PutRequest, now_ns: int) -> TransactionId:
        """Begin to send a file; it is in the journal when this returns.

        Raises:
            MisuseError: The far end is unknown, the file is not there or too large, or a name leaves the store.
        """
        far_end = self._far_end(request.destination)
        record = sender_record(request, self._transactions, far_end.config)
        self._transactions.save(record)
        sender = self._transactions.open_sender(record, far_end, far_end.clock.count(now_ns))
        self._transactions.tell(TransactionStarted(sender.identity, Role.SENDER))
        return sender.identity

    def receive(self, pdu: bytes, now_ns: int) -> None:
        """Take one PDU. What is wrong with it is counted and told, never raised."""
        inbound.receive(self._transactions, pdu, now_ns)

    def transmit(self, now_ns: int, entity: int | None = None) -> bytes | None:
        """Give the PDU that is most urgent now, None if there is none or no contact.

        Args:
            now_ns: The time.
            entity: The far end at the other end of this line; None if the line leads to all of them.

        Raises:
            MisuseError: The far end is unknown.
        """
        if entity is None and len(self._far_ends) != 1:
            return self._transmit_to_any(now_ns)
        far_end = self._far_ends[0] if entity is None else self._far_end(entity)
        if far_end.clock.is_up:
            while far_end.urgency:
                pdu = far_end.pull(now_ns)
                if pdu is not None:
                    return pdu
        return None

    def advance(self, now_ns: int) -> None:
        """Let time pass: timers ring."""
        for far_end in self._far_ends:
            far_end.advance(now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do, None if there is none as things stand."""
        deadlines = [far_end.next_deadline() for far_end in self._far_ends]
        return earliest(deadlines)

    def contact(self, up: bool, now_ns: int, entity: int | None = None) -> None:
        """Take notice that contact begins or ends; told twice, it is told once.

        Args:
            up: Which of them.
            now_ns: The time.
            entity: With which far end; None with all of them.

        Raises:
            MisuseError: The far end is unknown.
        """
        changed = self._far_ends if entity is None else [self._far_end(entity)]
        changed = [far_end for far_end in changed if far_end.clock.is_up is not up]
        for far_end in changed:
            far_end.clock.contact(up, now_ns)
        for transaction in self._transactions.all():
            if transaction.far_end in changed:
                time_ns = transaction.far_end.clock.count(now_ns)
                try:
                    transaction.contact(up, time_ns)
                except OSError as error:
                    transaction.fail(error, time_ns)

    def take_events(self) -> list[Event]:
        """Give the events since the last call."""
        events = list(self._transactions.events)
        self._transactions.events.clear()
        return events

    def cancel(self, transaction: TransactionId, now_ns: int) -> None:
        """End a transaction at both ends.

        Raises:
            MisuseError: It is not running here.
        """
        found = self._transactions.find(transaction)
        found.cancel(ConditionCode.CANCEL_REQUEST_RECEIVED, found.far_end.clock.count(now_ns))

    def suspend(self, transaction: TransactionId) -> None:
        """Let a transaction stand still.

        Raises:
            MisuseError: It is not running here.
        """
        self._transactions.find(transaction).suspend(ConditionCode.SUSPEND_REQUEST_RECEIVED)

    def resume(self, transaction: TransactionId, now_ns: int) -> None:
        """Let a transaction go on.

        Raises:
            MisuseError: It is not running here.
        """
        found = self._transactions.find(transaction)
        found.resume(found.far_end.clock.count(now_ns))

    def prompt(self, transaction: TransactionId, response: PromptResponse) -> None:
        """Ask the receiver of a file for a NAK or a Keep Alive.

        Raises:
            MisuseError: It is not sent from here.
        """
        sender = self._transactions.senders.get(transaction)
        if sender is None:
            raise MisuseError(f"CFDP {transaction}: expected a transaction that is sent from here, found none")
        sender.prompt(response)

    def _far_end(self, entity: int) -> FarEnd:
        far_end = self._transactions.far_ends.get(entity)
        if far_end is None:
            raise MisuseError(f"CFDP: expected a far end of {sorted(self._transactions.far_ends)}, found {entity}")
        return far_end

    def _transmit_to_any(self, now_ns: int) -> bytes | None:
        """Give the most urgent PDU to any far end in contact; equals take turns."""
        while True:
            ready = [far_end for far_end in self._far_ends if far_end.urgency and far_end.clock.is_up]
            if not ready:
                return None
            far_end = min(ready, key=lambda one: one.urgency)
            pdu = far_end.pull(now_ns)
            if pdu is not None:
                self._far_ends.remove(far_end)
                self._far_ends.append(far_end)
                return pdu
